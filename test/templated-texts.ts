/** Texts as programs write them, from templates that are known. */
import { randomFrom } from './random-from.ts'

export interface TemplatedText {
  readonly template: number
  readonly text: string
}

const names = ['anna', 'ben', 'carla', 'dmitri', 'eve', 'farid', 'grace', 'heng']
export const textTemplates = [
  'sshd accepted publickey for NAME from ADDRESS port NUMBER ssh2',
  'sshd failed password for NAME from ADDRESS port NUMBER ssh2',
  'sshd connection closed by ADDRESS port NUMBER [preauth]',
  'kernel eth0 link is down after NUMBER ms',
  'kernel eth0 link is up at NUMBER Mbps full duplex',
  'cron session opened for user NAME by uid=NUMBER',
  'cron session closed for user NAME',
  'nginx ADDRESS GET /shop/cart/NUMBER status=NUMBER bytes=NUMBER',
  'nginx ADDRESS POST /shop/pay status=NUMBER bytes=NUMBER',
  'dhcpd lease of ADDRESS to HEX renewed for NUMBER s',
  'dhcpd no free leases in pool NAME',
  'backup of volume HEX finished in NUMBER s with NUMBER errors',
]

/** What a template leaves open. */
export const templateSlots = /\b(?:NAME|ADDRESS|NUMBER|HEX)\b/g

/** As many texts, each with the number of the template it was made from. */
export function templatedTexts(count: number, seed: number): TemplatedText[] {
  const below = randomFrom(seed)
  const filled: Record<string, () => string> = {
    NAME: () => names[below(names.length)]!,
    ADDRESS: () =>
      below(4) === 0
        ? `2001:db8::${below(65_536).toString(16)}`
        : `10.0.${below(256)}.${below(256)}`,
    NUMBER: () => String(below(100_000)),
    HEX: () => `${below(2 ** 31).toString(16)}0`,
  }
  return Array.from({ length: count }, () => {
    const template = below(textTemplates.length)
    return {
      template,
      text: textTemplates[template]!.replaceAll(templateSlots, (name) => filled[name]!()),
    }
  })
}
