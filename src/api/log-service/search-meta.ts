/** What a search answers beside its rows: headers of GetLogs, `meta` of GetLogsV2 (alibaba-api.md 3.6). */
import type { SearchAnswer } from '../../log-service/log-service.ts'

/** 1 phrase, 2 scan and 3 scan SQL are ways of the cloud to read what has no index. */
const normalMode = 0
const cpuCores = 1

const progressOf = ({ complete }: SearchAnswer): string => (complete ? 'Complete' : 'Incomplete')
/** Of a query on one core, its time is the most that it can have taken. */
const cpuSecondsOf = ({ elapsedMs }: SearchAnswer): number => elapsedMs / 1000

export const headersOf = (answer: SearchAnswer): Readonly<Record<string, string>> => ({
  'x-log-progress': progressOf(answer),
  'x-log-count': String(answer.rows.length),
  'x-log-processed-rows': String(answer.scannedRows),
  'x-log-elapsed-millisecond': String(answer.elapsedMs),
  'x-log-has-sql': String(answer.hasSql),
  'x-log-where-query': headerText(answer.whereQuery),
  'x-log-agg-query': headerText(answer.aggQuery),
  'x-log-cpu-sec': String(cpuSecondsOf(answer)),
  'x-log-cpu-cores': String(cpuCores),
  'x-log-query-info': headerText(
    JSON.stringify({
      keys: answer.keys,
      terms: answer.terms,
      limited: String(answer.rowsMax),
      mode: normalMode,
      phraseQueryInfo: phraseQueryInfo,
    }),
  ),
})

const phraseQueryInfo = { scanAll: false, beginOffset: 0, endOffset: 0, endTime: 0 }

/** One line, and what only a body can hold is left out. */
const headerText = (text: string): string =>
  text
    .replace(/[\r\n]+/g, ' ')
    .replace(/[^\x20-\x7e\xa0-\xff]/g, '')
    .slice(0, headerCharactersMax)

/** A query has up to 64 KiB, the headers of an answer 16. */
const headerCharactersMax = 4096

export const metaOf = (answer: SearchAnswer): Readonly<Record<string, unknown>> => ({
  progress: progressOf(answer),
  count: answer.rows.length,
  hasSQL: answer.hasSql,
  whereQuery: answer.whereQuery,
  aggQuery: answer.aggQuery,
  processedRows: answer.scannedRows,
  elapsedMillisecond: answer.elapsedMs,
  cpuSec: cpuSecondsOf(answer),
  cpuCores,
  keys: answer.keys,
  columnTypes: answer.columnTypes,
  terms: answer.terms,
  mode: normalMode,
  isAccurate: answer.complete,
  limited: answer.rowsMax,
  telementryType: 'None', // so the wire spells it
  powerSql: false,
  insertedSQL: '',
  marker: null,
  highlights: [],
  phraseQueryInfo,
})
