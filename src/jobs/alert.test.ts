import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AlertRow, type AlertState, evaluate } from './alert.ts'
import { alertConfigOf } from './alert-config.ts'
import { scheduleOf } from './schedule.ts'

const allowed = (url: URL): boolean => url.hostname === '127.0.0.1'
const query = { store: 'flow-log', query: '* | SELECT 1', start: '-5m', end: 'now' }
const configOf = (more: Record<string, unknown>) =>
  alertConfigOf({ queryList: [query], ...more }, allowed)
const rowsOf = (...rows: Record<string, string>[]): AlertRow[] =>
  rows.map((row) => new Map(Object.entries(row)))

/** What is told in runs one after the other, a minute apart. */
function told(config: ReturnType<typeof configOf>, runs: AlertRow[][]): string[][] {
  let state: AlertState = {}
  return runs.map((rows, index) => {
    const { alarms, state: next } = evaluate(config, [rows], state, 1000 + index * 60)
    state = next
    return alarms.map(
      ({ status, group, severity, count }) => `${status} ${group} ${severity} ${count}`,
    )
  })
}

test('severities in order: the first whose conditions hold decides', () => {
  const config = configOf({
    severityConfigurations: [
      { severity: 10, evalCondition: { condition: 'rejects > 100' } },
      {
        severity: 6,
        evalCondition: { condition: 'rejects > 10', countCondition: '__count__ >= 2' },
      },
    ],
  })
  const runs = [
    rowsOf({ rejects: '5' }),
    rowsOf({ rejects: '50' }),
    rowsOf({ rejects: '50' }, { rejects: '60' }),
    rowsOf({ rejects: '50' }, { rejects: '500' }),
  ]
  assert.deepEqual(told(config, runs), [[], [], ['firing  6 2'], ['firing  10 1']])
})

test('threshold: runs in a row that must fire; sendResolved tells when it is over', () => {
  const config = configOf({
    conditionConfiguration: { condition: 'n > 1' },
    threshold: 2,
    sendResolved: true,
  })
  const [high, low] = [rowsOf({ n: '2' }), rowsOf({ n: '1' })]
  assert.deepEqual(told(config, [high, low, high, high, high, low, low]), [
    [],
    [],
    [],
    ['firing  6 1'],
    ['firing  6 1'],
    ['resolved  6 0'],
    [],
  ])
})

test('groups fire each on its own', () => {
  const config = configOf({
    groupConfiguration: { type: 'custom', fields: ['eni-id'] },
    conditionConfiguration: { condition: 'n > 1' },
    sendResolved: true,
  })
  const runs = [
    rowsOf({ 'eni-id': 'a', n: '2' }, { 'eni-id': 'b', n: '1' }),
    rowsOf({ 'eni-id': 'a', n: '1' }, { 'eni-id': 'b', n: '3' }),
  ]
  assert.deepEqual(told(config, runs), [
    ['firing ["a"] 6 1'],
    ['firing ["b"] 6 1', 'resolved ["a"] 6 0'],
  ])
})

test('no data fires when it is asked for; a muted alert tells nothing', () => {
  assert.deepEqual(told(configOf({ noDataFire: true, noDataSeverity: 8 }), [[]]), [['firing  8 0']])
  assert.deepEqual(told(configOf({}), [[]]), [[]])
  assert.deepEqual(told(configOf({ muteUntil: 1030 }), [rowsOf({ n: '1' }), rowsOf({ n: '1' })]), [
    [],
    ['firing  6 1'],
  ])
})

test('joins: fields of the queries stand as $0.x and $1.x', () => {
  const config = alertConfigOf(
    {
      queryList: [query, query],
      joinConfigurations: [{ type: 'inner_join', condition: '$0.host == $1.host' }],
      conditionConfiguration: { condition: '$1.now > $0.before * 2' },
      annotations: [{ key: 'text', value: '${$0.host} went to ${$1.now}' }],
    },
    allowed,
  )
  const first = rowsOf({ host: 'a', before: '10' }, { host: 'b', before: '10' })
  const second = rowsOf({ host: 'a', now: '15' }, { host: 'b', now: '25' })
  const { alarms } = evaluate(config, [first, second], {}, 0)
  assert.equal(alarms.length, 1)
  assert.deepEqual(alarms[0]!.annotations, [{ key: 'text', value: 'b went to 25' }])
})

test('a join that is too large is refused, never cut', () => {
  const many = (count: number) => rowsOf(...Array.from({ length: count }, () => ({ n: '1' })))
  const run = (type: string, left: number, right: number, condition = '') =>
    evaluate(
      configOf({ queryList: [query, query], joinConfigurations: [{ type, condition }] }),
      [many(left), many(right)],
      {},
      0,
    ).alarms[0]?.count
  assert.equal(run('cross_join', 100, 100), 10_000)
  const refused = (message: string) => ({
    code: 'QueryFailed',
    message: `the join of the queries ${message}`,
  })
  assert.throws(() => run('cross_join', 101, 100), refused('gives more than 10000 rows'))
  assert.throws(
    () => run('cross_join', 2000, 501),
    refused('compares 2000 rows with 501, more than 1000000 pairs'),
  )
  assert.equal(run('left_join', 10_000, 0, '$0.n == $1.n'), 10_000)
})

