/** Datagrams of real exporters: what is read of them, and what tshark's dissector reads. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { ipv4Text, ipv6Text } from '../../base/ip.ts'
import { etherType, ethernet, ipv4, linkType, PcapWriter, udp } from '../../packet/packet.ts'
import { type ExportCounters, zeroCounters } from './counters.ts'
import { ExportedFlow, hasPorts, recordKind } from './exported-flow.ts'
import { Exporters } from './exporters.ts'
import { netflow5, netflow5Header, netflow5Record } from './netflow5.ts'
import { TemplateMessages } from './template-messages.ts'

const folder = join(import.meta.dirname, '../../../../shared/samples')
const skip = existsSync(folder) ? false : 'not run: the recordings are not beside the project'
const hasTshark = (() => {
  try {
    return execFileSync('tshark', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] }).length > 0
  } catch {
    return false
  }
})()
const skipTshark = skip !== false ? skip : hasTshark ? false : 'not run: needs tshark'

const recording = (name: string): Uint8Array => readFileSync(join(folder, `netflow-${name}.dat`))

/** The UDP payloads of a little-endian pcap of Ethernet and IPv4. */
function payloadsOf(file: string): Uint8Array[] {
  const bytes = readFileSync(join(folder, file))
  const payloads: Uint8Array[] = []
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8))
    payloads.push(bytes.subarray(at + 16 + 42, at + 16 + bytes.readUInt32LE(at + 8)))
  return payloads
}

const time = (second: number, nanosecond: number): string =>
  `${second}.${String(Math.floor(nanosecond / 1e6)).padStart(3, '0')}`

function lineOf(flow: ExportedFlow): string {
  const text = (words: Int32Array): string =>
    flow.family === 4 ? ipv4Text(words[0]!) : ipv6Text(words)
  const from = `${text(flow.source)} ${flow.sourcePort}`
  const to = `${text(flow.destination)} ${flow.destinationPort}`
  const when = `${time(flow.firstSecond, flow.firstNanosecond)}-${time(flow.lastSecond, flow.lastNanosecond)}`
  const counts = `packets ${flow.packets} bytes ${flow.bytes} flags ${flow.tcpFlags}`
  return `${from} > ${to} protocol ${flow.protocol} ${counts} ${when} if ${flow.input} > ${flow.output}`
}

interface Read {
  readonly lines: string[]
  readonly rates: Set<number>
  readonly counters: ExportCounters
  /** Each message's bytes: some recordings hold several datagrams. */
  readonly messages: Uint8Array[]
}

function read(datagrams: readonly Uint8Array[]): Read {
  const exporters = new Exporters()
  const counters = zeroCounters()
  const lines: string[] = []
  const rates = new Set<number>()
  const messages: Uint8Array[] = []
  const templates = new TemplateMessages(exporters, counters, (_, flow) => {
    lines.push(lineOf(flow))
    rates.add(flow.samplingRate)
    return recordKind.flow
  })
  const flow = new ExportedFlow()
  for (const bytes of datagrams) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const from = { exporter: exporters.get('192.0.2.1'), port: 2055, receivedAt: 1_700_000_000_000 }
    let at = 0
    while (at < bytes.length) {
      const begin = at
      const version = view.getUint16(at)
      if (version === 9) at = templates.netflow9(view, at, bytes.length, from)
      else if (version === 10) at = templates.ipfix(view, at, bytes.length, from)
      else {
        assert.equal(version, 5)
        const header = netflow5Header(view, at)
        at += netflow5.headerBytes
        for (let i = 0; i < header.count; i++, at += netflow5.recordBytes) {
          assert.equal(netflow5Record(view, at, header, flow), recordKind.flow)
          lines.push(lineOf(flow))
          rates.add(flow.samplingRate)
        }
      }
      messages.push(bytes.subarray(begin, at))
    }
  }
  return { lines, rates, counters, messages }
}

/** What tshark reads of the same messages, as the same lines. */
function tsharkLines(messages: readonly Uint8Array[]): string[] {
  const temporary = mkdtempSync(join(tmpdir(), 'weir-flow-export-'))
  try {
    const writer = new PcapWriter({ linkType: linkType.ethernet })
    messages.forEach((payload, i) => {
      const carried = udp({ sourcePort: 5000, destinationPort: 2055, payload })
      const packet = ipv4({ source: '192.0.2.1', destination: '192.0.2.2' }, carried)
      writer.packet(1_700_000_000 + i, 0, ethernet({}, etherType.ipv4, packet))
    })
    const file = join(temporary, 'export.pcap')
    writeFileSync(file, Buffer.concat(writer.finish()))
    const args = ['-r', file, '-d', 'udp.port==2055,cflow', '-T', 'pdml']
    const pdml = execFileSync('tshark', args, {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, TZ: 'UTC' },
    })
    return linesOfPdml(pdml)
  } finally {
    rmSync(temporary, { recursive: true })
  }
}

