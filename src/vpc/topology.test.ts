/** The topology file: its keys, references and addresses (records.md 9, 13, 46, 66) and how faults are told. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeError } from '../base/errors.ts'
import { unixSeconds } from '../base/time.ts'
import { loadTopology, parseTopology } from './topology.ts'
import { TopologyInvalid } from './topology-problems.ts'

const complete = `
account: "1210123456789012"
region: cn-hangzhou
vpcs:
  - { id: vpc-shop, cidrs: [10.0.0.0/16, "fd00:10::/56"], routeTable: vtb-main }
  - { id: vpc-lab, cidrs: [10.9.0.0/16], account: 0042, region: cn-beijing }
vSwitches:
  - { id: vsw-web, vpc: vpc-shop, cidrs: [10.0.0.0/24], networkAcl: nacl-web, routeTable: vtb-main }
instances:
  - { id: i-web1, name: web1 }
enis:
  - id: eni-web1
    vSwitch: vsw-web
    instance: i-web1
    privateIps: [10.0.0.1, "fd00:10::1"]
    publicIp: 47.96.0.1
    securityGroups: [sg-web]
    tap: { interface: veth-web1, netns: host, side: host }
  - { id: eni-ngw1, vSwitch: vsw-web, privateIps: [10.0.0.250], tap: { exporter: 192.0.2.1, ifIndex: 3 } }
  - { id: eni-3, vSwitch: vsw-web, privateIps: [10.0.0.3], tap: { capture: "*.pcap", interface: eth0 } }
securityGroups:
  - id: sg-web
    innerAccess: drop
    rules:
      - { direction: ingress, policy: accept, protocol: tcp, ports: 80/80, peer: 120.26.0.0/16, priority: 1 }
      - { direction: egress, policy: drop, protocol: 47, ports: -1/-1, peer: sg-web }
networkAcls:
  - id: nacl-web
    ingress: [ { policy: accept, protocol: all, peer: 0.0.0.0/0 } ]
    egress:  [ { policy: drop, ports: 1/2 } ]
routeTables:
  - id: vtb-main
    entries: [ { destination: 0.0.0.0/0, nextHop: ngw-1 }, { destination: 10.1.0.0/16, nextHop: eni-web1 } ]
gateways:
  - { id: ngw-1, type: natGateway, vpc: vpc-shop, eni: eni-ngw1, publicIps: [47.96.0.9] }
  - { id: vip-1, type: haVip, vpc: vpc-shop, privateIps: [10.0.0.9] }
  - { id: cen-1, type: cenBasic, target: vpc, sameRegion: false }
  - { id: cen-2, type: cenBasic }
services:
  - { id: rm-db1, vpc: vpc-shop, privateIps: [10.0.2.10] }
  - { id: oss-hangzhou, cidrs: [100.118.28.0/24] }
`

test('every key of the design is read', () => {
  const topology = parseTopology(complete, 'net.yaml', { version: 3, loadedAt: unixSeconds(7) })
  assert.equal(topology.file, 'net.yaml')
  assert.equal(topology.version, 3)
  assert.equal(topology.loadedAt, 7)
  assert.equal(topology.account, '1210123456789012')
  const { vpcs, enis, securityGroups, networkAcls, gateways } = topology.byId
  assert.deepEqual(
    topology.vpcs.map(({ id, account, region }) => [id, account, region]),
    [
      ['vpc-shop', '1210123456789012', 'cn-hangzhou'],
      ['vpc-lab', '0042', 'cn-beijing'],
    ],
  )
  assert.deepEqual(vpcs.get('vpc-lab')!.cidrs, [
    { family: 4, words: [0x0a090000, 0, 0, 0], length: 16, text: '10.9.0.0/16' },
  ])
  assert.deepEqual(enis.get('eni-web1'), {
    id: 'eni-web1',
    vSwitch: 'vsw-web',
    vpc: 'vpc-shop',
    instance: 'i-web1',
    privateIps: [
      { family: 4, words: [0x0a000001, 0, 0, 0], text: '10.0.0.1' },
      { family: 6, words: [0xfd000010 | 0, 0, 0, 1], text: 'fd00:10::1' },
    ],
    publicIp: { family: 4, words: [0x2f600001, 0, 0, 0], text: '47.96.0.1' },
    securityGroups: ['sg-web'],
    tap: { interface: 'veth-web1', netns: 'host', side: 'host' },
    place: 'net.yaml:12:5',
  })
  assert.equal(enis.get('eni-ngw1')!.tap!.ifIndex, 3)
  assert.deepEqual(enis.get('eni-3')!.tap, { capture: '*.pcap', interface: 'eth0' })
  assert.deepEqual(securityGroups.get('sg-web')!.rules[1], {
    direction: 'egress',
    policy: 'drop',
    protocol: 47,
    ports: { from: 0, to: 65535 },
    peer: { group: 'sg-web' },
    priority: 1,
  })
  assert.equal(securityGroups.get('sg-web')!.innerAccess, 'drop')
  assert.deepEqual(networkAcls.get('nacl-web')!.egress, [
    { policy: 'drop', protocol: -1, ports: { from: 1, to: 2 } },
  ])
  const { target, sameRegion } = gateways.get('cen-1')!
  assert.deepEqual([target, sameRegion], ['vpc', false])
  const absent = gateways.get('cen-2')!
  assert.deepEqual([absent.target, absent.sameRegion], ['other', true])
  assert.equal(Object.isFrozen(topology.enis[0]!.privateIps), true)
})

test('what looks like a number stays what was written', () => {
  const text = `
account: 0012345678901234567890
vpcs: [ { id: 0x10, cidrs: [10.0.0.0/8], account: 007, region: ~ }, { id: 1e3, cidrs: [10.0.0.0/8], account: } ]
instances: [ { id: 010, name: null }, { id: yes, name: "null" } ]
`
  const { vpcs, instances } = parseTopology(text, 't')
  assert.deepEqual(
    vpcs.map(({ id, account }) => [id, account]),
    [
      ['0x10', '007'],
      ['1e3', '0012345678901234567890'],
    ],
  )
  assert.deepEqual(
    instances.map(({ id, name }) => [id, name]),
    [
      ['010', undefined],
      ['yes', 'null'],
    ],
  )
})

test('anchors work', () => {
  const text = `
vpcs: [ { id: v, cidrs: &all [10.0.0.0/8] } ]
vSwitches: [ { id: s, vpc: v, cidrs: *all } ]
`
  assert.equal(parseTopology(text, 't').vSwitches[0]!.cidrs[0]!.text, '10.0.0.0/8')
})

/** The problems of a text, `line:column: message. hint` each. */
function problems(text: string): string[] {
  try {
    parseTopology(text, 't.yaml')
  } catch (error) {
    assert.ok(error instanceof TopologyInvalid, String(error))
    return error.problems.map(({ place, message, hint }) => {
      assert.ok(place.startsWith('t.yaml:'))
      return `${place.slice(7)}: ${message}${hint === undefined ? '' : `. ${hint}`}`
    })
  }
  return []
}

