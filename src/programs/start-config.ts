/**
 * The configuration of `weir start`: one YAML file, read once, and the command line over it.
 *
 *     data: ./data              # everything Weir keeps
 *     listen: 127.0.0.1
 *     port: 8080
 *     topology: vpc.yaml        # beside the configuration file
 *     sample: true              # fill the project `sample` at first start
 *     capture: { enabled: true, interfaces: [eth0], ringMebibytes: 64, method: ring, spoolMebibytes: 1024, cpuBudget: 20% }
 *              flowExport: { listen: '::', port: 2055, lateSeconds: 90, netns: NAME }   # capture too: what routers send
 *     masterKeyFile: /etc/weir/master.key
 *     tls:     { generate: true, names: [sls.example.org] }   # or { certificate: FILE, key: FILE }
 *     api:     { endpoints: [sls.example.org], region: cn-hangzhou, account: "1234567890" }
 *     flowLogs: { activated: true }     # false: OpenFlowLogService comes before the first flow log
 *     alerts:  { webhooks: [hooks.example.org] }   # hosts that alerts may send to
 *     enrichment: { country: FILE.mmdb, city: FILE.mmdb, asn: FILE.csv, threats: [{ path: FILE, category: scanner }] }
 *     query:   { zone: UTC, workers: 2, seconds: 55, memoryMebibytes: 2048 }
 *     logstore: { ttlDays: 300, reserveMebibytes: 256 }
 *     billing: { prices: FILE, trafficPrices: FILE, logService: byFeature, overdue: { protectionLimit: "100", graceHours: 24 } }
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import type { FlowExportConfig } from '../agent/agent.ts'
import type { EnrichmentFiles } from '../enrich/enrich.ts'
import { amount, cloudPrices, emptyTrafficPrices, logServicePlans } from '../billing/billing.ts'
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { enrichmentConfig, enrichmentFiles } from './enrichment-config.ts'
import { flowExportPortDefault } from '../sources/sources.ts'

const whole = (least: number, most: number) => z.int().min(least).max(most)

/** CPU seconds a second of `20%`. 100 % is one core, as for systemd's CPUQuota. */
export function cpuBudgetOfText(text: string): number {
  const percent = /^(\d{1,5}(?:\.\d+)?)%?$/.exec(text)?.[1]
  if (percent !== undefined && Number(percent) > 0) return Number(percent) / 100
  throw new WeirError('Usage', `${JSON.stringify(text)} is not a share of one core such as 20%`)
}

function cpuBudgetOf(text: string, context: z.RefinementCtx<string>): number {
  try {
    return cpuBudgetOfText(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
}

/** An hour is the longest that routers wait with a flow that goes on. */
const flowExport = z.strictObject({
  listen: z.string().min(1).default('::'),
  port: whole(0, 65535).default(flowExportPortDefault),
  lateSeconds: whole(0, 3600).default(90),
  netns: z.string().min(1).optional(),
})

/** `2055`, `192.0.2.7:2055` or `[fd00::7]:2055`. */
export function flowExportOfText(text: string): FlowExportConfig {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]:|([^:]+):)?(\d{1,5})$/.exec(text) ?? []
  const listen = bracketed ?? plain
  const checked = flowExport.safeParse({
    port: Number(port),
    ...(listen === undefined ? {} : { listen }),
  })
  if (checked.success) return withoutUndefined(checked.data)
  throw new WeirError('Usage', `--flow-export is ${text}, not a port such as 2055`, {
    hint: 'An address of this host may stand before it: 192.0.2.7:2055, [fd00::7]:2055',
  })
}

const withoutUndefined = ({ netns, ...rest }: z.infer<typeof flowExport>): FlowExportConfig =>
  netns === undefined ? rest : { ...rest, netns }

const tls = z.union([
  z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }),
  z.strictObject({
    generate: z.literal(true),
    /** What the server is called besides localhost, the host's name and the endpoints. */
    names: z.array(z.string().min(1)).default([]),
  }),
])

const schema = z.strictObject({
  data: z.string().min(1).default('./data'),
  listen: z.string().min(1).default('127.0.0.1'),
  port: whole(0, 65535).default(8080),
  topology: z.string().min(1).optional(),
  sample: z.boolean().default(true),
  capture: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Without a topology: only these host interfaces. */
      interfaces: z.array(z.string().min(1)).min(1).optional(),
      ringMebibytes: whole(1, 4096).default(64),
      /** `tcx`: flows are counted in the kernel where it allows that. */
      method: z.enum(['ring', 'tcx']).default('ring'),
      /** Closed windows that wait for the log store. */
      spoolMebibytes: whole(1, 1 << 20).default(1024),
      /** CPU seconds a second for the whole process: `20%` is a fifth of one core. */
      cpuBudget: z.string().transform(cpuBudgetOf).optional(),
      /** Where routers send the flows they export. */
      flowExport: flowExport.transform(withoutUndefined).optional(),
    })
    .prefault({}),
  tls: tls.optional(),
  /** What secrets of keys are encrypted with; DIR/master.key unless told, or WEIR_MASTER_KEY in the environment. */
  masterKeyFile: z.string().min(1).optional(),
  api: z
    .strictObject({
      /** Names that `<project>.NAME` stands for a project of; `localhost` always is one. */
      endpoints: z.array(z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)).default([]),
      region: z.string().min(1).default('cn-hangzhou'),
      account: z.string().min(1).default('-'),
    })
    .prefault({}),
  flowLogs: z
    .strictObject({
      /** Activation, authorisation and log service are done; false: each account does them first. */
      activated: z.boolean().default(true),
    })
    .prefault({}),
  alerts: z
    .strictObject({
      /** Hosts that alerts may send to: `hooks.example.org` or with a port. */
      webhooks: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
  /** What queries look addresses up in. */
  enrichment: enrichmentConfig.default({}),
  query: z
    .strictObject({
      zone: z.string().min(1).default('UTC'),
      workers: whole(1, 64).default(2),
      seconds: whole(1, 3600).default(55),
      memoryMebibytes: whole(64, 1 << 20).default(2048),
    })
    .prefault({}),
  logstore: z
    .strictObject({
      /** "Otherwise, the default is 300 days." */
      ttlDays: whole(1, 3650).default(300),
      reserveMebibytes: whole(0, 1 << 20).default(256),
    })
    .prefault({}),
  billing: z
    .strictObject({
      prices: z.string().min(1).default(cloudPrices),
      trafficPrices: z.string().min(1).default(emptyTrafficPrices),
      logService: z.enum(logServicePlans).default('byFeature'),
      /** Without it bills are shown, and nobody has to pay them. */
      overdue: z
        .strictObject({
          protectionLimit: amount,
          graceHours: whole(0, 24 * 365).optional(),
        })
        .optional(),
    })
    .prefault({}),
})

