/** Why a packet is accepted or rejected and which way it takes: what `explain` is asked and what it answers. Plain JSON. */

export type Way = 'in' | 'out'
export type Action = 'ACCEPT' | 'REJECT'

/** A packet, as a flow log record names it. */
export interface Question {
  /** Where it is seen; without it, at the ENIs that own its addresses. */
  readonly eni?: string
  /** Without it what the addresses say. */
  readonly direction?: Way
  readonly source: string
  readonly destination: string
  /** As in a rule of the topology: tcp, udp, icmp, icmpv6, gre or a number from 0 to 255. */
  readonly protocol: string
  /** TCP and UDP only. No rule looks at it. */
  readonly sourcePort?: number
  /** Needed for TCP and UDP, and for them only. */
  readonly destinationPort?: number
  /** TCP only, as in a record: SYN is 2, SYN-ACK 18. */
  readonly tcpFlags?: number
  /** ICMP and ICMPv6 only. */
  readonly icmpType?: number
}

export interface Explanation {
  readonly topology: {
    readonly file: string
    readonly version: number
    /** Unix seconds from when on this version was in force. */
    readonly since: number
    /** When the next version came in force; absent for the newest. */
    readonly until?: number
  }
  /** The packet in words: `1.2.3.4:1234 > 10.0.0.1:8443 tcp`. */
  readonly packet: string
  /** Where it is seen: the sender before the receiver; nobody when no ENI has its addresses. */
  readonly enis: readonly EniExplanation[]
  /** Why the packet makes no record, whatever its verdict. */
  readonly notCaptured?: string
  readonly notes: readonly string[]
}

export interface EniExplanation {
  readonly eni: string
  readonly direction: Way
  /** Of the packet as the first of its connection. */
  readonly action: Action
  /** In the order they are made; ACCEPT only if all accept. */
  readonly checks: readonly CheckExplanation[]
  readonly trafficPath: PathExplanation
  /**
   * Were it the answer to a packet the other way: that packet's verdict as a first one, and then its own. Absent
   * when the question does not give the source port, which is where that packet would have gone.
   */
  readonly asReply?: { readonly opening: Action; readonly action: Action }
  readonly notes: readonly string[]
}

export interface CheckExplanation {
  readonly check: 'securityGroups' | 'networkAcl'
  readonly accepts: boolean
  readonly by: 'rule' | 'membership' | 'default' | 'notFiltered' | 'neighbourDiscovery'
  /** A sentence without its full stop. */
  readonly says: string
  /** The rule that decided. */
  readonly rule?: RuleReference
  /** An accept rule that fits too, but comes after the drop rule that decided. */
  readonly overruled?: RuleReference
  /** At a default drop: the accept rule that misses the fewest conditions. */
  readonly nearest?: RuleReference & {
    /** `port 8443, rule allows 443`, one for each condition it misses. */
    readonly missed: readonly string[]
  }
}

export interface RuleReference {
  /** Of the security group or network ACL. */
  readonly id: string
  /** From 1 on: among the rules of the group, or the ACL's entries of that direction. */
  readonly entry: number
  /** `file:line:column`, when the file's text is known. */
  readonly place?: string
  /** The rule in words: `accept tcp port 443 from 120.26.0.0/16, priority 1`. */
  readonly text: string
  /** The topology's, as in `Explanation.topology`. */
  readonly version: number
}

export interface PathExplanation {
  /** 0 to 22, as in records. */
  readonly code: number
  readonly name: string
  readonly says: string
  /** Which row of records.md 39 fits. */
  readonly row: 1 | 2 | 4 | 5 | 6 | 7
  readonly because: string
  /** The route entry that leads there, in row 6. */
  readonly route?: {
    readonly table: string
    /** From 1 on. */
    readonly entry: number
    readonly destination: string
    readonly nextHop: string
    /** A gateway's type, or `eni`. */
    readonly type: string
    readonly place?: string
  }
}