test('66: unknown keys and values are told with line and column, and the nearest right one', () => {
  assert.deepEqual(
    problems(`accont: 1
vpcs:
  - { id: v, cidr: [10.0.0.0/8], cidrs: [10.0.0.0/8] }
securityGroups:
  - id: g
    innerAcces: drop
    rules:
      - { direction: ingres, policy: acept, protocol: TCP, ports: 80, peer: 1.2.3.4/33, priority: 101 }
      - { direction: egress, policy: drop, ports: 9/8, priority: 0, protocol: 256 }
      - { policy: accept, ports: 1/65536 }
gateways:
  - { id: gw, type: natgateway }
  - { id: gw2, type: somethingElse, sameRegion: maybe, eni: }
enis: [ { id: e, vSwitch: s, privateIps: [10.0.0.300], tap: { interfce: eth0 } } ]
`),
    [
      '1:1: unknown key "accont". Did you mean "account"?',
      '3:14: unknown key "cidr". Did you mean "cidrs"?',
      '6:5: unknown key "innerAcces". Did you mean "innerAccess"?',
      '8:22: unknown direction "ingres". Did you mean "ingress"?',
      '8:38: unknown policy "acept". Did you mean "accept"?',
      '8:55: "TCP" is not a protocol: tcp, udp, icmp, icmpv6, gre, all or a number from 0 to 255',
      '8:67: "80" is not a port range such as 80/80 (from/to, 0 to 65535, or -1/-1 for all)',
      '8:77: "1.2.3.4/33" is neither an address range nor a security group. Known: g',
      '8:99: "101" is not a priority from 1 to 100',
      '9:51: "9/8" is not a port range such as 80/80 (from/to, 0 to 65535, or -1/-1 for all)',
      '9:66: "0" is not a priority from 1 to 100',
      '9:79: "256" is not a protocol: tcp, udp, icmp, icmpv6, gre, all or a number from 0 to 255',
      '10:9: "direction" is missing. Known: ingress, egress',
      '10:34: "1/65536" is not a port range such as 80/80 (from/to, 0 to 65535, or -1/-1 for all)',
      '12:21: unknown type "natgateway". Did you mean "natGateway"?',
      '13:22: unknown type "somethingElse". Known: natGateway, ipv4Gateway, ipv6Gateway, vpnGateway, transitRouter, vbr, ecr, vpcPeering, gatewayEndpoint, gatewayLoadBalancerEndpoint, haVip, cenBasic',
      '13:49: "maybe" is not true or false',
      '14:27: no vSwitch "s"',
      '14:43: "10.0.0.300" is not an IP address',
      '14:61: a tap is { interface, netns, side, agent, nflog }, { exporter, ifIndex } or { capture, interface, side }',
      '14:63: unknown key "interfce". Did you mean "interface"?',
    ],
  )
})

