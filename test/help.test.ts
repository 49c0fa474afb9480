import assert from 'node:assert/strict'
import { test } from 'node:test'
import { weirSays } from './weir-process.ts'

/** The commands of a help, and those under each; a command with others below shows what it is about itself. */
async function helps(path: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const help = await weirSays([...path, '--help'])
  const [, listed = ''] = /^Commands:\n((?: .*\n)*)/m.exec(help) ?? []
  const names = [...listed.matchAll(/^ {2}([a-z][\w-]*)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help')
  const below = await Promise.all(names.map((name) => helps([...path, name])))
  return new Map([[['weir', ...path].join(' '), help], ...below.flatMap((each) => [...each])])
}

test('--help of each command shows how it is called, and what for', async () => {
  const found = await helps([])
  assert.ok(found.size > 40, `${found.size} commands`)
  for (const [command, help] of found) {
    const examples = help.split('\n').filter((line) => line.includes(command))
    assert.ok(examples.length >= 2, `${command} has a usage and no example:\n${help}`)
  }
})
