/** Messages in, rows out: what exported flows become, and what is said of those that never came. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  counterSample,
  type Flow5,
  type Field,
  ipfixMessage,
  netflow5Message,
  netflow9Message,
  optionsTemplate9Of,
  optionsTemplateOf,
  packed,
  rawHeaderOf,
  sampledIpv4,
  sampleOf,
  sentSecond,
  sentUptime,
  setOf,
  sflowMessage,
  templateOf,
} from '../../../test/flow-messages.ts'
import { ipv4Text, ipv6Text } from '../../base/ip.ts'
import {
  about,
  addressBytes,
  etherType,
  ethernet,
  ipv4,
  ipv6,
  joined,
  PacketBatch,
  rowWords,
  tcp,
  udp,
  word,
} from '../../packet/packet.ts'
import { FlowDecoder } from './flow-decoder.ts'

const receivedAt = sentSecond * 1000

/** A decoder whose rows are read as text: `interface hint addresses protocol packets/bytes second flags`. */
class Reader {
  readonly decoder: FlowDecoder
  readonly interfaces: string[] = []
  readonly #batch = new PacketBatch()

  constructor(taps: readonly string[] = [], windowSeconds = 60) {
    this.decoder = new FlowDecoder({
      isTap: (address, ifIndex) => taps.includes(`${address} ${ifIndex}`),
      addInterface: (index, { exporter }) => {
        this.interfaces[index] = `${exporter.address} ${exporter.ifIndex}`
      },
      windowSeconds,
    })
  }

  take(bytes: Uint8Array, at = receivedAt, port = 5000): string[] {
    this.decoder.take(bytes, '192.0.2.1', port, at)
    return this.rows()
  }

  rows(): string[] {
    const lines: string[] = []
    const batch = this.#batch
    while (this.decoder.hasRows) {
      batch.rows = 0
      this.decoder.giveInto(batch)
      for (let row = 0; row < batch.rows; row++) lines.push(this.#line(row * rowWords))
    }
    return lines
  }

  #line(base: number): string {
    const { words } = this.#batch
    const at = (name: keyof typeof word): number => words[base + word[name]]!
    const mark = at('about')
    const six = (mark & about.ipv6) !== 0
    const address = (from: number): string =>
      six ? ipv6Text(words, base + from) : ipv4Text(words[base + from]!)
    const from = `${address(word.source)}:${at('ports') >>> 16}`
    const to = `${address(word.destination)}:${at('ports') & 0xffff}`
    const way = ['-', 'in', 'out'][(mark >>> about.directionShift) & 3]
    const marks = [
      mark & about.multicast ? ' multicast' : '',
      mark & about.broadcast ? ' broadcast' : '',
      mark & about.neighbourDiscovery ? ' neighbour' : '',
    ].join('')
    const when = `${(at('second') >>> 0) - sentSecond}.${at('nanosecond') / 1e6}`
    const flags = (mark >>> about.flagsShift) & 0xff
    const counts = `${at('packets')}/${at('bytes') >>> 0}`
    return `[${this.interfaces[at('interface')]}] ${way} ${from} > ${to} ${mark & 0xff} ${counts} ${when} ${flags}${marks}`
  }

  /** What was lost, in a line each. */
  losses(now = Number.POSITIVE_INFINITY): string[] {
    return this.decoder.takeLosses(now).map((each) => {
      const { exporter, records, datagrams, samples, restarts, samplingFactor } = each
      const when = `${each.since - sentSecond}..${each.until - sentSecond}`
      return `${exporter} ${when}: ${records} records, ${datagrams} datagrams, ${samples} samples, ${restarts} restarts, 1:${samplingFactor}`
    })
  }
}

const flow: Flow5 = { source: '10.0.0.1', destination: '10.0.0.2' }

