/** Rules 51 to 60 and where windows meet rules 1 to 15: which window, `start`, lateness, silence. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { alignedStart } from '../src/base/time.ts'
import { RecordTextWriter } from '../src/record/text.ts'
import { singleEniAssigner } from '../src/vpc/vpc.ts'
import { CaptureWindows } from '../src/window/window.ts'
import {
  becomes,
  begin,
  captureOf,
  frameOf,
  recordLine,
  recordLines,
  replayLines,
} from './packet-lines.ts'
import { parseLines, pcapOf, replayMade, type Replayed } from './replayed.ts'

const c = '10.0.0.1:4000 > 10.0.0.2:80'
const s = '10.0.0.2:80 > 10.0.0.1:4000'
const u = '10.0.0.1:5000 > 10.0.0.2:53'

const linesOf = ({ records }: Replayed, windowSeconds = 60): string[] =>
  recordLines(records, windowSeconds)

/** Two ENIs; the web server takes port 80 only. */
const topology = `
vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/16, "fd00::/56"] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24, "fd00::/64"] }]
enis:
  - { id: eni-client, vSwitch: vsw-1, privateIps: [10.0.0.1, "fd00::1"] }
  - { id: eni-web, vSwitch: vsw-1, privateIps: [10.0.0.2, "fd00::2"], securityGroups: [sg-web] }
  - { id: eni-idle, vSwitch: vsw-1, privateIps: [10.0.0.9] }
securityGroups:
  - id: sg-web
    rules: [{ direction: ingress, policy: accept, protocol: tcp, ports: 80/80 }]
`

suite('51 bounds', () => {
  test('51 the bound belongs to the next window, a nanosecond before does not', () =>
    becomes(
      [`0 ${u} udp`, `59.999999999 ${u} udp`, `60 ${u} udp`, `60.000000001 ${u} udp`],
      [`${u} udp 2p 56B . 0..60`, `${u} udp 2p 56B . 60..120`],
    ))

  test('51 windows of 300 and 600 s', async () => {
    for (const windowSeconds of [300, 600] as const)
      await becomes(
        [`${windowSeconds - 1} ${u} udp`, `${windowSeconds} ${u} udp`],
        [
          `${u} udp 1p 28B . ${windowSeconds - 1}..${windowSeconds}`,
          `${u} udp 1p 28B . ${windowSeconds}..${2 * windowSeconds}`,
        ],
        { windowSeconds },
      )
  })

  // "For example, for a TCP session that maintains a persistent connection, a 1-minute window produces 60 log
  // entries per hour, while a 10-minute window produces only 6."
  test('51 a persistent connection: 60 records per hour or 6', async () => {
    const packets = Array.from({ length: 1800 }, (_, i) => `${i * 2}.5 ${c} A`)
    for (const [windowSeconds, count] of [
      [60, 60],
      [600, 6],
    ] as const)
      await becomes(
        packets,
        Array.from({ length: count }, (_, i) => {
          const packetsEach = windowSeconds / 2
          const start = i * windowSeconds
          return `${c} tcp ${packetsEach}p ${packetsEach * 40}B A ${start}..${start + windowSeconds}`
        }),
        { windowSeconds },
      )
  })
})

suite('52 start', () => {
  test('52 is the second of the least timestamp, not of the packet read first', () =>
    becomes([`30.9 ${u} udp`, `12.7 ${u} udp`, `50 ${u} udp`], [`${u} udp 3p 84B . 12..60`]))
})

