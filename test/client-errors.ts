/** What the Node clients tell of a refusal: the code and the message of the answer's body. */
import { given, logClient, refused, sls, slsClient } from './official-clients.ts'

const project = 'error-logs'
const client = slsClient()
await client.createProject(new sls.CreateProjectRequest({ projectName: project, description: '' }))
await refused(
  client.createProject(new sls.CreateProjectRequest({ projectName: project, description: '' })),
  'ProjectAlreadyExist',
  `Project ${project} already exist.`,
)
const wrong = { ...given, accessKeySecret: 'wrong' }
const unknown = { accessKeyId: 'LTAIunknown', accessKeySecret: 'x' }
for (const get of [
  (credentials: typeof given) => slsClient(credentials).getProject(project),
  (credentials: typeof given) => logClient(credentials).getProject(project),
]) {
  await refused(get(wrong), 'SignatureNotMatch', /^Signature \S+ is not matched\.$/)
  await refused(
    get(unknown),
    'InvalidAccessKeyId',
    'The access key id you provided is invalid: LTAIunknown.',
  )
}

const store = { logstoreName: 'store-1', ttl: 7, shardCount: 1 }
await client.createLogStore(project, new sls.CreateLogStoreRequest(store))
await refused(
  client.createLogStore(project, new sls.CreateLogStoreRequest(store)),
  'LogStoreAlreadyExist',
  'logstore store-1 already exists',
)
await refused(
  client.createLogStore(
    project,
    new sls.CreateLogStoreRequest({ ...store, logstoreName: 'UPPER' }),
  ),
  'LogStoreInfoInvalid',
  'store name UPPER is invalid',
)

const index = new sls.Index({ line: new sls.IndexLine({ token: [' '], caseSensitive: false }) })
await client.createIndex(project, 'store-1', new sls.CreateIndexRequest({ body: index }))
await refused(
  client.createIndex(project, 'store-1', new sls.CreateIndexRequest({ body: index })),
  'IndexAlreadyExist',
  'log store index is already created',
)
await refused(
  client.updateIndex(
    project,
    'store-1',
    new sls.UpdateIndexRequest({ body: new sls.Index({ maxTextLen: 2048 }) }),
  ),
  'IndexInfoInvalid',
  /^required fields line\/keys are lacking/,
)
const asks = (query: string, more: object = {}): Promise<unknown> => {
  const range = { from: 1_700_000_000, to: 1_700_000_600 }
  const request = new sls.GetLogsV2Request({ ...range, query, ...more })
  return client.getLogsV2(project, 'store-1', request)
}
await refused(asks('*', { to: 1_700_000_000 }), 'InvalidTimeRange', 'request time range is invalid')
await refused(
  asks('* | select count(*) as c', { offset: 10 }),
  'ParameterInvalid',
  'ErrorType:OLSQueryParseError.ErrorMessage:offset is not available for pagination in sql query, please use limit x,y syntax for pagination.',
)
await refused(
  asks('* | select nothing('),
  'ParameterInvalid',
  /^ErrorType:\w+\.ErrorPosition,line:1,column:\d+\.ErrorMessage:./,
)
await refused(
  client.getCursor(project, 'store-1', '7', new sls.GetCursorRequest({ from: 'begin' })),
  'ShardNotExist',
  /./,
)

// A key that may read this project and nothing else.
const [accessKeyId = '', accessKeySecret = ''] = process.argv.slice(6)
const reader = slsClient({ accessKeyId, accessKeySecret })
await reader.getLogStore(project, 'store-1')
await refused(reader.deleteLogStore(project, 'store-1'), 'Unauthorized', /./)
await client.deleteProject(project, new sls.DeleteProjectRequest({}))