suite('rows of exported flows', () => {
  test('a flow is a row at the exporter, with the time of its first packet', () => {
    const reader = new Reader()
    const bytes = netflow5Message({ sequence: 0 }, [
      { ...flow, packets: 7, bytes: 700, first: sentUptime - 2500, last: sentUptime - 500 },
    ])
    assert.deepEqual(reader.take(bytes), [
      '[192.0.2.1 -1] - 10.0.0.1:1000 > 10.0.0.2:80 17 7/700 -3.500 0',
    ])
  })

  test('a flow through two taps is in at the one and out at the other', () => {
    const reader = new Reader(['192.0.2.1 3', '192.0.2.1 4'])
    const f = (input: number, output: number, want: string[]) => {
      const rows = reader.take(netflow5Message({ sequence: 0 }, [{ ...flow, input, output }]))
      assert.deepEqual(
        rows.map((row) => row.split(' 10.')[0]),
        want,
      )
    }
    f(3, 4, ['[192.0.2.1 3] in', '[192.0.2.1 4] out'])
    f(4, 3, ['[192.0.2.1 4] in', '[192.0.2.1 3] out'])
    f(3, 9, ['[192.0.2.1 3] in'])
    f(9, 3, ['[192.0.2.1 3] out'])
    f(3, 0, ['[192.0.2.1 3] in'])
    f(3, 3, ['[192.0.2.1 3] -'])
    f(8, 9, ['[192.0.2.1 -1] -'])
    f(0, 0, ['[192.0.2.1 -1] -'])
  })

  test('a probe that names one interface twice, or none, saw a packet once', () => {
    const reader = new Reader(['192.0.2.1 0'])
    const [row] = reader.take(netflow5Message({ sequence: 0 }, [flow]))
    assert.match(row!, /^\[192\.0\.2\.1 0\] - /)
  })

  // records.md 47: `end` is when the connection was closed, if it was in the window.
  test('FIN and RST come in a row of no packets at the last second, if it is in the same window', () => {
    const closing = { ...flow, protocol: 6, packets: 9, bytes: 900, flags: 0x1b }
    const f = (first: number, last: number, windowSeconds: number, want: string[]) => {
      const uptimes = { first: sentUptime + first * 1000, last: sentUptime + last * 1000 }
      const rows = new Reader([], windowSeconds).take(
        netflow5Message({ sequence: 0 }, [{ ...closing, ...uptimes }]),
      )
      assert.deepEqual(
        rows.map((row) => row.split(' 6 ')[1]),
        want,
      )
    }
    // 1,700,000,000 is 20 seconds into a minute.
    f(-20, 19, 60, ['9/900 -20.0 26', '0/0 19.0 1'])
    f(-20, 40, 60, ['9/900 -20.0 26'])
    f(-20, 40, 300, ['9/900 -20.0 26', '0/0 40.0 1'])
    f(5, 5, 60, ['9/900 5.0 27'])
  })

  test('multicast, broadcast and neighbour discovery are marked as in frames', () => {
    const reader = new Reader()
    const [multicast, broadcast] = reader.take(
      netflow5Message({ sequence: 0 }, [
        { ...flow, destination: '224.0.0.251' },
        { ...flow, destination: '255.255.255.255' },
      ]),
    )
    assert.match(multicast!, / 0 multicast$/)
    assert.match(broadcast!, / 0 broadcast$/)
    const fields: Field[] = [
      [27, 16],
      [28, 16],
      [4, 1],
      [139, 2],
      [1, 4],
      [2, 4],
    ]
    const solicitation = packed([
      addressBytes('fe80::1'),
      addressBytes('ff02::1:ff00:2'),
      [58, 1],
      [135 << 8, 2],
      [72, 4],
      [1, 4],
    ])
    assert.deepEqual(
      reader.take(
        ipfixMessage({ sequence: 0 }, [
          setOf(2, templateOf(256, fields)),
          setOf(256, solicitation),
        ]),
      ),
      ['[192.0.2.1 -1] - fe80::1:0 > ff02::1:ff00:2:0 58 1/72 0.0 0 multicast neighbour'],
    )
  })

  test('ICMP has no ports', () => {
    const icmp = { ...flow, protocol: 1, ports: [0, 0x0800] } as const
    assert.match(
      new Reader().take(netflow5Message({ sequence: 0 }, [icmp]))[0]!,
      /10\.0\.0\.1:0 > 10\.0\.0\.2:0 1 /,
    )
  })

  test('what a row cannot hold is several rows', () => {
    const reader = new Reader()
    const fields: Field[] = [...tuple, [1, 8], [2, 8]]
    const bytes = 3 * 0xffff_ffff + 5
    const packets = 0x7fff_ffff + 2
    const rows = reader.take(
      ipfixMessage({ sequence: 0 }, [
        setOf(2, templateOf(256, fields)),
        setOf(256, packed([...tupleValues, [bytes, 8], [packets, 8]])),
      ]),
    )
    const counts = rows.map((row) => row.split(' 17 ')[1]!.split(' ')[0])
    assert.deepEqual(counts, ['2147483647/4294967295', '2/4294967295', '0/4294967295', '0/5'])
  })
})

