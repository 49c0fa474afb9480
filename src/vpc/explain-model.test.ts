/**
 * Explanations of random packets in random networks: verdict and path are those the assigner gives, the rule that
 * is said to have decided is the one that did, and what a near miss is said to lack is all it lacks.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dice, randomGroupRule, type RandomGroupRule, randomRule } from '../../test/random-rules.ts'
import { watchTopology } from '../../test/vpc-observations.ts'
import { explain } from './explain.ts'
import type { CheckExplanation, Question } from './explanation.ts'
import { parseTopology } from './topology.ts'

const groups = ['sg-0', 'sg-1', 'sg-2'] as const
const ranges = [
  '0.0.0.0/0',
  '::/0',
  '10.0.0.0/24',
  '10.0.1.2',
  '8.0.0.0/7',
  '8.8.8.8/32',
  'fd00::/126',
  '2001:db8::/32',
]
const choices = {
  protocols: ['tcp', 'udp', 'icmp', 'icmpv6', '50', 'all'],
  ports: ['22/80', '80/80', '0/53', '-1/-1'],
}
const own4 = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.0.1.2']
const own6 = ['fd00::1', 'fd00::2', 'fd00::3', 'fd00::4']
const others4 = [
  '10.0.0.9',
  '10.0.1.9',
  '10.0.2.10',
  '8.8.8.8',
  '9.1.2.3',
  '100.70.0.1',
  '169.254.3.4',
]
const others6 = ['fd00::9', '2001:db8::1', 'fe80::7', 'fd99::1']
const gateways = ['natGateway', 'transitRouter', 'cenBasic', 'gatewayEndpoint', 'haVip'] as const

function network(dice: Dice) {
  const rules = { ...choices, peers: ranges }
  const entries = () => dice.times(3, () => randomRule(dice, rules))
  const table = (id: string) => ({
    id,
    entries: [
      ...new Set(
        dice.times(4, () => dice.of([...ranges, '9.1.0.0/16', '10.0.1.0/24', '100.64.0.0/9'])),
      ),
    ].map((destination) => ({ destination, nextHop: dice.of([...gateways, 'eni-3']) })),
  })
  return {
    vpcs: [
      {
        id: 'v',
        cidrs: ['10.0.0.0/16', 'fd00::/56'],
        ...(dice.chance(80) && { routeTable: 'r0' }),
      },
    ],
    vSwitches: [0, 1].map((i) => ({
      id: `s${i}`,
      vpc: 'v',
      cidrs: [`10.0.${i}.0/24`],
      ...(dice.chance(50) && { networkAcl: `n${i}` }),
      ...(dice.chance(30) && { routeTable: 'r1' }),
    })),
    instances: [{ id: 'i' }],
    enis: own4.map((address, i) => ({
      id: `eni-${i}`,
      vSwitch: `s${i >> 1}`,
      privateIps: [address, own6[i]!],
      ...(dice.chance(50) && { instance: 'i' }),
      ...(dice.chance(30) && { publicIp: dice.of([`47.0.0.${i}`, `2001:db8::10${i}`]) }),
      securityGroups: [...new Set(dice.times(2, () => dice.of(groups)))],
    })),
    securityGroups: groups.map((id) => ({
      id,
      innerAccess: dice.of(['accept', 'accept', 'drop']),
      rules: dice.times(4, () =>
        randomGroupRule(dice, { ...rules, peers: [...ranges, ...groups] }),
      ),
    })),
    networkAcls: [0, 1].map((i) => ({ id: `n${i}`, ingress: entries(), egress: entries() })),
    routeTables: [table('r0'), table('r1')],
    gateways: gateways.map((type) => ({
      id: type,
      type,
      ...(type === 'natGateway' && dice.chance(30) && { eni: 'eni-2' }),
      ...(type === 'haVip' && dice.chance(50) && { vpc: 'v', privateIps: ['10.0.2.10'] }),
    })),
    services: dice.chance(50) ? [{ id: 'cloud', cidrs: ['9.0.0.0/8', '2001:db8::/48'] }] : [],
  }
}

function question(dice: Dice): Question {
  const six = dice.chance(30)
  const own = six ? own6 : own4
  const pair = [dice.of(own), dice.of([...own, ...(six ? others6 : others4)])]
  if (dice.chance(50)) pair.reverse()
  const protocol = dice.of(['tcp', 'udp', 'icmp', 'icmpv6', '50'])
  const ports = protocol === 'tcp' || protocol === 'udp'
  return {
    source: pair[0]!,
    destination: pair[1]!,
    protocol,
    ...(ports && { sourcePort: dice.of([22, 4000]), destinationPort: dice.of([22, 53, 80, 90]) }),
  }
}

const packetText = ({
  source,
  sourcePort,
  destination,
  destinationPort,
  protocol,
}: Question): string => {
  const end = (address: string, port = 0): string => `[${address}]:${port}`
  return `${end(source, sourcePort)} > ${end(destination, destinationPort)} ${protocol}`
}

type Net = ReturnType<typeof network>
type Rules = { rules: RandomGroupRule[]; ingress: RandomGroupRule[]; egress: RandomGroupRule[] }

/** The rule that a reference names, in a network that may be changed. */
function listOf(
  net: Net,
  check: CheckExplanation,
  way: 'in' | 'out',
  id: string,
): RandomGroupRule[] {
  if (check.check === 'securityGroups')
    return (net.securityGroups.find((each) => each.id === id) as unknown as Rules).rules
  const acl = net.networkAcls.find((each) => each.id === id) as unknown as Rules
  return way === 'in' ? acl.ingress : acl.egress
}

