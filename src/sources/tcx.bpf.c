/*
 * Counts the packets of one interface, by flow, in the kernel. Loaded twice: at the way in and at the way
 * out, each time with `settings` and `counters` maps of its own, so that it knows where it is.
 *
 * What is IP, which bytes count, where ports and flags are read: as in packet/decode.ts. What cannot be
 * put into a flow is counted, so that frames = frames in flows + all the other counters.
 *
 * There are two sets of everything. `turn` says which one is written, and from when on it is the other
 * one: its lowest bit is the set, the rest is the time (CLOCK_TAI, nanoseconds) at which they change
 * places. The set at rest is emptied by tcx.ts.
 *
 * `scripts/build-bpf.ts` compiles this file into tcx-program.ts. Nobody else needs a compiler.
 */
#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define section(name) __attribute__((section(name), used))
#define inlined static inline __attribute__((always_inline))
#define apart static __attribute__((noinline))
/* Keeps two calls from being joined into one: the kernel inlines a look-up whose map it knows. */
#define own_call() asm volatile("")

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const skb_load)(const void *skb, u32 from, void *to, u32 bytes) = (void *)26;
static u64 (*const tai_nanoseconds)(void) = (void *)208;

#define swap16(x) __builtin_bswap16(x)

/* A map, as scripts/build-bpf.ts reads it. No entries: tcx.ts says how many. */
struct map {
  u32 type, key_bytes, value_bytes, entries, flags;
};

struct settings {
  u64 turn;
  u32 link;      /* 1: frames begin with an Ethernet header, 0: with IP */
  u32 families;  /* 4: IPv4 only, else both */
  u32 direction; /* 0: into the ENI, MARK_OUT: out of it */
  u32 zero;
};

struct counters {
  u64 frames, frame_bytes;
  u64 non_ip, truncated, malformed, multicast;
  u64 filtered, filtered_bytes;
  u64 refused, refused_packets; /* a map was full */
};

struct totals {
  u64 packets, bytes;
  u64 first, last;
  u64 opened; /* the last SYN without ACK */
  u64 finished; /* the last FIN */
  u64 reset; /* the last RST */
  u32 flags;  /* of all packets */
  u32 first_flags;
};

/* Addresses and ports in network order. */
struct key4 {
  u32 source, destination, ports;
  u8 protocol, mark;
  u16 zero;
};

struct key6 {
  u32 source[4], destination[4], ports;
  u8 protocol, mark;
  u16 zero;
};

/* Packets whose verdict hangs on more than their five-tuple: fragments and ICMP errors. */
struct special {
  struct key6 key; /* of IPv4 the first word of each address */
  u32 identification;
  u32 quoted_source[4], quoted_destination[4], quoted_ports;
  u8 quoted_protocol, zero[3];
};

#define MARK_OUT 1
#define MARK_FIRST_FRAGMENT 2
#define MARK_LATER_FRAGMENT 4
#define MARK_BROADCAST 8
#define MARK_ICMP_ERROR 16
#define MARK_NEIGHBOUR 32
#define MARK_IPV6 64
#define MARK_SPECIAL (MARK_FIRST_FRAGMENT | MARK_LATER_FRAGMENT | MARK_ICMP_ERROR)

#define MAPPABLE (1U << 10)
#define FLOWS(name, key) \
  struct map name section("maps") = {BPF_MAP_TYPE_HASH, sizeof(key), sizeof(struct totals), 0, 0}

struct map settings section("maps") =
    {BPF_MAP_TYPE_ARRAY, 4, sizeof(struct settings), 1, MAPPABLE};
struct map counters section("maps") =
    {BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct counters), 2, 0};
FLOWS(ipv4_0, struct key4);
FLOWS(ipv4_1, struct key4);
FLOWS(ipv6_0, struct key6);
FLOWS(ipv6_1, struct key6);
FLOWS(special_0, struct special);
FLOWS(special_1, struct special);

/* What a packet adds to its flow. */
struct amounts {
  u64 now;
  u32 packets, bytes;
  u32 header; /* of IP and transport, which each segment of an offloaded frame repeats */
  u32 flags;
};

enum outcome { PACKET, NON_IP, TRUNCATED, MALFORMED };

