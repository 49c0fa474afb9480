/**
 * The product page's Terraform example, as it is printed, through plan, apply, a second plan that finds nothing to do, a
 * change, and destroy, against a started server. Beside it stands a file with the endpoints, and the change.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { part, served, type Started } from './client-parts.ts'
import type { TerraformTools } from './terraform-tools.ts'

const root = join(import.meta.dirname, '..')
const page = join(root, '../shared/seed/vpc-flow-logs.txt')

const environment = (configFile: string) => ({
  TF_CLI_CONFIG_FILE: configFile,
  TF_IN_AUTOMATION: '1',
  no_proxy: '*',
})

/** From its first comment to the end of its last resource. */
function pageExample(): string {
  const text = readFileSync(page, 'utf8')
  const begin = text.indexOf('# Specify the region where you want to create the flow log.')
  const last = text.indexOf('resource "alicloud_vpc_flow_log" "example"', begin)
  const end = text.indexOf('\n}\n', last)
  if (begin < 0 || last < 0 || end < 0) throw new Error(`the example is not in ${page}`)
  return text.slice(begin, end + 3)
}

/** A file `override.tf` is merged into the blocks of the others, so that those stay as printed. */
const endpoints = ({ url, credentials: [id, secret] }: Started): string => {
  const { port } = new URL(url)
  return `provider "alicloud" {
  access_key             = "${id}"
  secret_key             = "${secret}"
  account_id             = "1210123456789012"
  protocol               = "HTTP"
  skip_region_validation = true
  endpoints {
    vpc = "127.0.0.1:${port}"
    log = "http-sls.localhost:${port}"
  }
}
`
}

const change = `resource "alicloud_vpc_flow_log" "example" {
  description          = "changed"
  aggregation_interval = "5"
  tags                 = { team = "network" }
}
`

/** With `-detailed-exitcode`: nothing to do, or something. */
const planStatus = { nothing: 0, something: 2 } as const

/** What a user copies: the same providers by their own names. */
export const ownExample = ({ tofu, configFile }: TerraformTools): Promise<void> =>
  served(async ({ url, credentials: [id, secret] }) => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-terraform-'))
    try {
      copyFileSync(join(root, 'examples/terraform/main.tf'), join(folder, 'main.tf'))
      const { port } = new URL(url)
      const env = {
        ...environment(configFile),
        ALICLOUD_ACCESS_KEY: id,
        ALICLOUD_SECRET_KEY: secret,
        TF_VAR_server: `127.0.0.1:${port}`,
        TF_VAR_log_service: `http-sls.localhost:${port}`,
      }
      const step = (name: string, ...args: string[]) =>
        part(`examples/terraform: ${name}`, tofu, [`-chdir=${folder}`, ...args, '-no-color'], env)
      await step('init', 'init', '-input=false')
      await step('apply', 'apply', '-input=false', '-auto-approve')
      await step('a plan is empty', 'plan', '-input=false', '-detailed-exitcode')
      await step('destroy', 'destroy', '-input=false', '-auto-approve')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }, 'sample: true\n')

export const terraformExample = ({ tofu, configFile }: TerraformTools): Promise<void> =>
  served(async (started) => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-terraform-'))
    try {
      writeFileSync(join(folder, 'main.tf'), pageExample())
      writeFileSync(join(folder, 'override.tf'), endpoints(started))
      const env = environment(configFile)
      const step = (name: string, args: string[], wanted = 0) =>
        part(`Terraform: ${name}`, tofu, [`-chdir=${folder}`, ...args, '-no-color'], env, wanted)
      const plan = ['plan', '-input=false', '-detailed-exitcode']
      await step('init', ['init', '-input=false'])
      await step('plan', plan, planStatus.something)
      await step('apply', ['apply', '-input=false', '-auto-approve'])
      await step('a second plan is empty', plan, planStatus.nothing)
      writeFileSync(join(folder, 'changed_override.tf'), change)
      await step('plan of a change', plan, planStatus.something)
      await step('apply the change', ['apply', '-input=false', '-auto-approve'])
      await step('and nothing is left to do', plan, planStatus.nothing)
      await step('destroy', ['destroy', '-input=false', '-auto-approve'])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }, 'sample: true\n')
