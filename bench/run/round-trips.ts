/**
 * `echo ADDRESS` sends datagrams back; `ask ADDRESS COUNT` sends one after the other, waits for each, and
 * prints the times in between as JSON, in microseconds. Both by blocking calls: what is measured is the way
 * through two network stacks, not an event loop.
 */
import koffi from 'koffi'

const port = 7007
const library = koffi.load(null)
const socket = library.func('int socket(int, int, int)')
const bind = library.func('int bind(int, const void *, uint32_t)')
const connect = library.func('int connect(int, const void *, uint32_t)')
const sendto = library.func(
  'int64_t sendto(int, const void *, size_t, int, const void *, uint32_t)',
)
const recvfrom = library.func(
  'int64_t recvfrom(int, _Inout_ void *, size_t, int, _Inout_ void *, _Inout_ void *)',
)

/** struct sockaddr_in. */
function addressOf(text: string): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 2, true)
  view.setUint16(2, port)
  bytes.set(text.split('.').map(Number), 4)
  return bytes
}

const [mode, address, count] = process.argv.slice(2)
const at = addressOf(address!)
const [internet, datagrams] = [2, 2]
const fd: number = socket(internet, datagrams, 0)
const bytes = new Uint8Array(64)
if (mode === 'echo') {
  if (bind(fd, at, at.length) !== 0) throw new Error('bind failed')
  console.log('ready')
  const from = new Uint8Array(16)
  const length = new Uint8Array(4)
  for (;;) {
    new DataView(length.buffer).setUint32(0, from.length, true)
    const got: number = recvfrom(fd, bytes, bytes.length, 0, from, length)
    if (got <= 0 || sendto(fd, bytes, got, 0, from, from.length) !== got) process.exit(1)
  }
}
if (connect(fd, at, at.length) !== 0) throw new Error('connect failed')
const times: number[] = []
for (let i = 0; i < Number(count); i++) {
  const begun = process.hrtime.bigint()
  if (sendto(fd, bytes, bytes.length, 0, null, 0) !== bytes.length) throw new Error('send failed')
  recvfrom(fd, bytes, bytes.length, 0, null, null)
  times.push(Number(process.hrtime.bigint() - begun) / 1000)
}
console.log(JSON.stringify(times))
