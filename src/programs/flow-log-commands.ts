/** The commands of `weir flow-log` with their options and help. What they do is loaded when one is run. */
import { type Command, Option } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addFlowLogCommands(
  weir: Command,
  defaultServer: string,
  ended: (status: number) => void,
): void {
  const flowLog = weir
    .command('flow-log')
    .description('Flow logs: what is captured, for how long a window, and where records go')
    .addHelpText(
      'after',
      '\nExamples:\n  weir flow-log create --vpc vpc-shop --project shop --logstore all --create\n  weir flow-log list\n  weir flow-log history fl-ID',
    )
  const command: NewCommand = (name, description, examples) =>
    flowLog.command(name).description(description).addHelpText('after', `\nExamples:\n${examples}`)
  addCreate(command, ended)
  addModify(command, ended)
  withTarget(command('list', 'The flow logs of a server', listExamples))
    .option('--status <status>', 'only those that are active or inactive')
    .option('--project <name>', 'only those with this project')
    .option('--logstore <name>', 'only those with this logstore')
    .action(async (options) => ended(await (await load()).list(options)))
  command('show', 'One flow log', '  weir flow-log show fl-ID\n  weir flow-log show fl-ID --json')
    .argument('<id>', 'its id')
    .action(async (id: string, options) => ended(await (await load()).show(id, options)))
  command(
    'history',
    'Every change of a flow log, with who and when',
    '  weir flow-log history fl-ID',
  )
    .argument('<id>', 'its id; that of a deleted one too')
    .action(async (id: string, options) => ended(await (await load()).history(id, options)))
  command(
    'diff',
    'What a version of a flow log is otherwise than another',
    '  weir flow-log diff fl-ID\n  weir flow-log diff fl-ID 1 4',
  )
    .argument('<id>', 'its id; that of a deleted one too')
    .argument('[from]', 'the number of a version; the one before the other unless told')
    .argument('[to]', 'the number of another; the newest unless told')
    .action(async (id: string, from: string | undefined, to: string | undefined, options) =>
      ended(await (await load()).diff(id, from, to, options)),
    )
  command(
    'prerequisites',
    'What an account does before its first flow log',
    '  weir flow-log prerequisites\n  weir flow-log prerequisites --fulfil authorisation',
  )
    .option('--fulfil <name>', 'do one: activation, authorisation or logService')
    .option('--account <id>', "the account; the server's own unless told")
    .action(async (options) => ended(await (await load()).prerequisites(options)))
  command('stop', 'Collect no more; the records stay', '  weir flow-log stop fl-ID')
    .argument('<id>', 'its id')
    .action(async (id: string, options) => ended(await (await load()).stop(id, options)))
  command('start', 'Collect again', '  weir flow-log start fl-ID')
    .argument('<id>', 'its id')
    .action(async (id: string, options) => ended(await (await load()).start(id, options)))
  command('delete', 'Delete a flow log; its records stay', '  weir flow-log delete fl-ID')
    .argument('<id>', 'its id')
    .action(async (id: string, options) => ended(await (await load()).remove(id, options)))
  addDelivery(command, ended)
  for (const each of flowLog.commands) {
    if (each.name() !== 'delete')
      each
        .option('--format <format>', 'table, json or ndjson', 'table')
        .option('--json', 'the same as --format json')
    each.option('--server <url>', 'the server', defaultServer)
  }
}

type NewCommand = (name: string, description: string, examples: string) => Command

const load = () => import('./flow-log.ts')