test('46: every id that is named must be there; all are told, with the nearest one', () => {
  assert.deepEqual(
    problems(`vpcs: [ { id: vpc-shop, cidrs: [10.0.0.0/16], routeTable: rt } ]
vSwitches: [ { id: vsw-web, vpc: vpc-shp, cidrs: [10.0.0.0/24], networkAcl: acl, routeTable: rt2 } ]
instances: [ { id: i-1 } ]
enis: [ { id: eni-1, vSwitch: vsw-wbe, instance: i-7, privateIps: [10.0.0.1], securityGroups: [sg-x] } ]
routeTables: [ { id: rt-main, entries: [ { destination: 0.0.0.0/0, nextHop: ngw } ] } ]
gateways: [ { id: ngw-1, type: natGateway, vpc: vpc-x, eni: eni-2 } ]
services: [ { id: s, vpc: nowhere-at-all, privateIps: [10.0.0.9] } ]
securityGroups: [ { id: sg-1, rules: [ { direction: ingress, policy: drop, peer: sg-2 } ] } ]
`),
    [
      '1:59: no route table "rt". Known: rt-main',
      '2:34: no VPC "vpc-shp". Did you mean "vpc-shop"?',
      '2:77: no network ACL "acl"',
      '2:94: no route table "rt2". Known: rt-main',
      '4:31: no vSwitch "vsw-wbe". Did you mean "vsw-web"?',
      '4:50: no instance "i-7". Did you mean "i-1"?',
      '4:96: no security group "sg-x". Did you mean "sg-1"?',
      '5:77: no gateway or ENI "ngw". Did you mean "ngw-1"?',
      '6:49: no VPC "vpc-x". Known: vpc-shop',
      '6:61: no ENI "eni-2". Did you mean "eni-1"?',
      '7:27: no VPC "nowhere-at-all". Known: vpc-shop',
      '8:82: "sg-2" is neither an address range nor a security group. Did you mean "sg-1"?',
    ],
  )
})

