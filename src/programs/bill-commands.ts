/** `weir bill` and its parts, with their options and help. What they do is loaded when one is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addBillCommands(
  weir: Command,
  defaultServer: string,
  ended: (status: number) => void,
): void {
  const load = () => import('./bill.ts')
  const withEnd = (command: Command): Command =>
    command
      .option('--format <format>', 'table or json', 'table')
      .option('--json', 'the same as --format json')
      .option('--server <url>', 'the server', defaultServer)
  const bill = withEnd(
    weir.command('bill').description('What flow logs cost: this month, or another'),
  )
    .option('--month <month>', 'such as 2026-11; the current one unless told')
    .option('--by <what>', 'item, day, hour or flow-log', 'item')
    .option('--flow-log <id>', 'only what this flow log generated')
    .option('--account <id>', 'only this account')
    .option('--region <id>', 'only this region')
    .addHelpText('after', `\nExamples:\n${billExamples}`)
    .action(async (options) => ended(await (await load()).bill(options)))
  withEnd(bill.command('top-up').description('Pay into an account whose bills are to be paid'))
    .argument('<amount>', 'such as 100 or 12.50')
    .option('--account <id>', "the account; the server's own unless told")
    .addHelpText('after', `\nExamples:\n${topUpExamples}`)
    .action(async (amount: string, _, command: Command) =>
      ended(await (await load()).topUp(amount, command.optsWithGlobals())),
    )
  withRecords(
    withEnd(
      bill
        .command('estimate')
        .description('What a flow log would cost, from records of the same traffic'),
    ),
  )
    .option('--vpc <id>', 'of this VPC')
    .option('--vswitch <id>', 'of this vSwitch')
    .option('--eni <id>', 'of this ENI')
    .addHelpText('after', `\nExamples:\n${estimateExamples}`)
    .action(async (_, command: Command) =>
      ended(await (await load()).estimate(command.optsWithGlobals())),
    )
  withRecords(
    withEnd(bill.command('traffic').description('What the traffic itself costs, by a price table')),
  )
    .option('--by <what>', 'path, instance or peer', 'path')
    .addHelpText('after', `\nExamples:\n${trafficExamples}`)
    .action(async (_, command: Command) =>
      ended(await (await load()).traffic(command.optsWithGlobals())),
    )
}

const withRecords = (command: Command): Command =>
  command
    .option('--project <name>', 'where the records are: a project (weir)')
    .option('--logstore <name>', 'and a logstore in it (flow-log)')
    .option('--from <time>', 'records from this time on: Unix seconds, a date, -6h (-1d)')
    .option('--to <time>', 'and before this time (now)')

const billExamples = `  weir bill
  weir bill --month 2026-11 --by day
  weir bill --by flow-log --json | jq -r '.rows[] | [.of, .amount] | @tsv'
  weir bill top-up 100

One GB is 2^30 bytes. Days and months are those of the price list's time zone, which is shown. An
hour's bill is made 3 to 4 hours after it; what is not yet billed is shown as it stands.`

const topUpExamples = `  weir bill top-up 100
  weir bill top-up 12.50 --account 123456789012`

const estimateExamples = `  weir bill estimate --vpc vpc-shop --from -1d
  weir bill estimate --project shop --logstore all --eni eni-web1 --from -6h --json

Windows shorter than those of the records cannot be told from them.`

const trafficExamples = `  weir bill traffic --from -30d
  weir bill traffic --by peer --project shop --logstore all --from -7d

Prices come from a table of yours: billing: { trafficPrices: FILE } in weir.yaml.`