function addCreate(command: NewCommand, ended: (status: number) => void): void {
  withTarget(command('create', 'Make a flow log, which collects from then on', createExamples))
    .option('--project <name>', 'where the records go: a project')
    .option('--logstore <name>', 'and a logstore in it')
    .option('--analyzer <id>', 'and, or instead, a traffic analyzer: weir analyzer list')
    .option('--create', 'make project and logstore when they are not there')
    .option('--analysis-report', 'index the logstore for analysis and keep its records for 7 days')
    .option('--name <text>', 'at most 128 characters')
    .option('--description <text>', 'at most 256 characters')
    .option('--traffic <type>', 'all, allow or drop: by what access control rules said (all)')
    .option('--ip-version <version>', 'ipv4 or dualstack (ipv4)')
    .option('--window <seconds>', 'capture window: 60, 300 or 600 (600)')
    .option('--path <names>', 'only these traffic paths, with commas between (all)')
    .action(async (options) => ended(await (await load()).create(options)))
}

/** What cannot be changed is understood too, so that the answer says why not. */
function addModify(command: NewCommand, ended: (status: number) => void): void {
  const modify = command('modify', 'Change a flow log', modifyExamples)
    .argument('<id>', 'its id')
    .option('--name <text>', 'at most 128 characters; "" for none')
    .option('--description <text>', 'at most 256 characters; "" for none')
    .option('--ip-version <version>', 'ipv4 or dualstack')
    .option('--window <seconds>', 'capture window: 60, 300 or 600')
  for (const fixed of ['vpc', 'vswitch', 'eni', 'traffic', 'path', 'project', 'logstore'])
    modify.addOption(new Option(`--${fixed} <value>`).hideHelp())
  modify.action(async (id: string, options) => ended(await (await load()).modify(id, options)))
}

function addDelivery(command: NewCommand, ended: (status: number) => void): void {
  command(
    'attach',
    'Bring the records to a traffic analyzer, too',
    '  weir flow-log attach fl-ID nta-ID\n\nThe interval of the analyzer is not shorter than the window of the flow log.',
  )
    .argument('<id>', 'its id')
    .argument('<analyzer>', 'the id of the traffic analyzer: weir analyzer list')
    .action(async (id: string, analyzer: string, options) =>
      ended(await (await load()).attach(id, analyzer, options)),
    )
  command('detach', 'Bring them to no analyzer any more', '  weir flow-log detach fl-ID')
    .argument('<id>', 'its id')
    .action(async (id: string, options) => ended(await (await load()).detach(id, options)))
  command(
    'disable-delivery',
    'Deliver to its logstore no more, for good',
    '  weir flow-log disable-delivery fl-ID\n\nWith a traffic analyzer the flow log goes on for that alone; any other stops. Its records stay.',
  )
    .argument('<id>', 'its id')
    .action(async (id: string, options) => ended(await (await load()).disableDelivery(id, options)))
}

const withTarget = (command: Command): Command =>
  command
    .option('--vpc <id>', 'all ENIs of this VPC, those of later too')
    .option('--vswitch <id>', 'all ENIs of this vSwitch, those of later too')
    .option('--eni <id>', 'this ENI')

const createExamples = `  weir flow-log create --vpc vpc-shop --project shop --logstore all --create
  weir flow-log create --eni eni-web1 --traffic drop --window 60 --name knocking \\
    --project shop --logstore knocking --create
  weir flow-log create --vswitch vsw-nat --path natGateway,vpnGateway --ip-version dualstack \\
    --project shop --logstore nat --create

  weir flow-log create --vpc vpc-shop --window 60 --analyzer nta-ID

Traffic paths: all, internetGateway, ipv4Gateway, natGateway, vpnGateway, transitRouter,
gatewayEndpoint, vbr, ecr, gatewayLoadBalancerEndpoint. If several flow logs cover an ENI, the
shortest window among them is the window of its records in all of them.`

const listExamples = `  weir flow-log list
  weir flow-log list --status active --vpc vpc-shop
  weir flow-log list --json | jq -r '.[].id'`

const modifyExamples = `  weir flow-log modify fl-ID --window 60
  weir flow-log modify fl-ID --name web --description 'who knocks at port 80'

A new window begins at the next multiple of the longer of both, so that every window is whole.
Target, traffic type, paths and logstore cannot be changed: make another flow log for those.`