test('an id is given once; gateways and ENIs share theirs', () => {
  const text = `vpcs: [ { id: v, cidrs: [10.0.0.0/16] }, { id: v, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: v, vpc: v, cidrs: [10.0.0.0/24] } ]
enis: [ { id: x, vSwitch: v, privateIps: [10.0.0.1] } ]
gateways: [ { id: x, type: ecr } ]
`
  assert.deepEqual(problems(text), [
    '1:48: the id "v" is already used at t.yaml:1:15',
    '3:15: the id "x" is already used at t.yaml:4:19',
  ])
})

const addresses = (enis: string, more = ''): string => `
vpcs: [ { id: v1, cidrs: [10.0.0.0/16, "fd00::/56"] }, { id: v2, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: s1, vpc: v1, cidrs: [10.0.0.0/24] }, { id: s2, vpc: v2, cidrs: [10.0.0.0/24] } ]
enis: [ ${enis} ]
${more}`

test('9: one address twice in a VPC is an error, in two VPCs it is not; gateways and services count', () => {
  assert.deepEqual(
    problems(
      addresses(
        '{ id: a, vSwitch: s1, privateIps: [10.0.0.1] }, { id: b, vSwitch: s2, privateIps: [10.0.0.1] }',
      ),
    ),
    [],
  )
  assert.deepEqual(
    problems(
      addresses(
        '{ id: a, vSwitch: s1, privateIps: [10.0.0.1, "fd00::1", "fd00::0:1"] }, { id: b, vSwitch: s1, privateIps: [10.0.0.1] }',
      ),
    ),
    ['4:65: ENI a lists fd00::0:1 twice', '4:116: 10.0.0.1 in v1 already belongs to ENI a'],
  )
  assert.deepEqual(
    problems(
      addresses(
        '{ id: a, vSwitch: s1, privateIps: [10.0.0.1, 10.0.0.2] }',
        `gateways: [ { id: g, type: haVip, vpc: v1, privateIps: [10.0.0.1] }, { id: h, type: haVip, vpc: v2, privateIps: [10.0.0.1] } ]
services: [ { id: s, vpc: v1, privateIps: [10.0.0.2] } ]`,
      ),
    ),
    [
      '5:57: 10.0.0.1 in v1 already belongs to ENI a',
      '6:44: 10.0.0.2 in v1 already belongs to ENI a',
    ],
  )
  assert.deepEqual(
    problems(
      addresses(
        '{ id: a, vSwitch: s1, privateIps: [10.0.0.1], publicIp: 1.1.1.1 }, { id: b, vSwitch: s2, privateIps: [10.0.0.1], publicIp: 1.1.1.1 }',
      ),
    ),
    ['4:132: 1.1.1.1 already belongs to ENI a'],
  )
})

test('13: an address lies in its VPC, and in its vSwitch if that lists any of its family', () => {
  assert.deepEqual(
    problems(addresses('{ id: a, vSwitch: s1, privateIps: [10.0.0.1, "fd00::1"] }')),
    [],
  )
  assert.deepEqual(
    problems(
      addresses(
        '{ id: a, vSwitch: s1, privateIps: [10.0.1.1, 11.0.0.1, "fd01::1"] }',
        `gateways: [ { id: g, type: haVip, vpc: v1, privateIps: [11.0.0.2] } ]
services: [ { id: s, vpc: v1, privateIps: [10.0.9.9, 11.0.0.3] } ]`,
      ),
    ),
    [
      '4:44: 10.0.1.1 lies in no CIDR of vSwitch s1 (10.0.0.0/24)',
      '4:54: 11.0.0.1 lies in no CIDR of VPC v1 (10.0.0.0/16, fd00::/56)',
      '4:54: 11.0.0.1 lies in no CIDR of vSwitch s1 (10.0.0.0/24)',
      '4:64: fd01::1 lies in no CIDR of VPC v1 (10.0.0.0/16, fd00::/56)',
      '5:57: 11.0.0.2 lies in no CIDR of VPC v1 (10.0.0.0/16, fd00::/56)',
      '6:54: 11.0.0.3 lies in no CIDR of VPC v1 (10.0.0.0/16, fd00::/56)',
    ],
  )
})

