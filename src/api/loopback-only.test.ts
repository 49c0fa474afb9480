import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import { assertFromThisMachine } from './loopback-only.ts'

const host = '127.0.0.1:8080'

function reasonAgainst(
  peer: string | undefined,
  headers: Record<string, string>,
): string | undefined {
  try {
    assertFromThisMachine(peer, headers)
    return undefined
  } catch (error) {
    assert.ok(error instanceof WeirError)
    assert.equal(error.code, 'NotLoopback')
    return error.message
  }
}

test('only a peer on this machine', () => {
  const f = (peer: string | undefined, allowed: boolean) =>
    assert.equal(
      reasonAgainst(peer, { host }),
      allowed
        ? undefined
        : `this route answers to callers on the same machine only, not to ${peer}`,
    )
  f('127.0.0.1', true)
  f('127.8.9.10', true)
  f('::1', true)
  f('::ffff:127.0.0.1', true)
  f('::ffff:10.0.0.1', false)
  f('10.0.0.1', false)
  f('128.0.0.1', false)
  f('fe80::1', false)
  f('::', false)
  f(undefined, false)
  f('', false)
})

test('only a host that is a name of this machine, against DNS rebinding', () => {
  const f = (sent: string | undefined, allowed: boolean) =>
    assert.equal(
      reasonAgainst('127.0.0.1', sent === undefined ? {} : { host: sent }),
      allowed ? undefined : `the host "${sent ?? ''}" is no name of this machine`,
    )
  f('127.0.0.1:8080', true)
  f('127.0.0.1', true)
  f('localhost:8080', true)
  f('LOCALHOST', true)
  f('[::1]:8080', true)
  f('[::1]', true)
  f('rebind.example:8080', false)
  f('localhost.example', false)
  f('127.0.0.1.example', false)
  f('127.0.0.1:8080@evil.example', false)
  f('localhost:x', false)
  f('0.0.0.0', false)
  f('', false)
  f(undefined, false)
})

test('no pages of other sites and no proxies', () => {
  const f = (headers: Record<string, string>, message: string | undefined) =>
    assert.equal(reasonAgainst('127.0.0.1', { host, ...headers }), message)
  f({ origin: 'http://127.0.0.1:8080' }, undefined)
  const pages = (origin: string) => `this route does not answer to pages of ${origin}`
  f({ origin: 'http://127.0.0.1:3000' }, pages('http://127.0.0.1:3000'))
  f({ origin: 'https://evil.example' }, pages('https://evil.example'))
  f({ origin: 'null' }, pages('null'))
  f({ 'sec-fetch-site': 'none' }, undefined)
  f({ 'sec-fetch-site': 'same-origin' }, undefined)
  f({ 'sec-fetch-site': 'cross-site' }, 'this route does not answer to pages of other sites')
  f({ 'sec-fetch-site': 'same-site' }, 'this route does not answer to pages of other sites')
  for (const name of ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'])
    f({ [name]: '1.2.3.4' }, `this route does not answer through a proxy (header ${name})`)
})