suite('53 flags', () => {
  test('53 all eight bits are kept', () =>
    becomes([`1 ${c} SEC`, `2 ${c} PAU`], [`${c} tcp 2p 80B SPAUEC 1..60`]))

  test('53 those of rejected packets stand in the REJECT record alone', () =>
    becomes(
      ['1 10.0.0.1:4000 > 10.0.0.2:81 SEC', '2 10.0.0.2:81 > 10.0.0.1:4000 RA'],
      [
        '10.0.0.1:4000 > 10.0.0.2:81 tcp 1p 40B SEC 1..2 eni-client out ACCEPT 1',
        '10.0.0.1:4000 > 10.0.0.2:81 tcp 1p 40B SEC 1..60 eni-web in REJECT 1',
        '10.0.0.2:81 > 10.0.0.1:4000 tcp 1p 40B RA 2..2 eni-client in ACCEPT 1',
        '10.0.0.2:81 > 10.0.0.1:4000 tcp 1p 40B RA 2..2 eni-web out ACCEPT 1',
      ],
      { topology },
    ))
})

suite('47 and ENIs', () => {
  test('47 a rejected RST or FIN closes nothing, and REJECT records end with their window', () =>
    becomes(
      [
        '1 10.0.0.1:4000 > 10.0.0.2:81 S',
        '2 10.0.0.1:4000 > 10.0.0.2:81 R',
        '3 10.0.0.2:81 > 10.0.0.1:4000 A',
        '62 10.0.0.1:4000 > 10.0.0.2:81 F',
      ],
      [
        '10.0.0.1:4000 > 10.0.0.2:81 tcp 2p 80B SR 1..2 eni-client out ACCEPT 1',
        '10.0.0.1:4000 > 10.0.0.2:81 tcp 2p 80B SR 1..60 eni-web in REJECT 1',
        '10.0.0.2:81 > 10.0.0.1:4000 tcp 1p 40B A 3..3 eni-client in ACCEPT 1',
        '10.0.0.2:81 > 10.0.0.1:4000 tcp 1p 40B A 3..60 eni-web out ACCEPT 1',
        '10.0.0.1:4000 > 10.0.0.2:81 tcp 1p 40B F 62..120 eni-client out ACCEPT 1',
        '10.0.0.1:4000 > 10.0.0.2:81 tcp 1p 40B F 62..120 eni-web in REJECT 1',
      ],
      { topology },
    ))

  test('47 a connection closes at each of its ENIs, in both families', async () => {
    await becomes(
      [`1 ${c} S`, `2 ${s} SA`, `3 ${c} FA`, `4 ${s} FA`],
      [
        `${c} tcp 2p 80B FSA 1..4 eni-client out ACCEPT 1`,
        `${c} tcp 2p 80B FSA 1..4 eni-web in ACCEPT 1`,
        `${s} tcp 2p 80B FSA 2..4 eni-client in ACCEPT 1`,
        `${s} tcp 2p 80B FSA 2..4 eni-web out ACCEPT 1`,
      ],
      { topology },
    )
    await becomes(
      ['1 [fd00::1]:4000 > [fd00::2]:80 S', '2 [fd00::2]:80 > [fd00::1]:4000 RA'],
      [
        '[fd00::1]:4000 > [fd00::2]:80 tcp 1p 60B S 1..2 eni-client out ACCEPT 1',
        '[fd00::1]:4000 > [fd00::2]:80 tcp 1p 60B S 1..2 eni-web in ACCEPT 1',
        '[fd00::2]:80 > [fd00::1]:4000 tcp 1p 60B RA 2..2 eni-client in ACCEPT 1',
        '[fd00::2]:80 > [fd00::1]:4000 tcp 1p 60B RA 2..2 eni-web out ACCEPT 1',
      ],
      { topology },
    )
  })

  test('2, 63 the key holds ENI, direction and action', () =>
    becomes(
      [
        '1 10.0.0.1:9 > 10.0.0.2:9 udp',
        '2 10.0.0.2:9 > 10.0.0.1:9 udp',
        '40 10.0.0.1:9 > 10.0.0.2:9 udp',
      ],
      [
        '10.0.0.1:9 > 10.0.0.2:9 udp 2p 56B . 1..60 eni-client out ACCEPT 1',
        '10.0.0.1:9 > 10.0.0.2:9 udp 2p 56B . 1..60 eni-web in REJECT 1',
        '10.0.0.2:9 > 10.0.0.1:9 udp 1p 28B . 2..60 eni-client in ACCEPT 1',
        '10.0.0.2:9 > 10.0.0.1:9 udp 1p 28B . 2..60 eni-web out ACCEPT 1',
      ],
      { topology },
    ))

  test('2 replay never deduplicates', () =>
    becomes([`1 ${u} udp`, `1 ${u} udp`], [`${u} udp 2p 56B . 1..60`]))

  test('6 packets of nobody make no record and are counted', async () => {
    const packets = ['1 192.0.2.1:1 > 192.0.2.2:2 udp', '2 192.0.2.1:1 > 192.0.2.2:2 udp']
    const { records, summary } = await replayLines([packets], { topology })
    assert.deepEqual(recordLines(records, 60), [
      'eni-client NODATA 0..60',
      'eni-idle NODATA 0..60',
      'eni-web NODATA 0..60',
    ])
    assert.equal(summary.unassignedPackets, 2)
  })

  // "Flow logs do not capture multicast traffic."
  test('11 multicast makes no record and moves no end; broadcast makes one', () =>
    becomes(
      [
        '1 10.0.0.1:1 > 224.0.0.1:2 udp',
        '1 [fd00::1]:1 > [ff02::1]:2 udp',
        '2 10.0.0.1:1 > 255.255.255.255:2 udp',
        '3 224.0.0.1:1 > 10.0.0.2:2 udp',
        `4 ${c} R`,
        '30 10.0.0.1:4000 > 224.0.0.1:80 A',
      ],
      [
        '10.0.0.1:1 > 255.255.255.255:2 udp 1p 28B . 2..60',
        `${c} tcp 1p 40B R 4..4`,
        '224.0.0.1:1 > 10.0.0.2:2 udp 1p 28B . 3..60',
      ],
    ))
})

