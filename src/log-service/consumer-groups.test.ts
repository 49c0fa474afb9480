import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { type LogStore, openLogStore } from '../logstore/logstore.ts'
import { ConsumerGroups } from './consumer-groups.ts'

const place = ['shop', 'web'] as const

class Setup {
  readonly folder: string
  milliseconds = 1_700_000_000_000
  store!: LogStore
  groups!: ConsumerGroups
  /** Shards that are read to their end. */
  readonly consumed = new Set<number>()

  constructor(t: TestContext) {
    this.folder = temporaryFolder(t)
    t.after(() => this.store.close())
  }

  async open(): Promise<this> {
    this.store = await openLogStore(this.folder)
    this.groups = new ConsumerGroups(
      this.store,
      (_project, _logstore, shard) => Promise.resolve(this.consumed.has(shard)),
      () => this.milliseconds,
    )
    return this
  }

  make(shards: number): void {
    this.store.createProject('shop', { description: '' })
    this.store.createLogstore('shop', 'web', { columns: [], ttlDays: 7, openColumns: true, shards })
  }

  beat = (consumer: string, held: number[]): Promise<number[]> =>
    this.groups.heartbeat(...place, 'cg', consumer, held)
}

test('groups are made, changed, listed and deleted with their checkpoints', async (t) => {
  const setup = await new Setup(t).open()
  setup.make(2)
  const { groups, store } = setup
  const group = { name: 'cg', timeout: 30, order: false }
  groups.create(...place, group)
  assert.throws(() => groups.create(...place, group), { code: 'ConsumerGroupAlreadyExist' })
  assert.throws(() => groups.create(...place, { ...group, name: '-' }), {
    code: 'ParameterInvalid',
  })
  groups.update(...place, 'cg', { order: true })
  assert.deepEqual(groups.list(...place), [{ ...group, order: true }])
  const none = { checkpoint: '', updateTime: 0, consumer: '' }
  assert.deepEqual(groups.checkpoints(...place, 'cg'), [
    { shard: 0, ...none },
    { shard: 1, ...none },
  ])
  groups.setCheckpoint(
    ...place,
    'cg',
    { shard: 1, checkpoint: 'MTQ=' },
    { consumer: 'c', force: true },
  )
  assert.deepEqual(groups.checkpoints(...place, 'cg', 1), [
    { shard: 1, checkpoint: 'MTQ=', consumer: 'c', updateTime: 1_700_000_000_000_000 },
  ])
  assert.throws(() => groups.checkpoints(...place, 'cg', 2), { code: 'ShardNotExist' })
  assert.throws(() => groups.checkpoints(...place, 'other'), { code: 'ConsumerGroupNotExist' })
  groups.delete(...place, 'cg')
  assert.deepEqual(groups.list(...place), [])
  assert.deepEqual(store.attributes(...place, 'checkpoint/'), [])
})

test('checkpoints of a shard that another consumer reads are refused, unless forced', async (t) => {
  const setup = await new Setup(t).open()
  setup.make(2)
  const { groups, beat } = setup
  groups.create(...place, { name: 'cg', timeout: 30, order: false })
  await beat('a', [])
  await beat('a', [0, 1])
  const set = (shard: number, consumer: string, force: boolean) =>
    groups.setCheckpoint(...place, 'cg', { shard, checkpoint: 'MQ==' }, { consumer, force })
  set(0, 'a', false)
  assert.throws(() => set(0, 'b', false), { code: 'ConsumerNotExist' })
  await beat('b', [])
  assert.throws(() => set(0, 'b', false), { code: 'InvalidShardCheckPoint' })
  set(0, 'b', true)
  assert.throws(() => set(7, 'a', true), { code: 'CheckpointShardNotExist' })
})

test('a consumer that is not heard for the timeout loses its shards to the other', async (t) => {
  const setup = await new Setup(t).open()
  setup.make(2)
  const { beat } = setup
  setup.groups.create(...place, { name: 'cg', timeout: 30, order: false })
  assert.deepEqual(await beat('a', []), [0, 1])
  assert.deepEqual(await beat('b', []), [])
  assert.deepEqual(await beat('a', [0, 1]), [0])
  assert.deepEqual(await beat('a', [0]), [0])
  assert.deepEqual(await beat('b', []), [1])
  setup.milliseconds += 30_000
  assert.deepEqual(await beat('b', [1]), [1], 'a may still be there')
  setup.milliseconds += 1
  assert.deepEqual(await beat('b', [1]), [0, 1])
})

test('after a restart of the server nobody reads what another holds', async (t) => {
  const setup = await new Setup(t).open()
  setup.make(2)
  setup.groups.create(...place, { name: 'cg', timeout: 30, order: false })
  await setup.beat('a', [])
  await setup.beat('b', [])
  await setup.beat('a', [0, 1])
  await setup.beat('a', [0])
  assert.deepEqual(await setup.beat('b', []), [1])
  await setup.store.close()
  await setup.open()
  assert.deepEqual(await setup.beat('b', [1]), [1], 'a has not been heard yet, but holds 0')
  setup.milliseconds += 30_001
  assert.deepEqual(await setup.beat('b', [1]), [0, 1])
})

test('in order: shards of a split are read when the one they came of is', async (t) => {
  const setup = await new Setup(t).open()
  setup.make(1)
  setup.groups.create(...place, { name: 'cg', timeout: 30, order: true })
  assert.deepEqual(await setup.beat('a', []), [0])
  setup.store.splitShard(...place, 0)
  assert.deepEqual(await setup.beat('a', [0]), [0])
  setup.consumed.add(0)
  assert.deepEqual(await setup.beat('a', [0]), [0, 1, 2])
})
