/*
 * A socket filter for a ring whose flow logs want IPv4 only: IPv6 frames are counted here and go no
 * further, everything else is kept, its first `snaplen` bytes. Tagged frames come as what the tag says and
 * are kept.
 *
 * `scripts/build-bpf.ts` compiles this file into family-filter-program.ts.
 */
#include <linux/bpf.h>

#define section(name) __attribute__((section(name), used))

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;

struct map {
  __u32 type, key_bytes, value_bytes, entries, flags;
};

struct filtered {
  __u64 frames, frame_bytes;
};

/* Of one CPU each, so that nobody waits. */
struct map filtered section("maps") = {BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct filtered), 1, 0};
struct map snaplen section("maps") = {BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0};

section("program") int keep(struct __sk_buff *skb) {
  __u32 zero = 0;
  if (skb->protocol == __builtin_bswap16(0x86dd)) {
    struct filtered *seen = map_lookup(&filtered, &zero);
    if (seen) {
      seen->frames++;
      seen->frame_bytes += skb->len;
      return 0;
    }
  }
  const __u32 *bytes = map_lookup(&snaplen, &zero);
  return bytes ? *bytes : -1;
}
