/** Answers as JSON or XML, whichever the caller asks for (alibaba-api.md 2.2, 2.6). */
import type { IncomingHttpHeaders } from 'node:http'
import { isAcs3 } from '../../access/access.ts'
import { headerOf } from '../log-service/compression.ts'

export type Format = 'json' | 'xml'

type Scalar = string | number | boolean
/** A list stands in an object that names its elements: `{ FlowLog: [...] }`. */
export interface Fields {
  readonly [name: string]: Scalar | Fields | readonly (Scalar | Fields)[] | undefined
}

/** The Node SDK reads XML only under exactly this name. */
export const contentTypes: Readonly<Record<Format, string>> = {
  json: 'application/json;charset=utf-8',
  xml: 'text/xml;charset=utf-8',
}

/**
 * "default XML when absent in the classic protocol"; clients that sign in a header, or name the action in one, read JSON.
 *
 * @param wanted the parameter Format
 * @returns undefined for a format that there is none of
 */
export function formatOf(headers: IncomingHttpHeaders, wanted: string): Format | undefined {
  const name = wanted.toLowerCase()
  if (name === 'json' || name === 'xml') return name
  if (name !== '') return undefined
  return isAcs3(headers) || headerOf(headers, 'x-acs-action') !== '' ? 'json' : 'xml'
}

/** @param root what encloses it in XML: `CreateFlowLogResponse` */
export const written = (format: Format, root: string, fields: Fields): string =>
  format === 'json'
    ? JSON.stringify(fields)
    : `<?xml version='1.0' encoding='UTF-8'?>${element(root, fields)}`

function element(name: string, value: Scalar | Fields): string {
  const inside = typeof value === 'object' ? elementsOf(value) : escaped(String(value))
  return inside === '' ? `<${name}/>` : `<${name}>${inside}</${name}>`
}

const elementsOf = (fields: Fields): string =>
  Object.entries(fields)
    .flatMap(([name, value]) => {
      if (value === undefined) return []
      return isList(value) ? value.map((each) => element(name, each)) : [element(name, value)]
    })
    .join('')

const isList = (value: NonNullable<Fields[string]>): value is readonly (Scalar | Fields)[] =>
  Array.isArray(value)

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** What no XML can hold, not even escaped, is replaced. */
const escaped = (value: string): string =>
  value
    .replaceAll(/[&<>"']/g, (sign) => escapes[sign]!)
    .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
