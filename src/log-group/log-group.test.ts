import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uncompressSync } from 'lz4-napi'
import { logGroupListType, logGroupType } from '../../test/log-group-schema.ts'
import { randomFrom } from '../../test/random-from.ts'
import { WeirError } from '../base/errors.ts'
import { decodeLogGroup, decodeLogGroupList, encodeLogGroup, encodeLogGroups } from './log-group.ts'
import type { DecodedLogGroup, Log, LogGroup } from './log-group.ts'

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const long = process.env['WEIR_LONG'] === '1'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** What is in it, by row; the last of equal keys counts. */
function plain({ rows, topic, source, tags, times, timeNs, columns }: DecodedLogGroup) {
  const logs = Array.from({ length: rows }, (_, row) => ({
    time: times[row],
    timeNs: timeNs?.[row] ?? 0,
    contents: Object.fromEntries(
      [...columns].flatMap(([key, { codes, dictionary }]) =>
        codes[row] === 0 ? [] : [[key, dictionary[codes[row]! - 1]]],
      ),
    ),
  }))
  return { topic, source, tags, logs }
}

const wanted = ({ topic, source, tags, logs }: LogGroup) => ({
  topic,
  source,
  tags,
  logs: logs.map(({ time, timeNs, contents }) => ({
    time,
    timeNs: timeNs ?? 0,
    contents: Object.fromEntries(contents),
  })),
})

const forProtobuf = ({ topic, source, tags, logs }: LogGroup) => {
  const pair = ([Key, Value]: readonly [string, string]) => ({ Key, Value })
  const Logs = logs.map(({ time, timeNs, contents }) => ({
    Time: time,
    Contents: contents.map(pair),
    ...(timeNs === undefined ? {} : { Time_ns: timeNs }),
  }))
  const Topic = topic === '' ? {} : { Topic: topic }
  const Source = source === '' ? {} : { Source: source }
  return { Logs, ...Topic, ...Source, LogTags: tags.map(pair) }
}

const byProtobuf = (group: LogGroup): Buffer =>
  Buffer.from(logGroupType.encode(logGroupType.fromObject(forProtobuf(group))).finish())

const texts = ['', '-', '0', '443', '10.0.0.1', 'ACCEPT', 'fd00:10::1', 'é', '流日志', 'a😀', '\0']

function randomGroup(below: (below: number) => number): LogGroup {
  const random = () => below(1000) / 1000
  const text = (): string =>
    random() < 0.6 ? texts[below(texts.length)]! : `${'x'.repeat(below(200))}${below(2 ** 31)}`
  const keys = Array.from({ length: 1 + below(25) }, () => text())
  const log = (): Log => ({
    time: below(2 ** 32),
    ...(random() < 0.3 ? { timeNs: below(1e9) } : {}),
    contents: keys.flatMap((key): [string, string][] =>
      random() < 0.1 ? [] : random() < 0.05 ? [[text(), text()]] : [[key, text()]],
    ),
  })
  return {
    topic: random() < 0.5 ? '' : text(),
    source: random() < 0.5 ? '' : text(),
    tags: Array.from({ length: below(3) }, () => [text(), text()] as const),
    logs: Array.from({ length: below(60) }, log),
  }
}

test(`what protobufjs writes is read, and the same is written (WEIR_SEED=${seed})`, () => {
  const random = randomFrom(seed)
  for (let round = 0; round < (long ? 5000 : 300); round++) {
    const group = randomGroup(random)
    const bytes = byProtobuf(group)
    assert.deepEqual(plain(decodeLogGroup(bytes)), wanted(group))
    const own = encodeLogGroup(group)
    assert.equal(own.length, bytes.length)
    assert.deepEqual(logGroupType.decode(own).toJSON(), logGroupType.decode(bytes).toJSON())
    const groups = [group, randomGroup(random)]
    const list = encodeLogGroups(groups)
    const LogGroupList = groups.map(forProtobuf)
    const oracle = logGroupListType.encode(logGroupListType.fromObject({ LogGroupList })).finish()
    assert.deepEqual(decodeLogGroupList(Buffer.from(oracle)).map(plain), groups.map(wanted))
    assert.deepEqual(
      logGroupListType.decode(list).toJSON(),
      logGroupListType.decode(oracle).toJSON(),
    )
  }
})

// alibaba-api.md 3.2
test('the body that @alicloud/log signs (vector b)', () => {
  const body = hex(
    '0a280880e2cfaa0612130a0773726361646472120831302e302e302e3112060a016e12013125050000001a0274702203' +
      '73726332090a0474616731120176',
  )
  const decoded = decodeLogGroup(body)
  assert.deepEqual(plain(decoded), {
    topic: 'tp',
    source: 'src',
    tags: [['tag1', 'v']],
    logs: [{ time: 1_700_000_000, timeNs: 5, contents: { srcaddr: '10.0.0.1', n: '1' } }],
  })
  const group: LogGroup = {
    topic: 'tp',
    source: 'src',
    tags: [['tag1', 'v']],
    logs: [
      {
        time: 1_700_000_000,
        timeNs: 5,
        contents: [
          ['srcaddr', '10.0.0.1'],
          ['n', '1'],
        ],
      },
    ],
  }
  assert.equal(encodeLogGroup(group).toString('hex'), body.toString('hex'))
})

