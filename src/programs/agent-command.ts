/** The commands `weir agent` and `weir agent list` with their options and help. */
import type { Command } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addAgentCommand(
  weir: Command,
  defaultServer: string,
  version: string,
  ended: (status: number) => void,
): void {
  const agent = weir
    .command('agent')
    .description('Capture on this host for a server elsewhere')
    .option('--server <url>', 'the server', defaultServer)
    .option('--name <name>', "the agent's name (the host's)")
    .option('--topology <file>', 'VPCs and ENIs with taps on this host; else the server says')
    .option('--interface <name...>', 'without a topology: only these interfaces')
    .option('--data <dir>', 'where closed windows wait for the server', './weir-agent')
    .option('--method <method>', 'ring, or tcx: flows are counted in the kernel', 'ring')
    .option('--ring-mebibytes <n>', 'memory of all rings together', '64')
    .option(
      '--spool-mebibytes <n>',
      'disk for windows that wait; beyond it new ones are lost',
      '1024',
    )
    .option('--cpu-budget <share>', '20% of one core: beyond it ENIs are shed, the last first')
    .option('--flow-export <[address:]port>', 'receive the flows that routers export')
    .addHelpText(
      'after',
      `
Closed windows are on disk until the server has them. What is lost (a crash, a full ring, the CPU budget) is
counted, and its windows say SKIPDATA. An agent on another machine than its server needs an AccessKey: its policy
allows weir:Agent on agent/NAME. Make one there with weir key create NAME --policy FILE --file KEY.

Examples:
  weir agent --server http://10.0.0.5:8080 --key-file /etc/weir/key.json --data /var/lib/weir-agent
  weir agent --topology vpc.yaml --cpu-budget 20%
  weir agent --topology vpc.yaml --flow-export 2055
  weir agent list`,
    )
    .action(async (options) => {
      const { agent: run } = await import('./agent.ts')
      ended(await run(options, version))
    })
  agent
    .command('list')
    .description('The agents of a server and their state')
    .option('--json', 'all that they say, as JSON')
    .addHelpText('after', '\nExamples:\n  weir agent list\n  weir agent list --json')
    .action(async (_options, command: Command) => {
      const { listAgents } = await import('./agent.ts')
      ended(await listAgents(command.optsWithGlobals()))
    })
}