export type StartConfig = Omit<z.infer<typeof schema>, 'enrichment'> & {
  readonly enrichment: EnrichmentFiles
}

export interface StartOptions {
  readonly config?: string
  readonly topology?: string
  readonly data?: string
  readonly port?: string
  readonly listen?: string
  readonly check?: boolean
}

/** @throws WeirError FileUnreadable; ConfigInvalid with the place of every problem */
export function readStartConfig(options: StartOptions): StartConfig {
  const config: StartConfig =
    options.config === undefined
      ? { ...schema.parse({}), enrichment: {} }
      : readFile(options.config)
  const port = options.port === undefined ? config.port : portOf(options.port)
  const topology = options.topology ?? config.topology
  return {
    ...config,
    port,
    data: options.data ?? config.data,
    listen: options.listen ?? config.listen,
    ...(topology === undefined ? {} : { topology }),
  }
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text)
  throw new WeirError('Usage', `--port is ${text}, not a number from 0 to 65535`)
}

function readFile(path: string): StartConfig {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new WeirError('FileUnreadable', `${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const broken = document.errors[0]
  if (broken !== undefined)
    throw new WeirError('ConfigInvalid', `not YAML: ${broken.message}`, {
      place: placeOf(broken.pos[0]),
    })
  const checked = schema.safeParse(document.toJS() ?? {})
  if (!checked.success) throw invalid(checked.error, document, placeOf)
  const { topology, data, enrichment, tls: shown, masterKeyFile, billing } = checked.data
  const beside = (file: string): string => resolve(dirname(path), file)
  return {
    ...checked.data,
    data: beside(data),
    enrichment: enrichmentFiles(enrichment, beside),
    billing: {
      ...billing,
      prices: beside(billing.prices),
      trafficPrices: beside(billing.trafficPrices),
    },
    ...(shown === undefined || 'generate' in shown
      ? {}
      : { tls: { certificate: beside(shown.certificate), key: beside(shown.key) } }),
    ...(topology === undefined ? {} : { topology: beside(topology) }),
    ...(masterKeyFile === undefined ? {} : { masterKeyFile: beside(masterKeyFile) }),
  }
}

function invalid(
  error: z.ZodError,
  document: Document,
  placeOf: (offset: number) => string,
): WeirError {
  const problems = error.issues.flatMap((issue) => {
    const keys = issue.path as (string | number)[]
    if (issue.code !== 'unrecognized_keys') {
      const name = keys.length === 0 ? 'the file' : keys.join('.')
      return [{ place: placeOf(offsetOf(document, keys)), text: `${name}: ${issue.message}` }]
    }
    const known = knownKeys(keys)
    return issue.keys.map((key) => {
      const near = nearest(key, known)
      const hint = near === undefined ? `Known: ${known.join(', ')}` : `Did you mean ${near}?`
      return {
        place: placeOf(offsetOfKey(document, keys, key)),
        text: `unknown key ${key}. ${hint}`,
      }
    })
  })
  if (problems.length === 1)
    return new WeirError('ConfigInvalid', problems[0]!.text, { place: problems[0]!.place })
  const list = problems.map(({ place, text }) => `\n  ${place}: ${text}`).join('')
  return new WeirError('ConfigInvalid', `${problems.length} problems${list}\n`, {
    place: problems[0]!.place,
  })
}

/** Where the value of a key begins, or the nearest thing around it that is there. */
function offsetOf(document: Document, keys: readonly (string | number)[]): number {
  for (let length = keys.length; length >= 0; length--) {
    const node: unknown =
      length === 0 ? document.contents : document.getIn(keys.slice(0, length), true)
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return node.range[0] as number
  }
  return 0
}

/** Where a key itself begins. */
function offsetOfKey(document: Document, keys: readonly (string | number)[], key: string): number {
  const map: unknown = keys.length === 0 ? document.contents : document.getIn(keys, true)
  const keyNodes = isMap(map) ? map.items.map((pair) => pair.key) : []
  const found = keyNodes.find((node) => isScalar(node) && String(node.value) === key)
  return isScalar(found) && found.range ? found.range[0] : offsetOf(document, keys)
}

function knownKeys(path: readonly (string | number)[]): string[] {
  let shape: unknown = schema.parse({
    topology: 'x',
    tls: { generate: true },
    enrichment: { country: 'x', city: 'x', asn: 'x', threats: [] },
    masterKeyFile: 'x',
    billing: { overdue: { protectionLimit: '1', graceHours: 1 } },
    capture: { interfaces: ['x'], cpuBudget: '20%', flowExport: { netns: 'x' } },
  })
  for (const key of path) shape = (shape as Record<string | number, unknown>)[key]
  return Object.keys(shape as object)
}