function linesOfPdml(pdml: string): string[] {
  const lines: string[] = []
  let header = new Map<string, string>()
  let booted = Number.NaN
  let fields: Map<string, string> | undefined
  const close = (): void => {
    if (fields?.has('cflow.octets') === true) lines.push(lineOfFields(header, fields, booted))
    fields = undefined
  }
  for (const line of pdml.split('\n')) {
    const name = / name="([^"]*)"/.exec(line)?.[1] ?? ''
    const show = / show="([^"]*)"/.exec(line)?.[1] ?? ''
    if (/<proto name="cflow"/.test(line)) {
      close()
      header = new Map()
    } else if (/^(?:pdu|Flow) \d+/.test(show)) {
      close()
      fields = new Map()
    } else if (/^Set \d+|^FlowSet \d+|<\/proto>/.test(show || line)) close()
    else if (name === 'cflow.sys_init_time') booted = dateOf(show)
    else if (name.startsWith('cflow.')) (fields ?? header).set(name, show)
  }
  close()
  return lines
}

const dateOf = (text: string): number => Date.parse(text.replace(/(\.\d{3})\d+/, '$1'))

/** @param booted Unix milliseconds at which the exporter came up, as its options said */
function lineOfFields(
  header: ReadonlyMap<string, string>,
  fields: ReadonlyMap<string, string>,
  booted: number,
): string {
  const of = (...names: string[]): string =>
    names.map((name) => fields.get(`cflow.${name}`)).find((each) => each !== undefined) ?? '0'
  const protocol = Number(of('protocol'))
  const port = (name: string): string => (hasPorts(protocol) ? of(name) : '0')
  const headerNumber = (name: string): number => Number(header.get(`cflow.${name}`) ?? Number.NaN)
  const exported =
    (headerNumber('unix_secs') || headerNumber('exporttime')) * 1000 +
    Math.floor((headerNumber('unix_nsecs') || 0) / 1e6)
  const when = (absolute: string, relative: string): string => {
    const date = fields.get(`cflow.${absolute}`)
    // An uptime of 0 is shown as a date of 1970.
    const up = date === undefined ? Math.round(Number(of(relative)) * 1000) : 0
    let at = booted + up
    if (header.has('cflow.sysuptime'))
      at = exported - ((Math.round(headerNumber('sysuptime') * 1000) - up) | 0)
    else if (date !== undefined && !date.includes(' 1970 ')) at = dateOf(date)
    return Number.isNaN(at) ? '-' : time(Math.floor(at / 1000), (at % 1000) * 1e6)
  }
  const from = `${of('srcaddr', 'srcaddrv6')} ${port('srcport')}`
  const to = `${of('dstaddr', 'dstaddrv6')} ${port('dstport')}`
  const times = `${when('abstimestart', 'timestart')}-${when('abstimeend', 'timeend')}`
  const counts = `packets ${of('packets')} bytes ${of('octets')} flags ${Number(of('tcpflags'))}`
  return `${from} > ${to} protocol ${protocol} ${counts} ${times} if ${of('inputint')} > ${of('outputint')}`
}

interface Expected {
  /** Recordings without `netflow-` and `.dat`, templates first; or one capture. */
  readonly files: readonly string[]
  readonly flows: number
  readonly packets: number
  readonly bytes: number
  readonly rate: number
  readonly first: string
  readonly last: string
  /** What tshark does not do as we do. */
  readonly tshark?: 'stops' | 'no times'
}

