/** The command `weir explain` with its options and help. What it does is loaded when it is run. */
import type { Command } from 'commander'

/** @param ended takes the exit status */
export function addExplainCommand(weir: Command, ended: (status: number) => void): void {
  weir
    .command('explain')
    .description('Why a packet is accepted or rejected, and which way it takes')
    .requiredOption('--source <address>', 'from this address')
    .requiredOption('--destination <address>', 'to this one')
    .option('--protocol <name>', 'tcp, udp, icmp, icmpv6, gre or a number', 'tcp')
    .option('--source-port <port>', 'with it also: what if the packet were an answer')
    .option('--destination-port <port>', 'needed for tcp and udp')
    .option('--tcp-flags <n>', 'as in a record: 2 is SYN, 18 SYN-ACK')
    .option('--icmp-type <n>', 'of icmp and icmpv6')
    .option('--eni <id>', 'where it is seen; without it at the ENIs that own the addresses')
    .option('--direction <way>', 'in or out; without it what the addresses say')
    .option('--at <time>', 'by the rules of then: Unix seconds, 2026-11-22T10:00, -15m, -7d')
    .option('--zone <zone>', 'time zone of --at (UTC)')
    .option('--json', 'the explanation as JSON')
    .option('--topology <file>', 'ask this file; no server is needed')
    .option('--data <dir>', 'ask the versions kept in this data directory; no server is needed')
    .option('--server <url>', 'the server to ask (http://127.0.0.1:8080)')
    .addHelpText(
      'after',
      `
Tells the verdict, the rule of a security group or network ACL that decided, and at a default drop
the rule that came nearest, with what it missed; then the traffic path and the route that leads there.

Examples:
  weir explain --topology vpc.yaml --source 1.2.3.4 --destination 10.0.0.1 --destination-port 8443
  weir explain --eni eni-web1 --direction in --source 1.2.3.4 --source-port 1234 \\
    --destination 10.0.0.1 --destination-port 8443 --protocol tcp --at -2h
  weir explain --data ./data --source 10.0.0.1 --destination 10.0.1.9 --protocol icmp --json`,
    )
    .action(async (options) => {
      const { explain } = await import('./explain.ts')
      ended(await explain(options))
    })
}
