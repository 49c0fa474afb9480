/** The commands of `weir lab` with their options and help. What they do is loaded when one is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addLabCommands(weir: Command, ended: (status: number) => void): void {
  const lab = weir
    .command('lab')
    .description('A VPC of network namespaces, with real traffic: the four use cases')
    .addHelpText('after', help)
  const command = (name: string, description: string, examples: string): Command =>
    lab
      .command(name)
      .description(description)
      .addHelpText('after', `\nExamples:\n${examples}`)
      .option('--dir <dir>', 'the folder of its state and topology files', 'lab')
  command('up', 'Build the lab and write lab.topology.yaml', upExamples)
    .option('--name <name>', 'for a lab beside another one: part of the names of its namespaces')
    .action(async (options) => ended((await load()).up(options)))
  command('traffic', 'Send the traffic of the use cases, and say what was sent', trafficExamples)
    .argument('[scenario...]', 'web, ecs, peering, nat, express; all of them unless told')
    .option('--seconds <n>', 'how long; at least one whole minute of the spike is in 180', '180')
    .option('--rate-scale <x>', 'so many times the rates of the use cases', '1')
    .option('--report <file>', 'also write what was sent as JSON, minute by minute')
    .action(async (scenarios: string[], options) =>
      ended(await (await load()).traffic(scenarios, options)),
    )
  lab
    .command('panels')
    .description('Print the flow logs and queries of the use cases, as commands')
    .addHelpText('after', `\nExamples:\n${panelExamples}`)
    .argument('[part]', 'flow-logs or queries; both unless told')
    .option('--server <url>', 'the server that the commands are for')
    .action(async (part: string | undefined, options) =>
      ended((await load()).printPanels(part, options)),
    )
  command('down', 'Remove the lab; safe to repeat', '  weir lab down --dir lab').action(
    async (options) => ended((await load()).down(options)),
  )
}

const load = () => import('./lab.ts')

const help = `
Five small VPCs on this machine: a web server on an internet, instances behind a NAT gateway, a
peering connection to another region, two VPCs on one line to a site. Everything is real (routers,
address translation, security groups, packets) and closed: nothing leads out. Needs root, iproute2
and nftables.

  weir lab up                                        build it, and see its picture
  weir start --topology lab/lab.topology.yaml        capture it
  weir lab panels flow-logs | sh                     a flow log for each use case, in a logstore of its own
  weir lab traffic                                   send what the use cases assume, for three minutes
  weir lab panels queries | sh                       a minute later: the answers
  weir lab down                                      leave nothing`

const upExamples = `  weir lab up
  weir lab up --dir second --name second`

const trafficExamples = `  weir lab traffic
  weir lab traffic web nat --seconds 120 --rate-scale 0.5 --report sent.json`

const panelExamples = `  weir lab panels
  weir lab panels flow-logs | sh
  weir lab panels queries --server http://127.0.0.1:9000 | sh`
