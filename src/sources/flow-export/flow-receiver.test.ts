/** A real socket on loopback: what is sent is read or counted as lost. */
import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { suite, test, type TestContext } from 'node:test'
import {
  netflow5Message,
  netflow9Message,
  sentSecond,
  sentUptime,
  setOf,
} from '../../../test/flow-messages.ts'
import { WeirError } from '../../base/errors.ts'
import { PacketBatch, rowWords, word } from '../../packet/packet.ts'
import { FlowReceiver, type FlowReceiverOptions, openFlowReceiver } from './flow-receiver.ts'

const skip = process.platform === 'linux' ? false : 'not run: needs Linux'

function opened(
  t: TestContext,
  options: Partial<FlowReceiverOptions> = {},
): { receiver: FlowReceiver; interfaces: string[] } {
  const interfaces: string[] = []
  const receiver = openFlowReceiver({
    host: '127.0.0.1',
    port: 0,
    isTap: () => false,
    addInterface: (index, { exporter }) => {
      interfaces[index] = `${exporter.address} ${exporter.ifIndex}`
    },
    ...options,
  })
  t.after(() => receiver.close())
  return { receiver, interfaces }
}

async function sender(t: TestContext, family: 'udp4' | 'udp6' = 'udp4'): Promise<Socket> {
  const socket = createSocket(family)
  socket.bind(0)
  await once(socket, 'listening')
  t.after(() => socket.close())
  return socket
}

/** Resolves when the kernel has taken it: on loopback it is then in the receiver's buffer, or dropped. */
const send = (socket: Socket, bytes: Uint8Array, port: number, to = '127.0.0.1'): Promise<void> =>
  new Promise((resolve, reject) =>
    socket.send(bytes, port, to, (error) => (error === null ? resolve() : reject(error))),
  )

const flows = (sequence: number, count = 30): Uint8Array =>
  netflow5Message(
    { sequence },
    Array.from({ length: count }, (_, i) => ({
      source: '10.0.0.1',
      destination: '10.0.0.2',
      ports: [(sequence + i) & 0xffff, 80] as const,
      packets: 2,
      bytes: 200,
    })),
  )

/** Reads until nothing waits. */
function readAll(receiver: FlowReceiver): { rows: number; packets: number } {
  const batch = new PacketBatch()
  const total = { rows: 0, packets: 0 }
  while (receiver.read(batch, 0) > 0) {
    total.rows += batch.rows
    for (let row = 0; row < batch.rows; row++)
      total.packets += batch.words[row * rowWords + word.packets]!
  }
  return total
}

suite('a flow receiver', { skip }, () => {
  test('reads what was sent, in batches', async (t) => {
    const { receiver, interfaces } = opened(t)
    const socket = await sender(t)
    for (let i = 0; i < 100; i++) await send(socket, flows(i * 30), receiver.port)
    assert.deepEqual(readAll(receiver), { rows: 3000, packets: 6000 })
    assert.deepEqual(interfaces, ['127.0.0.1 -1'])
    assert.deepEqual(receiver.takeLosses(true), [])
    const { datagrams, records, socketDrops } = receiver.counters
    assert.deepEqual(
      { datagrams, records, socketDrops },
      { datagrams: 100, records: 3000, socketDrops: 0 },
    )
  })

  test('both families come by one socket, IPv4 under its own name', async (t) => {
    const { receiver, interfaces } = opened(t, { host: '::' })
    await send(await sender(t), flows(0, 1), receiver.port)
    await send(await sender(t, 'udp6'), flows(0, 1), receiver.port, '::1')
    assert.equal(readAll(receiver).rows, 2)
    assert.deepEqual(interfaces, ['127.0.0.1 -1', '::1 -1'])
  })

  test('waits for a datagram no longer than told', (t) => {
    const { receiver } = opened(t)
    assert.equal(receiver.read(new PacketBatch(), 1), 0)
  })

  test('a gap in the sequence is a loss', async (t) => {
    const { receiver } = opened(t)
    const socket = await sender(t)
    for (let i = 0; i < 50; i++) if (i % 10 !== 5) await send(socket, flows(i * 30), receiver.port)
    const { rows } = readAll(receiver)
    const [loss] = receiver.takeLosses(true)
    assert.equal(rows + loss!.records, 50 * 30)
    assert.deepEqual([loss!.exporter, loss!.records, loss!.restarts], ['127.0.0.1', 150, 0])
  })

  test('sent = read + lost when the buffer overflows', async (t) => {
    const { receiver } = opened(t, { receiveBufferBytes: 4096 })
    const socket = await sender(t)
    const sent = 400
    for (let i = 0; i < sent; i++) await send(socket, flows(i * 30), receiver.port)
    let { rows } = readAll(receiver)
    // One more, so that the sequence tells of what was dropped at the end.
    await send(socket, flows(sent * 30), receiver.port)
    rows += readAll(receiver).rows
    const [loss] = receiver.takeLosses(true)
    const { datagrams, socketDrops } = receiver.counters
    assert.ok(socketDrops > 0)
    assert.equal(datagrams + socketDrops, sent + 1)
    assert.equal(rows + loss!.records, (sent + 1) * 30)
    assert.equal(loss!.records, socketDrops * 30)
  })

  test('datagrams without flows end no wait early, and are counted', async (t) => {
    const { receiver } = opened(t)
    const socket = await sender(t)
    await send(
      socket,
      netflow9Message({ sequence: 0 }, [setOf(0, new Uint8Array(0))]),
      receiver.port,
    )
    await send(socket, new TextEncoder().encode('GET / HTTP/1.1'), receiver.port)
    assert.deepEqual(readAll(receiver), { rows: 0, packets: 0 })
    const { datagrams, unknown } = receiver.counters
    assert.deepEqual({ datagrams, unknown }, { datagrams: 2, unknown: 1 })
  })

  test('the time of a row is the flow’s, not that of the datagram', async (t) => {
    const { receiver } = opened(t)
    await send(await sender(t), flows(0, 1), receiver.port)
    const batch = new PacketBatch()
    receiver.read(batch, 1000)
    assert.equal(batch.words[word.second], sentSecond)
    assert.equal(sentUptime, 3_600_000)
  })

  test('a port that is taken, and an address that is none, are said', (t) => {
    const { receiver } = opened(t)
    const open = (host: string, port: number) => () => opened(t, { host, port })
    assert.throws(open('127.0.0.1', receiver.port), (error: WeirError) => {
      assert.equal(error.code, 'CaptureFailed')
      assert.equal(error.hint, 'Another program receives there: take another port')
      return true
    })
    assert.throws(open('192.0.2.77', 0), /flows cannot be received at 192\.0\.2\.77/)
    assert.throws(open('router', 0), /"router" is no address to receive flows at/)
  })
})