/** The same check of the same packet after `change` was made to a copy of the network. */
function after(
  net: Net,
  asked: Question,
  eni: string,
  way: 'in' | 'out',
  check: CheckExplanation,
  change: (copy: Net) => void,
): CheckExplanation {
  const copy = structuredClone(net)
  change(copy)
  const topology = parseTopology(JSON.stringify(copy), 'changed.yaml')
  const [again] = explain(topology, { ...asked, eni, direction: way }).enis
  return again!.checks.find((each) => each.check === check.check)!
}

/** Makes a rule fit where it is said not to. */
function mend(
  rule: RandomGroupRule,
  asked: Question,
  way: 'in' | 'out',
  missed: readonly string[],
): RandomGroupRule {
  const peer = way === 'in' ? asked.source : asked.destination
  let mended = rule
  for (const miss of missed) {
    // Ports that were not looked at before would be of another protocol.
    if (miss.startsWith('protocol ')) {
      const { ports: _, ...portless } = mended
      const kept = ['tcp', 'udp'].includes(mended.protocol ?? '') ? mended : portless
      mended = { ...kept, protocol: asked.protocol }
    } else if (miss.startsWith('port '))
      mended = { ...mended, ports: `${asked.destinationPort}/${asked.destinationPort}` }
    else mended = { ...mended, peer }
  }
  return mended
}

const rounds = process.env['WEIR_LONG'] === '1' ? 5_000 : 100

test(`${rounds} random networks: explanations agree with the assigner, and their reasons are the reasons`, (context) => {
  const seed = Number(process.env['WEIR_SEED'] ?? 40)
  context.diagnostic(`WEIR_SEED=${seed}`)
  const count = { rule: 0, nearest: 0, missed: 0, sides: 0 }
  for (let round = 0; round < rounds; round++) {
    const dice = new Dice(seed + round)
    const net = network(dice)
    const text = JSON.stringify(net) // JSON is YAML
    const topology = parseTopology(text, 'random.yaml')
    for (let i = 0; i < 4; i++) {
      const asked = question(dice)
      const { enis } = explain(topology, asked, text)
      const story = `WEIR_SEED=${seed + round}, ${packetText(asked)}\n${text}\n${JSON.stringify(enis)}`
      const told = enis.map(
        ({ eni, direction, action, trafficPath }) =>
          `${eni} ${direction} ${action} ${trafficPath.code}`,
      )
      const unreached = enis.length === 2 && enis[0]!.action === 'REJECT'
      const seen = watchTopology(text).one(packetText(asked))
      assert.deepEqual(unreached ? told.slice(0, 1) : told, seen, story)
      for (const { eni, direction: way, checks, trafficPath } of enis) {
        count.sides++
        const { route } = trafficPath
        assert.equal(trafficPath.row === 6, route !== undefined, story)
        if (route !== undefined) {
          const entry = net.routeTables.find(({ id }) => id === route.table)!.entries[
            route.entry - 1
          ]!
          assert.deepEqual(
            [entry.destination, entry.nextHop],
            [route.destination, route.nextHop],
            story,
          )
        }
        for (const check of checks) {
          const { rule, nearest } = check
          if (rule !== undefined) {
            count.rule++
            const written = listOf(net, check, way, rule.id)[rule.entry - 1]!
            assert.equal(check.accepts, written.policy === 'accept', story)
            // Of equal priority another drop rule may stand behind a drop rule of a group.
            if (check.check === 'networkAcl' || written.policy === 'accept') {
              const policy = written.policy === 'accept' ? 'drop' : 'accept'
              const turned = after(net, asked, eni, way, check, (copy) => {
                listOf(copy, check, way, rule.id)[rule.entry - 1] = { ...written, policy }
              })
              assert.equal(turned.accepts, !check.accepts, story)
            }
            const alone = after(net, asked, eni, way, check, (copy) => {
              for (const group of copy.securityGroups)
                if (check.check === 'securityGroups') group.rules = []
              const list = listOf(copy, check, way, rule.id)
              list.splice(0, list.length, written)
            })
            assert.equal(alone.by, 'rule', story)
            assert.equal(alone.accepts, check.accepts, story)
          }
          if (nearest !== undefined) {
            count.nearest++
            count.missed += nearest.missed.length
            const at = nearest.entry - 1
            const mended = (missed: readonly string[]) =>
              after(net, asked, eni, way, check, (copy) => {
                const list = listOf(copy, check, way, nearest.id)
                list[at] = mend(list[at]!, asked, way, missed)
              })
            assert.equal(mended(nearest.missed).accepts, true, story)
            assert.equal(mended(nearest.missed.slice(1)).accepts, false, story)
          }
        }
      }
    }
  }
  context.diagnostic(JSON.stringify(count))
  assert.ok(count.rule > rounds / 2 && count.nearest > rounds / 2, JSON.stringify(count))
})
