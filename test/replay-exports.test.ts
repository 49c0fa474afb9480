/** `weir replay` of exported messages that were kept in a file. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { joined } from '../src/packet/packet.ts'
import {
  type Field,
  type Flow5,
  ipfixMessage,
  netflow5Message,
  netflow9Message,
  packed,
  sentSecond,
  sentUptime,
  setOf,
  templateOf,
} from './flow-messages.ts'
import { type Replayed, replayMade } from './replayed.ts'

/** A window that begins with a minute. */
const minute = sentSecond - (sentSecond % 60)
const flow: Flow5 = { source: '10.0.0.1', destination: '10.0.0.2', ports: [5000, 53] }

/** A flow from one second to another, counted from `minute`, exported at a third. */
const v5 = (
  sequence: number,
  at: number,
  first: number,
  last: number,
  more: Partial<Flow5> & { sampling?: number } = {},
): Uint8Array =>
  netflow5Message(
    {
      sequence,
      second: minute + at,
      uptime: sentUptime + at * 1000,
      sampling: more.sampling ?? 0,
    },
    [{ ...flow, ...more, first: sentUptime + first * 1000, last: sentUptime + last * 1000 }],
  )

const lines = ({ records }: Replayed): string[] =>
  records.map((each) => {
    const when = `${Number(each.start) - minute}..${Number(each.end) - minute}`
    if (each['log-status'] !== 'OK') return `${each['log-status']} ${when}`
    return `${each.srcport} ${each.packets}p ${each.bytes}B ${each['tcp-flags']} ${when}`
  })

suite('replay of exported messages', () => {
  // "Exported flows longer than a window: never split: a flow counts whole in the window of its first packet."
  test('58 a flow counts whole in the window of its first packet', async () => {
    const bytes = joined([
      v5(0, 200, 30, 190, { packets: 8, bytes: 800 }),
      v5(1, 210, 65, 70, { packets: 1, bytes: 100 }),
    ])
    const replayed = await replayMade([{ bytes }])
    assert.deepEqual(lines(replayed), ['5000 8p 800B 0 30..60', '5000 1p 100B 0 65..120'])
    assert.equal(replayed.summary.latePackets, 0)
  })

  test('47 a connection that closed in the window ends when it did, else with the window', async () => {
    const tcp = { protocol: 6, packets: 5, bytes: 500, flags: 0x1b }
    const back = {
      source: '10.0.0.2',
      destination: '10.0.0.1',
      ports: [53, 5000],
    } as const
    const f = async (last: number, want: string[]) => {
      const bytes = joined([v5(0, 200, 10, last, tcp), v5(1, 200, 10, last, { ...tcp, ...back })])
      assert.deepEqual(lines(await replayMade([{ bytes }])), want)
    }
    await f(25, ['5000 5p 500B 27 10..25', '53 5p 500B 27 10..25'])
    await f(70, ['5000 5p 500B 26 10..60', '53 5p 500B 26 10..60'])
  })

  // "Exporter sequence gaps do make SKIPDATA."
  test('57 what its sequence numbers miss is SKIPDATA in the windows it may be missing from', async () => {
    const bytes = joined([
      v5(0, 10, 5, 5),
      v5(1, 70, 65, 65),
      v5(9, 130, 125, 125),
      v5(10, 190, 185, 185),
    ])
    const replayed = await replayMade([{ bytes }])
    assert.deepEqual(lines(replayed), [
      '5000 1p 100B 0 5..60',
      '5000 1p 100B 0 65..120',
      '5000 1p 100B 0 125..180',
      '5000 1p 100B 0 185..240',
      'SKIPDATA 60..120',
      'SKIPDATA 120..180',
    ])
    const [losses] = replayed.summary.exportLosses.values()
    assert.deepEqual(
      losses!.map(({ records, restarts }) => [records, restarts]),
      [[7, 0]],
    )
  })

  test('sampled flows are multiplied, and their windows are SKIPDATA', async () => {
    const bytes = joined([v5(0, 10, 5, 5, { sampling: 100, packets: 2, bytes: 90 })])
    assert.deepEqual(lines(await replayMade([{ bytes }])), [
      '5000 200p 9000B 0 5..60',
      'SKIPDATA 0..60',
    ])
  })

  test('messages of v9, which do not say their length, and of IPFIX', async () => {
    const fields: Field[] = [
      [8, 4],
      [12, 4],
      [7, 2],
      [4, 1],
      [1, 4],
      [2, 4],
    ]
    const record = (port: number) =>
      packed([
        [0x0a000001, 4],
        [0x0a000002, 4],
        [port, 2],
        [17, 1],
        [100, 4],
        [1, 4],
      ])
    const padded = (port: number) => joined([record(port), new Uint8Array(1)])
    const v9 = (sequence: number, sets: readonly Uint8Array[]) =>
      netflow9Message({ sequence, second: minute }, sets)
    const ipfix = (sequence: number, sets: readonly Uint8Array[]) =>
      ipfixMessage({ sequence, second: minute }, sets)
    const f = async (bytes: Uint8Array) => {
      const replayed = await replayMade([{ bytes }])
      assert.deepEqual(
        lines(replayed).toSorted(),
        [1, 2, 3].map((port) => `${port} 1p 100B 0 0..60`),
      )
      assert.equal(replayed.summary.files[0]!.damage, undefined)
      assert.equal(replayed.summary.frames, 3)
    }
    const template = templateOf(256, fields)
    await f(
      joined([
        v9(0, [setOf(0, template)]),
        v9(1, [setOf(256, padded(1)), setOf(256, padded(2))]),
        v9(2, [setOf(256, padded(3))]),
      ]),
    )
    await f(
      joined([
        ipfix(0, [setOf(2, template), setOf(256, padded(1))]),
        ipfix(1, [setOf(256, joined([record(2), record(3)]))]),
      ]),
    )
  })

  test('what is cut, or follows and is no message, is damage, and what came before is kept', async () => {
    const whole = v5(0, 10, 5, 5)
    const f = async (bytes: Uint8Array, byte: number, reason: string) => {
      const replayed = await replayMade([{ bytes }])
      assert.deepEqual(lines(replayed), ['5000 1p 100B 0 5..60'])
      assert.deepEqual(replayed.summary.files[0]!.damage, { byte, reason })
    }
    await f(joined([whole, whole.subarray(0, 50)]), 72, 'the file ends inside a record')
    await f(joined([whole, whole.subarray(0, 3)]), 72, 'the file ends inside a record')
    const text = new TextEncoder().encode('and so on, for a while longer')
    await f(joined([whole, text]), 72, 'no exported message begins with version 24942')
  })

  test('a file may belong to one ENI by its tap', async () => {
    const topology = `
vpcs: [{ id: vpc-a, cidrs: [10.0.0.0/16] }]
vSwitches: [{ id: vsw-a, vpc: vpc-a, cidrs: [10.0.0.0/24] }]
enis:
  - { id: eni-a, vSwitch: vsw-a, privateIps: [10.0.0.1], tap: { capture: a.ipfix } }
  - { id: eni-b, vSwitch: vsw-a, privateIps: [10.0.0.2] }
`
    const bytes = v5(0, 10, 5, 5)
    const enisOf = async (name: string) =>
      (await replayMade([{ name, bytes }], 60, topology)).records.map(
        (each) => `${each['eni-id']} ${each.direction}`,
      )
    assert.deepEqual(await enisOf('a.ipfix'), ['eni-a out'])
    assert.deepEqual((await enisOf('b.ipfix')).toSorted(), ['eni-a out', 'eni-b in'])
  })
})