suite('54 late packets', () => {
  const late = async (packets: readonly string[], expected: readonly string[], count: number) => {
    const replayed = await replayLines([packets])
    const spoken = replayed.records.filter((record) => record['log-status'] === 'OK')
    assert.deepEqual(recordLines(spoken, 60), expected, packets.join('\n'))
    assert.equal(replayed.summary.latePackets, count, packets.join('\n'))
  }

  test('54 a window closes when a packet 60 s past its end has been read', async () => {
    await late(
      [`0 ${u} udp`, `120 ${u} udp`, `1 ${u} udp`, `2 ${u} udp`],
      [`${u} udp 1p 28B . 0..60`, `${u} udp 2p 56B . 1..60`, `${u} udp 1p 28B . 120..180`],
      2,
    )
    await late(
      [`0 ${u} udp`, `119.999 ${u} udp`, `1 ${u} udp`],
      [`${u} udp 2p 56B . 0..60`, `${u} udp 1p 28B . 119..120`],
      0,
    )
  })

  test('54 also when many packets lie between, in other batches', async () => {
    for (const between of [100, 255, 256, 600]) {
      const others = Array.from(
        { length: between },
        (_, i) => `130 10.0.${i % 9}.1:1 > 10.0.0.2:2 udp`,
      )
      const { records, summary } = await replayLines([[`0 ${u} udp`, ...others, `1 ${u} udp`]])
      const own = records.filter((record) => record.dstport === '53')
      assert.deepEqual(recordLines(own, 60), [`${u} udp 1p 28B . 0..60`, `${u} udp 1p 28B . 1..60`])
      assert.equal(summary.latePackets, 1)
    }
  })

  test('54 a multicast packet is read too; a window that nobody saw open is over all the same', async () => {
    await late(
      [`0 ${u} udp`, '120 10.0.0.1:1 > 224.0.0.1:2 udp', `1 ${u} udp`],
      [`${u} udp 1p 28B . 0..60`, `${u} udp 1p 28B . 1..60`],
      1,
    )
    await late(
      [`500 ${u} udp`, `1 ${u} udp`],
      [`${u} udp 1p 28B . 1..60`, `${u} udp 1p 28B . 500..540`],
      1,
    )
  })

  test('54 several windows wait at once; each closes in its turn', () =>
    late(
      [
        `0 ${u} udp`,
        `61 ${u} udp`,
        `119 ${u} udp`,
        `59 ${u} udp`,
        `179 ${u} udp`,
        `60 ${u} udp`,
        `3 ${u} udp`,
      ],
      [
        `${u} udp 1p 28B . 3..60`,
        `${u} udp 2p 56B . 0..60`,
        `${u} udp 3p 84B . 60..120`,
        `${u} udp 1p 28B . 179..180`,
      ],
      1,
    ))

  test('54 more late windows than are held open lose nothing', async () => {
    const packets = Array.from({ length: 300 }, (_, i) => `${(300 - i) * 60} ${u} udp`)
    const { records, summary } = await replayLines([[...packets, ...packets]])
    const spoken = records.filter((record) => record['log-status'] === 'OK')
    assert.equal(
      spoken.reduce((sum, record) => sum + Number(record.packets), 0),
      600,
    )
    assert.equal(summary.latePackets, 596)
    assert.equal(records.filter((record) => record['log-status'] === 'NODATA').length, 0)
  })

  test('54 NODATA waits for the end of the file', async () => {
    const { records } = await replayLines([[`0 ${u} udp`, `300 ${u} udp`, `61 ${u} udp`]])
    assert.deepEqual(recordLines(records, 60), [
      `${u} udp 1p 28B . 0..60`,
      `${u} udp 1p 28B . 61..120`,
      'eni-capture NODATA 120..180',
      'eni-capture NODATA 180..240',
      'eni-capture NODATA 240..300',
      `${u} udp 1p 28B . 300..360`,
    ])
  })
})