/** Source and destination, ports, protocol. */
const tuple: readonly Field[] = [
  [8, 4],
  [12, 4],
  [7, 2],
  [11, 2],
  [4, 1],
]
const tupleValues: readonly (readonly [number, number] | Uint8Array)[] = [
  addressBytes('10.0.0.1'),
  addressBytes('10.0.0.2'),
  [1000, 2],
  [80, 2],
  [17, 1],
]
const counted: readonly Field[] = [...tuple, [1, 4], [2, 4]]
const countedRecord = (bytes: number, packets = 1): Uint8Array =>
  packed([...tupleValues, [bytes, 4], [packets, 4]])
const countsOf = (rows: readonly string[]): string[] =>
  rows.map((row) => row.split(' 17 ')[1]!.split(' ')[0]!)

suite('templates', () => {
  test('a template is known per exporter and domain, and may change', () => {
    const reader = new Reader()
    const data = (sequence: number, domain: number, bytes: number) =>
      reader.take(netflow9Message({ sequence, domain }, [setOf(256, countedRecord(bytes))]))
    reader.take(netflow9Message({ sequence: 0, domain: 1 }, [setOf(0, templateOf(256, counted))]))
    assert.deepEqual(countsOf(data(1, 1, 500)), ['1/500'])
    assert.deepEqual(data(0, 2, 500), [], 'another domain has told nothing')
    const swapped: Field[] = [...tuple, [2, 4], [1, 4]]
    reader.take(netflow9Message({ sequence: 2, domain: 1 }, [setOf(0, templateOf(256, swapped))]))
    assert.deepEqual(countsOf(data(3, 1, 500)), ['500/1'])
    assert.equal(reader.decoder.counters.templates, 2)
  })

  test('data that comes before its template waits for it', () => {
    const reader = new Reader()
    const early = setOf(256, joined([countedRecord(100), countedRecord(200)]))
    assert.deepEqual(reader.take(ipfixMessage({ sequence: 0 }, [early])), [])
    const rows = reader.take(
      ipfixMessage({ sequence: 2 }, [
        setOf(2, templateOf(256, counted)),
        setOf(256, countedRecord(300)),
      ]),
    )
    assert.deepEqual(countsOf(rows), ['1/100', '1/200', '1/300'])
    assert.deepEqual(reader.losses(), [], 'nothing was lost')
  })

  test('data whose template never comes is counted by the sequence numbers', () => {
    const reader = new Reader()
    reader.take(ipfixMessage({ sequence: 0 }, [setOf(256, new Uint8Array(500))]))
    reader.take(ipfixMessage({ sequence: 20 }, [setOf(2, templateOf(300, counted))]))
    assert.deepEqual(reader.losses(receivedAt + 600_000), [
      '192.0.2.1 0..0: 20 records, 0 datagrams, 0 samples, 0 restarts, 1:1',
    ])
    assert.equal(reader.decoder.counters.undecodableSets, 1)
  })

  test('a template can be withdrawn, alone or with all others', () => {
    const reader = new Reader()
    const templates = (sequence: number) =>
      ipfixMessage({ sequence }, [
        setOf(2, joined([256, 257].map((id) => templateOf(id, counted)))),
      ])
    const withdraw = (id: number) => ipfixMessage({ sequence: 0 }, [setOf(2, templateOf(id, []))])
    const data = (id: number) =>
      reader.take(ipfixMessage({ sequence: 0 }, [setOf(id, countedRecord(100 + id))])).length
    reader.take(templates(0))
    reader.take(withdraw(256))
    assert.deepEqual([data(256), data(257)], [0, 1])
    reader.take(templates(1))
    reader.take(withdraw(2))
    assert.deepEqual([data(256), data(257)], [0, 0])
  })

  test('fields of other enterprises, of varying length and padding are passed over', () => {
    const reader = new Reader()
    const fields: Field[] = [[1, 65535, 9999], ...tuple, [82, 65535], [1, 3], [2, 1]]
    const record = (name: Uint8Array, bytes: number) =>
      packed([packed([[3, 1]]), new Uint8Array(3), ...tupleValues, name, [bytes, 3], [2, 1]])
    const short = packed([[2, 1], new Uint8Array(2)])
    const long = packed([[255, 1], [300, 2], new Uint8Array(300)])
    const rows = reader.take(
      ipfixMessage({ sequence: 0 }, [
        setOf(2, joined([templateOf(256, fields), new Uint8Array(2)])),
        setOf(256, joined([record(short, 70_000), record(long, 80_000), new Uint8Array(3)])),
      ]),
    )
    assert.deepEqual(countsOf(rows), ['2/70000', '2/80000'])
    assert.equal(reader.decoder.counters.malformed, 0)
  })

  test('total and post counts are taken where there are no delta counts', () => {
    const f = (fields: Field[], want: string) => {
      const values = fields.map(([element, length]) => [element, length] as const)
      const rows = new Reader().take(
        ipfixMessage({ sequence: 0 }, [
          setOf(2, templateOf(256, [...tuple, ...fields])),
          setOf(256, packed([...tupleValues, ...values])),
        ]),
      )
      assert.deepEqual(countsOf(rows), [want])
    }
    f(
      [
        [85, 8],
        [86, 8],
      ],
      '86/85',
    )
    f(
      [
        [23, 4],
        [24, 4],
      ],
      '24/23',
    )
    f(
      [
        [1, 4],
        [2, 4],
        [85, 8],
        [86, 8],
      ],
      '2/1',
    )
  })

  test('both directions of one record are two flows', () => {
    const fields: Field[] = [...counted, [1, 4, 29305], [2, 4, 29305]]
    const rows = new Reader().take(
      ipfixMessage({ sequence: 0 }, [
        setOf(2, templateOf(256, fields)),
        setOf(
          256,
          joined([
            countedRecord(500, 5),
            packed([
              [90, 4],
              [3, 4],
            ]),
          ]),
        ),
      ]),
    )
    assert.deepEqual(rows, [
      '[192.0.2.1 -1] - 10.0.0.1:1000 > 10.0.0.2:80 17 5/500 0.0 0',
      '[192.0.2.1 -1] - 10.0.0.2:80 > 10.0.0.1:1000 17 3/90 0.0 0',
    ])
  })

  test('times of every form', () => {
    const ntp = (second: number) => second + 2_208_988_800
    const f = (fields: Field[], values: readonly (readonly [number, number])[], want: string) => {
      const [row] = new Reader().take(
        ipfixMessage({ sequence: 0 }, [
          setOf(2, templateOf(256, [...counted, ...fields])),
          setOf(256, joined([countedRecord(1), packed(values)])),
        ]),
      )
      assert.equal(row!.split(' ').at(-2), want)
    }
    f([[150, 4]], [[sentSecond - 5, 4]], '-5.0')
    f([[152, 8]], [[receivedAt - 4999, 8]], '-5.1')
    f(
      [[156, 8]],
      [
        [ntp(sentSecond - 7), 4],
        [0x8000_0000, 4],
      ],
      '-7.500',
    )
    f(
      [[154, 8]],
      [
        [ntp(sentSecond - 7), 4],
        [0x4000_0000, 4],
      ],
      '-7.250',
    )
    f([[158, 4]], [[1_500_000, 4]], '-2.500')
    f(
      [
        [160, 8],
        [22, 4],
      ],
      [
        [receivedAt - 10_000, 8],
        [4000, 4],
      ],
      '-6.0',
    )
    // 50 days up: the counter of milliseconds has begun anew.
    f(
      [
        [160, 8],
        [22, 4],
      ],
      [
        [receivedAt - 50 * 86_400_000, 8],
        [50 * 86_400_000 - 2 ** 32 - 6000, 4],
      ],
      '-6.0',
    )
    f(
      [
        [153, 8],
        [161, 4],
      ],
      [
        [receivedAt - 1000, 8],
        [8000, 4],
      ],
      '-9.0',
    )
    f([], [], '0.0')
  })

  test('records without counts, without IP and without packets make no rows', () => {
    const reader = new Reader()
    const take = (fields: readonly Field[], record: Uint8Array) =>
      reader.take(
        ipfixMessage({ sequence: 0 }, [setOf(2, templateOf(256, fields)), setOf(256, record)]),
      )
    const { counters } = reader.decoder
    assert.deepEqual(
      take(
        [
          [56, 6],
          [1, 4],
          [2, 4],
        ],
        packed([
          [1, 6],
          [100, 4],
          [1, 4],
        ]),
      ),
      [],
    )
    assert.equal(counters.nonIp, 1)
    assert.deepEqual(take(counted, countedRecord(0, 0)), [])
    assert.equal(counters.empty, 1)
    assert.deepEqual(take(tuple, packed(tupleValues)), [])
    assert.equal(counters.uncountable, 1)
    assert.deepEqual(
      take([...tuple, [1, 8], [2, 8]], packed([...tupleValues, [2 ** 50, 8], [9, 8]])),
      [],
    )
    assert.equal(counters.uncountable, 2)
  })
})

