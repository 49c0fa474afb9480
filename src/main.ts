/** The command `weir`: reads the command line and picks a program, which is loaded only when it is run. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { describeError, errorCatalogue, WeirError } from './base/errors.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

const weir = new Command('weir')
  .description('Self-hosted VPC flow logs: from packets to records to answers.')
  .version(version)
  .showHelpAfterError('(weir COMMAND --help shows the options)')
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
  weir replay --into weir/flow-log traffic.pcap`,
  )
  .action(async (files: string[], options) => {
    const { replay } = await import('./programs/replay.ts')
    ended(await replay(files, options))
  })

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