suite('55 packets without a time', () => {
  test('55 take the time of the packet before them', () =>
    becomes(
      [`10 ${u} udp`, `- ${u} udp`, `70 ${u} udp`, `- ${c} S`],
      [`${u} udp 2p 56B . 10..60`, `${c} tcp 1p 40B S 70..120`, `${u} udp 1p 28B . 70..120`],
    ))

  test('55 also of a packet that makes no record', () =>
    becomes(
      [`10 ${u} udp`, '75 arp', `- ${u} udp`],
      [`${u} udp 1p 28B . 10..60`, `${u} udp 1p 28B . 75..120`],
    ))

  test('55 the first ones that of the first timed one, however many', async () => {
    for (const count of [1, 256, 700])
      await becomes(
        [...Array.from({ length: count }, () => `- ${u} udp`), `65 ${c} S`],
        [`${c} tcp 1p 40B S 65..120`, `${u} udp ${count}p ${28 * count}B . 65..120`],
      )
  })

  test('55 in a file without any time it is 0', () =>
    becomes(
      [`- ${u} udp`, `- ${c} R`],
      [`${c} tcp 1p 40B R ${-begin}..${-begin}`, `${u} udp 1p 28B . ${-begin}..${60 - begin}`],
    ))
})

suite('56 NODATA', () => {
  // "The network interface sent or received no traffic during the capture window."
  test('56 from the window of the first frame to that of the last, of whatever kind', async () => {
    const packets = ['10 arp', `130 ${u} udp`, '250 10.0.0.1:1 > 224.0.0.1:2 udp', '301 arp']
    assert.deepEqual(linesOf(await replayLines([packets])), [
      'eni-capture NODATA 0..60',
      'eni-capture NODATA 60..120',
      `${u} udp 1p 28B . 130..180`,
      'eni-capture NODATA 180..240',
      'eni-capture NODATA 240..300',
      'eni-capture NODATA 300..360',
    ])
  })

  test('56 a capture of frames that are not IP says so; one without frames says nothing', async () => {
    assert.deepEqual(linesOf(await replayLines([['10 arp']])), ['eni-capture NODATA 0..60'])
    assert.deepEqual(linesOf(await replayLines([['700 arp']], { windowSeconds: 600 }), 600), [
      'eni-capture NODATA 600..1200',
    ])
    assert.deepEqual(linesOf(await replayLines([[]])), [])
    assert.deepEqual(linesOf(await replayLines([[], []], { topology })), [])
  })

  test('56 every file counts, and the order of frames does not', async () => {
    const replayed = await replayLines([['200 arp', '70 arp'], [`130 ${u} udp`], []])
    assert.deepEqual(linesOf(replayed), [
      'eni-capture NODATA 60..120',
      `${u} udp 1p 28B . 130..180`,
      'eni-capture NODATA 180..240',
    ])
  })

  test('56 one record per covered ENI and window; a REJECT record is traffic', async () => {
    const packets = ['5 10.0.0.7:9 > 10.0.0.2:22 S', '65 10.0.0.1:9 > 192.0.2.1:9 udp']
    assert.deepEqual(linesOf(await replayLines([packets], { topology })), [
      '10.0.0.7:9 > 10.0.0.2:22 tcp 1p 40B S 5..60 eni-web in REJECT 1',
      'eni-client NODATA 0..60',
      'eni-idle NODATA 0..60',
      '10.0.0.1:9 > 192.0.2.1:9 udp 1p 28B . 65..120 eni-client out ACCEPT 0',
      'eni-idle NODATA 60..120',
      'eni-web NODATA 60..120',
    ])
  })

  test('56 with a tap for every file, only the ENIs of the taps are covered', async () => {
    const tapped = topology.replace(
      '{ id: eni-client, ',
      '{ id: eni-client, tap: { capture: "client*.pcap" }, ',
    )
    const bytes = captureOf(['5 arp', `65 ${u} udp`])
    const { records } = await replayMade([{ name: 'client-1.pcap', bytes }], 60, tapped)
    assert.deepEqual(recordLines(records, 60), [
      'eni-client NODATA 0..60',
      `${u} udp 1p 28B . 65..120 eni-client out ACCEPT 1`,
    ])
  })
})

