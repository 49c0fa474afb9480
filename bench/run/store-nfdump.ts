/** The records in files of nfdump, as nfcapd wrote them from NetFlow v5 over loopback: IPv4 alone, fewer fields. */
import { spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Column, ColumnBatch } from '../../src/base/columns.ts'
import { parseIp } from '../../src/base/parse-ip.ts'
import type { Engine } from './store-ask.ts'
import { childrenSeconds, measure } from './measure.ts'
import type { PeerOptions } from './store-peers.ts'
import { StoreRecords } from './store-records.ts'

const port = 19_995
const messageRecords = 30
/** With these nfcapd of one core loses nothing. */
const messagesAPause = 60
const pauseMs = 4
const batchRows = 6000
const headerBytes = 24
const recordBytes = 48
const uptime = 4_000_000_000

export async function openNfdump(options: PeerOptions): Promise<readonly Engine[] | string> {
  if (spawnSync('nfcapd', ['-V']).error !== undefined) return 'there is no nfcapd'
  const folder = join(options.kept, 'data/nfdump')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const before = childrenSeconds()
  const args = ['-p', String(port), '-b', '127.0.0.1', '-w', folder, '-t', '3600', '-y']
  const collector = spawn('nfcapd', [...args, '-B', '8000000'], { stdio: 'ignore' })
  await wait(500)
  const sent = await sendAll(options)
  await wait(2000)
  collector.kill('SIGTERM')
  await once(collector, 'exit')
  const after = childrenSeconds()
  const seconds = after.user + after.system - before.user - before.system
  const bytes = readdirSync(folder).reduce(
    (sum, name) => sum + statSync(join(folder, name)).size,
    0,
  )
  const said = spawnSync('nfdump', ['-R', folder, '-I'], { encoding: 'utf8' }).stdout
  const stored = Number(/^Flows: (\d+)/m.exec(said)?.[1])
  const version = spawnSync('nfdump', ['-V'], { encoding: 'utf8' }).stdout.trim()
  const rate = (stored / seconds / 1000).toFixed(0)
  const remark = `${stored} of ${sent} IPv4 records arrived, ${rate} k records/CPU s stored (not synced), ${(bytes / stored).toFixed(1)} bytes a record`
  options.say(`nfdump: ${remark}`)
  const engine: Engine = {
    name: 'nfdump',
    version,
    remark,
    scale: 1,
    ask({ nfdump }) {
      if (nfdump === undefined) return undefined
      const line = ['nfdump', '-R', folder, '-q', ...nfdump]
      const working = join(options.kept, 'data/nfdump-run')
      return measure({ line }, working, AbortSignal.timeout(600_000)).then((used) => ({
        rows: undefined,
        cpuSeconds: used.userSeconds + used.systemSeconds,
      }))
    },
    async close() {},
  }
  return [engine]
}

async function sendAll({ rows, seed }: PeerOptions): Promise<number> {
  const socket = createSocket('udp4')
  const records = new StoreRecords(seed)
  let sequence = 0
  let messages = 0
  for (let made = 0; made < rows; made += batchRows) {
    const batch = records.next(Math.min(batchRows, rows - made))
    for (const message of messagesOf(batch)) {
      message.writeUInt32BE(sequence, 16)
      sequence += message.readUInt16BE(2)
      socket.send(message, port, '127.0.0.1')
      if (++messages % messagesAPause === 0) await wait(pauseMs)
    }
  }
  await wait(500)
  socket.close()
  return sequence
}

function* messagesOf(batch: ColumnBatch): Generator<Buffer> {
  const numbers = (name: string): Float64Array => {
    const column = batch.columns.get(name)
    return column?.kind === 'integer' ? column.values : new Float64Array(batch.rows)
  }
  const fields = {
    source: ipv4Of(batch.columns.get('srcaddr')),
    destination: ipv4Of(batch.columns.get('dstaddr')),
    sourcePort: numbers('srcport'),
    destinationPort: numbers('dstport'),
    protocol: numbers('protocol'),
    packets: numbers('packets'),
    bytes: numbers('bytes'),
    start: numbers('start'),
    end: numbers('end'),
    flags: numbers('tcp-flags'),
  }
  const rows: number[] = []
  for (let row = 0; row < batch.rows; row++) if (!Number.isNaN(fields.source[row]!)) rows.push(row)
  for (let from = 0; from < rows.length; from += messageRecords)
    yield messageOf(fields, rows.slice(from, from + messageRecords))
}

type Fields = Readonly<
  Record<
    | ('source' | 'destination' | 'sourcePort' | 'destinationPort' | 'protocol')
    | ('packets' | 'bytes' | 'start' | 'end' | 'flags'),
    Float64Array
  >
>

/** By Cisco's table of version 5. */
function messageOf(fields: Fields, rows: readonly number[]): Buffer {
  const message = Buffer.alloc(headerBytes + recordBytes * rows.length)
  const second = Math.max(...rows.map((row) => fields.end[row]!))
  message.writeUInt16BE(5, 0)
  message.writeUInt16BE(rows.length, 2)
  message.writeUInt32BE(uptime, 4)
  message.writeUInt32BE(second, 8)
  rows.forEach((row, index) => {
    const at = headerBytes + recordBytes * index
    message.writeUInt32BE(fields.source[row]!, at)
    message.writeUInt32BE(fields.destination[row]!, at + 4)
    message.writeUInt32BE(fields.packets[row]!, at + 16)
    message.writeUInt32BE(fields.bytes[row]!, at + 20)
    message.writeUInt32BE(uptime - (second - fields.start[row]!) * 1000, at + 24)
    message.writeUInt32BE(uptime - (second - fields.end[row]!) * 1000, at + 28)
    message.writeUInt16BE(fields.sourcePort[row]!, at + 32)
    message.writeUInt16BE(fields.destinationPort[row]!, at + 34)
    message.writeUInt8(fields.flags[row]!, at + 37)
    message.writeUInt8(fields.protocol[row]!, at + 38)
  })
  return message
}

/** A word a row; NaN where the address is not IPv4. */
function ipv4Of(column: Column | undefined): Float64Array {
  if (column?.kind !== 'text') return new Float64Array()
  const into = new Uint32Array(4)
  const words = column.dictionary.map((text) => (parseIp(text, into) === 4 ? into[0]! : Number.NaN))
  return Float64Array.from(column.codes, (code) => words[code - 1]!)
}
