/**
 * OpenTofu and the two providers of the product page's example, built from their modules by Go, once, below the user's
 * cache folder. `go install` takes no module that replaces others, so each is downloaded, copied out and built there.
 *
 *     npx node scripts/terraform-tools.ts      builds what is missing and prints where it is
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

interface Tool {
  readonly module: string
  readonly version: string
  /** Of the module, what is built. */
  readonly folder: string
  /** Modules that it is built with in another version, for the module proxy does not give every one of them. */
  readonly instead?: Readonly<Record<string, string>>
  /** Below the cache folder, the programs that it becomes. */
  readonly programs: (platform: string) => readonly string[]
}

/** Without `required_providers` a provider's source is `hashicorp/NAME`, as in the page's example. */
const provider = (source: string, version: string, platform: string): string =>
  join('mirror/registry.opentofu.org', source, version, platform)

const tools: readonly Tool[] = [
  {
    module: 'github.com/opentofu/opentofu',
    version: 'v1.12.6',
    folder: './cmd/tofu',
    programs: () => ['bin/tofu'],
  },
  {
    module: 'github.com/hashicorp/terraform-provider-random',
    version: 'v1.3.2-0.20260824155315-e1092b0cfc07',
    folder: '.',
    programs: (platform) => [
      join(provider('hashicorp/random', '3.7.99', platform), 'terraform-provider-random_v3.7.99'),
    ],
  },
  {
    module: 'github.com/aliyun/terraform-provider-alicloud',
    version: 'v1.285.0',
    folder: '.',
    instead: {
      'github.com/alibabacloud-go/alibabacloud-gateway-oss': 'v0.0.23',
      'github.com/alibabacloud-go/alibabacloud-gateway-oss-util': 'v0.0.12',
    },
    programs: (platform) =>
      ['hashicorp/alicloud', 'aliyun/alicloud'].map((source) =>
        join(provider(source, '1.285.0', platform), 'terraform-provider-alicloud_v1.285.0'),
      ),
  },
]

export interface TerraformTools {
  readonly tofu: string
  /** What TF_CLI_CONFIG_FILE is to name: providers come from the folder, and from nowhere else. */
  readonly configFile: string
}

const buildMilliseconds = 60 * 60_000

function go(args: readonly string[], cwd: string): string {
  const { status, error, stdout, stderr } = spawnSync('go', args, {
    cwd,
    encoding: 'utf8',
    timeout: buildMilliseconds,
    maxBuffer: 64 << 20,
  })
  if (status === 0) return stdout
  throw new Error(error?.message ?? `go ${args[0]}: ${stderr.trim().split('\n').at(-1)}`)
}

export const terraformFolder = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'weir-terraform')

/**
 * Builds what is not there yet; the first time takes half an hour of two cores and 6 GB of memory.
 * @returns the programs, or why there are none
 */
export function terraformTools(
  folder: string,
  say: (line: string) => void,
): TerraformTools | { readonly missing: string } {
  try {
    mkdirSync(folder, { recursive: true })
    const [os = '', arch = ''] = go(['env', 'GOOS', 'GOARCH'], folder).trim().split('\n')
    for (const tool of tools) build(tool, folder, `${os}_${arch}`, say)
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) }
  }
  const configFile = join(folder, 'tofu.rc')
  const mirror = JSON.stringify(join(folder, 'mirror'))
  writeFileSync(
    configFile,
    `provider_installation {\n  filesystem_mirror { path = ${mirror} }\n}\n`,
  )
  return { tofu: join(folder, 'bin/tofu'), configFile }
}

function build(tool: Tool, folder: string, platform: string, say: (line: string) => void): void {
  const [first = '', ...others] = tool.programs(platform).map((path) => join(folder, path))
  const versionFile = `${first}.version`
  const known = existsSync(versionFile) && readFileSync(versionFile, 'utf8') === tool.version
  if (known && [first, ...others].every((path) => existsSync(path))) return
  say(`building ${tool.module} ${tool.version}`)
  const told: unknown = JSON.parse(
    go(['mod', 'download', '-json', `${tool.module}@${tool.version}`], folder),
  )
  if (typeof told !== 'object' || told === null || !('Dir' in told) || typeof told.Dir !== 'string')
    throw new Error(`go mod download did not say where ${tool.module} is`)
  const source = join(folder, 'src', tool.module.split('/').at(-1)!)
  rmSync(source, { recursive: true, force: true })
  cpSync(told.Dir, source, { recursive: true, mode: 0 })
  // The module cache is read only, and so is its copy.
  spawnSync('chmod', ['-R', 'u+w', source])
  mkdirSync(dirname(first), { recursive: true })
  for (const [module, version] of Object.entries(tool.instead ?? {}))
    go(['mod', 'edit', '-replace', `${module}=${module}@${version}`], source)
  go(['build', '-mod=mod', '-trimpath', '-o', `${first}.new`, tool.folder], source)
  renameSync(`${first}.new`, first)
  for (const other of others) {
    mkdirSync(dirname(other), { recursive: true })
    cpSync(first, other)
  }
  writeFileSync(versionFile, tool.version)
  rmSync(source, { recursive: true, force: true })
}

if (import.meta.main) {
  const found = terraformTools(terraformFolder(), (line) => console.log(line))
  console.log('missing' in found ? `cannot be built here: ${found.missing}` : found)
  process.exitCode = 'missing' in found ? 1 : 0
}
