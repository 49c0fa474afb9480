/** The command `weir check` with its options and help. What it does is loaded when it is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status */
export function addCheckCommand(weir: Command, ended: (status: number) => void): void {
  weir
    .command('check')
    .description(
      'Health and conservation: no frame and no record is lost, and every byte is as it was written',
    )
    .option('--json', 'the ledgers, losses, the log store and problems as JSON')
    .option('--data <dir>', 'check this data directory; no server is needed')
    .option('--server <url>', 'the server to ask', 'http://127.0.0.1:8080')
    .addHelpText(
      'after',
      `
For every tap, the frames that its interface has counted since it was opened, what became of them, and
what was lost when and why. What is left over is the difference.

Of the log store every segment and the log are read again and compared with their checksums, and the rows of
each logstore are added up: those ever stored are in segments or expired.

Exit status: 0 all is well, 1 something is damaged or does not add up, 4 the data directory cannot be read.

Examples:
  weir check
  weir check --data ./data
  weir check --json`,
    )
    .action(async (options) => {
      const { check } = await import('./check.ts')
      ended(await check(options))
    })
}
