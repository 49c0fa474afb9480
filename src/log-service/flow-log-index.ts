import { flowRecordFields } from '../record/fields.ts'
import { defaultTokens, type IndexBody, type KeyBody } from './index-body.ts'

const number: KeyBody = { type: 'long', alias: '', doc_value: true }
/** Addresses and ids are one word: `srcaddr:10.0.0.*` asks for the beginning of the whole address, IPv6 included. */
const oneWord: KeyBody = {
  type: 'text',
  token: [],
  caseSensitive: false,
  chn: false,
  alias: '',
  doc_value: true,
}
/** Names of domains are people's own words. */
const words: KeyBody = { ...oneWord, token: defaultTokens }

/**
 * The index of a logstore of flow logs (alibaba-api.md §6.2): fields are numbers or single words; full-text search
 * reaches them all.
 */
export const flowLogIndex = (): IndexBody => ({
  line: { token: defaultTokens, caseSensitive: false, chn: false },
  keys: {
    ...Object.fromEntries(
      flowRecordFields.map(({ name, kind }) => [name, kind === 'integer' ? number : oneWord]),
    ),
    region: oneWord,
    srctype: words,
    dsttype: words,
  },
  max_text_len: 2048,
  log_reduce: false,
})