test('"alert fields that are not executed are refused, not stored"', () => {
  const refused: [Record<string, unknown>, string][] = [
    [
      { policyConfiguration: { alertPolicyId: 'sls.builtin' } },
      'configuration.policyConfiguration',
    ],
    [{ sinkAlerthub: { enabled: true } }, 'configuration.sinkAlerthub'],
    [{ joinConfigurations: [{ type: 'full_join' }] }, 'configuration.joinConfigurations[0]'],
    [{ groupConfiguration: { type: 'labels_auto' } }, 'configuration.groupConfiguration.type'],
    [
      { severityConfigurations: [{ severity: 3 }] },
      'configuration.severityConfigurations[0].severity',
    ],
    [
      { notificationList: [{ type: 'SMS', mobileList: ['1'] }] },
      'configuration.notificationList[0].type',
    ],
    [
      { notificationList: [{ type: 'Webhook', serviceUri: 'http://10.0.0.1/x' }] },
      'configuration.notificationList[0].serviceUri',
    ],
    [
      { notificationList: [{ type: 'Webhook', serviceUri: 'file:///etc/passwd' }] },
      'configuration.notificationList[0].serviceUri',
    ],
    [{ queryList: [] }, 'configuration.queryList'],
    [{ queryList: [{ ...query, storeType: 'metric' }] }, 'configuration.queryList[0].storeType'],
    [{ queryList: [{ ...query, start: 'now', end: '-5m' }] }, 'configuration.queryList[0].end'],
    [
      { conditionConfiguration: { condition: 'a >' } },
      'configuration.conditionConfiguration.condition',
    ],
  ]
  for (const [fields, place] of refused)
    assert.throws(() => configOf(fields), { code: 'ParameterInvalid', place }, place)
  configOf({ notificationList: [{ type: 'Webhook', serviceUri: 'http://127.0.0.1:9/x' }] })
})

test('... and so are fields inside of others, and two that contradict each other', () => {
  const webhook = { type: 'Webhook', serviceUri: 'http://127.0.0.1:9/x' }
  const severity = { severity: 8, evalCondition: { condition: 'c > 1' } }
  const condition = { condition: 'c > 100' }
  const refused: [Record<string, unknown>, string][] = [
    [{ queryList: [{ ...query, roleArn: 'acs:ram::1:role/x' }] }, 'queryList[0].roleArn'],
    [{ queryList: [{ ...query, region: 'cn-beijing' }] }, 'queryList[0].region'],
    [{ notificationList: [{ ...webhook, mobileList: ['1'] }] }, 'notificationList[0].mobileList'],
    [
      { severityConfigurations: [{ ...severity, repeat: '5m' }] },
      'severityConfigurations[0].repeat',
    ],
    [
      { severityConfigurations: [{ severity: 8, evalCondition: { ...condition, other: 'x' } }] },
      'severityConfigurations[0].evalCondition.other',
    ],
    [
      { severityConfigurations: [severity], conditionConfiguration: condition },
      'conditionConfiguration',
    ],
    [{ conditionConfiguration: { ...condition, other: 'x' } }, 'conditionConfiguration.other'],
    [{ groupConfiguration: { type: 'custom', fields: ['a'], by: 'b' } }, 'groupConfiguration.by'],
    [{ groupConfiguration: { type: 'no_group', fields: ['a'] } }, 'groupConfiguration.fields'],
    [
      {
        queryList: [query, query],
        joinConfigurations: [{ type: 'cross_join', condition: '$0.a == $1.a' }],
      },
      'joinConfigurations[0].condition',
    ],
    [
      { queryList: [query, query], joinConfigurations: [{ type: 'concat', on: 'a' }] },
      'joinConfigurations[0].on',
    ],
    [{ type: 'tpl' }, 'type'],
    [{ noDataFire: 'yes' }, 'noDataFire'],
    [{ sendResolved: 'true' }, 'sendResolved'],
    [{ labels: [{ key: 'a', value: 1 }] }, 'labels[0]'],
    [{ annotations: [{ key: 'a', value: 'b', more: 'c' }] }, 'annotations[0].more'],
  ]
  for (const [fields, field] of refused)
    assert.throws(
      () => configOf(fields),
      { code: 'ParameterInvalid', place: `configuration.${field}` },
      field,
    )
  assert.throws(() => scheduleOf({ type: 'FixedRate', interval: '60s', until: 5 }), {
    code: 'ParameterInvalid',
    place: 'schedule.until',
  })
  const shown = { chartTitle: 'Rejects', dashboardId: 'board', ui: '{}', roleArn: '', region: '' }
  configOf({
    type: 'default',
    queryList: [{ ...query, ...shown }],
    severityConfigurations: [severity],
    conditionConfiguration: { condition: '', countCondition: '' },
  })
})
