/** `weir analyzer` and its parts, with their options and help. What they do is loaded when one is run. */
import { type Command } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addAnalyzerCommands(
  weir: Command,
  defaultServer: string,
  ended: (status: number) => void,
): void {
  const load = () => import('./analyzer.ts')
  const analyzer = weir
    .command('analyzer')
    .description('Traffic analyzers: totals of tuples, rankings and metrics')
    .addHelpText('after', `\nExamples:\n${Object.values(examples).join('\n')}`)
  const command = (name: keyof typeof examples, description: string): Command =>
    analyzer
      .command(name)
      .description(description)
      .addHelpText('after', `\nExamples:\n${examples[name]}`)
      .option('--format <format>', 'table or json', 'table')
      .option('--json', 'the same as --format json')
      .option('--server <url>', 'the server', defaultServer)
  withValues(command('create', 'Make a traffic analyzer'))
    .option('--interval <minutes>', '1, 10 or 60', '10')
    .action(async (options) => ended(await (await load()).create(options)))
  command('list', 'The traffic analyzers').action(async (options) =>
    ended(await (await load()).list(options)),
  )
  withValues(command('modify', 'Change one'))
    .argument('<id>')
    .action(async (id: string, options) => ended(await (await load()).modify(id, options)))
  command('delete', 'Delete one, with all it holds')
    .argument('<id>')
    .action(async (id: string, options) => ended(await (await load()).remove(id, options)))
  withQuestion(command('rank', 'What has most bytes or packets'))
    .option('--by <names>', 'groups, with commas between, such as SourceIp,DestinationIp')
    .option('--order <total>', 'Bytes or Packets', 'Bytes')
    .option('--sort <way>', 'Desc or Asc', 'Desc')
    .option('--top <n>', '1 to 1000', '20')
    .option('--language <language>', 'of places: en-US or zh-CN', 'en-US')
    .action(async (id: string, options) => ended(await (await load()).rank(id, options)))
  withQuestion(command('metrics', 'Traffic over time'))
    .option('--metric <name>', 'bps or pps', 'bps')
    .option('--step <minutes>', 'a multiple of the storage interval; that unless told')
    .action(async (id: string, options) => ended(await (await load()).metrics(id, options)))
}

const withValues = (command: Command): Command =>
  command
    .option('--name <name>', 'a name')
    .option('--description <text>', 'a description')
    .option(
      '--keep <days...>',
      'storage times, such as Tuple5=7/30: its interval 7 days, a day 30 days',
    )

const withQuestion = (command: Command): Command =>
  command
    .argument('<id>', 'the analyzer')
    .option('--tuple <n>', '1, 2 or 5', '2')
    .option('--direction <way>', 'in or out', 'in')
    .option('--action <action>', 'ACCEPT or REJECT', 'ACCEPT')
    .option('--internet', 'only traffic of the internet')
    .option(
      '--filter <condition...>',
      'Key=VALUE,VALUE, Key!=VALUE or Key~PART, such as VpcId=vpc-shop',
    )
    .option('--from <time>', 'from this time on: Unix seconds, a date, -6h', '-1d')
    .option('--to <time>', 'and before this time', 'now')
    .option('--storage <minutes>', "the analyzer's interval, or 1440")

const examples = {
  create: '  weir analyzer create --name edge --interval 10 --keep Tuple5=7/90',
  list: '  weir analyzer list --json',
  modify: '  weir analyzer modify nta-0123456789abcdef --keep Tuple1=30/365 Tuple2=30/365',
  delete: '  weir analyzer delete nta-0123456789abcdef',
  rank: `  weir analyzer rank nta-0123456789abcdef --tuple 2 --by SourceIp --from -7d
  weir analyzer rank nta-0123456789abcdef --tuple 5 --action REJECT --filter DestinationPort=22`,
  metrics:
    '  weir analyzer metrics nta-0123456789abcdef --tuple 1 --filter CloudIp~10.0. --step 60',
}
