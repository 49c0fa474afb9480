import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { imported } from '../../test/imported.ts'
import { detectFormat } from './formats.ts'

const lines = (...each: readonly string[]): string => `${each.join('\n')}\n`

suite('AWS', () => {
  const line = '2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 10 1000 1700000000 1700000060 ACCEPT OK'

  test('what is malformed is named with its line, counted, and does not stop the rest', async () => {
    const text = lines(
      line,
      line.replace('10.0.0.1', '10.0.0.256'),
      '',
      line.replace(' 1000 ', ' 1e3 '),
      line.replace('ACCEPT', 'MAYBE'),
      line.replace('1700000000', '-'),
      line.replace('1700000000', '1700000000000000'),
      line.replace(' 1 2 6', ' 65536 2 6'),
      line.replace('10.0.0.2', '::1'),
      `${line} more`,
      'hello world',
      line,
    )
    const { rows, malformed, problems } = await imported(text, 'aws', { name: 'a.log' })
    assert.deepEqual([rows.length, malformed], [2, 9])
    assert.deepEqual(problems, [
      'a.log:2: "srcaddr" is "10.0.0.256", not an address',
      'a.log:4: "bytes" is "1e3", not an integer of 0 to 9007199254740991',
      'a.log:5: "action" is "MAYBE"; it may be -, ACCEPT, REJECT',
      'a.log:6: it has no "start"',
      'a.log:7: "start" is "1700000000000000", not an integer of 0 to 253402300799',
      'a.log:8: "srcport" is "65536", not an integer of 0 to 65535',
      'a.log:9: its addresses are of two families',
      'a.log:10: it has 15 values, and no line before it names the fields; say them with --fields',
      'a.log:11: its first value is not a version',
    ])
  })

  test('strict: the first that is malformed ends the reading', async () => {
    await assert.rejects(imported(lines(line, 'x'), 'aws', { name: 'a.log', strict: true }), {
      name: 'FlowLogInvalid',
      message: 'its first value is not a version',
      place: 'a.log:2',
    })
  })

  test('of a million malformed lines the first 20 are told', async () => {
    const { malformed, problems } = await imported('x\n'.repeat(100_000), 'aws')
    assert.deepEqual([malformed, problems.length], [100_000, 20])
  })

  test('a custom format: named by a line of it, as written in the console, or by an option', async () => {
    const names = [
      'start',
      'end',
      'srcaddr',
      'pkt-dstaddr',
      'flow-direction',
      'traffic-path',
      'bytes',
    ]
    const values = '1700000000 1700000060 10.0.0.1 10.0.0.2 egress 8 77'
    const wanted = {
      version: 1,
      type: 'IPv4',
      srcaddr: '10.0.0.1',
      dstaddr: '10.0.0.2',
      direction: 'out',
      bytes: 77,
      start: 1_700_000_000,
      end: 1_700_000_060,
      'log-status': 'OK',
      traffic_path: 13,
      __time__: 1_700_000_000,
    }
    const headed = [names.join(' '), names.map((name) => `\${${name}}`).join(' ')]
    for (const header of headed)
      assert.deepEqual((await imported(lines(header, values), 'aws')).rows, [wanted])
    assert.deepEqual((await imported(lines(values), 'aws', { fields: names })).rows, [wanted])
  })

  test('traffic-path of egress as the codes of the product page', async () => {
    const header = 'start end srcaddr dstaddr traffic-path'
    const of = async (code: number, source: string, target: string) => {
      const text = lines(header, `1700000000 1700000060 ${source} ${target} ${code}`)
      return (await imported(text, 'aws')).rows[0]?.['traffic_path']
    }
    const codes = [1, 2, 3, 4, 5, 6, 7, 8]
    const four = await Promise.all(codes.map((code) => of(code, '10.0.0.1', '10.0.0.2')))
    assert.deepEqual(four, [1, 0, 9, 17, 17, 0, 6, 13])
    assert.equal(await of(8, '2001:db8::1', '2001:db8::2'), 14)
    assert.equal(await of(9, '10.0.0.1', '10.0.0.2'), undefined)
  })

  test('version 10 without a line of names, and lines exported from CloudWatch Logs', async () => {
    const v3 = 'vpc-1 subnet-1 i-1 18 IPv4 10.0.0.1 10.0.0.2'
    const v10 = `${v3} cn-north-1 az1 - - - - egress 7 ${'- '.repeat(10)}- - 0`
    const text = lines(`2026-11-22T10:00:00.000Z ${line}`, `10${line.slice(1)} ${v10}`)
    const { rows, problems } = await imported(text, 'aws')
    assert.deepEqual(problems, [])
    assert.equal(rows[0]?.['bytes'], 1000)
    assert.deepEqual(
      [
        rows[1]?.['vpc-id'],
        rows[1]?.['tcp-flags'],
        rows[1]?.['direction'],
        rows[1]?.['traffic_path'],
      ],
      ['vpc-1', 18, 'out', 6],
    )
  })

  test('batches: so many records, and no more hours than a log store takes at once', async () => {
    const text = lines(...Array.from({ length: 25 }, () => line))
    assert.deepEqual((await imported(text, 'aws', { batchRows: 10 })).batches, [10, 10, 5])
    const hours = lines(
      ...Array.from({ length: 1000 }, (_, i) => line.replace('1700000000', String(3600 * i))),
    )
    assert.deepEqual((await imported(hours, 'aws')).batches, [900, 100])
    const wordy = Array.from({ length: 5000 }, (_, i) =>
      line.replace('eni-1', `eni-${'x'.repeat(1000)}${i}`),
    )
    const { batches } = await imported(lines(...wordy), 'aws')
    assert.ok(batches.length > 1, 'a server takes 32 MiB at once')
    assert.equal(batches[0]! + batches[1]!, 5000)
    assert.deepEqual((await imported('', 'aws')).batches, [0])
  })
})