suite('sampling', () => {
  const sampled = (reader: Reader) => reader.losses(receivedAt)

  test('v5 says it in its header: rows are multiplied, and the factor is told', () => {
    const reader = new Reader()
    const rows = reader.take(
      netflow5Message({ sequence: 0, sampling: 0x4000 | 100 }, [
        { ...flow, packets: 2, bytes: 90 },
      ]),
    )
    assert.deepEqual(countsOf(rows), ['200/9000'])
    assert.deepEqual(sampled(reader), [
      '192.0.2.1 0..0: 0 records, 0 datagrams, 0 samples, 0 restarts, 1:100',
    ])
    assert.deepEqual(sampled(reader), [], 'told once')
    assert.deepEqual([...reader.decoder.samplingFactors], [['192.0.2.1', 100]])
  })

  test('options of v9 say it of a sampler; until then the factor is 0 and rows are as told', () => {
    const reader = new Reader()
    const fields: Field[] = [...counted, [48, 1]]
    const data = (sequence: number, sampler: number) =>
      reader.take(
        netflow9Message({ sequence }, [
          setOf(0, templateOf(256, fields)),
          setOf(256, joined([countedRecord(60), packed([[sampler, 1]])])),
        ]),
      )
    assert.deepEqual(countsOf(data(0, 1)), ['1/60'])
    assert.match(sampled(reader)[0]!, /1:0$/)
    const options = optionsTemplate9Of(
      257,
      [[1, 4]],
      [
        [48, 1],
        [49, 1],
        [50, 4],
      ],
    )
    reader.take(
      netflow9Message({ sequence: 1 }, [
        setOf(1, options),
        setOf(
          257,
          packed([
            [0, 4],
            [1, 1],
            [2, 1],
            [1024, 4],
          ]),
        ),
      ]),
    )
    assert.deepEqual(countsOf(data(2, 1)), ['1024/61440'])
    assert.deepEqual(countsOf(data(3, 0)), ['1/60'], 'sampler 0 is none')
  })

  test('options of v9 say it of an interface', () => {
    const reader = new Reader()
    const fields: Field[] = [...counted, [10, 4]]
    const options = optionsTemplate9Of(
      257,
      [[2, 4]],
      [
        [34, 4],
        [35, 1],
      ],
    )
    reader.take(
      netflow9Message({ sequence: 0 }, [
        setOf(1, options),
        setOf(
          257,
          packed([
            [7, 4],
            [50, 4],
            [1, 1],
          ]),
        ),
        setOf(0, templateOf(256, fields)),
      ]),
    )
    const data = (sequence: number, input: number) =>
      reader.take(
        netflow9Message({ sequence }, [
          setOf(256, joined([countedRecord(60), packed([[input, 4]])])),
        ]),
      )
    assert.deepEqual(countsOf(data(1, 7)), ['50/3000'])
    assert.deepEqual(countsOf(data(2, 8)), ['1/60'])
  })

  test('options of IPFIX say one packet and so many between, or a probability', () => {
    const f = (fields: Field[], values: Uint8Array, want: string) => {
      const reader = new Reader()
      const rows = reader.take(
        ipfixMessage({ sequence: 0 }, [
          setOf(3, optionsTemplateOf(300, 1, [[143, 4], ...fields])),
          setOf(300, joined([packed([[1, 4]]), values])),
          setOf(2, templateOf(256, counted)),
          setOf(256, countedRecord(50)),
        ]),
      )
      assert.deepEqual(countsOf(rows), [want])
    }
    f(
      [
        [305, 2],
        [306, 4],
      ],
      packed([
        [1, 2],
        [99, 4],
      ]),
      '100/5000',
    )
    f(
      [
        [309, 4],
        [310, 4],
      ],
      packed([
        [2, 4],
        [40, 4],
      ]),
      '20/1000',
    )
    const quarter = new Uint8Array(8)
    new DataView(quarter.buffer).setFloat64(0, 0.25)
    f([[311, 8]], quarter, '4/200')
  })

  test('what is metered at both interfaces is counted once at each', () => {
    const reader = new Reader(['192.0.2.1 3', '192.0.2.1 4'])
    const fields: Field[] = [...counted, [10, 4], [14, 4], [61, 1]]
    const view = (direction: number) =>
      joined([
        countedRecord(60),
        packed([
          [3, 4],
          [4, 4],
          [direction, 1],
        ]),
      ])
    const message = (sequence: number) =>
      ipfixMessage({ sequence }, [
        setOf(2, templateOf(256, fields)),
        setOf(256, joined([view(0), view(1)])),
      ])
    reader.take(message(0))
    const rows = reader.take(message(2))
    assert.deepEqual(
      rows.map((row) => row.split(' 10.')[0]),
      ['[192.0.2.1 3] in', '[192.0.2.1 4] out'],
    )
    assert.equal(reader.decoder.secondViews, 3)
  })
})

