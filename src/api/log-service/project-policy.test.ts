import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLogService } from '../../../test/log-service-server.ts'
import { assertNotDenied, readProjectPolicy } from './project-policy.ts'

const denial = {
  Effect: 'Deny',
  Action: ['log:Get*', 'log:DeleteLogStore'],
  Resource: 'acs:log:*:*:project/my-proj/*',
}
const policyOf = (...Statement: object[]) => ({ Version: '1', Statement })

test('what a project’s policy denies is denied to every key', async (t) => {
  const { ask, store } = await startLogService(t)
  const project = 'my-proj'
  for (const name of [project, 'other']) {
    store.createProject(name, { description: '' })
    store.createLogstore(name, 'web', { columns: [], openColumns: true, ttlDays: 7 })
  }
  const policy = policyOf(
    denial,
    { ...denial, Effect: 'Allow' },
    { ...denial, Action: 'log:*Policy' },
  )
  const status = async (method: string, url: string, more: object = {}) =>
    (await ask({ method, url, project, ...more })).status
  assert.equal(await status('POST', '/policy', { body: policy }), 200)
  const refused = await ask({ url: '/logstores/web', project })
  assert.deepEqual(refused.json, {
    errorCode: 'Unauthorized',
    errorMessage: 'the project’s policy denies log:GetLogStore on project/my-proj/logstore/web',
  })
  assert.equal(refused.status, 403)
  assert.equal(await status('DELETE', '/logstores/web'), 403)
  assert.equal(await status('PUT', '/logstores/web', { body: { ttl: 8 } }), 200)
  assert.equal(await status('GET', '/'), 200, 'not of the project itself')
  assert.equal(await status('GET', '/logstores/web', { project: 'other' }), 200)
  assert.equal(await status('GET', '/policy'), 200, 'nobody is locked out')
  assert.equal(await status('DELETE', '/policy'), 200)
  assert.equal(await status('GET', '/logstores/web'), 200)
})

test('conditions on the source’s address', () => {
  const from = (operator: string, ...cidrs: string[]): string =>
    JSON.stringify(policyOf({ ...denial, Condition: { [operator]: { 'acs:SourceIp': cidrs } } }))
  const f = (policy: string, source: string): boolean => {
    try {
      assertNotDenied(policy, 'log:GetLogStore', 'project/my-proj/logstore/a', source)
      return true
    } catch {
      return false
    }
  }
  const inside = from('IpAddress', '10.0.0.0/8', '2001:db8::/32')
  const outside = from('NotIpAddress', '10.0.0.0/8', '::1')
  for (const [source, passes] of [
    ['10.1.2.3', [false, true]],
    ['::ffff:10.1.2.3', [false, true]],
    ['11.1.2.3', [true, false]],
    ['2001:db8::1', [false, false]],
    ['::1', [true, true]],
  ] as const)
    assert.deepEqual([f(inside, source), f(outside, source)], passes, source)
})

test('a policy that could not be kept is refused', () => {
  const f = (policy: unknown, message: RegExp) =>
    assert.throws(() => readProjectPolicy(JSON.stringify(policy)), {
      code: 'ParameterInvalid',
      message,
    })
  f([], /^policy: /)
  f({ Version: '2', Statement: [] }, /^policy\.Version: /)
  f(policyOf({ ...denial, Principal: ['user/1'] }), /^policy\.Statement\.0\.Principal: /)
  const vpc = { StringNotLike: { 'acs:SourceVpc': ['vpc-1'] } }
  f(policyOf({ ...denial, Condition: vpc }), /^policy\.Statement\.0\.Condition: .*StringNotLike/)
  const bad = { IpAddress: { 'acs:SourceIp': '10.0.0.0/33' } }
  f(policyOf({ ...denial, Condition: bad }), /^policy: 10\.0\.0\.0\/33 is no address and no CIDR/)
  f(policyOf({ ...denial, Action: 'rds:Stop' }), /action is \*, or begins with log:/)
  assert.throws(() => readProjectPolicy('{'), { message: 'The body is not valid json string' })
})
