/** The command `weir`: reads the command line and picks a program, which is loaded only when it is run. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { describeError, errorCatalogue, WeirError } from './base/errors.ts'
import { addAgentCommand } from './programs/agent-command.ts'
import { addAnalyzerCommands } from './programs/analyzer-commands.ts'
import { addBillCommands } from './programs/bill-commands.ts'
import { addCheckCommand } from './programs/check-command.ts'
import { addExplainCommand } from './programs/explain-command.ts'
import { addFlowLogCommands } from './programs/flow-log-commands.ts'
import { addImportCommand } from './programs/import-command.ts'
import { addKeyCommands } from './programs/key-commands.ts'
import { addLabCommands } from './programs/lab-commands.ts'
import { addQuotaCommands } from './programs/quota-commands.ts'
import { addTopologyCommands } from './programs/topology-commands.ts'
import { addServerOptions } from './programs/server-options.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

const weir = new Command('weir')
  .description('Self-hosted VPC flow logs: from packets to records to answers.')
  .version(version)
  .showHelpAfterError('(weir COMMAND --help shows the options)')
  .addHelpText(
    'after',
    `
Examples:
  weir start
  weir query --project sample --logstore web 'action:REJECT | SELECT srcaddr, count(*) GROUP BY srcaddr'
  weir query --help`,
  )
  .exitOverride()

const defaultServer = 'http://127.0.0.1:8080'
const ended = (status: number): void => void (process.exitCode = status)

weir
  .command('replay')
  .description('Make flow log records of captures: NDJSON on standard output, or into a server')
  .argument('<file...>', 'pcap or pcapng, also gzip or zstd; - is standard input')
  .option('--topology <file>', 'the VPCs and ENIs; without it the capture is one ENI, eni-capture')
  .option('--window <seconds>', 'capture window: 60, 300 or 600', '600')
  .option('--into <project/logstore>', 'put the records into this logstore of a running server')
  .option('--create', 'make its project and logstore when they are not there')
  .option('--server <url>', 'the server for --into', defaultServer)
  .addHelpText(
    'after',
    `
Several files are merged by time. Exit status: 0 done, 2 wrong use or not a capture,
3 a file was damaged (the records before the damage are given).

Examples:
  weir replay traffic.pcap
  weir replay --topology vpc.yaml --window 60 a.pcapng b.pcap.gz > records.ndjson
  tcpdump -i eth0 -w - -c 1000 | weir replay -
  weir replay --into weir/flow-log traffic.pcap
  weir replay --into captures/monday --create monday.pcapng`,
  )
  .action(async (files: string[], options) => {
    const { replay } = await import('./programs/replay.ts')
    ended(await replay(files, options))
  })

addImportCommand(weir, defaultServer, ended)

weir
  .command('query')
  .description('Ask a logstore: search, or search | SQL')
  .argument('<query>', "such as 'action:REJECT | SELECT srcaddr, count(*) GROUP BY srcaddr'")
  .requiredOption('--project <name>', 'the project')
  .requiredOption('--logstore <name>', 'the logstore')
  .option('--from <time>', 'records from this time on: Unix seconds, 2026-11-22T10:00, -15m, -7d')
  .option('--to <time>', 'and before this time; without both, everything stored')
  .option('--zone <zone>', 'time zone of dates in the query, the answer, --from and --to (UTC)')
  .option('--line <n>', 'without SQL: how many records (100)')
  .option('--offset <n>', 'without SQL: after how many records to begin')
  .option('--reverse', 'without SQL: the latest first')
  .option('--format <format>', 'table, json, ndjson, csv or parquet', 'table')
  .option('--json', 'the same as --format json')
  .option('--data <dir>', 'ask this data directory; no server is needed')
  .option('--server <url>', 'the server to ask', defaultServer)
  .addHelpText(
    'after',
    `
Examples:
  weir query --project sample --logstore web 'dstport:80 and action:REJECT'
  weir query --project sample --logstore ecs --zone Asia/Shanghai \\
    '* | SELECT date_trunc('"'minute'"', __time__) AS minute, sum(bytes) AS bytes GROUP BY minute'
  weir query --project weir --logstore flow-log --from -15m --format csv '*' > last.csv
  weir query --data ./data --project weir --logstore flow-log --json '* | SELECT count(*)'`,
  )
  .action(async (text: string, options) => {
    const { query } = await import('./programs/query.ts')
    ended(await query(text, options))
  })

weir
  .command('start')
  .description('Run everything in one process: capture of this host, log store, queries, HTTP')
  .option('--config <file>', 'YAML configuration')
  .option('--topology <file>', 'the VPCs and ENIs; without it each interface of the host is an ENI')
  .option('--data <dir>', 'where everything is kept (./data)')
  .option('--port <n>', 'HTTP port (8080); 0 takes any')
  .option('--listen <address>', 'address to listen on (127.0.0.1)')
  .option('--check', 'check configuration and topology and end')
  .addHelpText(
    'after',
    `
Examples:
  weir start
  weir start --topology vpc.yaml --data /var/lib/weir --port 9000
  weir start --config weir.yaml --check`,
  )
  .action(async (options) => {
    const { start } = await import('./programs/start.ts')
    ended(await start(options))
  })

addAgentCommand(weir, defaultServer, version, ended)
addFlowLogCommands(weir, defaultServer, ended)
addBillCommands(weir, defaultServer, ended)
addQuotaCommands(weir, defaultServer, ended)
addTopologyCommands(weir, defaultServer, ended)
addAnalyzerCommands(weir, defaultServer, ended)
addExplainCommand(weir, ended)
addKeyCommands(weir, defaultServer, ended)
addCheckCommand(weir, ended)

const sample = weir
  .command('sample')
  .description('The sample project: an hour of use cases')
  .addHelpText('after', '\nExamples:\n  weir sample add\n  weir sample remove')
for (const what of ['add', 'remove'] as const)
  sample
    .command(what)
    .description(what === 'add' ? 'Make it anew, ending at the last full hour' : 'Remove it')
    .option('--data <dir>', 'work on this data directory; no server is needed')
    .option('--server <url>', 'the server', defaultServer)
    .addHelpText('after', `\nExamples:\n  weir sample ${what}\n  weir sample ${what} --data ./data`)
    .action(async (options) => {
      const programs = await import('./programs/query.ts')
      ended(await programs.sample(what, options))
    })

addLabCommands(weir, ended)
addServerOptions(weir)

try {
  await weir.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    process.stderr.write(`weir: ${describeError(error)}\n`)
    if (!(error instanceof WeirError)) process.stderr.write(`${(error as Error).stack}\n`)
    process.exitCode = error instanceof WeirError ? errorCatalogue[error.code].exit : 1
  }
}
