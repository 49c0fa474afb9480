import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { FlowLogs, FlowLogService } from './flow-log.ts'

const invalid = { code: 'ParameterInvalid' }
const wanted = {
  resourceType: 'VPC',
  resourceId: 'vpc-1',
  project: 'weir',
  logstore: 'flow-log',
} as const

async function open(count = 1) {
  const service = new FlowLogService(new FlowLogs(new DatabaseSync(':memory:')), {
    checkTarget: () => {},
    placeOf: () => ({ region: 'cn-hangzhou', account: '1' }),
    checkDestination: () => {},
    checkAnalyzer: () => {},
    checkPaid: () => {},
    deliveryProblem: () => undefined,
    taken: () => Promise.resolve(),
    prerequisitesDone: true,
  })
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const { id } = service.create(wanted, 'k')
    await service.settled(id)
    ids.push(id)
  }
  return { service, ids: ids.toSorted(), id: ids[0]! }
}

const many = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: String(i) }))

test('tags: 20 of them, key 1 to 128 characters, value 0 to 128 (1.2)', async () => {
  const { service, id } = await open()
  service.tag([id], many(20), 'k')
  assert.throws(() => service.tag([id], [{ key: 'one more', value: '' }], 'k'), invalid)
  service.tag([id], [{ key: 'k0', value: 'another' }], 'k')
  assert.equal(service.get(id).tags.length, 20)
  assert.deepEqual(service.get(id).tags[0], { key: 'k0', value: 'another' })
  service.untag([id], undefined, 'k')
  service.tag([id], [{ key: 'x'.repeat(128), value: 'y'.repeat(128) }], 'k')
  const wrong = [
    { key: '', value: '' },
    { key: 'x'.repeat(129), value: '' },
    { key: 'x', value: 'y'.repeat(129) },
    { key: 'aliyun1', value: '' },
    { key: 'acs:x', value: '' },
    { key: 'x', value: 'acs:x' },
    { key: 'x', value: 'see https://x' },
    { key: 'ahttp://x', value: '' },
  ]
  for (const tag of wrong) assert.throws(() => service.tag([id], [tag], 'k'), invalid)
  assert.equal(service.get(id).tags.length, 1)
})

test('tags of several flow logs change together or not at all', async () => {
  const { service, ids } = await open(2)
  const [first = '', second = ''] = ids
  service.tag([second], many(20), 'k')
  assert.throws(() => service.tag(ids, [{ key: 'z', value: '' }], 'k'), invalid)
  assert.deepEqual(service.get(first).tags, [])
  assert.throws(() => service.tag([first, 'fl-none'], [{ key: 'z', value: '' }], 'k'), {
    code: 'FlowLogNotExist',
  })
  assert.deepEqual(service.get(first).tags, [])
  service.untag(ids, ['k3', 'k4'], 'k')
  assert.equal(service.get(second).tags.length, 18)
})

test('pages of tags hold each once, whatever comes and goes between them', async () => {
  const { service, ids } = await open(4)
  for (const id of ids) service.tag([id], many(13), 'k')
  const seen: string[] = []
  let nextToken = ''
  do {
    const page = service.tags({ nextToken, maxResults: 5 })
    seen.push(...page.entries.map(({ flowLog, key }) => `${flowLog} ${key}`))
    nextToken = page.nextToken
    service.untag(ids.slice(0, 1), ['k0'], 'k')
  } while (nextToken !== '')
  assert.equal(seen.length, 52)
  assert.equal(new Set(seen).size, 52)
  assert.equal(service.tags({}).entries.length, 50, 'MaxResults: 1 to 50, 50 by default')
  assert.equal(service.tags({ ids: ids.slice(1, 2) }).entries.length, 13)
  assert.equal(service.tags({ ids: ids.slice(1, 2) }).nextToken, '')
  const like = service.tags({ tags: [{ key: 'k0' }, { key: 'k1', value: '1' }] })
  assert.equal(new Set(like.entries.map(({ flowLog }) => flowLog)).size, 3)
  assert.deepEqual(service.tags({ tags: [{ key: 'k1', value: '2' }] }).entries, [])
  for (const maxResults of [0, 51, 1.5]) assert.throws(() => service.tags({ maxResults }), invalid)
  for (const token of ['x', '!', 'AAAA'])
    assert.throws(() => service.tags({ nextToken: token }), invalid)
})