suite('sFlow', () => {
  const frame = ethernet(
    {},
    etherType.ipv4,
    ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2' },
      tcp({ sourcePort: 5, destinationPort: 6, flags: 18, payload: new Uint8Array(960) }),
    ),
  )

  test('a sampled packet is a row of so many packets of its length at the IP layer', () => {
    const reader = new Reader(['192.0.2.9 3', '192.0.2.9 4'])
    const sample = { sequence: 0, rate: 512, output: 4, records: [rawHeaderOf(frame)] }
    for (const expanded of [false, true])
      assert.deepEqual(
        reader.take(
          sflowMessage({ sequence: expanded ? 1 : 0 }, [
            sampleOf({ ...sample, expanded, sequence: expanded ? 1 : 0 }),
          ]),
          receivedAt + 250,
        ),
        [
          '[192.0.2.9 3] in 10.0.0.1:5 > 10.0.0.2:6 6 512/512000 0.250 18',
          '[192.0.2.9 4] out 10.0.0.1:5 > 10.0.0.2:6 6 512/512000 0.250 18',
        ],
      )
    assert.deepEqual(reader.losses(receivedAt), [
      '192.0.2.9 0..0: 0 records, 0 datagrams, 0 samples, 0 restarts, 1:512',
    ])
  })

  test('headers of other kinds, and those that the agent read itself', () => {
    const six = ipv6(
      { source: 'fd00::1', destination: 'fd00::2' },
      udp({ sourcePort: 7, destinationPort: 8 }),
    )
    const f = (record: Uint8Array, want: string) => {
      const samples = [
        counterSample(1),
        sampleOf({
          sequence: 0,
          rate: 1,
          records: [new Uint8Array([0, 0, 3, 233, 0, 0, 0, 0]), record],
        }),
      ]
      const [row] = new Reader().take(sflowMessage({ sequence: 0 }, samples))
      assert.equal(row?.slice('[192.0.2.9 -1] - '.length), want)
    }
    f(rawHeaderOf(six, 128, 12), 'fd00::1:7 > fd00::2:8 17 1/48 0.0 0')
    f(
      sampledIpv4({
        length: 1500,
        protocol: 6,
        source: '10.0.0.1',
        destination: '10.0.0.2',
        ports: [1, 2],
        flags: 2,
      }),
      '10.0.0.1:1 > 10.0.0.2:2 6 1/1500 0.0 2',
    )
    f(
      sampledIpv4({
        length: 90,
        protocol: 17,
        source: 'fd00::1',
        destination: 'ff02::2',
        ports: [1, 2],
        flags: 0,
      }),
      'fd00::1:1 > ff02::2:2 17 1/90 0.0 0 multicast',
    )
  })

  test('datagrams, samples and packets that an agent dropped are counted', () => {
    const reader = new Reader()
    const message = (sequence: number, sample: number, drops: number) =>
      sflowMessage({ sequence, uptime: sentUptime + sequence * 1000 }, [
        sampleOf({ sequence: sample, rate: 1, drops, records: [rawHeaderOf(frame)] }),
      ])
    reader.take(message(10, 100, 5), receivedAt)
    reader.take(message(11, 101, 5), receivedAt + 1000)
    assert.deepEqual(reader.losses(), [])
    reader.take(message(14, 108, 9), receivedAt + 4000)
    assert.deepEqual(reader.losses(), [
      '192.0.2.9 1..4: 0 records, 2 datagrams, 10 samples, 0 restarts, 1:1',
    ])
  })
})

