/** The command `weir import` with its options and help. What it does is loaded when it is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status */
export function addImportCommand(
  weir: Command,
  defaultServer: string,
  ended: (status: number) => void,
): void {
  weir
    .command('import')
    .description('Other clouds’ flow logs into a logstore of a running server')
    .argument('<file...>', 'flow logs, also gzip or zstd; - is standard input')
    .requiredOption('--into <project/logstore>', 'the logstore that takes the records')
    .option('--create', 'make project and logstore when they are not there')
    .option('--format <cloud>', 'aws, azure, gcp or alibaba; without it the file tells')
    .option('--fields <names>', 'aws without a line of names: the fields of the custom format')
    .option('--strict', 'stop at the first malformed line; the batches before it are stored')
    .option('--server <url>', 'the server', defaultServer)
    .addHelpText(
      'after',
      `
AWS: lines of versions 2 to 10. Azure: JSON of NSG and virtual network flow logs. GCP: log entries as
JSON. Alibaba Cloud: JSON, CSV or lines. What a format lacks is "-" in the record. What is malformed is
named with its line, counted and passed over. Importing a file again stores its records again.

Exit status: 0 done, 2 wrong use or no flow log, 3 something was malformed or a file damaged (the rest
is imported), 6 no server.

Examples:
  weir import --format aws --into other-clouds/aws --create vpcflowlogs.log.gz
  weir import --format aws --into other-clouds/aws --fields 'srcaddr dstaddr bytes start end' custom.log
  weir import --format azure --into other-clouds/azure --create PT1H.json
  gcloud logging read 'logName:vpc_flows' --format json | weir import --into other-clouds/gcp --create -
  weir import --format alibaba --into weir/flow-log downloaded.csv`,
    )
    .action(async (files: string[], options) => {
      const { importFlowLogs } = await import('./import.ts')
      ended(await importFlowLogs(files, options))
    })
}
