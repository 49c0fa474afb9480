/** The command `weir replay`: what it reads, what it says, and how it ends. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { joined, PcapngWriter } from '../src/packet/packet.ts'
import { begin, captureOf, frameOf, recordLines } from './packet-lines.ts'
import { parseLines } from './replayed.ts'
import { weir, weirPath } from './weir-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-replay-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

const u = '10.0.0.1:5000 > 10.0.0.2:53'
const c = '10.0.0.1:4000 > 10.0.0.2:80'
const capture = captureOf([`5 ${u} udp`, `65 ${c} S`, `620 ${u} udp`])
const plain = file('plain.pcap', capture)
const recordsAt600 = [
  `${c} tcp 1p 40B S 65..600`,
  `${u} udp 1p 28B . 5..600`,
  `${u} udp 1p 28B . 620..1200`,
]

const linesOf = (text: string, windowSeconds = 600): string[] =>
  recordLines(parseLines(text), windowSeconds)

/** Runs it, and checks status, standard error and records. */
async function replays(
  args: readonly string[],
  expected: readonly string[],
  how: { status?: number; says?: string | RegExp; input?: Uint8Array; windowSeconds?: number } = {},
): Promise<void> {
  const options = how.input === undefined ? {} : { input: how.input }
  const { status, stdout, stderr } = await weir(['replay', ...args], options)
  assert.deepEqual(linesOf(stdout, how.windowSeconds ?? 600), expected, args.join(' '))
  if (how.says instanceof RegExp) assert.match(stderr, how.says)
  else assert.equal(stderr, how.says ?? '')
  assert.equal(status, how.status ?? 0)
}

/** It ends so, writes nothing to standard output, and says this. */
async function refuses(args: readonly string[], says: string | RegExp, status = 2): Promise<void> {
  const ended = await weir(['replay', ...args])
  assert.equal(ended.stdout, '', args.join(' '))
  if (says instanceof RegExp) assert.match(ended.stderr, says)
  else assert.equal(ended.stderr, says)
  assert.equal(ended.status, status, args.join(' '))
}

suite('windows', () => {
  test('65 without --window they are 600 s long, "10 minutes by default"', async () => {
    await replays([plain], recordsAt600)
    await replays([plain, '--window', '600'], recordsAt600)
    await replays(
      ['--window', '300', plain],
      [
        `${c} tcp 1p 40B S 65..300`,
        `${u} udp 1p 28B . 5..300`,
        'eni-capture NODATA 300..600',
        `${u} udp 1p 28B . 620..900`,
      ],
      { windowSeconds: 300 },
    )
  })

  // "You can set the interval to 1, 5, or 10 minutes."
  test('65 any other length is refused before anything is written', async () => {
    for (const window of ['61', '0', '-60', '60s', '6e1', '', ' 60', '3600'])
      await refuses(
        [plain, `--window=${window}`],
        `weir: Usage: --window is ${window}, but a capture window is 60, 300 or 600 seconds\n`,
      )
  })
})

