/** How commands end. Errors of the catalogue bring their own (base/errors.ts). */
export const exitStatus = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Everything readable was given, but a file was damaged. */
  damagedInput: 3,
  /** Stopped from the keyboard: what a shell shows for SIGINT. */
  interrupted: 130,
  /** The reader of standard output went away: what a shell shows for SIGPIPE. */
  brokenPipe: 141,
} as const
