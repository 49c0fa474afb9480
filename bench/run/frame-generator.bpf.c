/*
 * Frames for `npm run bench live`: an XDP program that the kernel runs again and again on a frame of ours,
 * each of which then goes the way of a frame that came in. Every run takes a random one of `flows` flows:
 * its number stands in the UDP ports. The UDP checksum stays 0, which says that there is none (RFC 768).
 * It keeps the pace itself, by waiting, since each call of the kernel's test run takes 20 ms to set up.
 *
 * `scripts/build-bpf.ts` compiles this file into frame-generator-program.ts.
 */
#include <linux/bpf.h>

#define section(name) __attribute__((section(name), used))

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static __u64 (*const nanoseconds)(void) = (void *)5;

struct map {
  __u32 type, key_bytes, value_bytes, entries, flags;
};

struct choice {
  __u32 flows, seed;
  __u64 interval; /* nanoseconds between two frames, 0 for none */
  __u64 due;
  __u64 waited;
};

struct map choice section("maps") = {BPF_MAP_TYPE_ARRAY, 4, sizeof(struct choice), 1, 0};

/* Ethernet, IPv4 without options, UDP. */
struct frame {
  __u8 stations[12];
  __u16 type;
  __u8 ip[20];
  __u16 source, destination, length, checksum;
};

#define LOOKS_MAX 2000

/* Until the frame is due, for some 50 microseconds at most. */
static inline __attribute__((always_inline)) void wait(struct choice *its) {
  const __u64 begun = nanoseconds();
  __u64 now = begun;
  if (its->due == 0) its->due = now;
  for (int i = 0; i < LOOKS_MAX && now < its->due; i++) now = nanoseconds();
  its->due += its->interval;
  its->waited += now - begun;
}

section("program") int next_frame(struct xdp_md *context) {
  struct frame *frame = (void *)(long)context->data;
  __u32 zero = 0;
  struct choice *its = map_lookup(&choice, &zero);
  if (!its || (void *)(frame + 1) > (void *)(long)context->data_end) return XDP_DROP;
  if (its->interval != 0) wait(its);
  its->seed = its->seed * 1664525 + 1013904223;
  const __u32 flow = (__u64)its->seed * its->flows >> 32;
  frame->source = __builtin_bswap16(flow & 0xffff);
  frame->destination = __builtin_bswap16(5000 + (flow >> 16));
  return XDP_PASS;
}
