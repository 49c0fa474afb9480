/** Made by scripts/build-bpf.ts from family-filter.bpf.c: do not edit. */
import type { BpfProgram } from './bpf-program.ts'

export const familyFilterProgram: BpfProgram = {
  source: 'family-filter.bpf.c',
  sourceSha256: 'fcd44178882d2395fbcd23dd6ca1b3068e05854a07bc7e6671c3851b7f11ae7d',
  compiler: 'Debian clang version 14.0.6',
  maps: {
    filtered: { type: 6, keyBytes: 4, valueBytes: 16, entries: 1, flags: 0 },
    snaplen: { type: 2, keyBytes: 4, valueBytes: 4, entries: 1, flags: 0 },
  },
  mapUses: { filtered: [7], snaplen: [22] },
  code: [
    'vxYAAAAAAAC0AQAAAAAAAGMa/P8AAAAAYWEQAAAAAABWAQ8Aht0AAL+iAAAAAAAABwIAAPz///8YAQAAAAAAAAAAAAAA',
    'AAAAhQAAAAEAAAAVAAkAAAAAAHkBAAAAAAAABwEAAAEAAAB7EAAAAAAAAGFhAAAAAAAAeQIIAAAAAAAPEgAAAAAAAHsg',
    'CAAAAAAAtAAAAAAAAAAFAAkAAAAAAL+iAAAAAAAABwIAAPz///8YAQAAAAAAAAAAAAAAAAAAhQAAAAEAAAC/AQAAAAAA',
    'ALQAAAD/////FQEBAAAAAABhEAAAAAAAAJUAAAAAAAAA',
  ].join(''),
}