test("entries that need each other's keys", () => {
  assert.deepEqual(
    problems(`vpcs: [ { id: v, cidrs: [10.0.0.0/8] } ]
gateways: [ { id: g, type: vbr, target: vpc }, { id: h, type: haVip, privateIps: [10.0.0.1] } ]
services: [ { id: s }, { id: t, vpc: v }, { id: u, cidrs: [1.0.0.0/8], vpc: v } ]
networkAcls: [ { id: n, ingress: [ { policy: drop, peer: sg-1 } ] } ]
vSwitches: {}
enis: [ 7, ~ ]
`),
    [
      '2:41: "target" belongs to gateways of type cenBasic',
      '2:82: privateIps live in a VPC: "vpc" is missing',
      '3:13: a service is { id, vpc, privateIps, type }, or { id, cidrs } for a range of the cloud',
      '3:24: a service is { id, vpc, privateIps, type }, or { id, cidrs } for a range of the cloud',
      '3:43: a service is { id, vpc, privateIps, type }, or { id, cidrs } for a range of the cloud',
      '4:58: "sg-1" is not an address range such as 10.0.0.0/16',
      '5:12: "vSwitches" must be a list',
      '6:9: expected a map, found a text',
      '6:12: an empty entry',
    ],
  )
})

test('text that is no topology', () => {
  assert.deepEqual(problems(''), ['1:1: the topology file is empty'])
  assert.deepEqual(problems('- 1'), ['1:1: a topology is a map of lists'])
  assert.deepEqual(problems('account: [1]'), ['1:10: "account" must be a text'])
  assert.deepEqual(problems('vpcs: 1\nvpcs: 2'), [
    '2:1: this key is given twice',
    '2:7: "vpcs" must be a list',
  ])
  assert.deepEqual(problems('vpcs: []\n---\nvpcs: []'), [
    '2:1: a topology file holds one document, and here begins a second one',
  ])
  assert.match(problems('vpcs: [')[0]!, /^1:8: not YAML: /)
})

test('aliases cannot blow a small file up', () => {
  const nine = (name: string): string => Array.from({ length: 9 }, () => name).join()
  const text = `a: &a [${nine('1')}]\nb: &b [${nine('*a')}]\nc: &c [${nine('*b')}]\nd: &d [${nine('*c')}]\ne: [${nine('*d')}]`
  assert.match(problems(text)[0]!, /nested too deep or repeated too often by aliases$/)
  assert.match(problems('a: &a [*a]')[0]!, /nested too deep or repeated too often by aliases$/)
})

test('one problem is the error itself, several are a list in it', () => {
  const one = 'vpcs: [ { id: v, cidrs: [10.0.0.0/8], rgion: x } ]'
  assert.throws(() => parseTopology(one, 'net.yaml'), {
    code: 'TopologyInvalid',
    message: 'unknown key "rgion"',
    place: 'net.yaml:1:39',
    hint: 'Did you mean "region"?',
  })
  assert.throws(
    () => parseTopology(one.replace('10.0.0.0/8', 'x'), 'net.yaml'),
    (error) => {
      assert.equal(
        describeError(error),
        `TopologyInvalid: 2 problems
  net.yaml:1:26: "x" is not an address range such as 10.0.0.0/16
  net.yaml:1:30: unknown key "rgion". Did you mean "region"?
 (net.yaml:1:26)`,
      )
      return true
    },
  )
})

test('a file is read, and one that cannot be is FileUnreadable', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-topology-'))
  try {
    const file = join(folder, 'net.yaml')
    writeFileSync(file, complete)
    assert.equal(loadTopology(file).enis.length, 3)
    assert.throws(() => loadTopology(join(folder, 'none.yaml')), {
      code: 'FileUnreadable',
      message: 'cannot read the topology file: ENOENT',
      place: join(folder, 'none.yaml'),
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