suite('57 SKIPDATA', () => {
  test('57 a cut file makes none: records before the cut, and the place', async () => {
    const whole = captureOf([`5 ${u} udp`, `6 ${u} udp`, `70 ${c} S`])
    const { records, summary } = await replayMade([{ bytes: whole.subarray(0, -1) }])
    assert.deepEqual(recordLines(records, 60), [`${u} udp 2p 56B . 5..60`])
    assert.deepEqual(summary.files[0]!.damage, {
      byte: 24 + 2 * (16 + 42),
      reason: 'the file ends inside a record',
    })
  })

  test('57, 60 loss makes one besides the OK records, and "-" where it does not apply', () => {
    const { windows, records } = collecting(10)
    windows.emitStatus([0], alignedStart(begin, 60), alignedStart(begin + 60, 60), () => true)
    const head =
      '{"version":"1","account-id":"-","eni-id":"eni-x","vm-id":"i-1","vswitch-id":"vsw-1",' +
      '"vpc-id":"vpc-1","type":"-","protocol":"-","srcaddr":"-","srcport":"-","dstaddr":"-",' +
      '"dstport":"-","direction":"-","action":"-","packets":"-","bytes":"-",'
    const tail = '"tcp-flags":"-","log-status":"SKIPDATA","traffic_path":"-"}\n'
    assert.equal(
      records(),
      [0, 60]
        .map((at) => `${head}"start":"${begin + at}","end":"${begin + at + 60}",${tail}`)
        .join(''),
    )
  })
})

/** Windows of one ENI whose table holds so many flows. */
function collecting(flowsMax: number) {
  const identity = {
    accountId: '-',
    eniId: 'eni-x',
    vmId: 'i-1',
    vSwitchId: 'vsw-1',
    vpcId: 'vpc-1',
  }
  const assigner = singleEniAssigner(identity, { useDirectionHint: false })
  const parts: Buffer[] = []
  const writer = new RecordTextWriter(assigner.enis, (bytes) => parts.push(Buffer.from(bytes)))
  const windows = new CaptureWindows(
    { windowSeconds: 60, lateSeconds: 60, flowsMax },
    assigner,
    (batch) => writer.write(batch),
  )
  const records = (): string => {
    writer.flush()
    return Buffer.concat(parts).toString()
  }
  return { windows, records }
}

