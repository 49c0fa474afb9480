/** What a server says when it runs: where to look, what to ask, and with which key. */
import { lookup } from 'node:dns/promises'
import { resolve } from 'node:path'
import type { LogStore } from '../logstore/logstore.ts'
import { sampleProject } from './fill-sample.ts'
import { ownLogstore, ownProject } from './first-flow-logs.ts'
import type { HostCapture } from './host-capture.ts'
import type { Access } from './open-access.ts'
import type { StartConfig } from './start-config.ts'
import type { ServerTls } from './tls-files.ts'

export interface BannerParts {
  readonly store: LogStore
  readonly capture: HostCapture
  readonly access: Access
  /** Whether this host may be captured, or why not. */
  readonly allowed: true | string
  readonly tls: ServerTls | undefined
}

export async function banner(
  url: string,
  config: StartConfig,
  parts: BannerParts,
): Promise<string> {
  const server = config.port === 8080 && config.listen === '127.0.0.1' ? '' : ` --server ${url}`
  return `
Weir is running at ${url}, data in ${resolve(config.data)}.
${liveText(parts)}
${keyText(parts)}${await clientText(url, config)}${tlsText(parts)}${sampleText(parts, server)}
  npx weir query${server} --project ${ownProject} --logstore ${ownLogstore} --reverse '*' shows the latest of your own records.

Health: ${url}/healthz   Metrics: ${url}/metrics   Stop: Ctrl-C
`
}

function liveText({ capture, allowed }: BannerParts): string {
  const taps = capture.agent.taps()
  const absent = taps
    .filter(({ state }) => state === 'absent')
    .map(({ tap, reason }) => `${tap} is not there; it is captured as soon as it comes: ${reason}`)
  const captured = taps
    .filter(({ state }) => state === 'capturing' || state === 'opening')
    .map(({ tap }) => tap)
  const live =
    allowed !== true
      ? `Live traffic is not captured. ${allowed}`
      : captured.length === 0
        ? 'Live traffic: no interface is up, or no flow log is about one.'
        : `Live traffic of ${captured.join(', ')} goes into ${ownProject}/${ownLogstore}, a record per flow and window.`
  return [live, ...capture.problems(), ...absent].join('\n')
}

/** The only time that its secret is told. */
const keyText = ({ access: { firstKey } }: BannerParts): string =>
  firstKey === undefined
    ? ''
    : `
AccessKey for the official SDKs, shown this once: ${firstKey.id} ${firstKey.secret}
Commands on this host need none; more are made by: npx weir key create
`

/** Clients of the log service ask for `<project>.<endpoint>`, so that name must resolve. */
async function clientText(url: string, config: StartConfig): Promise<string> {
  const { port } = new URL(url)
  const [name = 'localhost'] = config.api.endpoints
  const endpoint = `${name}:${port}`
  const resolves = await lookup(`${ownProject}.${name}`).then(
    () => true,
    () => false,
  )
  if (resolves) return `\nLog service for SDKs: endpoint ${endpoint}\n`
  const address = config.listen.includes(':') && config.listen !== '::' ? '::1' : '127.0.0.1'
  const how =
    name === 'localhost'
      ? 'install libnss-myhostname, or for each project: '
      : 'add a wildcard record to your DNS, or for each project: '
  return `
Log service for SDKs: endpoint ${endpoint}. Names below it do not resolve here yet:
  ${how}echo '${address} ${ownProject}.${name}' >> /etc/hosts
`
}

const tlsText = ({ tls }: BannerParts): string =>
  tls?.authority === undefined
    ? ''
    : `
Clients trust this server by ${tls.authority}: NODE_EXTRA_CA_CERTS, SSL_CERT_FILE or --ca-file
`

function sampleText({ store }: BannerParts, server: string): string {
  if (!store.projects().some(({ name }) => name === sampleProject)) return ''
  return `
Sample data: project ${sampleProject}, an hour of the use cases of VPC flow logs. Who knocked at port 80?

  npx weir query${server} --project ${sampleProject} --logstore web \\
    "dstaddr:10.0.0.1 AND dstport:80 | SELECT srcaddr, action, count(*) AS records GROUP BY srcaddr, action"

Other logstores to ask: ecs, peering, nat, express, flow-log (all of them).
npx weir sample remove${server} takes the sample away.
`
}