#define TCP 6
#define UDP 17
#define ICMP 1
#define ICMP6 58
#define FIN 1
#define SYN 2
#define RST 4
#define ACK 16

inlined int has_ports(u8 protocol) {
  return protocol == TCP || protocol == UDP || protocol == 33 || protocol == 132 || protocol == 136;
}

inlined void add(struct totals *into, const struct amounts *its) {
  __sync_fetch_and_add(&into->packets, its->packets);
  __sync_fetch_and_add(&into->bytes, its->bytes);
  if (its->now > into->last) into->last = its->now;
  if (its->now < into->first) into->first = its->now;
  if (its->flags == 0) return;
  if (its->flags & ~into->flags) __sync_fetch_and_or(&into->flags, its->flags);
  if (its->flags & FIN) into->finished = its->now;
  if (its->flags & RST) into->reset = its->now;
  if ((its->flags & (SYN | ACK)) == SYN) into->opened = its->now;
}

inlined void begin(struct totals *fresh, const struct amounts *its) {
  fresh->packets = its->packets;
  fresh->bytes = its->bytes;
  fresh->first = its->now;
  fresh->last = its->now;
  fresh->opened = (its->flags & (SYN | ACK)) == SYN ? its->now : 0;
  fresh->finished = its->flags & FIN ? its->now : 0;
  fresh->reset = its->flags & RST ? its->now : 0;
  fresh->flags = its->flags;
  fresh->first_flags = its->flags;
}

/* 0 when counted; else the map is full. */
inlined int count_in(struct map *map, const void *key, const struct amounts *its) {
  struct totals *flow = map_lookup(map, key);
  if (!flow) {
    struct totals fresh;
    begin(&fresh, its);
    if (map_update(map, key, &fresh, BPF_NOEXIST) == 0) return 0;
    flow = map_lookup(map, key); /* another processor may have been first */
    if (!flow) return -1;
  }
  add(flow, its);
  return 0;
}

inlined int count_flow(u32 set, const struct key6 *key, const struct amounts *its) {
  if (key->mark & MARK_IPV6) {
    if (set) {
      own_call();
      return count_in(&ipv6_1, key, its);
    }
    own_call();
    return count_in(&ipv6_0, key, its);
  }
  struct key4 short_key = {key->source[0], key->destination[0], key->ports, key->protocol, key->mark, 0};
  if (set) {
    own_call();
    return count_in(&ipv4_1, &short_key, its);
  }
  own_call();
  return count_in(&ipv4_0, &short_key, its);
}

inlined int count_special(u32 set, const struct special *key, const struct amounts *its) {
  if (set) {
    own_call();
    return count_in(&special_1, key, its);
  }
  own_call();
  return count_in(&special_0, key, its);
}

/*
 * Nearly all frames: Ethernet without tags, IPv4 without options or IPv6 without extension headers, no
 * fragment, 14 bytes of the transport at hand, not ICMP. Whether it was one.
 */
inlined int plain(struct __sk_buff *skb, struct key6 *key, struct amounts *its) {
  const u8 *data = (const u8 *)(long)skb->data;
  const u8 *end = (const u8 *)(long)skb->data_end;
  const u8 *transport;
  u32 length;
  if (data + 14 + 20 + 14 > end) return 0;
  const u16 type = *(const u16 *)(data + 12);
  if (type == swap16(0x0800)) {
    key->protocol = data[14 + 9];
    if (data[14] != 0x45 || (*(const u16 *)(data + 14 + 6) & swap16(0x3fff)) != 0) return 0;
    length = swap16(*(const u16 *)(data + 14 + 2));
    if (length < 34) return 0;
    key->source[0] = *(const u32 *)(data + 14 + 12);
    key->destination[0] = *(const u32 *)(data + 14 + 16);
    key->mark = 0;
    its->header = 20;
    transport = data + 14 + 20;
  } else if (type == swap16(0x86dd)) {
    if (data + 14 + 40 + 14 > end) return 0;
    key->protocol = data[14 + 6];
    length = swap16(*(const u16 *)(data + 14 + 4));
    if (data[14] >> 4 != 6 || length < 14) return 0;
    length += 40;
    __builtin_memcpy(key->source, data + 14 + 8, 16);
    __builtin_memcpy(key->destination, data + 14 + 24, 16);
    key->mark = MARK_IPV6;
    its->header = 40;
    transport = data + 14 + 40;
  } else
    return 0;
  its->bytes = length;
  its->flags = 0;
  if (key->protocol == TCP) {
    const u8 offset = transport[12];
    if (offset >= 0x50) its->flags = transport[13];
    its->header += offset >> 4 << 2;
  } else if (key->protocol == UDP)
    its->header += 8;
  else
    return 0;
  key->ports = *(const u32 *)transport;
  if (*(const u32 *)data == 0xffffffff && *(const u16 *)(data + 4) == 0xffff)
    key->mark |= MARK_BROADCAST;
  return 1;
}

