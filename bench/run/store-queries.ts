/** The questions of `npm run bench store`, each as `search | SQL` and, where another store is asked too, as plain SQL. */
import { readFileSync } from 'node:fs'
import { busiestEni, firstDay, StoreRecords } from './store-records.ts'

export interface StoreQuery {
  readonly name: string
  /** `search | SQL`. */
  readonly text: string
  /** Unix seconds; all that is stored unless told. */
  readonly range?: readonly [from: number, to: number]
  /** For SQLite and chdb: `log` stands for the table, names are quoted as in standard SQL. */
  readonly sql: string
  /** Arguments of nfdump behind `-R DIR`; what it cannot answer is left out. */
  readonly nfdump?: readonly string[]
  /** What it looks at does not grow with the records that are stored. */
  readonly oneHour?: boolean
  /** Whether every engine must give the same rows. */
  readonly comparable: boolean
}

/** A five-tuple and the ENI that are surely there, found in the first records. */
export interface KnownFlow {
  readonly source: string
  readonly destination: string
  readonly sourcePort: number
  readonly destinationPort: number
  readonly protocol: number
}

const minute = `"__time__" - "__time__" % 60`

export function storeQueries(known: KnownFlow, seedTexts: readonly string[]): StoreQuery[] {
  const day: readonly [number, number] = [firstDay, firstDay + 86_400]
  const { source, destination, sourcePort, destinationPort, protocol } = known
  return [
    ...seedTexts.map((text, index) => seedQuery(index + 1, text)),
    {
      name: 'top 10 sources by bytes',
      text: '* | SELECT srcaddr, sum(bytes) AS b FROM log GROUP BY srcaddr ORDER BY b DESC LIMIT 10',
      sql: 'SELECT srcaddr, sum(bytes) AS b FROM log GROUP BY srcaddr ORDER BY b DESC LIMIT 10',
      nfdump: ['-s', 'srcip/bytes', '-n', '10'],
      comparable: true,
    },
    {
      name: 'distinct pairs',
      text: '* | SELECT count(*) AS n FROM (SELECT DISTINCT srcaddr, dstaddr FROM log)',
      sql: 'SELECT count(*) AS n FROM (SELECT DISTINCT srcaddr, dstaddr FROM log) AS d',
      nfdump: ['-A', 'srcip,dstip', '-O', 'bytes', '-n', '10'],
      comparable: true,
    },
    {
      name: '24 h, bytes a minute',
      text: '* | SELECT __time__ - __time__ % 60 AS t, sum(bytes) AS b FROM log GROUP BY t ORDER BY t LIMIT 10000',
      sql: `SELECT ${minute} AS t, sum(bytes) AS b FROM log GROUP BY t ORDER BY t LIMIT 10000`,
      comparable: true,
    },
    {
      name: 'one five-tuple in a day',
      text: `srcaddr:${source} and dstaddr:${destination} and srcport:${sourcePort} and dstport:${destinationPort} and protocol:${protocol} | SELECT count(*) AS n, sum(bytes) AS b FROM log`,
      range: day,
      sql: `SELECT count(*) AS n, sum(bytes) AS b FROM log WHERE srcaddr = '${source}' AND dstaddr = '${destination}' AND srcport = ${sourcePort} AND dstport = ${destinationPort} AND protocol = ${protocol}`,
      nfdump: [
        '-o',
        'long',
        `src ip ${source} and dst ip ${destination} and src port ${sourcePort} and dst port ${destinationPort}`,
      ],
      comparable: true,
    },
    {
      name: 'one ENI, a day, bytes a minute',
      text: `eni-id:${busiestEni} | SELECT __time__ - __time__ % 60 AS t, sum(bytes) AS b FROM log GROUP BY t ORDER BY t LIMIT 10000`,
      range: day,
      sql: `SELECT ${minute} AS t, sum(bytes) AS b FROM log WHERE "eni-id" = '${busiestEni}' GROUP BY t ORDER BY t LIMIT 10000`,
      comparable: true,
    },
    {
      name: 'one hour, top 10 sources',
      text: '* | SELECT srcaddr, sum(bytes) AS b FROM log GROUP BY srcaddr ORDER BY b DESC LIMIT 10',
      range: [firstDay + 3600, firstDay + 7200],
      oneHour: true,
      sql: `SELECT srcaddr, sum(bytes) AS b FROM log WHERE "__time__" >= ${firstDay + 3600} AND "__time__" < ${firstDay + 7200} GROUP BY srcaddr ORDER BY b DESC LIMIT 10`,
      comparable: true,
    },
  ]
}

