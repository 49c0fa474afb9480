/** The dashboards of "Enable Log Analysis Report", as data (alibaba-api.md 6.3). */
import { dashboards, type Document, Documents, type DocumentStore } from './documents.ts'

interface Panel {
  readonly title: string
  /** Of charts of the log service: `table`, `bar`, `line`, `number`, `heatmap`. */
  readonly type: string
  readonly query: string
}

interface Report {
  readonly name: string
  readonly title: string
  readonly panels: readonly Panel[]
}

const number = (title: string, query: string): Panel => ({ title, type: 'number', query })
const share = (total: string): string =>
  `* | SELECT sum(CASE WHEN action = 'REJECT' THEN ${total} ELSE 0 END) * 100.0 / nullif(sum(${total}), 0) AS percent FROM log`

const reports: readonly Report[] = [
  {
    name: 'overview',
    title: 'VPC flow logs: overview',
    panels: [
      {
        title: 'Records by action',
        type: 'table',
        query: `* | SELECT action, count(*) AS records FROM log WHERE action IN ('ACCEPT', 'REJECT') GROUP BY action ORDER BY action`,
      },
      number('Accepted bytes', 'action:ACCEPT | SELECT sum(bytes) AS bytes FROM log'),
      number('Rejected bytes', 'action:REJECT | SELECT sum(bytes) AS bytes FROM log'),
      number('Accepted packets', 'action:ACCEPT | SELECT sum(packets) AS packets FROM log'),
    ],
  },
  {
    name: 'traffic',
    title: 'VPC flow logs: traffic',
    panels: [
      {
        title: 'Bytes sent, by source',
        type: 'heatmap',
        query: `action:ACCEPT and direction:"out" | WITH most AS (SELECT srcaddr, row_number() OVER (ORDER BY sum(bytes) DESC) AS n FROM log GROUP BY srcaddr) SELECT __time__ - __time__ % 600 AS time, log.srcaddr, sum(bytes) AS bytes FROM log JOIN most ON most.srcaddr = log.srcaddr AND most.n <= 20 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 100000`,
      },
      {
        title: 'Top 10 destination ports by accepted bytes',
        type: 'bar',
        query:
          'action:ACCEPT | SELECT dstport, sum(bytes) AS bytes FROM log GROUP BY dstport ORDER BY bytes DESC LIMIT 10',
      },
      {
        title: 'Bytes per minute, by protocol',
        type: 'line',
        query:
          'action:ACCEPT | SELECT __time__ - __time__ % 60 AS time, protocol, sum(bytes) AS bytes FROM log GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 100000',
      },
    ],
  },
  {
    name: 'rejection',
    title: 'VPC flow logs: rejection',
    panels: [
      number('Rejected bytes', 'action:REJECT | SELECT sum(bytes) AS bytes FROM log'),
      number('Share of rejected bytes, %', share('bytes')),
      number('Share of rejected packets, %', share('packets')),
    ],
  },
]

/** Of a grid of 24 columns. */
const panelSize = { width: 8, height: 6 }
const panelsInRow = 3

const dashboardOf = (logstore: string, { name, title, panels }: Report): Document => ({
  dashboardName: `${logstore}-vpc_flow_log_${name}_en`,
  displayName: title,
  description: `Log analysis report of ${logstore}`,
  attribute: { type: 'grid' },
  charts: panels.map((panel, i) => ({
    title: panel.title,
    type: panel.type,
    search: { logstore, topic: '', query: panel.query, start: '-86400s', end: 'now' },
    display: {
      displayName: panel.title,
      xPos: (i % panelsInRow) * panelSize.width,
      yPos: Math.floor(i / panelsInRow) * panelSize.height,
      ...panelSize,
    },
    action: {},
  })),
})

/** "creates a dashboard for the Logstore": one that is there stays as somebody made it. Throws ParameterInvalid. */
export function createReportDashboards(
  store: DocumentStore,
  project: string,
  logstore: string,
): void {
  const documents = new Documents(store, dashboards)
  for (const report of reports) documents.createUnlessThere(project, dashboardOf(logstore, report))
}