suite('what was lost', () => {
  const at = (seconds: number): number => receivedAt + seconds * 1000
  const v5 = (sequence: number, seconds: number, flows = 2) =>
    netflow5Message(
      { sequence, second: sentSecond + seconds, uptime: sentUptime + seconds * 1000 },
      Array.from({ length: flows }, (_, i) => ({
        ...flow,
        ports: [sequence + i, 80] as const,
        first: sentUptime + seconds * 1000,
      })),
    )

  test('v5 counts flows: a gap is a loss since the datagram before it', () => {
    const reader = new Reader()
    reader.take(v5(0, 0), at(0))
    reader.take(v5(2, 1), at(1))
    reader.take(v5(14, 5), at(5))
    assert.deepEqual(reader.losses(at(6)), [], 'what is late may still come')
    assert.deepEqual(reader.losses(at(7)), [
      '192.0.2.1 1..5: 10 records, 0 datagrams, 0 samples, 0 restarts, 1:1',
    ])
    assert.deepEqual(reader.losses(), [])
  })

  test('the sequence passes 2^32', () => {
    const reader = new Reader()
    reader.take(v5(2 ** 32 - 1, 0), at(0))
    reader.take(v5(1, 1), at(1))
    assert.deepEqual(reader.losses(), [])
  })

  test('datagrams out of order fill their gap and are counted once', () => {
    const reader = new Reader()
    let rows = 0
    for (const [sequence, seconds] of [
      [0, 0],
      [6, 3],
      [2, 1],
      [2, 1],
      [4, 2],
      [8, 4],
      [8, 4],
    ] as const)
      rows += reader.take(v5(sequence, seconds), at(4)).length
    assert.equal(rows, 10)
    assert.deepEqual(reader.losses(), [])
    const { reordered, repeated } = reader.decoder.counters
    assert.deepEqual({ reordered, repeated }, { reordered: 2, repeated: 2 })
  })

  test('a restart is told, and counting goes on from there', () => {
    const reader = new Reader()
    reader.take(v5(100, 0), at(0))
    const again = (sequence: number, seconds: number) =>
      netflow5Message({ sequence, second: sentSecond + seconds, uptime: (seconds - 10) * 1000 }, [
        { ...flow, first: 0 },
      ])
    assert.equal(reader.take(again(0, 12), at(12)).length, 1)
    assert.equal(reader.take(again(1, 13), at(13)).length, 1)
    reader.take(again(5, 14), at(14))
    assert.deepEqual(reader.losses(), [
      '192.0.2.1 -4..14: 3 records, 0 datagrams, 0 samples, 1 restarts, 1:1',
    ])
  })

  test('v9 counts datagrams, for each source id and each process that sends', () => {
    const reader = new Reader()
    const v9 = (sequence: number, domain: number, port: number) =>
      reader.take(netflow9Message({ sequence, domain }, []), receivedAt, port)
    v9(5, 0, 5000)
    v9(90, 1, 5000)
    v9(700, 0, 5001)
    v9(6, 0, 5000)
    v9(701, 0, 5001)
    v9(95, 1, 5000)
    assert.deepEqual(reader.losses(), [
      '192.0.2.1 0..0: 0 records, 4 datagrams, 0 samples, 0 restarts, 1:1',
    ])
  })

  test('IPFIX counts data records', () => {
    const reader = new Reader()
    const message = (sequence: number, records: number) =>
      reader.take(
        ipfixMessage({ sequence }, [
          setOf(2, templateOf(256, counted)),
          setOf(256, joined(Array.from({ length: records }, () => countedRecord(9)))),
        ]),
      )
    message(0, 3)
    message(3, 4)
    message(10, 1)
    assert.deepEqual(reader.losses(), [
      '192.0.2.1 0..0: 3 records, 0 datagrams, 0 samples, 0 restarts, 1:1',
    ])
  })

  test('a loss reaches back as far as the longest flow that was exported', () => {
    const reader = new Reader()
    const long = { ...flow, first: sentUptime - 120_000, last: sentUptime }
    reader.take(netflow5Message({ sequence: 0 }, [long]), at(0))
    reader.take(v5(9, 1), at(1))
    assert.match(reader.losses()[0]!, /^192\.0\.2\.1 -120\.\.1: 8 records/)
  })

  test('a datagram that is cut is a loss of what is missing', () => {
    const reader = new Reader()
    const bytes = v5(0, 0, 4)
    assert.equal(reader.take(bytes.subarray(0, 24 + 48 + 20), at(0)).length, 1)
    assert.deepEqual(reader.losses(), [
      '192.0.2.1 0..0: 3 records, 0 datagrams, 0 samples, 0 restarts, 1:1',
    ])
  })

  test('what is no export is counted and nothing else', () => {
    const reader = new Reader()
    const f = (bytes: number[]) => assert.deepEqual(reader.take(Uint8Array.from(bytes)), [])
    f([])
    f([5])
    f([0, 1, 0, 2, 0, 0, 0, 0])
    f([71, 69, 84, 32, 47])
    assert.equal(reader.decoder.counters.unknown, 3)
    assert.deepEqual(reader.losses(), [])
  })

  test('templates are bounded', () => {
    const reader = new Reader()
    for (let message = 0; message < 40; message++) {
      const templates = Array.from({ length: 50 }, (_, i) =>
        templateOf(256 + message * 50 + i, counted),
      )
      reader.take(netflow9Message({ sequence: message }, [setOf(0, joined(templates))]))
    }
    assert.equal(reader.decoder.counters.templates, 1024)
    assert.equal(reader.decoder.counters.templatesRefused, 976)
    const wide = Array.from({ length: 513 }, (): Field => [8, 4])
    reader.take(netflow9Message({ sequence: 40, domain: 1 }, [setOf(0, templateOf(256, wide))]))
    assert.equal(reader.decoder.counters.templatesRefused, 977)
    const endless: Field[] = [
      [8, 0],
      [12, 0],
    ]
    reader.take(
      netflow9Message({ sequence: 41, domain: 1 }, [
        setOf(0, templateOf(256, endless)),
        setOf(256, new Uint8Array(100)),
      ]),
    )
    assert.equal(reader.decoder.counters.templatesRefused, 978)
  })

  test('exporters are bounded: the one silent longest is forgotten', () => {
    const reader = new Reader()
    for (let i = 0; i < 1030; i++)
      reader.decoder.take(v5(0, 0), ipv4Text(0x0a000000 + i), 5000, at(0))
    assert.equal(reader.decoder.evicted, 6)
  })
})
