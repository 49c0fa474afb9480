/** `weir explain`: why a packet is accepted or rejected, by a topology file, a data directory or a server. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { explainAtServer } from '../api/client.ts'
import type { ExplainRequest, Explanation } from '../api/contract.ts'
import { WeirError } from '../base/errors.ts'
import { explain as explainPacket, TopologyVersions } from '../vpc/vpc.ts'
import { isDataDirectory, stateFile } from './data-directory.ts'
import { exitStatus } from './exit-status.ts'
import { explainKept } from './explain-kept.ts'
import { explanationText } from './explain-text.ts'
import { writeStandardOutput } from './standard-output.ts'
import { timeArgument } from './time-argument.ts'
import { readTopologyFile } from './topology-file.ts'

export interface ExplainOptions {
  readonly eni?: string
  readonly direction?: string
  readonly source: string
  readonly destination: string
  readonly protocol: string
  readonly sourcePort?: string
  readonly destinationPort?: string
  readonly tcpFlags?: string
  readonly icmpType?: string
  readonly at?: string
  readonly zone?: string
  readonly json?: boolean
  readonly topology?: string
  readonly data?: string
  readonly server?: string
}

const defaultServer = 'http://127.0.0.1:8080'

/** @returns the exit status */
export async function explain(options: ExplainOptions): Promise<number> {
  const request = requestOf(options)
  const explanation = await answer(options, request)
  writeStandardOutput(
    options.json === true
      ? `${JSON.stringify(explanation, null, 2)}\n`
      : explanationText(explanation, options.topology === undefined),
  )
  return exitStatus.ok
}

async function answer(options: ExplainOptions, request: ExplainRequest): Promise<Explanation> {
  const { topology: file, data, server } = options
  if ([file, data, server].filter((each) => each !== undefined).length > 1)
    throw usage('one of --topology, --data and --server says whose rules are asked')
  if (file !== undefined) {
    const { at, ...question } = request
    if (at !== undefined)
      throw usage('--at is for the versions that --data and --server have', 'A file is one version')
    const { topology, text } = await readTopologyFile(file)
    return await explainPacket(topology, question, text)
  }
  if (data !== undefined) return await explainData(data, request)
  return await explainAtServer(server ?? defaultServer, request)
}

/** Versions are only ever added, so they can be read beside a running server. */
async function explainData(dataDir: string, request: ExplainRequest): Promise<Explanation> {
  if (!isDataDirectory(dataDir))
    throw new WeirError('DataDirInvalid', `there is no data directory ${dataDir}`, {
      hint: 'Give the folder that weir start --data has, ./data unless told',
    })
  const database = new DatabaseSync(join(dataDir, stateFile), { timeout: lockMilliseconds })
  try {
    return await explainKept(new TopologyVersions(database), request)
  } finally {
    database.close()
  }
}

/** A server that writes at the same time is done by then. */
const lockMilliseconds = 5000

function requestOf(options: ExplainOptions): ExplainRequest {
  const { eni, direction, source, destination, protocol, at, zone } = options
  if (direction !== undefined && direction !== 'in' && direction !== 'out')
    throw usage(`--direction is ${direction}, not in or out`)
  return {
    ...(eni !== undefined && { eni }),
    ...(direction !== undefined && { direction }),
    source,
    destination,
    protocol,
    ...number(options, 'sourcePort', '--source-port'),
    ...number(options, 'destinationPort', '--destination-port'),
    ...number(options, 'tcpFlags', '--tcp-flags'),
    ...number(options, 'icmpType', '--icmp-type'),
    ...(at !== undefined && { at: timeArgument('--at', at, zone ?? 'UTC', Date.now() / 1000) }),
  }
}

type NumberOption = 'sourcePort' | 'destinationPort' | 'tcpFlags' | 'icmpType'

function number(options: ExplainOptions, key: NumberOption, option: string) {
  const text = options[key]
  if (text === undefined) return {}
  if (!/^\d{1,5}$/.test(text)) throw usage(`${option} is ${text}, not a whole number`)
  return { [key]: Number(text) }
}

const usage = (message: string, hint?: string): WeirError =>
  new WeirError('Usage', message, hint === undefined ? {} : { hint })
