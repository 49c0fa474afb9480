/** The commands of `weir topology` with their options and help. What they do is loaded when one is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addTopologyCommands(
  weir: Command,
  defaultServer: string,
  ended: (status: number) => void,
): void {
  const load = () => import('./topology.ts')
  const topology = weir
    .command('topology')
    .description('The topology a server has: every version of its file, with who and when')
    .addHelpText('after', '\nExamples:\n  weir topology history\n  weir topology show 3')
  topology
    .command('history')
    .description('Every version, the oldest first')
    .addHelpText('after', '\nExamples:\n  weir topology history\n  weir topology history --json')
    .option('--format <format>', 'table, json or ndjson', 'table')
    .option('--json', 'the same as --format json')
    .action(async (options) => ended(await (await load()).history(options)))
  topology
    .command('show')
    .description('The file as it was in a version')
    .argument('[version]', 'its number; the newest unless told')
    .addHelpText(
      'after',
      '\nExamples:\n  weir topology show\n  weir topology show 3 > vpc-3.yaml\n' +
        '  diff <(weir topology show 3) <(weir topology show 4)',
    )
    .action(async (version: string | undefined, options) =>
      ended(await (await load()).show(version, options)),
    )
  topology
    .command('diff')
    .description('What a version says otherwise than another')
    .argument('[from]', 'the number of a version; the one before the other unless told')
    .argument('[to]', 'the number of another; the newest unless told')
    .addHelpText(
      'after',
      '\nExamples:\n  weir topology diff\n  weir topology diff 3 5\n  weir topology diff 3 --json',
    )
    .option('--format <format>', 'table, json or ndjson', 'table')
    .option('--json', 'the same as --format json')
    .action(async (from: string | undefined, to: string | undefined, options) =>
      ended(await (await load()).diff(from, to, options)),
    )
  for (const each of topology.commands) each.option('--server <url>', 'the server', defaultServer)
}
