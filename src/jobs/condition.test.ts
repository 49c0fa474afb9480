import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCondition } from './condition.ts'

const holds = (text: string, row: Record<string, string>): boolean =>
  parseCondition(text, 'condition')((field) => row[field])

test('numbers are compared as numbers, other values as texts', () => {
  const row = { errors: '12', ratio: '0.5', host: 'web-1', 'eni-id': 'eni-a' }
  const table: [string, boolean][] = [
    ['errors > 9', true],
    ['errors > 12', false],
    ['errors >= 12 && ratio < 0.6', true],
    ['errors == 12.0', true],
    ['errors != 12', false],
    ['host == "web-1"', true],
    ["host != 'web-1'", false],
    ['host =~ "^web"', true],
    ['host !~ "^db"', true],
    ['eni-id == "eni-a"', true],
    ['errors * ratio == 6', true],
    ['errors - 2 * 5 == 2', true],
    ['(errors - 2) * 5 == 50', true],
    ['errors % 5 == 2', true],
    ['-errors < 0', true],
    ['!(errors > 100) || host == "x"', true],
    ['errors > 100 || ratio == 0.5 && host == "web-1"', true],
  ]
  for (const [text, wanted] of table) assert.equal(holds(text, row), wanted, text)
})

test('a field that is not there, and a number that is none, satisfy nothing', () => {
  for (const text of ['gone > 1', 'gone < 1', 'gone != 1', 'gone =~ "."', 'gone !~ "."', '1/0 > 1'])
    assert.equal(holds(text, {}), false, text)
  assert.equal(holds('$0.pv < $1.pv', { '$0.pv': '3', '$1.pv': '20' }), true)
})

test('what cannot be read is refused with the place', () => {
  const refused: [string, RegExp][] = [
    ['', /ends too early/],
    ['errors >', /ends too early/],
    ['errors > 1)', /"\)" cannot stand at character 11/],
    ['errors # 1', /nothing that can be read at character 7/],
    ['> 1', /">" cannot stand at character 1/],
    ['host =~ field', /cannot stand/],
    ['host =~ "("', /no pattern/],
    [`${'('.repeat(100)}1${')'.repeat(100)}`, /nested too deep/],
    ['x'.repeat(5000), /more than 4096 characters/],
  ]
  for (const [text, wanted] of refused)
    assert.throws(
      () => parseCondition(text, 'c'),
      { code: 'ParameterInvalid', message: wanted },
      text,
    )
})

test('a pattern that would take for ever is stopped', () => {
  assert.throws(() => holds('a =~ "(x+x+)+y"', { a: 'x'.repeat(200) }), /timed out/)
})
