/** Lists and structures in flat names (alibaba-api.md 1.1), and answers in XML. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WeirError } from '../../base/errors.ts'
import { formatOf, written } from './answer.ts'
import {
  clearable,
  flag,
  merged,
  oneOf,
  orElse,
  type Parameter,
  readAll,
  required,
  structures,
  text,
  texts,
  whole,
} from './parameters.ts'

const given = (query: string, form = '') =>
  merged(new URLSearchParams(query), new URLSearchParams(form))
const read = <T>(parameter: Parameter<T>, query: string): T => parameter.read(given(query), 'P')

test('"TrafficPath.1=all&TrafficPath.2=natGateway (1-based)"', () => {
  const f = (query: string, expected: string[]) =>
    assert.deepEqual(read(texts(3), query), expected, query)
  f('P.1=all&P.2=natGateway', ['all', 'natGateway'])
  f('P.2=b&P.10=c&P.1=a', ['a', 'b', 'c'])
  f('P=all', ['all'])
  f('P.1=&P.0=x&P.01=y&P.x=z&Q.1=w&P.1.2=v', [])
  f('', [])
  assert.throws(() => read(texts(3), 'P.1=a&P.2=b&P.3=c&P.4=d'), { code: 'ParameterInvalid' })
})

test('"Tag.1.Key=k&Tag.1.Value=v"', () => {
  const pairs = structures({ Key: required(text()), Value: text() }, 2)
  const values = read(pairs, 'P.1.Key=k&P.1.Value=v&P.7.Key=l')
  assert.deepEqual(values, [
    { Key: 'k', Value: 'v' },
    { Key: 'l', Value: undefined },
  ])
  assert.throws(() => read(pairs, 'P.1.Value=v'), {
    code: 'MissingParameter',
    message:
      'The input parameter "P.1.Key" that is mandatory for processing this request is not supplied.',
  })
  assert.throws(() => read(pairs, 'P.1.Key=a&P.2.Key=b&P.3.Key=c'), { code: 'ParameterInvalid' })
})

test('values are of their kind, or told to be none', () => {
  const bad = (parameter: Parameter<unknown>, ...values: string[]) => {
    for (const value of values)
      assert.throws(
        () => read(parameter, `P=${value}`),
        (error) => error instanceof WeirError && error.code === 'ParameterInvalid',
        value,
      )
  }
  assert.equal(read(whole(1, 50), 'P=50'), 50)
  bad(whole(1, 50), '0', '51', '-1', '1.0', '1e1', 'x', '%EF%BC%91', '9'.repeat(400))
  assert.equal(read(oneOf(['All', 'Drop']), 'P=Drop'), 'Drop')
  bad(oneOf(['All', 'Drop']), 'drop', 'constructor')
  assert.deepEqual(
    [read(flag, 'P=TRUE'), read(flag, 'P=false'), read(flag, '')],
    [true, false, undefined],
  )
  bad(flag, '1', 'yes')
  assert.equal(read(text(3), 'P=abc'), 'abc')
  bad(text(3), 'abcd')
  assert.equal(read(orElse(text(), 'other'), 'P='), 'other')
  assert.deepEqual(
    [read(clearable(), 'P='), read(clearable(), ''), read(clearable(), 'P=a')],
    ['', undefined, 'a'],
  )
  const shape = { A: required(text()), B: orElse(whole(1, 9), 5) }
  assert.deepEqual(readAll(shape, given('A=x&C=ignored')), { A: 'x', B: 5 })
})

test('query and form are merged; one parameter has one value', () => {
  assert.deepEqual(
    [...given('a=1&b=2', 'c=3&a=1')],
    [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ],
  )
  for (const [query, form] of [
    ['a=1&a=2', ''],
    ['a=1', 'a=2'],
    ['a=%00', ''],
    ['%1b=1', ''],
    ['', 'a=%7f'],
  ])
    assert.throws(() => given(query!, form), { code: 'ParameterInvalid' }, `${query} ${form}`)
  assert.equal(given('a=1%0A%09').get('a'), '1\n\t')
})

test('XML: "successful XML wraps fields in <CreateFlowLogResponse>"', () => {
  const fields = {
    RequestId: 'R',
    FlowLogs: { FlowLog: [{ Name: `<a&"b'>\u0001` }, { Name: '' }] },
    Empty: { Tag: [] },
    Count: 2,
    Enabled: true,
    Gone: undefined,
  }
  assert.equal(
    written('xml', 'CreateFlowLogResponse', fields),
    "<?xml version='1.0' encoding='UTF-8'?><CreateFlowLogResponse><RequestId>R</RequestId>" +
      '<FlowLogs><FlowLog><Name>&lt;a&amp;&quot;b&apos;&gt;\ufffd</Name></FlowLog><FlowLog><Name/></FlowLog></FlowLogs>' +
      '<Empty/><Count>2</Count><Enabled>true</Enabled></CreateFlowLogResponse>',
  )
  assert.equal(
    written('json', 'X', { FlowLogs: { FlowLog: [] }, Gone: undefined }),
    '{"FlowLogs":{"FlowLog":[]}}',
  )
})

test('"Format (JSON|json|XML; default XML when absent in the classic protocol)"', () => {
  assert.equal(formatOf({}, ''), 'xml')
  assert.equal(formatOf({ 'x-acs-action': 'A' }, ''), 'json')
  assert.equal(formatOf({ authorization: 'ACS3-HMAC-SHA256 Credential=a' }, ''), 'json')
  assert.equal(formatOf({}, 'json'), 'json')
  assert.equal(formatOf({ 'x-acs-action': 'A' }, 'XML'), 'xml')
  assert.equal(formatOf({}, 'YAML'), undefined)
})
