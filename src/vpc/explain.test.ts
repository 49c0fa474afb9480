/** Why a packet is accepted or rejected, and which way it takes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import { explain } from './explain.ts'
import type { CheckExplanation, EniExplanation, Question } from './explanation.ts'
import { parseTopology } from './topology.ts'

const text = `vpcs:
  - { id: vpc-1, cidrs: [10.0.0.0/16, "fd00::/56"], routeTable: rt-1 }
  - { id: vpc-2, cidrs: [10.0.0.0/16] }
vSwitches:
  - { id: vsw-web, vpc: vpc-1, cidrs: [10.0.0.0/24], networkAcl: acl-web }
  - { id: vsw-db, vpc: vpc-1, cidrs: [10.0.1.0/24] }
  - { id: vsw-2, vpc: vpc-2, cidrs: [10.0.9.0/24, 10.0.1.0/24] }
instances: [ { id: i-web }, { id: i-db } ]
enis:
  - { id: eni-web, vSwitch: vsw-web, instance: i-web, privateIps: [10.0.0.1, "fd00::1"], publicIp: 47.96.0.1, securityGroups: [sg-web] }
  - { id: eni-db, vSwitch: vsw-db, instance: i-db, privateIps: [10.0.1.9], securityGroups: [sg-db, sg-web] }
  - { id: eni-free, vSwitch: vsw-db, privateIps: [10.0.1.20, 10.0.1.21] }
  - { id: eni-nat, vSwitch: vsw-db, privateIps: [10.0.1.30] }
  - { id: eni-lone, vSwitch: vsw-db, privateIps: [10.0.1.40], securityGroups: [sg-db] }
  - { id: eni-twin, vSwitch: vsw-2, privateIps: [10.0.1.20] }
securityGroups:
  - id: sg-web
    rules:
      - { direction: ingress, policy: accept, protocol: tcp, ports: 80/80, peer: 120.26.0.0/16 }
      - { direction: ingress, policy: accept, protocol: tcp, ports: 443/443, priority: 2 }
      - { direction: ingress, policy: drop, protocol: udp, ports: 53/53 }
      - { direction: ingress, policy: accept, protocol: udp, ports: 50/60, priority: 9 }
      - { direction: egress, policy: drop, protocol: tcp, ports: 25/25, peer: 8.8.0.0/16 }
  - id: sg-db
    innerAccess: drop
    rules:
      - { direction: ingress, policy: accept, protocol: tcp, ports: 3306/3306, peer: sg-web }
networkAcls:
  - id: acl-web
    ingress:
      - { policy: drop, peer: 9.9.9.9 }
      - { policy: accept, peer: 0.0.0.0/0 }
    egress:
      - { policy: accept, protocol: tcp, ports: 1024/65535 }
      - { policy: accept, protocol: udp, peer: 10.0.0.0/8 }
routeTables:
  - id: rt-1
    entries:
      - { destination: 0.0.0.0/0, nextHop: ngw }
      - { destination: 10.1.0.0/16, nextHop: tr }
      - { destination: 10.2.0.0/16, nextHop: eni-free }
gateways:
  - { id: ngw, type: natGateway, vpc: vpc-1, eni: eni-nat }
  - { id: tr, type: transitRouter }
  - { id: vip, type: haVip, vpc: vpc-1, privateIps: [10.0.2.2] }
services:
  - { id: rds, vpc: vpc-1, privateIps: [10.0.2.10] }
  - { id: oss, cidrs: [100.118.28.0/24] }
  - { id: clb, vpc: vpc-1, privateIps: [10.0.1.80], type: publicClb }
`
const topology = parseTopology(text, 'shop.yaml', {
  version: 3,
  loadedAt: unixSeconds(1_700_000_000),
})

/** `10.0.0.1:4000 > 10.0.0.2:80 tcp`, as a question. */
function ask(packet: string, more: Partial<Question> = {}) {
  const [from = '', , to = '', protocol = ''] = packet.split(' ')
  const [, source = from, sourcePort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(bracketed(from)) ?? []
  const [, destination = to, destinationPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(bracketed(to)) ?? []
  const question = {
    source,
    destination,
    protocol,
    ...(sourcePort !== undefined && { sourcePort: Number(sourcePort) }),
    ...(destinationPort !== undefined && { destinationPort: Number(destinationPort) }),
    ...more,
  }
  return explain(topology, question, text)
}

/** An IPv6 address without a port in the brackets that keep its colons from being one. */
const bracketed = (end: string): string =>
  end.includes('::') && !end.startsWith('[') ? `[${end}]` : end

/** The explanation at one of the ENIs that see a packet. */
function at(eni: string, packet: string, more: Partial<Question> = {}): EniExplanation {
  const found = ask(packet, more).enis.find((each) => each.eni === eni)
  assert.ok(found, `${eni} does not see ${packet}`)
  return found
}

const check = (its: EniExplanation, name: CheckExplanation['check']): CheckExplanation =>
  its.checks.find((each) => each.check === name)!

test('a default drop: the rule that came nearest, "with the one condition it missed"', () => {
  const explanation = ask('1.2.3.4:1234 > 10.0.0.1:8443 tcp')
  assert.deepEqual(explanation.topology, { file: 'shop.yaml', version: 3, since: 1_700_000_000 })
  assert.equal(explanation.packet, '1.2.3.4:1234 > 10.0.0.1:8443 tcp')
  assert.equal(explanation.notCaptured, undefined)
  const [web] = explanation.enis
  assert.equal(explanation.enis.length, 1)
  assert.deepEqual([web!.eni, web!.direction, web!.action], ['eni-web', 'in', 'REJECT'])
  assert.deepEqual(web!.checks, [
    {
      check: 'networkAcl',
      accepts: true,
      by: 'rule',
      says: 'entry 2 of acl-web decides: accept all from 0.0.0.0/0',
      rule: {
        id: 'acl-web',
        entry: 2,
        place: 'shop.yaml:32:9',
        text: 'accept all from 0.0.0.0/0',
        version: 3,
      },
    },
    {
      check: 'securityGroups',
      accepts: false,
      by: 'default',
      says: 'no rule matches: default ingress drop',
      nearest: {
        id: 'sg-web',
        entry: 2,
        place: 'shop.yaml:20:9',
        text: 'accept tcp port 443 from anyone, priority 2',
        version: 3,
        missed: ['port 8443, rule allows 443'],
      },
    },
  ])
  assert.deepEqual(explanation.notes, [
    'This is the verdict on the first packet of a connection. Of an accepted one, security groups let replies and later packets pass until 910 s after the last; network ACLs judge every packet.',
  ])
})

test('nearest: fewest conditions; nearest port, longest common prefix; priority; order of the file', () => {
  const missed = (packet: string): string => {
    const { nearest } = check(at('eni-web', packet), 'securityGroups')
    return nearest === undefined ? 'none' : `${nearest.entry}: ${nearest.missed.join('; ')}`
  }
  assert.equal(missed('1.2.3.4 > 10.0.0.1:80 tcp'), '1: source 1.2.3.4, rule allows 120.26.0.0/16')
  assert.equal(missed('120.26.1.1 > 10.0.0.1:81 tcp'), '1: port 81, rule allows 80')
  assert.equal(missed('120.26.1.1 > 10.0.0.1:400 tcp'), '2: port 400, rule allows 443')
  assert.equal(missed('1.2.3.4 > 10.0.0.1:70 udp'), '4: port 70, rule allows 50 to 60')
  assert.equal(missed('1.2.3.4 > 10.0.0.1 gre'), '2: protocol gre, rule allows tcp')
  assert.equal(missed('120.26.1.1 > 10.0.0.1 gre'), '1: protocol gre, rule allows tcp')
  assert.equal(
    check(at('eni-lone', '8.8.8.8 > 10.0.1.40:22 udp'), 'securityGroups').nearest?.missed.join(
      '; ',
    ),
    'protocol udp, rule allows tcp; port 22, rule allows 3306; source 8.8.8.8, rule allows members of sg-web',
  )
  const one = (rules: string, packet: Partial<Question>): string | undefined => {
    const small = parseTopology(
      `vpcs: [ { id: v, cidrs: [10.0.0.0/8, "fd00::/8"] } ]
vSwitches: [ { id: s, vpc: v, cidrs: [10.0.0.0/24] } ]
enis: [ { id: e, vSwitch: s, privateIps: [10.0.0.1, "fd00::1"], securityGroups: [g] } ]
securityGroups: [ { id: g, rules: [ ${rules} ] } ]`,
      't.yaml',
    )
    const question = { source: '1.2.3.4', destination: '10.0.0.1', protocol: 'tcp', ...packet }
    const [eni] = explain(small, { destinationPort: 80, ...question }).enis
    return check(eni!, 'securityGroups').nearest?.missed.join('; ')
  }
  const from = (peer: string, more = ''): string =>
    `{ direction: ingress, policy: accept, peer: "${peer}"${more} }`
  const list = [from('2.0.0.0/8'), from('1.2.0.0/24'), from('1.2.128.0/17'), from('::/0')].join()
  assert.equal(one(list, {}), 'source 1.2.3.4, rule allows 1.2.0.0/24') // six bits from fitting, not one bit
  // A range of the other family is farther than any of one's own.
  assert.equal(
    one(`${from('::/0')}, ${from('9.0.0.0/8')}`, {}),
    'source 1.2.3.4, rule allows 9.0.0.0/8',
  )
  const six = { source: 'fd00::2', destination: 'fd00::1' }
  assert.equal(one(from('0.0.0.0/0'), six), 'source fd00::2, rule allows 0.0.0.0/0')
  // Different conditions: the smaller priority.
  const port = '{ direction: ingress, policy: accept, protocol: tcp, ports: 81/81, priority: 5 }'
  assert.equal(
    one(`${from('9.0.0.0/8', ', priority: 4')}, ${port}`, {}),
    'source 1.2.3.4, rule allows 9.0.0.0/8',
  )
  assert.equal(one(`${from('9.0.0.0/8', ', priority: 6')}, ${port}`, {}), 'port 80, rule allows 81')
  // Rules that drop, or of the other direction, are no near miss.
  assert.equal(
    one(
      '{ direction: ingress, policy: drop, protocol: udp }, { direction: egress, policy: accept }',
      {},
    ),
    undefined,
  )
})

test('the rule that decided, and an accept rule that comes after it', () => {
  const udp = check(at('eni-web', '1.2.3.4 > 10.0.0.1:53 udp'), 'securityGroups')
  assert.deepEqual(udp, {
    check: 'securityGroups',
    accepts: false,
    by: 'rule',
    says: 'rule 3 of sg-web decides: drop udp port 53 from anyone, priority 1',
    rule: {
      id: 'sg-web',
      entry: 3,
      place: 'shop.yaml:21:9',
      text: 'drop udp port 53 from anyone, priority 1',
      version: 3,
    },
    overruled: {
      id: 'sg-web',
      entry: 4,
      place: 'shop.yaml:22:9',
      text: 'accept udp ports 50 to 60 from anyone, priority 9',
      version: 3,
    },
  })
  const acl = check(at('eni-web', '9.9.9.9 > 10.0.0.1:443 tcp'), 'networkAcl')
  assert.equal(acl.says, 'entry 1 of acl-web decides: drop all from 9.9.9.9')
  assert.equal(acl.overruled?.text, 'accept all from 0.0.0.0/0')
  const out = check(at('eni-web', '10.0.0.1 > 8.8.8.8:25 tcp'), 'securityGroups')
  assert.equal(out.says, 'rule 5 of sg-web decides: drop tcp port 25 to 8.8.0.0/16, priority 1')
  assert.equal(out.overruled, undefined)
})

test('without the text of the file there are entry numbers, and no places', () => {
  const { enis } = explain(topology, {
    source: '1.2.3.4',
    destination: '10.0.0.1',
    protocol: '6',
    destinationPort: 443,
  })
  const { rule } = check(enis[0]!, 'securityGroups')
  assert.deepEqual(rule, {
    id: 'sg-web',
    entry: 2,
    text: 'accept tcp port 443 from anyone, priority 2',
    version: 3,
  })
})

test('16: out, security groups come first; in, the network ACL', () => {
  const order = (eni: string, packet: string): string[] =>
    at(eni, packet).checks.map((each) => each.check)
  assert.deepEqual(order('eni-web', '10.0.0.1 > 8.8.8.8:80 tcp'), ['securityGroups', 'networkAcl'])
  assert.deepEqual(order('eni-web', '8.8.8.8 > 10.0.0.1:80 tcp'), ['networkAcl', 'securityGroups'])
})

test('18, 24, 25: what does not filter, and an ACL without a fitting entry', () => {
  const says = (eni: string, packet: string, name: CheckExplanation['check']): string => {
    const { by, says: sentence } = check(at(eni, packet), name)
    return `${by}: ${sentence}`
  }
  const free = '8.8.8.8 > 10.0.1.21:80 tcp'
  assert.equal(
    says('eni-free', free, 'securityGroups'),
    'notFiltered: eni-free is in no security group: not filtered',
  )
  assert.equal(
    says('eni-free', free, 'networkAcl'),
    'notFiltered: vSwitch vsw-db has no network ACL: not filtered',
  )
  assert.equal(
    says('eni-web', '10.0.0.1 > 10.0.0.99:22 tcp', 'networkAcl'),
    'notFiltered: the destination is inside vSwitch vsw-web: acl-web is not asked',
  )
  assert.equal(
    says('eni-web', '169.254.1.1 > 10.0.0.1:22 tcp', 'networkAcl'),
    'notFiltered: the source is on the link: acl-web is not asked',
  )
  const out = '10.0.0.1 > 8.8.8.8:80 tcp'
  assert.equal(says('eni-web', out, 'networkAcl'), 'default: no entry of acl-web matches: drop')
  assert.deepEqual(check(at('eni-web', out), 'networkAcl').nearest, {
    id: 'acl-web',
    entry: 1,
    place: 'shop.yaml:34:9',
    text: 'accept tcp ports 1024 to 65535 to anyone',
    version: 3,
    missed: ['port 80, rule allows 1024 to 65535'],
  })
  assert.equal(
    says('eni-web', out, 'securityGroups'),
    'default: no rule matches: default egress accept',
  )
})

test('22, 23: groups as peers, and membership', () => {
  const sql = at('eni-db', '10.0.0.1 > 10.0.1.9:3306 tcp')
  assert.equal(
    check(sql, 'securityGroups').says,
    'rule 1 of sg-db decides: accept tcp port 3306 from sg-web, priority 1',
  )
  assert.equal(sql.action, 'ACCEPT')
  const member = check(at('eni-db', '10.0.0.1 > 10.0.1.9:22 tcp'), 'securityGroups')
  assert.equal(member.by, 'membership')
  assert.equal(member.says, 'no rule matches, but eni-web is a member of sg-web too: accept')
  const stranger = check(at('eni-lone', '10.0.1.9 > 10.0.1.40:22 tcp'), 'securityGroups')
  assert.equal(
    stranger.says,
    'no rule matches, and sg-db has innerAccess drop: default ingress drop',
  )
  assert.deepEqual(stranger.nearest?.missed, ['port 22, rule allows 3306'])
})

test('1, 2, 17: sender and receiver, and what does not reach the receiver', () => {
  const both = ask('10.0.0.1:5000 > 10.0.1.9:3306 tcp')
  assert.deepEqual(
    both.enis.map(({ eni, direction, action, notes }) => [eni, direction, action, notes.length]),
    [
      ['eni-web', 'out', 'ACCEPT', 0],
      ['eni-db', 'in', 'ACCEPT', 0],
    ],
  )
  const stopped = ask('10.0.0.1:5000 > 10.0.1.9:80 tcp')
  assert.deepEqual(
    stopped.enis.map(({ eni, action, notes }) => [eni, action, ...notes]),
    [
      ['eni-web', 'REJECT'],
      [
        'eni-db',
        'ACCEPT',
        'eni-web may not send it, so it does not reach eni-db, which has no record of it.',
      ],
    ],
  )
  const enis = (packet: string, more: Partial<Question> = {}): string[] =>
    ask(packet, more).enis.map(({ eni, direction }) => `${eni} ${direction}`)
  assert.deepEqual(enis('10.0.0.1 > 10.0.1.9:80 tcp', { direction: 'in' }), ['eni-db in'])
  assert.deepEqual(enis('10.0.1.21 > 10.0.1.21:80 tcp'), ['eni-free in']) // 5
  assert.deepEqual(enis('8.8.8.8 > 47.96.0.1:80 tcp'), ['eni-web in']) // 7
  assert.deepEqual(enis('10.0.1.21 > 47.96.0.1:80 tcp'), ['eni-free out']) // 7: only without an own address
})

test('4: an ENI that has neither address: as its tap would see it', () => {
  const nat = at('eni-nat', '10.0.0.1 > 8.8.8.8:80 tcp', { eni: 'eni-nat' })
  assert.equal(nat.direction, 'in')
  assert.deepEqual(nat.notes, [
    'eni-nat has neither address: it forwards this packet, so only its own tap sees it.',
  ])
  const turned = at('eni-web', '10.0.0.1 > 8.8.8.8:80 tcp', { eni: 'eni-web', direction: 'in' })
  assert.deepEqual(turned.notes, ["10.0.0.1 is eni-web's own address, yet the direction is in."])
})

test('6: addresses that no ENI has', () => {
  const nobody = ask('8.8.8.8 > 9.9.9.9:80 tcp')
  assert.deepEqual(nobody.enis, [])
  assert.deepEqual(nobody.notes, [
    'No ENI of the topology has one of these addresses: there is no record.',
  ])
})

test('26, 30: as the answer to a packet that would be accepted it passes', () => {
  const answer = at('eni-web', '8.8.8.8:2000 > 10.0.0.1:5000 tcp')
  assert.equal(answer.action, 'REJECT')
  assert.deepEqual(answer.asReply, { opening: 'ACCEPT', action: 'ACCEPT' })
  assert.deepEqual(answer.notes, [
    'As the answer to 10.0.0.1:5000 > 8.8.8.8:2000 tcp (out), which would be accepted, it is ACCEPT: security groups are stateful.',
  ])
  assert.deepEqual(at('eni-web', '8.8.8.8:2000 > 10.0.0.1:5000 tcp', { tcpFlags: 2 }).notes, [])
  // The ACL judges replies too: port 80 is not among those that may leave.
  const http = at('eni-web', '10.0.0.1:444 > 8.8.8.8:80 tcp')
  assert.deepEqual(http.asReply, { opening: 'REJECT', action: 'REJECT' })
  const https = at('eni-web', '10.0.0.1:443 > 8.8.8.8:1000 tcp')
  assert.deepEqual(https.asReply, { opening: 'ACCEPT', action: 'REJECT' })
  // Where the opening packet went is not known.
  assert.equal(at('eni-web', '8.8.8.8 > 10.0.0.1:5000 tcp').asReply, undefined)
  assert.deepEqual(at('eni-lone', '8.8.8.8 > 10.0.1.40 icmp').asReply, {
    opening: 'ACCEPT',
    action: 'ACCEPT',
  })
})

test('notes on what the packet is', () => {
  const notes = (packet: string, more: Partial<Question>): readonly string[] =>
    ask(packet, more).notes.slice(1)
  const web = '8.8.8.8 > 10.0.0.1:443 tcp'
  assert.deepEqual(notes(web, { tcpFlags: 2 }), [])
  assert.deepEqual(notes(web, { tcpFlags: 18 }), [
    'Its flags are not those of a first packet: if its connection is open, it passes by state.',
  ])
  assert.deepEqual(notes('8.8.8.8 > 10.0.0.1 icmp', { icmpType: 8 }), [])
  assert.deepEqual(notes('8.8.8.8 > 10.0.0.1 icmp', { icmpType: 3 }), [
    'An ICMP error about a packet of an open connection is accepted by security groups.',
  ])
  assert.deepEqual(ask('8.8.8.8 > 10.0.1.21:80 tcp').notes, []) // nothing filters there
})

test('31: neighbour discovery is never filtered', () => {
  const echo = at('eni-web', 'fd00::99 > fd00::1 icmpv6', { icmpType: 128 })
  assert.equal(echo.action, 'REJECT')
  const solicitation = at('eni-web', 'fd00::99 > fd00::1 icmpv6', { icmpType: 135 })
  assert.equal(solicitation.action, 'ACCEPT')
  const says = 'neighbour discovery (ICMPv6 types 133 to 137) is never filtered'
  assert.deepEqual(
    solicitation.checks,
    ['networkAcl', 'securityGroups'].map((name) => ({
      check: name,
      accepts: true,
      by: 'neighbourDiscovery',
      says,
    })),
  )
})

test('"Flow logs do not capture multicast traffic."', () => {
  for (const packet of ['10.0.0.1 > 224.0.0.251:5353 udp', 'fd00::1 > ff02::1 icmpv6']) {
    const explanation = ask(packet)
    assert.equal(explanation.notCaptured, 'Flow logs do not capture multicast traffic.')
    assert.deepEqual(explanation.enis, [])
    assert.deepEqual(explanation.notes, [])
  }
})

test('"Capturing traffic from a public-facing Classic Load Balancer (CLB) to the Internet is not supported."', () => {
  const not =
    'Capturing traffic from a public-facing Classic Load Balancer (CLB) to the Internet is not supported.'
  assert.equal(ask('10.0.1.80:80 > 8.8.8.8:5000 tcp').notCaptured, not)
  assert.deepEqual(ask('10.0.1.80:80 > 8.8.8.8:5000 tcp').notes, [])
  assert.equal(ask('8.8.8.8:5000 > 10.0.1.80:80 tcp', { eni: 'eni-nat' }).notCaptured, not)
  assert.equal(ask('10.0.1.80:80 > 10.0.0.1:443 tcp').notCaptured, undefined)
})

test('39: the traffic path, the row that fits and the route entry', () => {
  const path = (packet: string, more: Partial<Question> = {}): string => {
    const { code, name, row, because } = ask(packet, more).enis[0]!.trafficPath
    return `${code} ${name}, row ${row}: ${because}`
  }
  assert.equal(
    path('10.0.1.30 > 8.8.8.8:80 tcp'),
    '7 natGateway, row 1: eni-nat is the interface of natGateway ngw',
  )
  assert.equal(
    path('10.0.0.1 > 169.254.1.1:80 tcp'),
    '0 other, row 2: 169.254.1.1 leads nowhere: broadcast, loopback or link-local',
  )
  const local: readonly (readonly [string, string])[] = [
    ['10.0.1.9', '2 instance, row 4: 10.0.1.9 is an address of instance i-db (eni-db) in vpc-1'],
    [
      '10.0.1.21',
      '1 vpcResource, row 4: 10.0.1.21 is an address of eni-free, which no instance has, in vpc-1',
    ],
    ['10.0.1.30', '7 natGateway, row 4: 10.0.1.30 is an address of natGateway ngw in vpc-1'],
    ['10.0.2.2', '4 haVip, row 4: 10.0.2.2 is an address of haVip vip in vpc-1'],
    ['10.0.2.10', '1 vpcResource, row 4: 10.0.2.10 is an address of service rds in vpc-1'],
    ['10.0.77.1', '1 vpcResource, row 4: 10.0.77.1 is nobody the topology knows in vpc-1'],
  ]
  for (const [peer, want] of local) assert.equal(path(`10.0.0.1 > ${peer}:80 tcp`), want)
  assert.equal(
    path('10.0.0.1 > 100.118.28.1:80 tcp'),
    "5 cloudService, row 5: 100.118.28.1 is in the cloud's range 100.118.28.0/24",
  )
  assert.equal(
    path('10.0.0.1 > 10.2.0.1:80 tcp'),
    '3 eni, row 6: entry 3 of rt-1 leads 10.2.0.0/16 to eni eni-free',
  )
  assert.equal(
    path('fd00::1 > 2001:db8::1 gre'),
    '0 other, row 7: no entry of rt-1 fits, and 2001:db8::1 is not in vpc-1',
  )
  assert.equal(
    path('10.0.1.20 > 8.8.8.8:80 tcp', { eni: 'eni-twin' }),
    '0 other, row 7: vsw-2 has no route table, and 8.8.8.8 is not in vpc-2',
  )
  // 41: "the cloud prefers the own public IP to SNAT"
  assert.equal(
    path('10.0.0.1 > 8.8.8.8:80 tcp'),
    '15 publicIp, row 6: entry 1 of rt-1 leads 0.0.0.0/0 to natGateway ngw; eni-web has the public address 47.96.0.1, which comes first',
  )
  assert.deepEqual(at('eni-db', '10.0.1.9 > 10.1.0.1:80 tcp').trafficPath, {
    code: 8,
    name: 'transitRouter',
    says: 'a Transit Router',
    row: 6,
    because: 'entry 2 of rt-1 leads 10.1.0.0/16 to transitRouter tr',
    route: {
      table: 'rt-1',
      entry: 2,
      destination: '10.1.0.0/16',
      nextHop: 'tr',
      type: 'transitRouter',
      place: 'shop.yaml:40:9',
    },
  })
})

test('questions that are none', () => {
  const refused = (packet: string, more: Partial<Question>, message: string, hint?: string): void =>
    assert.throws(() => ask(packet, more), { code: 'ParameterInvalid', message, hint })
  const web = '8.8.8.8 > 10.0.0.1:80 tcp'
  refused(
    web,
    { eni: 'eni-wep' },
    'there is no ENI "eni-wep" in shop.yaml',
    'Did you mean "eni-web"?',
  )
  refused(
    '8.8.8.8 > 9.9.9.9:80 tcp',
    { eni: 'eni-web' },
    'nothing tells whether eni-web sends or receives this packet',
    'Give "direction".',
  )
  refused(
    '8.8.8.8 > 10.0.1.20:80 tcp',
    {},
    '10.0.1.20 is an address of eni-free (vpc-1) and eni-twin (vpc-2)',
    'Say which one: give "eni".',
  )
  refused(web, { source: '8.8.8' }, '"source" is "8.8.8", which is no IP address')
  refused(web, { source: '::1' }, '::1 and 10.0.0.1 are not of one family')
  refused(
    web,
    { protocol: 'tpc' },
    '"protocol" is "tpc", not one of tcp, udp, icmp, icmpv6, gre, nor a number from 0 to 255',
  )
  refused(
    '8.8.8.8 > 10.0.0.1 udp',
    {},
    '"destinationPort" is missing',
    'Rules of TCP and UDP go by it.',
  )
  refused('8.8.8.8 > 10.0.0.1:1 icmp', {}, 'icmp has no ports')
  refused('8.8.8.8 > 10.0.0.1:1 50', {}, 'protocol 50 has no ports')
  refused(web, { sourcePort: 65_536 }, '"sourcePort" is 65536, not a whole number from 0 to 65535')
  refused(web, { icmpType: 8 }, 'only ICMP has types: leave out "icmpType"')
  refused('8.8.8.8 > 10.0.0.1:1 udp', { tcpFlags: 2 }, 'only TCP has flags: leave out "tcpFlags"')
})
