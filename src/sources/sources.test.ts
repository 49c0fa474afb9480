import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hostInterfaces } from './sources.ts'

test('the interfaces of the host are those that are up, without loopback', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-interfaces-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const add = (name: string, flags: string) => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'flags'), `${flags}\n`)
  }
  add('veth1', '0x1003')
  add('eth0', '0x1103')
  add('eth1', '0x1002') // down
  add('lo', '0x9')
  writeFileSync(join(folder, 'bonding_masters'), 'bond0\n')
  mkdirSync(join(folder, 'vanishing'))
  assert.deepEqual(hostInterfaces(folder), ['eth0', 'veth1'])
})

test('a host that lists no interfaces has none', () => {
  assert.deepEqual(hostInterfaces('/nonexistent/net'), [])
})