suite('59 to 61 form', () => {
  test('59 the 21 fields of the page, in its order, all strings', async () => {
    const { records } = await replayLines([[`5.5 ${c} SPA+100`]])
    assert.deepEqual(Object.entries(records[0]!), [
      ['version', '1'],
      ['account-id', '-'],
      ['eni-id', 'eni-capture'],
      ['vm-id', '-'],
      ['vswitch-id', '-'],
      ['vpc-id', '-'],
      ['type', 'IPv4'],
      ['protocol', '6'],
      ['srcaddr', '10.0.0.1'],
      ['srcport', '4000'],
      ['dstaddr', '10.0.0.2'],
      ['dstport', '80'],
      ['direction', '-'],
      ['action', 'ACCEPT'],
      ['packets', '1'],
      ['bytes', '140'],
      ['start', String(begin + 5)],
      ['end', String(begin + 60)],
      ['tcp-flags', '26'],
      ['log-status', 'OK'],
      ['traffic_path', '-'],
    ])
  })

  test('60 numbers are numbers in OK records, whatever the protocol', async () => {
    const { records } = await replayLines([
      ['1 10.0.0.1 > 10.0.0.2 icmp+4', '1 [fd00::1] > [fd00::2] icmp6'],
    ])
    const seen = records.map((record) => [
      record.type,
      record.protocol,
      record.srcport,
      record.dstport,
      record['tcp-flags'],
      record.bytes,
    ])
    assert.deepEqual(
      seen.sort((a, b) => (a < b ? -1 : 1)),
      [
        ['IPv4', '1', '0', '0', '0', '32'],
        ['IPv6', '58', '0', '0', '0', '48'],
      ],
    )
  })

  test('60 a NODATA record', async () => {
    const { records } = await replayLines([['5 arp']], { topology })
    assert.deepEqual(Object.entries(records[1]!), [
      ['version', '1'],
      ['account-id', '-'],
      ['eni-id', 'eni-web'],
      ['vm-id', '-'],
      ['vswitch-id', 'vsw-1'],
      ['vpc-id', 'vpc-1'],
      ['type', '-'],
      ['protocol', '-'],
      ['srcaddr', '-'],
      ['srcport', '-'],
      ['dstaddr', '-'],
      ['dstport', '-'],
      ['direction', '-'],
      ['action', '-'],
      ['packets', '-'],
      ['bytes', '-'],
      ['start', String(begin)],
      ['end', String(begin + 60)],
      ['tcp-flags', '-'],
      ['log-status', 'NODATA'],
      ['traffic_path', '-'],
    ])
  })

  test('61 IPv6 as RFC 5952 has it, IPv4-mapped addresses with dots', () =>
    becomes(
      [
        '1 [2001:0DB8:0:0:1:0:0:1]:1 > [2001:db8:0:1:1:1:1:1]:2 udp',
        '1 [::FFFF:1.2.3.4]:1 > [0:0:0:0:0:0:0:1]:2 udp',
      ],
      [
        '[2001:db8::1:0:0:1]:1 > [2001:db8:0:1:1:1:1:1]:2 udp 1p 48B . 1..60',
        '[::ffff:1.2.3.4]:1 > [::1]:2 udp 1p 48B . 1..60',
      ],
    ))
})