suite('what it reads', () => {
  test('standard input, plain and compressed', async () => {
    for (const input of [capture, gzipSync(capture), zstdCompressSync(capture)])
      await replays(['-'], recordsAt600, { input })
  })

  test('compressed files, whatever their names', async () => {
    await replays([file('a.pcap', gzipSync(capture))], recordsAt600)
    await replays([file('b.gz', zstdCompressSync(capture))], recordsAt600)
  })

  test('compressed files of several parts, as parallel compressors write them', async () => {
    const parts = [capture.subarray(0, 30), capture.subarray(30, 90), capture.subarray(90)]
    await replays([file('parts.gz', joined(parts.map((part) => gzipSync(part))))], recordsAt600)
    const frames = parts.map((part) => zstdCompressSync(part))
    await replays([file('parts.zst', joined(frames))], recordsAt600)
    await replays(['-'], recordsAt600, { input: joined(frames) })
    const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4)
    const between = frames.flatMap((frame) => [skippable, frame])
    await replays([file('skippable.zst', joined(between))], recordsAt600)
  })

  test('a large compressed file', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i % 600} ${u} udp+${i % 1000}`)
    const large = captureOf(lines.sort((a, b) => Number.parseInt(a) - Number.parseInt(b)))
    const bytes = lines.reduce((sum, line) => sum + 28 + Number(line.split('+')[1]), 0)
    const expected = [`${u} udp 20000p ${bytes}B . 0..600`]
    for (const [name, packed] of [
      ['large.gz', gzipSync(large)],
      ['large.zst', zstdCompressSync(large)],
    ] as const) {
      await replays([file(name, packed)], expected)
      await replays(['-'], expected, { input: packed })
    }
  })

  test('62 several files are merged by time; ties go by the order of the arguments', async () => {
    const reset = file('reset.pcap', captureOf([`5 ${c} R`]))
    const opened = file('opened.pcap.gz', gzipSync(captureOf([`5 ${c} S`, `7 ${u} udp`])))
    const other = `${u} udp 1p 28B . 7..600`
    await replays([reset, opened], [`${c} tcp 2p 80B SR 5..600`, other])
    await replays([opened, reset], [`${c} tcp 2p 80B SR 5..5`, other])
    await replays(['-', opened], [`${c} tcp 2p 80B SR 5..600`, other], {
      input: readFileSync(reset),
    })
  })

  test('2 the same file twice counts twice', () =>
    replays(
      [plain, plain],
      recordsAt600.map((line) =>
        line.replace('1p', '2p').replace('28B', '56B').replace('40B', '80B'),
      ),
    ))

  test('pipes that stand among the files', () => {
    const script = `"$0" replay <(cat "$1") <(gzip -c "$1")`
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script, weirPath, plain])
    assert.equal(stderr.toString(), '')
    assert.equal(status, 0)
    const sums = parseLines(stdout.toString()).map(({ packets }) => packets)
    assert.deepEqual(sums, ['2', '2', '2'])
  })
})

suite('what it refuses', () => {
  test('a file that is not a capture, with what it does read', async () => {
    const hint =
      'Weir reads pcap and pcapng files and streams of NetFlow or IPFIX messages, ' +
      'plain or compressed with gzip or zstd\n'
    for (const [name, bytes] of [
      ['notes.txt', 'these are notes\n'],
      ['short', 'abc'],
      ['notes.gz', gzipSync('these are notes\n')],
    ] as const) {
      const path = file(name, bytes)
      await refuses(
        [path],
        `weir: CaptureUnknownFormat: ${path} is not a capture Weir reads (byte 0 of ${path}). ${hint}`,
      )
      await refuses([plain, path], /CaptureUnknownFormat/)
    }
    for (const [name, bytes] of [
      ['empty', ''],
      ['empty.gz', gzipSync('')],
    ] as const) {
      const path = file(name, bytes)
      await refuses(
        [path],
        `weir: CaptureUnknownFormat: ${path} is empty (byte 0 of ${path}). ${hint}`,
      )
    }
  })

  test('a file that is not there, a folder', async () => {
    const missing = join(folder, 'missing.pcap')
    await refuses([missing], /^weir: FileUnreadable: .*missing\.pcap cannot be read: ENOENT.*\n$/)
    await refuses([plain, missing], /FileUnreadable/)
    mkdirSync(join(folder, 'captures'))
    await refuses(
      [join(folder, 'captures')],
      `weir: FileUnreadable: ${join(folder, 'captures')} is a folder, not a capture file\n`,
    )
  })

  test('wrong use: no file, standard input twice, an unknown option', async () => {
    await refuses([], /^error: missing required argument 'file'\n/)
    await refuses(['-', '-'], 'weir: Usage: standard input ("-") can be read once only\n')
    await refuses([plain, '--windows', '60'], /^error: unknown option '--windows'/)
  })

  test('66 a topology with an unknown key, with its line and column; one that is missing', async () => {
    const path = file('bad.yaml', 'vpcs:\n  - { id: vpc-1, cidrz: [10.0.0.0/8] }\n')
    await refuses(
      [plain, '--topology', path],
      /^weir: TopologyInvalid: .*\n.*bad\.yaml:2:18: unknown key "cidrz". Did you mean "cidrs"\?\n/s,
    )
    await refuses(
      [plain, '--topology', join(folder, 'no.yaml')],
      /^weir: FileUnreadable: .*no\.yaml/,
    )
  })

  test('9 a packet that ENIs of two VPCs could have sent, with both ENIs and a way out', async () => {
    const path = file(
      'twice.yaml',
      `
vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/8] }, { id: vpc-2, cidrs: [10.0.0.0/8] }]
vSwitches:
  - { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }
  - { id: vsw-2, vpc: vpc-2, cidrs: [10.0.0.0/24] }
enis:
  - { id: eni-a, vSwitch: vsw-1, privateIps: [10.0.0.1] }
  - { id: eni-b, vSwitch: vsw-2, privateIps: [10.0.0.1] }
