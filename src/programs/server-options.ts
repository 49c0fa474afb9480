/** What every command that asks a server takes: with which key it signs, and whom it trusts. */
import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { Command } from 'commander'
import { WeirError } from '../base/errors.ts'

/** Adds --key-file and --ca-file to each command that has --server. */
export function addServerOptions(weir: Command): void {
  for (const command of commandsOf(weir))
    if (command.options.some(({ long }) => long === '--server'))
      command
        .option(
          '--key-file <file>',
          'sign with the AccessKey in it; on its own host none is needed',
        )
        .option('--ca-file <file>', 'trust servers with a certificate of this authority too, PEM')
  weir.hook('preAction', (_, command) => {
    const { keyFile, caFile } = command.opts<{ keyFile?: string; caFile?: string }>()
    if (keyFile !== undefined) process.env['WEIR_KEY_FILE'] = keyFile
    if (caFile !== undefined) trust(caFile)
  })
}

const commandsOf = (command: Command): Command[] => [
  ...command.commands,
  ...command.commands.flatMap((each) => commandsOf(each)),
]

function trust(file: string): void {
  try {
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(file, 'utf8')])
  } catch (cause) {
    throw new WeirError('FileUnreadable', `no certificate: ${(cause as Error).message}`, {
      place: file,
      cause,
    })
  }
}