#define TAGS_MAX 16
#define LABELS_MAX 32

/*
 * Follows tags, MPLS labels and PPPoE to IP.
 * @returns 4 or 6: what was announced; 1: what the version says; 0: not IP
 */
apart int network_after(struct __sk_buff *skb, u32 *ip) {
  u16 head[2];
  u32 at = 14;
  if (skb_load(skb, 12, &head[1], 2) != 0) return 0;
  for (int i = 0; i < TAGS_MAX; i++) {
    const u16 type = swap16(head[1]);
    if (type != 0x8100 && type != 0x88a8 && type != 0x9100) break;
    if (skb_load(skb, at, head, 4) != 0) return 0;
    at += 4;
  }
  *ip = at;
  switch (swap16(head[1])) {
    case 0x0800:
      return 4;
    case 0x86dd:
      return 6;
    case 0x8847:
    case 0x8848:
      for (int i = 0; i < LABELS_MAX; i++) {
        u8 label[4];
        if (skb_load(skb, at, label, 4) != 0) return 0;
        at += 4;
        *ip = at;
        if (label[2] & 1) return 1;
      }
      return 0;
    case 0x8864:
      if (skb_load(skb, at + 4, head, 4) != 0) return 0;
      *ip = at + 8;
      return swap16(head[1]) == 0x0021 ? 4 : swap16(head[1]) == 0x0057 ? 6 : 0;
  }
  return 0;
}

inlined int bytes_at(struct __sk_buff *skb, u32 at, u32 limit, void *to, u32 bytes) {
  return at + bytes <= limit && skb_load(skb, at, to, bytes) == 0;
}

/* Marks neighbour discovery, and reads the packet that an ICMP error quotes (RFC 792, RFC 4443). */
apart void decode_icmp(struct __sk_buff *skb, struct special *to, u32 at, u32 limit) {
  u8 type, head[40];
  u32 ports = 0;
  if (!bytes_at(skb, at, limit, &type, 1)) return;
  at += 8;
  if (to->key.mark & MARK_IPV6) {
    if (to->key.protocol != ICMP6) return;
    if (type >= 133 && type <= 137) {
      to->key.mark |= MARK_NEIGHBOUR;
      return;
    }
    if (type < 1 || type > 4) return;
    if (!bytes_at(skb, at, limit, head, 40) || head[0] >> 4 != 6) return;
    __builtin_memcpy(to->quoted_source, head + 8, 16);
    __builtin_memcpy(to->quoted_destination, head + 24, 16);
    to->quoted_protocol = head[6];
    at += 40;
  } else {
    if (to->key.protocol != ICMP) return;
    if (type != 3 && type != 4 && type != 5 && type != 11 && type != 12) return;
    if (!bytes_at(skb, at, limit, head, 20) || head[0] >> 4 != 4) return;
    __builtin_memcpy(to->quoted_source, head + 12, 4);
    __builtin_memcpy(to->quoted_destination, head + 16, 4);
    to->quoted_protocol = head[9];
    /* A quoted later fragment has no transport header. */
    at = (head[6] & 0x1f) || head[7] ? limit : at + (head[0] & 15) * 4;
  }
  if (has_ports(to->quoted_protocol) && bytes_at(skb, at, limit, &ports, 4)) to->quoted_ports = ports;
  to->key.mark |= MARK_ICMP_ERROR;
}

