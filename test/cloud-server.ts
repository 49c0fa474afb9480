/** `weir start` over a topology with nothing to capture, and the cloud's own clients that ask it. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { $OpenApiUtil } from '@alicloud/openapi-core'
import Vpc from '@alicloud/vpc20160428'
import type { ClientKey } from '../src/api/client-key.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { WeirServer } from './weir-process.ts'

/** Two VPCs in two regions, and the one of the product page's Terraform example. */
const topology = `
account: "1210123456789012"
region: cn-hangzhou
vpcs:
  - { id: vpc-shop, cidrs: [10.0.0.0/16, "fd00:10::/56"] }
  - { id: vpc-bp1ekmgzch0bo3hxXXXXXX, cidrs: [10.1.0.0/16] }
  - { id: vpc-far, cidrs: [172.16.0.0/12], region: cn-shanghai, account: "77" }
vSwitches:
  - { id: vsw-web, vpc: vpc-shop, cidrs: [10.0.0.0/24] }
instances: [{ id: i-web1 }]
enis:
  - { id: eni-web1, vSwitch: vsw-web, instance: i-web1, privateIps: [10.0.0.1] }
`

export interface CloudServer {
  readonly server: WeirServer
  readonly url: string
  readonly data: string
  readonly key: ClientKey
  /** Stops it and starts another over the same data. */
  restart(): Promise<CloudServer>
}

export async function startCloudServer(t: TestContext, more = ''): Promise<CloudServer> {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(join(folder, 'vpc.yaml'), topology)
  writeFileSync(config, `topology: vpc.yaml\nsample: false\ncapture: { enabled: false }\n${more}`)
  const data = join(folder, 'data')
  const begin = async () => {
    const server = await WeirServer.start(['--config', config, '--data', data, '--port', '0'])
    t.after(() => server[Symbol.asyncDispose]())
    return server
  }
  const server = await begin()
  const [, id = '', secret = ''] = /shown this once: (\S+) (\S+)$/m.exec(server.said('stdout'))!
  const over = (running: WeirServer): CloudServer => ({
    server: running,
    url: running.url,
    data,
    key: { id, secret },
    async restart() {
      await running.stop()
      return over(await begin())
    },
  })
  return over(server)
}

/** The SDK, signing with ACS3-HMAC-SHA256 unless told `v2`: then with HMAC-SHA1 of version 1.0. */
export function vpcClient(
  { url, key }: Pick<CloudServer, 'url' | 'key'>,
  signatureAlgorithm?: 'v2',
): Vpc.default {
  return new Vpc.default(
    new $OpenApiUtil.Config({
      accessKeyId: key.id,
      accessKeySecret: key.secret,
      endpoint: new URL(url).host,
      protocol: 'HTTP',
      regionId: 'cn-hangzhou',
      ...(signatureAlgorithm === undefined ? {} : { signatureAlgorithm }),
    }),
  )
}

/** `@alicloud/pop-core`, which has no types. */
export interface RpcClient {
  request(action: string, parameters: object, options: { method: 'GET' | 'POST' }): Promise<unknown>
}

const { RPCClient } = createRequire(import.meta.url)('@alicloud/pop-core') as {
  RPCClient: new (config: object) => RpcClient
}

export const rpcClient = (
  { url, key }: Pick<CloudServer, 'url' | 'key'>,
  apiVersion = '2016-04-28',
): RpcClient =>
  new RPCClient({
    accessKeyId: key.id,
    accessKeySecret: key.secret,
    endpoint: url,
    apiVersion,
  })