suite('Azure', () => {
  const resourceId =
    '/SUBSCRIPTIONS/S1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/N'
  const nsg = (...flowTuples: unknown[]) => ({
    time: '2026-11-22T10:00:00Z',
    category: 'NetworkSecurityGroupFlowEvent',
    resourceId,
    properties: { flows: [{ rule: 'R', flows: [{ mac: '000D3A', flowTuples }] }] },
  })
  const brief = ({ rows }: Awaited<ReturnType<typeof imported>>) =>
    rows.map((row) =>
      ['srcaddr', 'dstaddr', 'protocol', 'direction', 'action', 'packets', 'bytes', 'start'].map(
        (name) => row[name],
      ),
    )

  test('NSG version 1 has no counts; denied and begun flows of version 2 have none', async () => {
    const read = await imported(
      JSON.stringify(
        nsg(
          '1700000000,192.0.2.1,10.0.0.4,1,2,U,I,A',
          '1700000001,192.0.2.1,10.0.0.4,1,2,T,I,D,B,,,,',
          '1700000002,10.0.0.4,192.0.2.1,1,2,T,O,A,B,,,,',
          '1700000003,10.0.0.4,192.0.2.1,1,2,T,O,A,C,5,500,0,0',
        ),
      ),
      'azure',
    )
    assert.deepEqual(brief(read), [
      ['192.0.2.1', '10.0.0.4', 17, 'in', 'ACCEPT', undefined, undefined, 1_700_000_000],
      ['192.0.2.1', '10.0.0.4', 6, 'in', 'REJECT', undefined, undefined, 1_700_000_001],
      ['10.0.0.4', '192.0.2.1', 6, 'out', 'ACCEPT', undefined, undefined, 1_700_000_002],
      ['10.0.0.4', '192.0.2.1', 6, 'out', 'ACCEPT', 5, 500, 1_700_000_003],
    ])
    assert.deepEqual([read.rows[0]?.['account-id'], read.rows[0]?.['eni-id']], ['s1', '000D3A'])
  })

  test('virtual network flow log, version 4: a blob with "records" around, printed over lines', async () => {
    const target =
      '/subscriptions/S1/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/V/subnets/N'
    const record = {
      time: '2026-11-22T10:00:00Z',
      flowLogVersion: 4,
      macAddress: '112233445566',
      category: 'FlowLogFlowEvent',
      targetResourceID: target,
      flowRecords: {
        flows: [
          {
            aclID: 'a',
            flowGroups: [
              {
                rule: 'R',
                flowTuples: [
                  '1700000000999,10.0.0.6,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0',
                  '1700000001000,10.0.0.6,192.0.2.180,23956,443,6,O,E,NX,3,767,2,1580',
                  '1700000002000,2001:db8::1,2001:db8::2,0,0,58,I,D,NX,0,0,0,0',
                ],
              },
            ],
          },
        ],
      },
    }
    const wanted = [
      ['10.0.0.6', '192.0.2.180', 6, 'out', 'ACCEPT', 0, 0, 1_700_000_000],
      ['10.0.0.6', '192.0.2.180', 6, 'out', 'ACCEPT', 3, 767, 1_700_000_001],
      ['192.0.2.180', '10.0.0.6', 6, 'in', 'ACCEPT', 2, 1580, 1_700_000_001],
      ['2001:db8::1', '2001:db8::2', 58, 'in', 'REJECT', 0, 0, 1_700_000_002],
    ]
    for (const indent of [0, 2]) {
      const text = JSON.stringify({ records: [record, record] }, null, indent)
      assert.equal(detectFormat(text), 'azure')
      for (const size of [1, 13, 65_536]) {
        const read = await imported(text, 'azure', {}, size)
        assert.deepEqual(brief(read), [...wanted, ...wanted])
        const [first] = read.rows
        assert.deepEqual(
          ['account-id', 'eni-id', 'vswitch-id', 'vpc-id'].map((name) => first?.[name]),
          ['s1', '112233445566', 'N', 'V'],
        )
      }
    }
  })

  test('a malformed tuple does not take those beside it along', async () => {
    const good = '1700000000,192.0.2.1,10.0.0.4,1,2,U,I,A'
    const text = JSON.stringify(nsg(good, 'x', good.replace('U', 'X'), 5, good))
    const { rows, malformed, problems } = await imported(`\n${text}\n{"x":1}`, 'azure', {
      name: 'f',
    })
    assert.deepEqual([rows.length, malformed], [2, 4])
    assert.deepEqual(problems, [
      'f:2: the tuple "x": it has 1 values, not 8 or 13',
      'f:2: the tuple "1700000000,192.0.2.1,10.0.0.4,1,2,X,I,A": its protocol is "X"',
      'f:2: the tuple 5: it is no text',
      'f:3: it has neither "flowRecords" nor "properties.flows"',
    ])
  })
})