`,
    )
    await refuses([plain, '--topology', path], /^weir: TopologyAmbiguous: .*eni-a.*eni-b.*tap/s)
  })

  test('--help costs no capture', async () => {
    const { status, stdout, stderr } = await weir(['replay', '--help'])
    assert.deepEqual([status, stderr], [0, ''])
    assert.match(stdout, /^Usage: weir replay \[options\] <file\.\.\.>\n/)
    assert.match(stdout, /Examples:\n {2}weir replay traffic\.pcap\n/)
  })
})

suite('what it says and how it ends', () => {
  test('57 a damaged file: the records before, the byte, status 3; other files are read on', async () => {
    const cut = file('cut.pcap', capture.subarray(0, -1))
    const at = 24 + (16 + 42) + (16 + 54)
    const says =
      `weir replay: ${cut} is damaged at byte ${at}: the file ends inside a record. ` +
      'The 2 frames before it are in the records.\n'
    await replays([cut], recordsAt600.slice(0, 2), { status: 3, says })
    const later = file('later.pcap', captureOf([`630 ${u} udp`]))
    await replays([cut, later], [...recordsAt600.slice(0, 2), `${u} udp 1p 28B . 630..1200`], {
      status: 3,
      says,
    })
  })

  test('57 damage inside a compressed file', async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `${i % 60} ${u} udp+${(i * 7) % 900}`)
    for (const [name, packed] of [
      ['cut.gz', gzipSync(captureOf(lines))],
      ['cut.zst', zstdCompressSync(captureOf(lines))],
    ] as const) {
      const path = file(name, packed.subarray(0, packed.length - 9))
      const { status, stdout, stderr } = await weir(['replay', path])
      assert.equal(status, 3, stderr)
      const [, byte, frames] =
        /^weir replay: .* is damaged at byte (\d+): .+\. The (\d+) frames before it are in the records\.\n$/.exec(
          stderr,
        ) ?? assert.fail(stderr)
      const kept = lines.slice(0, Number(frames))
      assert.equal(Number(byte), captureOf(kept).length)
      assert.equal(parseLines(stdout)[0]!.packets, frames)
    }
    const wrongSum = Uint8Array.from(gzipSync(capture))
    wrongSum[wrongSum.length - 6]! ^= 1
    const { status, stderr } = await weir(['replay', file('sum.gz', wrongSum)])
    assert.equal(status, 3, stderr)
    assert.match(stderr, /is damaged at byte \d+: /)
  })

  test('57 drop counters of a capture are a warning', async () => {
    const writer = new PcapngWriter()
    writer.addInterface({ linkType: 1 })
    writer.packet(0, begin + 5, 0, frameOf(`${u} udp`))
    const statistics = new DataView(new ArrayBuffer(28))
    for (const [at, value] of [
      [12, 5],
      [14, 8],
    ] as const)
      statistics.setUint16(at, value, true) // isb_ifdrop
    statistics.setBigUint64(16, 1234n, true)
    writer.block(5, new Uint8Array(statistics.buffer))
    const path = file('drops.pcapng', joined(writer.finish()))
    await replays([path], [`${u} udp 1p 28B . 5..600`], {
      says: `weir replay: ${path} says that 1234 frames were dropped when it was captured\n`,
    })
  })

  test('6, 54 packets of nobody and late packets are counted in a line each', async () => {
    const topology = file(
      'one.yaml',
      `
vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/16] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }]
enis: [{ id: eni-1, vSwitch: vsw-1, privateIps: [10.0.0.1] }]
`,
    )
    const path = file(
      'late.pcap',
      captureOf([`5 ${u} udp`, `130 ${u} udp`, `6 ${u} udp`, '131 192.0.2.1:1 > 192.0.2.2:2 udp']),
    )
    await replays(
      [path, '--topology', topology, '--window', '60'],
      [
        `${u} udp 1p 28B . 5..60 eni-1 out ACCEPT 1`,
        `${u} udp 1p 28B . 6..60 eni-1 out ACCEPT 1`,
        'eni-1 NODATA 60..120',
        `${u} udp 1p 28B . 130..180 eni-1 out ACCEPT 1`,
      ],
      {
        windowSeconds: 60,
        says:
          'weir replay: 1 packets belong to no interface of the topology\n' +
          "weir replay: 1 packets came more than 60 s after their window's end; " +
          'they are in further records of their window\n',
      },
    )
  })

  test('a reader that goes away ends it quietly, as SIGPIPE would', () => {
    const long = file('long.pcap', captureOf(['0 arp', `${60 * 50_000} arp`]))
    const script = `"$0" replay --window 60 "$1" | head -1; exit "\${PIPESTATUS[0]}"`
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script, weirPath, long])
    assert.equal(stderr.toString(), '')
    assert.equal(status, 141)
    assert.deepEqual(linesOf(stdout.toString(), 60), ['eni-capture NODATA 0..60'])
  })

  test('a full disk is an error', () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(weirPath, ['replay', plain], {
      stdio: ['ignore', full, 'pipe'],
    })
    closeSync(full)
    assert.match(stderr!.toString(), /ENOSPC/)
    assert.equal(status, 1)
  })

  test('a server that is not there', () =>
    refuses(
      [plain, '--into', 'weir/flow-log', '--server', 'http://127.0.0.1:1'],
      /^weir: ServerUnreachable: /,
      6,
    ))
})
