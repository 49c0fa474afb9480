/**
 * The proof that a lab is a world of its own: every link that is up leads to another namespace of the same lab,
 * and every route leaves by such a link. What the kernel says is read, not what was asked of it.
 */
import { z } from 'zod'
import { runTool } from './run-tool.ts'

const link = z.object({
  ifname: z.string(),
  flags: z.array(z.string()),
  link_type: z.string(),
  link_netnsid: z.number().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
})
const namespaceId = z.object({ nsid: z.number(), name: z.string().optional() })
const route = z.object({ dst: z.string(), dev: z.string().optional() })

const read = <T>(shape: z.ZodType<T>, namespace: string, ...args: string[]): T[] => {
  const text = runTool('ip', ['-j', '-d', '-n', namespace, ...args])
  // Without any it prints nothing, or a list that holds one empty object.
  const list = JSON.parse(text.trim() === '' ? '[]' : text) as object[]
  return z.array(shape).parse(list.filter((each) => Object.keys(each).length > 0))
}

/** @returns a sentence for each way out of the lab there is: none */
export function waysOut(namespaces: readonly string[], ends: readonly string[]): string[] {
  const found: string[] = []
  for (const namespace of namespaces) {
    const names = new Map(
      read(namespaceId, namespace, 'netns', 'list-id').map(({ nsid, name }) => [nsid, name]),
    )
    for (const each of read(link, namespace, 'link', 'show'))
      if (each.flags.includes('UP')) {
        const fault = linkFault(each, names, namespaces)
        if (fault !== undefined) found.push(`${each.ifname} of ${namespace} ${fault}`)
      }
    for (const family of ['-4', '-6'])
      for (const each of read(route, namespace, family, 'route', 'show', 'table', 'all'))
        if (each.dst === 'default' && ends.includes(namespace))
          found.push(`${namespace} has a default route, by ${each.dev}`)
  }
  return found
}

function linkFault(
  { link_type, link_netnsid, linkinfo }: z.infer<typeof link>,
  names: ReadonlyMap<number, string | undefined>,
  namespaces: readonly string[],
): string | undefined {
  if (link_type === 'loopback' || linkinfo?.info_kind === 'bridge') return undefined
  if (linkinfo?.info_kind !== 'veth') return `is no wire of the lab (${linkinfo?.info_kind})`
  if (link_netnsid === undefined) return undefined // both ends are here
  const peer = names.get(link_netnsid)
  return peer !== undefined && namespaces.includes(peer)
    ? undefined
    : `leads out of the lab, to ${peer ?? 'a namespace without a name'}`
}
