/** Rankings and metrics of traffic analyzers, as the NIS API asks for them (2021-12-16, alibaba-api.md 5). */
import { z } from 'zod'
import { actionOf, type CloudAction } from './action.ts'
import { invalid, known, orElse, type Parameter, required, text, whole } from './parameters.ts'
import type { CloudThings } from './things.ts'

const version = '2021-12-16'
/** "1 to 100, default 20", of a page of a ranking. */
const page = { MaxResults: orElse(whole(1, 100), 20), NextToken: text() }
const latest = 8.64e15

/** One parameter that holds JSON, as `Filter` and `GroupBy` do. */
const json = <T>(schema: z.ZodType<T>, form: string): Parameter<T | undefined> => ({
  read(given, name) {
    const value = text().read(given, name)
    if (value === undefined) return undefined
    const read = schema.safeParse(parsed(value))
    if (read.success) return read.data
    throw invalid(name, `it is JSON, as ${form}`)
  },
})

function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

const value = z.union([z.string(), z.number().transform(String)])
const clause = z
  .strictObject({
    Key: z.string(),
    Operator: z.string().optional(),
    Value: z.union([z.array(value).max(100), value.transform((one) => [one])]),
  })
  .transform(({ Key, Operator, Value }) => ({ Key, Value, ...known({ Operator }) }))

const ofBoth = {
  TrafficAnalyzerId: required(text()),
  TrafficScenario: required(text()),
  RegionNo: required(text()),
  BeginTime: required(whole(0, latest)),
  EndTime: required(whole(0, latest)),
  Direction: required(text()),
  TupleDimension: text(),
  Filter: json(z.array(clause).max(50), '[{"Key":"FlowAction","Value":["ACCEPT"]}]'),
  StorageInterval: whole(1, 1440),
}

const ofAnalyzer = ({ TrafficAnalyzerId }: { readonly TrafficAnalyzerId: string }) => [
  `trafficanalyzer/${TrafficAnalyzerId}`,
]

export const nisActions = ({ analyzers }: CloudThings): readonly CloudAction[] =>
  analyzers === undefined
    ? []
    : [
        actionOf(version, 'StartNisTrafficRanking', {
          parameters: {
            ...ofBoth,
            OrderBy: required(text()),
            GroupBy: json(z.array(z.string()).max(32), '["SourceIp"]'),
            Sort: text(),
            TopN: whole(1, 1000),
            Language: text(),
            // Of no meaning to an answer without rows; a ranking is read in pages of its own.
            ...page,
          },
          resources: ofAnalyzer,
          run: async ({ MaxResults: _, NextToken: _2, ...wanted }, { signal }) => ({
            ...(await analyzers.startRanking(known(wanted), signal)),
          }),
        }),
        actionOf(version, 'DescribeNisTrafficRanking', {
          parameters: { NisTrafficRankingId: required(text()), ...page },
          resources: ({ NisTrafficRankingId: id }) => [
            `trafficanalyzer/${analyzers.analyzerOfRanking(id)}`,
          ],
          run(wanted) {
            const { FlowRankingList, ...more } = analyzers.ranking(known(wanted))
            return { ...more, FlowRankingList: FlowRankingList.map((row) => ({ ...row })) }
          },
        }),
        actionOf(version, 'GetNisTrafficMetrics', {
          parameters: {
            ...ofBoth,
            MetricName: required(text()),
            StepMinutes: whole(1, 525_600),
            ScanBy: text(),
            MaxResults: whole(1, 1440),
            NextToken: text(),
          },
          resources: ofAnalyzer,
          async run(wanted, { signal }) {
            const answer = await analyzers.metrics(known(wanted), signal)
            return { ...answer, MetricStatics: answer.MetricStatics.map((point) => ({ ...point })) }
          },
        }),
      ]