const bitRate = `sum(bytes * 8.0 / 60) AS bandwidth`
const perMinute = (where: string, by: string): string =>
  `SELECT ${minute} AS t, ${by}, ${bitRate} FROM log WHERE ${where} GROUP BY t, ${by} ORDER BY t LIMIT 100`

const bitsOf = (site: string): string =>
  `SELECT ${minute} AS t, sum(bytes * 8.0 / (CASE WHEN "end" - start = 0 THEN 1 ELSE "end" - start END)) AS b FROM log WHERE action = 'ACCEPT' AND dstaddr LIKE '10.1.%' AND srcaddr LIKE '192.168.${site}.%' GROUP BY t`

/** The page's statements as other stores are asked them. Where 100 of many rows are asked for, which is not said. */
const seedSql: readonly { sql: string; nfdump?: readonly string[] }[] = [
  {
    sql: `SELECT srcaddr, sum(CASE WHEN action = 'ACCEPT' THEN 1 ELSE 0 END) AS a, sum(CASE WHEN action = 'REJECT' THEN 1 ELSE 0 END) AS r FROM log WHERE dstaddr = '10.0.0.1' AND dstport = 80 GROUP BY srcaddr ORDER BY a + r DESC LIMIT 100`,
    nfdump: ['-s', 'srcip/flows', '-n', '100', 'dst ip 10.0.0.1 and dst port 80'],
  },
  {
    sql: perMinute(
      `(srcaddr = '10.0.0.1' AND dstaddr LIKE '10.0.0.%') OR (srcaddr LIKE '10.0.0.%' AND dstaddr = '10.0.0.1')`,
      'srcaddr, dstaddr',
    ),
    nfdump: [
      '-A',
      'srcip,dstip',
      '(src ip 10.0.0.1 and dst net 10.0.0.0/24) or (src net 10.0.0.0/24 and dst ip 10.0.0.1)',
    ],
  },
  {
    sql: perMinute(
      `(srcaddr LIKE '10.0.%' AND dstaddr LIKE '172.16.%') OR (srcaddr LIKE '172.16.%' AND dstaddr LIKE '10.0.%')`,
      'srcaddr, dstaddr',
    ),
    nfdump: [
      '-A',
      'srcip,dstip',
      '(src net 10.0.0.0/16 and dst net 172.16.0.0/16) or (src net 172.16.0.0/16 and dst net 10.0.0.0/16)',
    ],
  },
  {
    sql: perMinute(
      `direction = 'in' AND srcaddr LIKE '10.0.0.%' AND dstaddr = '120.26.1.1'`,
      'srcaddr',
    ),
  },
  {
    sql: perMinute(
      `direction = 'out' AND dstaddr LIKE '10.0.0.%' AND srcaddr = '120.26.1.1'`,
      'dstaddr',
    ),
  },
  { sql: perMinute(`direction = 'in' AND srcaddr LIKE '10.0.0.%'`, 'srcaddr, dstaddr') },
  {
    sql: `WITH one AS (${bitsOf('20')}), two AS (${bitsOf('10')}) SELECT COALESCE(one.t, two.t) AS m, COALESCE(one.b, 0) * 100 / NULLIF(COALESCE(one.b, 0) + COALESCE(two.b, 0), 0) AS share FROM one FULL OUTER JOIN two ON one.t = two.t ORDER BY m`,
  },
]

function seedQuery(number: number, text: string): StoreQuery {
  const other = seedSql[number - 1]!
  return { name: `page ${number}`, text, ...other, comparable: false }
}

/** The page's seven statements, verbatim but for the address that it leaves open. */
export function readSeedTexts(path: string): string[] {
  const { queries } = JSON.parse(readFileSync(path, 'utf8')) as { queries: { query: string }[] }
  return queries.map(({ query }) => query.replaceAll('120.26.XX.XX', '120.26.1.1'))
}

/** The flow of some record that is surely there. */
export function knownFlow(seed: number): KnownFlow {
  const { columns } = new StoreRecords(seed).next(100)
  const textOf = (name: string): string => {
    const column = columns.get(name)
    return column?.kind === 'text' ? column.dictionary[column.codes[50]! - 1]! : ''
  }
  const numberOf = (name: string): number => {
    const column = columns.get(name)
    return column?.kind === 'integer' ? column.values[50]! : Number.NaN
  }
  return {
    source: textOf('srcaddr'),
    destination: textOf('dstaddr'),
    sourcePort: numberOf('srcport'),
    destinationPort: numberOf('dstport'),
    protocol: numberOf('protocol'),
  }
}