suite('GCP', () => {
  const entry = (connection: object, more: object = {}) => ({
    jsonPayload: {
      connection,
      reporter: 'DEST',
      start_time: '2026-11-22T10:00:00.999999999Z',
      end_time: '2026-11-22T10:00:05Z',
      packets_sent: '3',
      bytes_sent: '300',
      ...more,
    },
  })

  test('an array, printed over lines; ports of protocols without ports are 0', async () => {
    const ping = { src_ip: '2001:db8::1', dest_ip: '2001:DB8:0::2', protocol: 58 }
    const text = JSON.stringify([entry(ping), entry({ ...ping, protocol: 6 })], null, 2)
    assert.equal(detectFormat(text), 'gcp')
    const { rows, problems } = await imported(text, 'gcp', {}, 11)
    assert.deepEqual(problems, [])
    assert.deepEqual(rows[0], {
      version: 1,
      type: 'IPv6',
      protocol: 58,
      srcaddr: '2001:db8::1',
      srcport: 0,
      dstaddr: '2001:db8::2',
      dstport: 0,
      direction: 'in',
      packets: 3,
      bytes: 300,
      start: 1_795_341_600,
      end: 1_795_341_605,
      'log-status': 'OK',
      __time__: 1_795_341_600,
    })
    assert.equal(rows[1]?.['srcport'], undefined)
  })

  test('what is malformed', async () => {
    const good = { src_ip: '10.0.0.1', dest_ip: '10.0.0.2', protocol: 6 }
    const text = [
      JSON.stringify(entry(good, { reporter: 'X' })),
      '{"jsonPayload": {"x": 1}}',
      JSON.stringify(entry(good)).slice(0, -1),
      JSON.stringify(entry(good)).slice(0, 40),
      'no JSON',
      '{"a": b}',
      JSON.stringify(entry(good, { start_time: 'today' })),
      JSON.stringify(entry(good)),
      '{"jsonPayload',
    ]
    for (const size of [1, 5, 65_536]) {
      const { rows, problems } = await imported(lines(...text), 'gcp', { name: 'g' }, size)
      assert.equal(rows.length, 1)
      assert.deepEqual(problems, [
        'g:1: "reporter" is "X"',
        'g:2: it has no "connection"',
        'g:3: the object does not end',
        'g:4: the object does not end',
        'g:5: not a JSON object',
        `g:6: not JSON: Unexpected token 'b', "{"a": b}" is not valid JSON`,
        'g:7: "start_time" is "today", not a date',
        'g:9: the object does not end',
      ])
    }
  })
})

