/**
 * The network of the sample project, in the form of a topology file: one VPC or two for each of the
 * page's use cases. "10.0.0.1" lives in four of them, which is legal in the cloud; taps tell them apart.
 * Public IPv6 addresses are from the documentation range (RFC 3849).
 */
export const sampleTopologyYaml = `# The sample project: one network a use case.
account: "1210123456789012"
region: cn-hangzhou

vpcs:
  - { id: vpc-bp1ekmgzch0bo3hxXXXXXX, cidrs: [10.0.0.0/16, "2001:db8:10::/56"], routeTable: vtb-web }
  - { id: vpc-ecs, cidrs: [10.0.0.0/16, "2001:db8:20::/56"] }
  - { id: vpc-peer1, cidrs: [10.0.0.0/16, "2001:db8:31::/56"], routeTable: vtb-peer1 }
  - { id: vpc-peer2, cidrs: [172.16.0.0/16, "2001:db8:32::/56"], routeTable: vtb-peer2, region: cn-shanghai }
  - { id: vpc-nat, cidrs: [10.0.0.0/16, "2001:db8:40::/47"], routeTable: vtb-nat }
  - { id: vpc-express1, cidrs: [192.168.20.0/24, "2001:db8:51::/56"], routeTable: vtb-express }
  - { id: vpc-express2, cidrs: [192.168.10.0/24, "2001:db8:52::/56"], routeTable: vtb-express }

vSwitches:
  - { id: vsw-web, vpc: vpc-bp1ekmgzch0bo3hxXXXXXX, cidrs: [10.0.0.0/24, "2001:db8:10::/64"] }
  - { id: vsw-ecs, vpc: vpc-ecs, cidrs: [10.0.0.0/24, "2001:db8:20::/64"] }
  - { id: vsw-peer1, vpc: vpc-peer1, cidrs: [10.0.0.0/24, "2001:db8:31::/64"] }
  - { id: vsw-peer2, vpc: vpc-peer2, cidrs: [172.16.0.0/24, "2001:db8:32::/64"] }
  - { id: vsw-nat1, vpc: vpc-nat, cidrs: [10.0.0.0/24, "2001:db8:40::/64"] }
  - { id: vsw-nat2, vpc: vpc-nat, cidrs: [10.0.1.0/24, "2001:db8:40:1::/64"] }
  - { id: vsw-express1, vpc: vpc-express1, cidrs: [192.168.20.0/24, "2001:db8:51::/64"] }
  - { id: vsw-express2, vpc: vpc-express2, cidrs: [192.168.10.0/24, "2001:db8:52::/64"] }

instances:
  - { id: i-web1, name: web1 }
  - { id: i-ecs1, name: ecs1 }
  - { id: i-ecs2, name: ecs2 }
  - { id: i-ecs3, name: ecs3 }
  - { id: i-peer1, name: peer1 }
  - { id: i-peer2, name: peer2 }
  - { id: i-peer3, name: peer3 }
  - { id: i-standby, name: standby }
  - { id: i-far1, name: far1 }
  - { id: i-far2, name: far2 }
  - { id: i-nat1, name: nat1 }
  - { id: i-nat2, name: nat2 }
  - { id: i-nat3, name: nat3 }
  - { id: i-nat4, name: nat4 }
  - { id: i-erp, name: erp }
  - { id: i-files, name: files }
  - { id: i-mail, name: mail }
  - { id: i-logs, name: logs }

enis:
  # Use case 1: a web server on the internet.
  - id: eni-web1
    vSwitch: vsw-web
    instance: i-web1
    privateIps: [10.0.0.1, "2001:db8:10::1"]
    publicIp: 47.96.0.1
    securityGroups: [sg-web]
    tap: { capture: sample-web.pcapng, interface: web1 }
  # Use case 2, left: three instances in one VPC.
  - id: eni-ecs1
    vSwitch: vsw-ecs
    instance: i-ecs1
    privateIps: [10.0.0.1, "2001:db8:20::1"]
    securityGroups: [sg-ecs]
    tap: { capture: sample-ecs.pcapng, interface: ecs1 }
  - id: eni-ecs2
    vSwitch: vsw-ecs
    instance: i-ecs2
    privateIps: [10.0.0.2, "2001:db8:20::2"]
    securityGroups: [sg-ecs]
    tap: { capture: sample-ecs.pcapng, interface: ecs2 }
  - id: eni-ecs3
    vSwitch: vsw-ecs
    instance: i-ecs3
    privateIps: [10.0.0.3, "2001:db8:20::3"]
    securityGroups: [sg-ecs]
    tap: { capture: sample-ecs.pcapng, interface: ecs3 }
  # Use case 2, right: two VPCs in two regions.
  - id: eni-peer1
    vSwitch: vsw-peer1
    instance: i-peer1
    privateIps: [10.0.0.1, "2001:db8:31::1"]
    securityGroups: [sg-peer1]
    tap: { capture: sample-peering.pcapng, interface: vpc1-ecs1 }
  - id: eni-peer2
    vSwitch: vsw-peer1
    instance: i-peer2
    privateIps: [10.0.0.2, "2001:db8:31::2"]
    securityGroups: [sg-peer1]
    tap: { capture: sample-peering.pcapng, interface: vpc1-ecs2 }
  - id: eni-peer3
    vSwitch: vsw-peer1
    instance: i-peer3
    privateIps: [10.0.0.3, "2001:db8:31::3"]
    securityGroups: [sg-peer1]
    tap: { capture: sample-peering.pcapng, interface: vpc1-ecs3 }
  - id: eni-standby
    vSwitch: vsw-peer1
    instance: i-standby
    privateIps: [10.0.0.4, "2001:db8:31::4"]
    securityGroups: [sg-peer1]
    tap: { capture: sample-peering.pcapng, interface: vpc1-idle }
  - { id: eni-far1, vSwitch: vsw-peer2, instance: i-far1, privateIps: [172.16.0.1, "2001:db8:32::1"] }
  - { id: eni-far2, vSwitch: vsw-peer2, instance: i-far2, privateIps: [172.16.0.2, "2001:db8:32::2"] }
  # Use case 3: four instances behind a NAT gateway.
  - id: eni-nat1
    vSwitch: vsw-nat1
    instance: i-nat1
    privateIps: [10.0.0.1, "2001:db8:40::1"]
    securityGroups: [sg-nat]
    tap: { capture: sample-nat.pcapng, interface: nat-ecs1 }
  - id: eni-nat2
    vSwitch: vsw-nat1
    instance: i-nat2
    privateIps: [10.0.0.2, "2001:db8:40::2"]
    securityGroups: [sg-nat]
    tap: { capture: sample-nat.pcapng, interface: nat-ecs2 }
  - id: eni-nat3
    vSwitch: vsw-nat1
    instance: i-nat3
    privateIps: [10.0.0.3, "2001:db8:40::3"]
    securityGroups: [sg-nat]
    tap: { capture: sample-nat.pcapng, interface: nat-ecs3 }
  - id: eni-nat4
    vSwitch: vsw-nat1
    instance: i-nat4
    privateIps: [10.0.0.4, "2001:db8:40::4"]
    securityGroups: [sg-nat]
    tap: { capture: sample-nat.pcapng, interface: nat-ecs4 }
  - id: eni-ngw1
    vSwitch: vsw-nat2
    privateIps: [10.0.1.10, "2001:db8:40:1::10"]
    tap: { capture: sample-nat.pcapng, interface: ngw1 }
  # Use case 4: two VPCs on one line to the site.
  - id: eni-erp
    vSwitch: vsw-express1
    instance: i-erp
    privateIps: [192.168.20.11, "2001:db8:51::11"]
    securityGroups: [sg-express1]
    tap: { capture: sample-express.pcapng, interface: vpc1-app1 }
  - id: eni-files
    vSwitch: vsw-express1
    instance: i-files
    privateIps: [192.168.20.12, "2001:db8:51::12"]
    securityGroups: [sg-express1]
    tap: { capture: sample-express.pcapng, interface: vpc1-app2 }
  - id: eni-mail
    vSwitch: vsw-express2
    instance: i-mail
    privateIps: [192.168.10.11, "2001:db8:52::11"]
    securityGroups: [sg-express2]
    tap: { capture: sample-express.pcapng, interface: vpc2-app1 }
  - id: eni-logs
    vSwitch: vsw-express2
    instance: i-logs
    privateIps: [192.168.10.12, "2001:db8:52::12"]
    securityGroups: [sg-express2]
    tap: { capture: sample-express.pcapng, interface: vpc2-app2 }

securityGroups:
  - id: sg-web
    rules:
      - { direction: ingress, policy: accept, protocol: tcp, ports: 80/80, peer: 120.26.0.0/16, priority: 1 }
  - { id: sg-ecs }
  - { id: sg-nat }
  - id: sg-peer1
    rules:
      - { direction: ingress, policy: accept, protocol: icmp, peer: 172.16.0.0/16, priority: 1 }
  - { id: sg-express1 }
  - { id: sg-express2 }

routeTables:
  - id: vtb-web
    entries: [{ destination: "::/0", nextHop: ipv6gw-web }]
  - id: vtb-peer1
    entries:
      - { destination: 172.16.0.0/16, nextHop: pcc-1 }
      - { destination: "2001:db8:32::/56", nextHop: pcc-1 }
  - id: vtb-peer2
    entries:
      - { destination: 10.0.0.0/16, nextHop: pcc-1 }
      - { destination: "2001:db8:31::/56", nextHop: pcc-1 }
  - id: vtb-nat
    entries:
      - { destination: 0.0.0.0/0, nextHop: ngw-1 }
      - { destination: "64:ff9b::/96", nextHop: ngw-1 }
  - id: vtb-express
    entries:
      - { destination: 10.1.0.0/16, nextHop: tr-1 }
      - { destination: "2001:db8:a1::/48", nextHop: tr-1 }

gateways:
  - { id: ipv6gw-web, type: ipv6Gateway, vpc: vpc-bp1ekmgzch0bo3hxXXXXXX }
  - { id: pcc-1, type: vpcPeering }
  - { id: ngw-1, type: natGateway, vpc: vpc-nat, eni: eni-ngw1, publicIps: [47.96.0.9] }
  - { id: tr-1, type: transitRouter }
`
