/** `weir import`: other clouds' flow logs into a logstore of a running server. */
import { putRecordColumns } from '../api/client.ts'
import { WeirError } from '../base/errors.ts'
import {
  detectFormat,
  type FlowLogFormat,
  flowLogFormats,
  readFlowLogs,
} from '../formats/formats.ts'
import { type ByteSource, openByteSource } from '../packet/packet.ts'
import { BatchSender } from './batch-sender.ts'
import { exitStatus } from './exit-status.ts'
import { type Progress, startProgress } from './progress.ts'

export interface ImportOptions {
  readonly format?: string
  readonly into: string
  readonly fields?: string
  readonly strict?: boolean
  readonly create?: boolean
  readonly server: string
}

const chunkBytes = 256 * 1024
/** Enough of a file to see whose flow logs it holds. */
const headBytes = 16 * 1024

interface FileSummary {
  readonly name: string
  readonly records: number
  readonly malformed: number
  /** Why the file ended before its end. */
  readonly broken: string | undefined
}

/** @returns the exit status: 0, or 3 when something was malformed or a file damaged */
export async function importFlowLogs(
  paths: readonly string[],
  options: ImportOptions,
): Promise<number> {
  const format = formatOf(options.format)
  if (paths.filter((path) => path === '-').length > 1)
    throw new WeirError('Usage', 'standard input ("-") can be read once only')
  const sender = new BatchSender(options.into, 'import')
  const sources: ByteSource[] = []
  const files: FileSummary[] = []
  let progress: Progress | undefined
  try {
    for (const path of paths) sources.push(await openByteSource(path))
    if (options.create === true) await sender.create(options.server)
    progress = startProgress('import', sources)
    for (const source of sources)
      files.push(await importFile(source, format, options, sender, progress))
    await sender.finish()
  } finally {
    progress?.stop()
    for (const source of sources) source.close()
  }
  return report(files, options.into)
}

function formatOf(text: string | undefined): FlowLogFormat | undefined {
  const found = flowLogFormats.find((each) => each === text)
  if (found !== undefined || text === undefined) return found
  throw new WeirError('Usage', `--format is ${text}, not one of ${flowLogFormats.join(', ')}`)
}

/** The records are on their way when it resolves; `sender.finish` waits for them. */
async function importFile(
  source: ByteSource,
  wanted: FlowLogFormat | undefined,
  options: ImportOptions,
  sender: BatchSender,
  progress: Progress,
): Promise<FileSummary> {
  const head = await headOf(source)
  const detected = detectFormat(head.toString('utf8'))
  const format = wanted ?? detected
  if (format === undefined) throw unknown(source.name, head.length === 0)
  const fields = options.fields?.split(/[\s,]+/).filter((name) => name !== '')
  const parts = readFlowLogs(chunksOf(source, head), format, {
    name: source.name,
    strict: options.strict === true,
    ...(fields === undefined ? {} : { fields }),
  })
  let records = 0
  let malformed = 0
  for await (const { batch, malformed: here, problems } of parts) {
    for (const problem of problems) say(problem)
    records += batch.rows
    malformed += here
    if (batch.rows > 0) sender.send((target) => putRecordColumns(options.server, target, batch))
    await progress.tick()
    await sender.drain()
  }
  if (records === 0 && malformed > 0)
    throw new WeirError('FlowLogInvalid', `${source.name} holds no flow log of ${format}`, {
      hint:
        detected === undefined || detected === format
          ? `All ${malformed} lines or objects of it are malformed`
          : `It looks like --format ${detected}`,
    })
  return { name: source.name, records, malformed, broken: source.broken }
}

const unknown = (name: string, isEmpty: boolean): WeirError =>
  new WeirError(
    'FlowLogInvalid',
    isEmpty ? `${name} is empty` : `${name} holds no flow log that Weir knows by its beginning`,
    { hint: `Say what it is with --format ${flowLogFormats.join(', ')}` },
  )

async function headOf(source: ByteSource): Promise<Buffer> {
  const head = Buffer.alloc(headBytes)
  let length = 0
  while (length < head.length) {
    const count = await source.read(head, length)
    if (count === 0) break
    length += count
  }
  return head.subarray(0, length)
}

async function* chunksOf(source: ByteSource, head: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head
  for (;;) {
    const chunk = new Uint8Array(chunkBytes)
    const count = await source.read(chunk, 0)
    if (count === 0) return
    yield chunk.subarray(0, count)
  }
}

const say = (line: string): void => void process.stderr.write(`weir import: ${line}\n`)

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** What was done, on standard error. */
function report(files: readonly FileSummary[], into: string): number {
  for (const { name, records, malformed, broken } of files) {
    if (broken !== undefined)
      say(`${name} is damaged: ${broken}. The ${counted(records, 'record')} before are imported.`)
    if (malformed > 0)
      say(`${name}: ${malformed} malformed, passed over; ${counted(records, 'record')} imported`)
  }
  const records = files.reduce((sum, file) => sum + file.records, 0)
  say(`${counted(records, 'record')} of ${counted(files.length, 'file')} are in ${into}`)
  const isWhole = files.every(({ malformed, broken }) => malformed === 0 && broken === undefined)
  return isWhole ? exitStatus.ok : exitStatus.damagedInput
}