/* Ports and flags of an unfragmented packet or first fragment; `limit` is where it ends. */
inlined void decode_transport(struct __sk_buff *skb, struct special *to, struct amounts *its,
                              u32 at, u32 limit) {
  const u8 protocol = to->key.protocol;
  u32 ports = 0;
  if (has_ports(protocol)) {
    u8 rest[2];
    if (bytes_at(skb, at, limit, &ports, 4)) to->key.ports = ports;
    if (protocol == UDP) its->header += 8;
    if (protocol == TCP && bytes_at(skb, at + 12, limit, rest, 2)) {
      if (rest[0] >= 0x50) its->flags = rest[1];
      its->header += rest[0] >> 4 << 2;
    }
  } else if (protocol == ICMP || protocol == ICMP6)
    decode_icmp(skb, to, at, limit);
}

apart int decode_ipv4(struct __sk_buff *skb, struct special *to, struct amounts *its, u32 ip) {
  u8 head[20];
  const u32 end = skb->len;
  if (ip + 20 > end || skb_load(skb, ip, head, 20) != 0) return TRUNCATED;
  const u32 header = (head[0] & 15) * 4;
  u32 bytes = head[2] << 8 | head[3];
  const u16 fragment = head[6] << 8 | head[7];
  if (head[0] >> 4 != 4 || header < 20) return MALFORMED;
  if (bytes < header) {
    if (bytes != 0) return MALFORMED;
    bytes = end - ip;
  }
  if (ip + header > end) return TRUNCATED;
  __builtin_memcpy(to->key.source, head + 12, 4);
  __builtin_memcpy(to->key.destination, head + 16, 4);
  to->key.protocol = head[9];
  its->bytes = bytes;
  its->header = header;
  if (fragment & 0x3fff) {
    to->identification = head[4] << 8 | head[5];
    to->key.mark |= fragment & 0x1fff ? MARK_LATER_FRAGMENT : MARK_FIRST_FRAGMENT;
    if (fragment & 0x1fff) return PACKET;
  }
  decode_transport(skb, to, its, ip + header, ip + bytes < end ? ip + bytes : end);
  return PACKET;
}

#define OPTIONS_MAX 32

/* The length in a jumbo payload option of a hop-by-hop header (RFC 2675 section 2), 0 without one. */
apart u32 jumbo_payload(struct __sk_buff *skb, u32 ip) {
  u8 head[2];
  u32 at = ip + 40, end = skb->len, length = 0;
  if (skb_load(skb, at, head, 2) != 0) return 0;
  if (at + (head[1] + 1) * 8 < end) end = at + (head[1] + 1) * 8;
  at += 2;
  for (int i = 0; i < OPTIONS_MAX; i++) {
    if (!bytes_at(skb, at, end, head, 2)) return 0;
    if (head[0] == 0) {
      at += 1;
      continue;
    }
    if (head[0] == 0xc2 && head[1] == 4 && bytes_at(skb, at + 2, end, &length, 4))
      return __builtin_bswap32(length);
    at += 2 + head[1];
  }
  return 0;
}

#define EXTENSIONS_MAX 24

apart int decode_ipv6(struct __sk_buff *skb, struct special *to, struct amounts *its, u32 ip) {
  u8 head[40];
  const u32 end = skb->len;
  if (ip >= end || skb_load(skb, ip, head, 1) != 0) return TRUNCATED;
  if (head[0] >> 4 != 6) return MALFORMED;
  if (ip + 40 > end || skb_load(skb, ip, head, 40) != 0) return TRUNCATED;
  to->key.mark |= MARK_IPV6;
  __builtin_memcpy(to->key.source, head + 8, 16);
  __builtin_memcpy(to->key.destination, head + 24, 16);
  u32 payload = head[4] << 8 | head[5];
  u8 next = head[6];
  u32 not_sent = 0;
  if (payload == 0) {
    if (next == 0) payload = jumbo_payload(skb, ip);
    /* BIG TCP: more than 64 KiB. A jumbo header of the kernel's own is taken off before the wire. */
    if (skb->gso_size != 0) {
      payload = end - ip - 40;
      not_sent = next == 0 ? 8 : 0;
    }
  }
  its->bytes = payload + 40 - not_sent;
  const u32 limit = ip + 40 + payload < end ? ip + 40 + payload : end;
  u32 at = ip + 40;
  int whole = 0;
  for (int i = 0; i < EXTENSIONS_MAX; i++) {
    if (next == 44) {
      if (!bytes_at(skb, at, limit, head, 8)) break;
      next = head[0];
      to->identification = (u32)head[4] << 24 | head[5] << 16 | head[6] << 8 | head[7];
      at += 8;
      if (head[2] != 0 || (head[3] & 0xf8) != 0) {
        to->key.mark = (to->key.mark & ~MARK_FIRST_FRAGMENT) | MARK_LATER_FRAGMENT;
        break;
      }
      to->key.mark |= MARK_FIRST_FRAGMENT;
    } else if (next == 0 || next == 43 || next == 60) {
      if (!bytes_at(skb, at, limit, head, 2)) {
        /* Of a routing header one byte is enough, of the others two. */
        if (next == 43 && bytes_at(skb, at, limit, head, 1)) next = head[0];
        break;
      }
      next = head[0];
      at += (head[1] + 1) * 8;
    } else {
      whole = 1;
      break;
    }
  }
  to->key.protocol = next;
  its->header = at - ip - not_sent;
  if (whole) decode_transport(skb, to, its, at, limit);
  return PACKET;
}

