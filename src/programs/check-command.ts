/** The command `weir check` with its options and help. What it does is loaded when it is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status */
export function addCheckCommand(weir: Command, ended: (status: number) => void): void {
  weir
    .command('check')
    .description(
      'Health and conservation: every frame is in a record, left out for a reason, or lost',
    )
    .option('--json', 'the ledgers, losses and problems as JSON')
    .option('--data <dir>', 'check this data directory; no server is needed')
    .option('--server <url>', 'the server to ask', 'http://127.0.0.1:8080')
    .addHelpText(
      'after',
      `
For every tap, the frames that its interface has counted since it was opened, what became of them, and
what was lost when and why. What is left over is the difference. Exit status: 0 all is well, 1 there is a
difference or something else is wrong.

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
