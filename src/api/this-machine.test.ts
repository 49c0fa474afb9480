import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFromThisMachine } from './this-machine.ts'

const host = '127.0.0.1:8080'
const from = (
  remoteAddress: string | undefined,
  headers: Record<string, string> = { host },
  localAddress = '127.0.0.1',
): boolean => isFromThisMachine({ socket: { remoteAddress, localAddress }, headers })

test('a peer at a loopback address, or at the address it asks at', () => {
  for (const peer of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])
    assert.equal(from(peer), true, peer)
  for (const peer of ['::ffff:10.0.0.1', '10.0.0.1', '128.0.0.1', 'fe80::1', '::', undefined, ''])
    assert.equal(from(peer), false, peer)
  assert.equal(from('10.0.0.5', { host: '10.0.0.5:8080' }, '10.0.0.5'), true)
  assert.equal(from('10.0.0.6', { host: '10.0.0.5:8080' }, '10.0.0.5'), false)
})

test('only by an address or as localhost, against DNS rebinding', () => {
  for (const name of ['127.0.0.1:8080', '127.0.0.1', 'localhost:8080', 'LOCALHOST', '[::1]:8080'])
    assert.equal(from('127.0.0.1', { host: name }), true, name)
  const others = [
    'rebind.example:8080',
    'localhost.example',
    '127.0.0.1.example',
    'localhost:x',
    '',
  ]
  for (const name of [...others, '127.0.0.1:8080@evil.example'])
    assert.equal(from('127.0.0.1', { host: name }), false, name)
})

test('not a page of another site, and not who speaks through a proxy', () => {
  assert.equal(from('127.0.0.1', { host, origin: `http://${host}` }), true)
  assert.equal(from('127.0.0.1', { host, 'sec-fetch-site': 'none' }), true)
  assert.equal(from('127.0.0.1', { host, origin: 'http://evil.example' }), false)
  assert.equal(from('127.0.0.1', { host, origin: 'null' }), false)
  assert.equal(from('127.0.0.1', { host, 'sec-fetch-site': 'cross-site' }), false)
  assert.equal(from('127.0.0.1', { host, 'x-forwarded-for': '10.0.0.1' }), false)
  assert.equal(from('127.0.0.1', { host, via: '1.1 proxy' }), false)
})