/* Any frame. */
apart int decode(struct __sk_buff *skb, struct special *to, struct amounts *its, u32 link) {
  u32 ip = 0;
  u32 kind;
  u8 first;
  if (link) {
    u16 station[3];
    kind = network_after(skb, &ip);
    if (skb_load(skb, 0, station, 6) == 0 && (station[0] & station[1] & station[2]) == 0xffff)
      to->key.mark |= MARK_BROADCAST;
  } else
    kind = skb->protocol == swap16(0x0800) ? 4 : skb->protocol == swap16(0x86dd) ? 6 : 0;
  if (kind == 1) {
    if (ip >= skb->len || skb_load(skb, ip, &first, 1) != 0) return TRUNCATED;
    kind = first >> 4;
  }
  if (kind == 4) return decode_ipv4(skb, to, its, ip);
  if (kind == 6) return decode_ipv6(skb, to, its, ip);
  return NON_IP;
}

/* What the wire carries of an offloaded frame: packets = ceil(payload / size), each with the headers. */
inlined void count_segments(u32 size, struct amounts *its) {
  if (its->header >= its->bytes) return;
  const u32 payload = its->bytes - its->header;
  its->packets = (payload + size - 1) / size;
  its->bytes = payload + its->packets * its->header;
}

inlined int is_multicast(const struct key6 *key) {
  const u8 first = *(const u8 *)key->destination;
  return key->mark & MARK_IPV6 ? first == 0xff : first >> 4 == 0xe;
}

section("program") int count(struct __sk_buff *skb) {
  const int next = -1; /* TCX_NEXT: as if nobody had been here */
  u32 zero = 0;
  const volatile struct settings *its_settings = map_lookup(&settings, &zero);
  if (!its_settings) return next;
  struct amounts its = {.now = tai_nanoseconds(), .packets = 1};
  const u64 turn = its_settings->turn;
  const u32 set = (turn & 1) ^ (its.now >= turn);
  struct counters *seen = map_lookup(&counters, &set);
  if (!seen) return next;
  seen->frames++;
  seen->frame_bytes += skb->len;

  struct special packet;
  packet.key.zero = 0;
  if (its_settings->link == 0 || !plain(skb, &packet.key, &its)) {
    __builtin_memset(&packet, 0, sizeof(packet));
    its.bytes = its.header = its.flags = 0;
    const int outcome = decode(skb, &packet, &its, its_settings->link);
    if (outcome != PACKET) {
      if (outcome == NON_IP) seen->non_ip++;
      else if (outcome == TRUNCATED) seen->truncated++;
      else seen->malformed++;
      return next;
    }
  }
  if (is_multicast(&packet.key)) {
    seen->multicast++;
    return next;
  }
  if (its_settings->families == 4 && packet.key.mark & MARK_IPV6) {
    seen->filtered++;
    seen->filtered_bytes += its.bytes;
    return next;
  }
  if (skb->gso_size != 0) count_segments(skb->gso_size, &its);
  packet.key.mark |= its_settings->direction;
  /* Without room among the special ones it counts with its five-tuple, like any other. */
  if (packet.key.mark & MARK_SPECIAL && count_special(set, &packet, &its) == 0) return next;
  if (count_flow(set, &packet.key, &its) != 0) {
    seen->refused++;
    seen->refused_packets += its.packets;
  }
  return next;
}