test('the body that the Python client signs, an lz4 block (vector c)', () => {
  const block = hex(
    'f0300a2c0880e2cfaa0612130a0773726361646472120831302e302e302e31120a0a05627974657312013125009fe416' +
      '1a027470220373726332060a016b120176',
  )
  const size = Buffer.alloc(4)
  size.writeUInt32LE(63) // its x-log-bodyrawsize
  assert.deepEqual(plain(decodeLogGroup(uncompressSync(Buffer.concat([size, block])))), {
    topic: 'tp',
    source: 'src',
    tags: [['k', 'v']],
    logs: [
      { time: 1_700_000_000, timeNs: 384_081_664, contents: { srcaddr: '10.0.0.1', bytes: '1' } },
    ],
  })
})

test('Time_ns: "accept wire types 0 and 5" (alibaba-api.md 3.5)', () => {
  assert.deepEqual([...decodeLogGroup(hex('0a07 0801 2505000000')).timeNs!], [5])
  assert.deepEqual([...decodeLogGroup(hex('0a04 0801 2005 0a02 0802')).timeNs!], [5, 0])
  assert.equal(decodeLogGroup(hex('0a02 0801')).timeNs, undefined)
})

test('codes are 0 where a log lacks a key, and an empty value is a value', () => {
  const log = (...contents: [string, string][]): Log => ({ time: 1, contents })
  const logs = [log(['a', ''], ['b', 'x']), log(['b', '']), log(['b', 'x'], ['a', 'y'], ['a', ''])]
  const { columns } = decodeLogGroup(encodeLogGroup({ topic: '', source: '', tags: [], logs }))
  assert.deepEqual([...columns.keys()], ['a', 'b'])
  assert.deepEqual(columns.get('a')!.dictionary, ['', 'y'])
  assert.deepEqual([...columns.get('a')!.codes], [1, 0, 1])
  assert.deepEqual(columns.get('b')!.dictionary, ['x', ''])
  assert.deepEqual([...columns.get('b')!.codes], [1, 2, 1])
})

test('unknown fields of every wire type are passed over, in every message', () => {
  const unknown = '7805 790102030405060708 7a02ffff 7d01020304'
  const content = `1216 0a0161 120162 ${unknown}`.replace('1216', '121a')
  const size = (text: string) => (text.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')
  const log = `0801 ${unknown} ${content.replace('1a', size(content.slice(4)))}`
  const body = hex(`${unknown} 0a${size(log)} ${log} ${unknown} 1a0174 ${unknown}`)
  assert.deepEqual(plain(decodeLogGroup(body)), {
    topic: 't',
    source: '',
    tags: [],
    logs: [{ time: 1, timeNs: 0, contents: { a: 'b' } }],
  })
})

test('a value that is not UTF-8 reads as U+FFFD, and what becomes the same by it is one text', () => {
  const { codes, dictionary } = decodeLogGroup(
    hex('0a0a 0801 1206 0a0161 1201ff 0a0a 0801 1206 0a0161 120161 0a0a 0801 1206 0a0161 1201fe'),
  ).columns.get('a')!
  assert.deepEqual(dictionary, ['\uFFFD', 'a'])
  assert.deepEqual([...codes], [1, 2, 1])
})

test('what is refused, and where', () => {
  const refused = (body: string | Buffer, place: number, message: RegExp): void => {
    const bytes = typeof body === 'string' ? hex(body) : body
    assert.throws(
      () => decodeLogGroup(bytes),
      (error) =>
        error instanceof WeirError &&
        error.code === 'PostBodyInvalid' &&
        error.place === `byte ${place} of the body` &&
        message.test(error.message),
    )
  }
  refused('0a', 1, /cut off/)
  refused('0a05 0801', 1, /a length of 5 goes 3 past the end/)
  refused('0a01 08', 3, /cut off/)
  refused('0a02 08ff', 3, /cut off/)
  refused('0a0c 08ffffffffffffffffffff00', 3, /longer than ten bytes/)
  refused('0a06 088080808010', 3, /larger than 32 bits/)
  refused('0a06 0801 25050000', 5, /cut off/)
  refused('0a00', 2, /no time/)
  refused('0a04 08 01 12 00', 6, /a value has no key/)
  refused('0a07 0801 1203 0a0161', 6, /a key has no value/)
  refused('0a0a 0801 1206 0a01ff 120161', 8, /a key is not UTF-8/)
  refused('0a0a 0801 1206 0a0161 120561', 10, /past the end/)
  refused('0801', 0, /a log has wire type 0/)
  refused('0a03 0d0000', 2, /field 1 has wire type 5/)
  refused('7b', 1, /wire type 3/)
  refused('7c', 1, /wire type 4/)
  refused('7e', 1, /wire type 6/)
  refused('00', 0, /no such field number/)
  refused('ffffffffff7f', 0, /no such field number/)
})

test('a length that is longer than it need be is read', () => {
  assert.deepEqual(plain(decodeLogGroup(hex('0a8d8000 0801 128680 8000 0a0161 120162'))).logs, [
    { time: 1, timeNs: 0, contents: { a: 'b' } },
  ])
})
