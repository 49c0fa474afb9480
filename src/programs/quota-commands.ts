/** The commands of `weir quota` with their options and help. What they do is loaded when one is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addQuotaCommands(
  weir: Command,
  defaultServer: string,
  ended: (status: number) => void,
): void {
  const load = () => import('./quota.ts')
  const quota = weir
    .command('quota')
    .description('How much of a thing an account may have')
    .addHelpText(
      'after',
      '\nExamples:\n  weir quota list\n  weir quota set vpc_quota_flowlog_inst_nums_per_user 50',
    )
  quota
    .command('list')
    .description('The quotas of an account, and what it has used of them')
    .addHelpText('after', '\nExamples:\n  weir quota list\n  weir quota list --account 77 --json')
    .action(async (options) => ended(await (await load()).list(options)))
  quota
    .command('set')
    .description('Change a quota; who and when is kept')
    .argument('<name>', 'such as vpc_quota_flowlog_inst_nums_per_user')
    .argument('<value>', 'from 0 to 10000')
    .addHelpText('after', '\nExamples:\n  weir quota set vpc_quota_flowlog_inst_nums_per_user 50')
    .action(async (name: string, value: string, options) =>
      ended(await (await load()).set(name, value, options)),
    )
  for (const each of quota.commands)
    each
      .option('--account <id>', "the account; the server's own unless told")
      .option('--format <format>', 'table, json or ndjson', 'table')
      .option('--json', 'the same as --format json')
      .option('--server <url>', 'the server', defaultServer)
}