const recordings: readonly Expected[] = [
  {
    files: ['netflow5'],
    flows: 30,
    packets: 230,
    bytes: 18684,
    rate: 1,
    first:
      '10.0.2.2 54435 > 10.0.2.15 22 protocol 6 packets 5 bytes 230 flags 16 1430591884.898-1430591887.476 if 0 > 0',
    last: '10.0.2.15 22 > 10.0.2.2 54435 protocol 6 packets 7 bytes 580 flags 24 1430591946.812-1430591948.088 if 0 > 0',
  },
  {
    files: ['netflow5_test_juniper_mx80'],
    flows: 29,
    packets: 31,
    bytes: 3989,
    rate: 1000,
    first:
      '10.0.0.1 443 > 192.168.0.2 61608 protocol 6 packets 1 bytes 1500 flags 16 1469109154.936-1469109154.936 if 542 > 536',
    last: '66.249.92.75 37387 > 192.168.0.1 80 protocol 6 packets 2 bytes 104 flags 16 1469109153.936-1469109153.936 if 542 > 536',
  },
  {
    files: ['netflow9_test_cisco_asr9k_tpl260', 'netflow9_test_cisco_asr9k_data260'],
    flows: 21,
    packets: 531,
    bytes: 208031,
    rate: 0,
    first:
      '10.0.9.146 54017 > 10.0.31.81 443 protocol 6 packets 1 bytes 40 flags 16 1481018933.940-1481018933.940 if 110 > 158',
    last: '10.0.29.46 443 > 10.0.15.38 52364 protocol 6 packets 2 bytes 112 flags 18 1481018932.377-1481018933.964 if 75 > 158',
  },
  {
    files: ['netflow9_test_invalid01'],
    flows: 2,
    packets: 2,
    bytes: 194,
    rate: 100,
    first:
      '2001:44b8:1118:7200::10 123 > 2001:44b8:4030:cd91:8075:bae:d39d:2621 123 protocol 17 packets 1 bytes 96 flags 0 1440543856.102-1440543856.102 if 0 > 0',
    last: '192.168.0.1 53 > 192.168.0.105 55575 protocol 17 packets 1 bytes 98 flags 0 1440543889.578-1440543889.578 if 0 > 0',
    tshark: 'stops',
  },
  {
    files: ['netflow9_test_softflowd_tpl_data'],
    flows: 7,
    packets: 13,
    bytes: 1128,
    rate: 1,
    first:
      '172.16.32.100 123 > 172.16.32.248 123 protocol 17 packets 1 bytes 76 flags 0 1444331026.140-1444331026.141 if 0 > 0',
    last: 'fe80::20c:29ff:fe83:3b6e 0 > ff02::1 0 protocol 58 packets 7 bytes 672 flags 0 1444331027.819-1444331065.900 if 0 > 0',
  },
  {
    files: ['ipfix'],
    flows: 12,
    packets: 54,
    bytes: 13279,
    rate: 1,
    first:
      '192.168.253.1 60560 > 192.168.253.128 22 protocol 6 packets 5 bytes 260 flags 16 1431516013.506-1431516026.232 if 0 > 0',
    last: '192.168.253.1 5353 > 224.0.0.251 5353 protocol 17 packets 1 bytes 232 flags 0 1431516026.247-1431516026.247 if 0 > 0',
  },
  {
    files: ['ipfix_test_mikrotik_tpl', 'ipfix_test_mikrotik_data258'],
    flows: 28,
    packets: 208,
    bytes: 95010,
    rate: 1,
    first:
      '10.10.8.197 123 > 192.168.128.17 123 protocol 17 packets 2 bytes 152 flags 0 1500481086.420-1500481086.420 if 13 > 7',
    last: '10.10.10.1 52837 > 255.255.255.255 5678 protocol 17 packets 2 bytes 330 flags 0 1500481088.000-1500481088.000 if 15 > 0',
    tshark: 'no times',
  },
  {
    files: ['ipfix_test_vmware_vds_tpl', 'ipfix_test_vmware_vds_data264'],
    flows: 1,
    packets: 2,
    bytes: 100,
    rate: 1,
    first:
      '172.18.65.21 61209 > 172.18.65.211 5985 protocol 6 packets 2 bytes 100 flags 2 1482409057.000-1482409057.000 if 3 > 11',
    last: '172.18.65.21 61209 > 172.18.65.211 5985 protocol 6 packets 2 bytes 100 flags 2 1482409057.000-1482409057.000 if 3 > 11',
  },
  {
    files: ['ipfix-cisco.pcap'],
    flows: 12,
    packets: 34,
    bytes: 34172,
    rate: 1,
    first:
      '10.231.65.56 17000 > 10.192.12.213 17000 protocol 17 packets 2 bytes 220 flags 0 1677577561.088-1677577572.352 if 995 > 841',
    last: '2001:1700:f101:b700::1 1024 > 2001:918:ffff:f9fc::3 80 protocol 17 packets 3 bytes 4134 flags 0 1677577559.040-1677577619.456 if 810 > 1003',
  },
]

const datagramsOf = (files: readonly string[]): Uint8Array[] =>
  files.flatMap((file) => (file.endsWith('.pcap') ? payloadsOf(file) : [recording(file)]))
const sum = (lines: readonly string[], what: string): number =>
  lines.reduce((total, line) => total + Number(new RegExp(`${what} (\\d+)`).exec(line)![1]), 0)
const withoutTimes = (line: string): string => line.replace(/ \S+ if /, ' if ')

suite('recordings of exporters', () => {
  for (const each of recordings)
    test(`${each.files.at(-1)} is read`, { skip }, () => {
      const { lines, rates, counters } = read(datagramsOf(each.files))
      const packets = sum(lines, 'packets')
      const bytes = sum(lines, 'bytes')
      assert.deepEqual(
        { flows: lines.length, packets, bytes, first: lines[0], last: lines.at(-1) },
        {
          flows: each.flows,
          packets: each.packets,
          bytes: each.bytes,
          first: each.first,
          last: each.last,
        },
      )
      assert.deepEqual([...rates], [each.rate])
      const { malformed, undecodableSets, uncountable, nonIp } = counters
      assert.deepEqual(
        { malformed, undecodableSets, uncountable, nonIp },
        {
          malformed: 0,
          undecodableSets: 0,
          uncountable: 0,
          nonIp: 0,
        },
      )
    })

  // tshark reads as many sets of NetFlow v9 as the header counts; one exporter counted only its templates.
  const both = recordings.filter(({ tshark }) => tshark !== 'stops')
  for (const each of both)
    test(`${each.files.at(-1)} is read as tshark does`, { skip: skipTshark }, () => {
      const { lines, messages } = read(datagramsOf(each.files))
      const theirs = tsharkLines(messages)
      // An exporter that never says when it came up: only we estimate its times.
      const compared = each.tshark === 'no times' ? withoutTimes : (line: string) => line
      assert.deepEqual(lines.map(compared), theirs.map(compared))
    })
})