suite('62 several files', () => {
  test('62 are merged by time', async () => {
    const replayed = await replayLines([
      [`1 ${c} S`, `10 ${c} FA`, `70 ${u} udp`],
      [`2 ${s} SA`, `11 ${s} FA`, `61 ${u} udp`],
    ])
    assert.deepEqual(linesOf(replayed), [
      `${c} tcp 2p 80B FSA 1..11`,
      `${s} tcp 2p 80B FSA 2..11`,
      `${u} udp 2p 56B . 61..120`,
    ])
  })

  test('62 ties go by the order of the arguments', async () => {
    const reset = [`5 ${c} R`]
    const opened = [`5 ${c} S`]
    assert.deepEqual(linesOf(await replayLines([reset, opened])), [`${c} tcp 2p 80B SR 5..60`])
    assert.deepEqual(linesOf(await replayLines([opened, reset])), [`${c} tcp 2p 80B SR 5..5`])
    const nothing = [`4 ${u} udp`]
    assert.deepEqual(linesOf(await replayLines([nothing, reset, opened])), [
      `${c} tcp 2p 80B SR 5..60`,
      `${u} udp 1p 28B . 4..60`,
    ])
  })

  test('62 nanoseconds decide within a second', async () => {
    const reset = [`5.000000002 ${c} R`]
    const opened = [`5.000000001 ${c} S`]
    assert.deepEqual(linesOf(await replayLines([reset, opened])), [`${c} tcp 2p 80B SR 5..5`])
  })

  test('62 each is read in its own order', async () => {
    // The RST stands behind a later packet in its file, so it is read after the SYN of the other.
    const replayed = await replayLines([[`9 ${u} udp`, `5 ${c} R`], [`6 ${c} S`]])
    assert.deepEqual(linesOf(replayed), [`${c} tcp 2p 80B SR 5..6`, `${u} udp 1p 28B . 9..60`])
  })

  test('62 large files and many of them', async () => {
    const files = Array.from({ length: 7 }, (_, file) =>
      Array.from({ length: 900 }, (__, i) => `${i}.${file} ${u} udp+${file}`),
    )
    const { records } = await replayLines(files, { windowSeconds: 600 })
    assert.deepEqual(recordLines(records, 600), [
      `${u} udp 4200p ${600 * (7 * 28 + 21)}B . 0..600`,
      `${u} udp 2100p ${300 * (7 * 28 + 21)}B . 600..1200`,
    ])
  })

  test('62 records come out window by window', async () => {
    const packets = Array.from({ length: 400 }, (_, i) => `${i} 10.0.0.${i % 7}:1 > 10.0.0.9:2 udp`)
    const { records } = await replayLines([packets])
    const starts = records.map((record) => Math.floor(Number(record.start) / 60))
    assert.deepEqual(
      starts,
      [...starts].sort((a, b) => a - b),
    )
  })
})

suite('a full table', () => {
  test('flows beyond the limit are refused, counted, and the window says SKIPDATA', async () => {
    const { windows, records } = collecting(3)
    const { openCapture, readCaptures, chunkSource } = await import('../src/packet/packet.ts')
    const frames = [1, 2, 3, 4, 5, 1, 5].map(
      (port) => [begin + port, frameOf(`10.0.0.1:${port} > 10.0.0.2:80 udp`)] as const,
    )
    const file = await openCapture(chunkSource('x', [pcapOf(frames)]))
    await readCaptures([file], { addInterface: () => {}, add: (batch) => windows.add(batch) })
    windows.closeAll()
    assert.equal(windows.takeRefused(), 3)
    assert.equal(windows.takeRefused(), 0)
    windows.emitStatus([0], alignedStart(begin, 60), alignedStart(begin, 60), () => true)
    assert.deepEqual(parseLines(records()).map(recordLine), [
      '10.0.0.1:1 > 10.0.0.2:80 udp 2p 56B . 1..60 eni-x - ACCEPT -',
      '10.0.0.1:2 > 10.0.0.2:80 udp 1p 28B . 2..60 eni-x - ACCEPT -',
      '10.0.0.1:3 > 10.0.0.2:80 udp 1p 28B . 3..60 eni-x - ACCEPT -',
      'eni-x SKIPDATA 0..60',
    ])
  })
})