suite('Alibaba', () => {
  const record = {
    version: '1',
    'account-id': '1',
    'eni-id': 'eni-1',
    'vm-id': 'i-1',
    'vswitch-id': 'vsw-1',
    'vpc-id': 'vpc-1',
    type: 'IPv4',
    protocol: '6',
    srcaddr: '10.0.0.1',
    srcport: '1',
    dstaddr: '10.0.0.2',
    dstport: '2',
    direction: 'in',
    action: 'ACCEPT',
    packets: '10',
    bytes: '1000',
    start: '1700000000',
    end: '1700000060',
    'tcp-flags': '18',
    'log-status': 'OK',
    traffic_path: '15',
  }
  const numbers = {
    version: 1,
    protocol: 6,
    srcport: 1,
    dstport: 2,
    packets: 10,
    bytes: 1000,
    start: 1_700_000_000,
    end: 1_700_000_060,
    'tcp-flags': 18,
    traffic_path: 15,
  }
  const names = Object.keys(record)
  const values = Object.values(record)

  test('JSON lines, an array, CSV and values with blanks between are the same', async () => {
    const more = {
      __time__: '1700000001',
      __topic__: 'flow_log',
      region: 'cn-hangzhou',
      srctype: 'x',
    }
    const forms = [
      JSON.stringify({ ...more, ...record }),
      JSON.stringify([{ ...record, ...more }], null, 2),
      lines(
        ['region', ...names].join(','),
        ['cn', ...values].map((value) => `"${value}"`).join(','),
      ),
      lines(names.toReversed().join(' '), values.toReversed().join(' ')),
      lines(values.join(' ')),
    ]
    for (const form of forms) {
      assert.equal(detectFormat(form), 'alibaba', form)
      const { rows, problems } = await imported(form, 'alibaba', {}, 9)
      assert.deepEqual(problems, [])
      assert.deepEqual(rows, [
        {
          ...record,
          ...numbers,
          __time__: 1_700_000_000,
        },
      ])
    }
  })

  test('only what is shifted is put right', async () => {
    const read = async (change: object) => {
      const { rows } = await imported(JSON.stringify({ ...record, ...change }), 'alibaba')
      return ['vm-id', 'vswitch-id', 'vpc-id'].map((name) => rows[0]?.[name])
    }
    const shifted = {
      version: '-',
      'vm-id': '1',
      'vpc-id': '-',
      'vswitch-id': 'vpc-9',
      type: undefined,
    }
    assert.deepEqual(await read(shifted), [undefined, undefined, 'vpc-9'])
    assert.deepEqual(await read({ ...shifted, version: '1' }), ['1', 'vpc-9', undefined])
    assert.deepEqual(await read({}), ['i-1', 'vsw-1', 'vpc-1'])
  })

  test('what is malformed', async () => {
    const text = lines('{"hello":"x"}', JSON.stringify({ ...record, traffic_path: '23' }))
    const { problems } = await imported(text, 'alibaba', { name: 'x' })
    assert.deepEqual(problems, [
      'x:1: it has no field of a flow log',
      'x:2: "traffic_path" is "23", not an integer of 0 to 22',
    ])
    const csv = lines(names.join(','), '1,"2')
    assert.deepEqual((await imported(csv, 'alibaba', { name: 'x' })).problems, [
      'x:2: a quote is not closed',
    ])
  })
})

test('what is no flow log is none', () => {
  for (const text of ['', '{}', '[1]', 'hello', '1 2 3', 'a,b,c'])
    assert.equal(detectFormat(text), undefined, text)
})
