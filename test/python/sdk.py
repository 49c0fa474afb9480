"""aliyun-log-python-sdk, every operation of the log service that it has: `URL KEY-ID SECRET v1|v4`."""
import json
import sys
import time
import zlib

from aliyun.log import (
    GetHistogramsRequest,
    GetLogsRequest,
    GetProjectLogsRequest,
    IndexConfig,
    IndexKeyConfig,
    IndexLineConfig,
    ListLogstoresRequest,
    ListTopicsRequest,
    LogClient,
    LogException,
    LogItem,
    PutLogsRequest,
)
from aliyun.log.auth import AUTH_VERSION_1, AUTH_VERSION_4
from aliyun.log.compress import zstd_available
from aliyun.log.proto import LogGroupRaw
from aliyun.log.scheduled_sql import ScheduledSQL, dict_to_schedule_rule, dict_to_scheduled_sql_config

url, key_id, secret, version = sys.argv[1:5]
signing = {'v1': AUTH_VERSION_1, 'v4': AUTH_VERSION_4}[version]


def client_with(key_id, secret):
    return LogClient(url, key_id, secret, auth_version=signing, region='cn-hangzhou')


client = client_with(key_id, secret)
project, logstore = 'python-' + version, 'store-1'
at = 1_700_000_000


def same(got, wanted):
    assert got == wanted, 'got %r\nnot %r' % (got, wanted)


def refused(code, message, call, *args):
    try:
        call(*args)
    except LogException as error:
        same([error.get_error_code(), error.get_error_message()], [code, message])
        assert len(error.get_request_id()) == 24
        return
    raise AssertionError('not refused: ' + code)


def projects():
    refused('ProjectNotExist', 'The Project does not exist : ' + project, client.get_project, project)
    # CreateProject goes to the host of a project that is not there yet.
    client.create_project(project, 'd', resource_group_id='rg-1')
    refused(
        'ProjectAlreadyExist',
        'Project %s already exist.' % project,
        client.create_project,
        project,
        'd',
    )
    client.update_project(project, 'other é 中')
    got = client.get_project(project)
    same(
        [got.get_projectname(), got.get_description(), got.get_status(), got.get_region()],
        [project, 'other é 中', 'Normal', 'cn-hangzhou'],
    )
    same(got.get_resource_group_id(), 'rg-1')
    listed = client.list_project(project_name_pattern=project)
    same([listed.get_count(), listed.get_total()], [1, 1])
    same(listed.get_projects()[0]['projectName'], project)
    assert project in [each['projectName'] for each in client.list_project(size=-1).get_projects()]
    client.change_resource_group(project, 'rg-2')
    same(client.get_project(project).get_resource_group_id(), 'rg-2')


def tags():
    def of_project():
        return [each for part in client.get_project_tags(project) for each in part.get_tags().items()]

    client.tag_project(project, team='net 中*+', cost='1')
    same(of_project(), [('cost', '1'), ('team', 'net 中*+')])
    client.untag_project(project, 'cost')
    same(of_project(), [('team', 'net 中*+')])
    client.tag_resources('project', project, team='sec')
    listed = [t for r in client.list_tag_resources('project', project) for t in r.get_tags()]
    same([(t.get_tag_key(), t.get_tag_value()) for t in listed], [('team', 'sec')])
    client.untag_resources('project', project, 'team')
    same(of_project(), [])


def logstores():
    client.create_logstore(project, logstore, ttl=7, shard_count=2, enable_tracking=True, append_meta=False)
    refused(
        'LogStoreAlreadyExist',
        'logstore store-1 already exists',
        client.create_logstore,
        project,
        logstore,
    )
    # It asks for the logstore first, to fill in what is not said.
    client.update_logstore(project, logstore, ttl=3650)
    got = client.get_logstore(project, logstore)
    same(
        [got.get_ttl(), got.get_shard_count(), got.get_enable_tracking()],
        [3650, 2, True],
    )
    same(client.list_logstore(project).get_logstores(), [logstore])
    same(client.list_logstores(ListLogstoresRequest(project)).get_logstores(), [logstore])
    same(client.list_logstore(project, logstore_name_pattern='none').get_total(), 0)
    same(client.get_logstore_metering_mode(project, logstore).get_metering_mode(), 'ChargeByFunction')
    client.update_logstore_metering_mode(project, logstore, 'ChargeByDataIngest')
    same(client.get_logstore_metering_mode(project, logstore).get_metering_mode(), 'ChargeByDataIngest')


def index():
    refused(
        'IndexConfigNotExist',
        "index config doesn't exist",
        client.get_index_config,
        project,
        logstore,
    )
    refused(
        'IndexConfigNotExist', 'Logstore without index config', client.get_log, project, logstore, at, at + 1
    )
    token = [' ', ',']
    keys = {'bytes': IndexKeyConfig(index_type='long', doc_value=True)}
    client.create_index(project, logstore, IndexConfig(30, IndexLineConfig(token, False), keys))
    keys['srcaddr'] = keys['by'] = IndexKeyConfig(token, False, 'text', True)
    client.update_index(project, logstore, IndexConfig(30, IndexLineConfig(token, False), keys))
    got = client.get_index_config(project, logstore).get_index_config().to_json()
    same(sorted(got['keys']), ['by', 'bytes', 'srcaddr'])
    same(
        [got['keys']['bytes']['type'], got['keys']['srcaddr']['token'], got['line']['token']],
        ['long', token, token],
    )


def items(name, count, first=0):
    return [
        LogItem(at + n, [('srcaddr', '10.0.0.%d' % n), ('bytes', str(n * 100)), ('by', name)], n + 1)
        for n in range(first, first + count)
    ]


def put():
    def request(name, **more):
        return PutLogsRequest(project, logstore, 'tp', 'src', items(name, 3), logtags=[('k', 'v')], **more)

    client.put_logs(request('lz4', compress_type='lz4'))
    client.put_logs(request('plain', compress=False))
    client.put_logs(request('key', hashKey='7f' + '0' * 30))
    if zstd_available:
        client.put_logs(request('zstd', compress_type='zstd'))
    # The SDK of today writes no deflate itself; this is its own sender, with a body made here.
    group = LogGroupRaw()
    group.Topic, group.Source = 'tp', 'src'
    for item in items('deflate', 3):
        log = group.Logs.add()
        log.Time = item.get_time()
        for name, value in item.get_contents():
            content = log.Contents.add()
            content.Key, content.Value = name, value.encode()
    body = group.SerializeToString()
    headers = {
        'x-log-bodyrawsize': str(len(body)),
        'Content-Type': 'application/x-protobuf',
        'x-log-compresstype': 'deflate',
    }
    client._send('POST', project, zlib.compress(body), '/logstores/store-1/shards/lb', {}, headers)
    client.put_log_raw(project, logstore, group)


ways = {'deflate': 6, 'key': 3, 'lz4': 3, 'plain': 3, **({'zstd': 3} if zstd_available else {})}


def searches():
    by = '* | select by, count(*) as c group by by order by by limit 100'
    got = client.get_log(project, logstore, at, at + 600, query=by)
    same([(row.get_contents()['by'], int(row.get_contents()['c'])) for row in got.get_logs()], sorted(ways.items()))
    assert got.is_completed() and got.get_has_sql()

    request = GetLogsRequest(project, logstore, at, at + 600, '', 'by: lz4 and bytes > 0', 10, 0, False)
    got = client.get_logs(request)
    same(
        [(log.get_time(), log.get_source(), log.get_contents()) for log in got.get_logs()],
        [
            (
                at + n,
                'src',
                {
                    'srcaddr': '10.0.0.%d' % n,
                    'bytes': str(n * 100),
                    'by': 'lz4',
                    '__topic__': 'tp',
                    '__time_ns_part__': str(n + 1),
                    '__tag__:k': 'v',
                },
            )
            for n in (1, 2)
        ],
    )
    same([got.get_count(), got.is_completed(), got.get_where_query()], [2, True, 'by: lz4 and bytes > 0'])
    total = sum(ways.values())
    every = [log for part in client.get_log_all(project, logstore, at, at + 600) for log in part.get_logs()]
    same(len(every), total)
    sql = 'select count(*) as c from "store-1" where __time__ >= %d and __time__ < %d' % (at, at + 1)
    rows = client.get_project_logs(GetProjectLogsRequest(project, sql)).get_logs()
    same([row.get_contents()['c'] for row in rows], [str(total // 3)])
    rows = client.execute_logstore_sql(project, logstore, at, at + 600, '* | select sum(bytes) as b', False)
    same(rows.get_logs()[0].get_contents()['b'], str(total // 3 * 300))
    rows = client.execute_project_sql(project, sql, False)
    same(rows.get_logs()[0].get_contents()['c'], str(total // 3))
    refused(
        'ParameterInvalid',
        'ErrorType:OLSQueryParseError.ErrorMessage:offset is not available for pagination in sql query, '
        'please use limit x,y syntax for pagination.',
        client.get_logs,
        GetLogsRequest(project, logstore, at, at + 600, '', by, 100, 10),
    )
    refused(
        'LogStoreNotExist', 'logstore none does not exist', client.get_log, project, 'none', at, at + 600
    )


def histograms():
    got = client.get_histograms(GetHistogramsRequest(project, logstore, at, at + 60, '', 'by: plain'))
    same([got.is_completed(), got.get_total_count()], [True, 3])
    parts = [(part.get_from(), part.get_to(), part.get_count()) for part in got.get_histograms()]
    same(parts, [(at + n, at + n + 1, 1 if n < 3 else 0) for n in range(60)])


def context():
    got = client.get_log(project, logstore, at, at + 600, query='by: zstd or by: lz4 | with_pack_meta')
    log = got.get_logs()[0].get_contents()
    around = client.get_context_logs(project, logstore, log['__pack_id__'], log['__pack_meta__'], 10, 10)
    assert around.is_completed()
    same(around.get_total_lines(), around.get_back_lines() + around.get_forward_lines() + 1)
    assert around.get_total_lines() >= 3
    same([line.get_contents()['__index_number__'] for line in around.get_logs()].count('0'), 1)


def pulled(shard):
    found = []
    begin = client.get_begin_cursor(project, logstore, shard).get_cursor()
    end = client.get_end_cursor(project, logstore, shard).get_cursor()
    while True:
        got = client.pull_logs(project, logstore, shard, begin, count=2, end_cursor=end)
        found += got.get_flatten_logs_json()
        if got.get_next_cursor() == begin:
            same(got.get_loggroup_count(), 0)
            return found
        begin = got.get_next_cursor()


def pull():
    # "a log can be pulled one to two seconds after it was put"
    time.sleep(3)
    found = [log for shard in client.list_shards(project, logstore).get_shards_info() for log in pulled(shard['shardID'])]
    by = {}
    for log in found:
        by[log['by']] = by.get(log['by'], 0) + 1
        assert log['__topic__'] == 'tp' and log['__source__'] == 'src', log
    same(by, ways)
    keyed = [log for log in pulled(0) if log['by'] == 'key']
    same([(log['__time__'], log['srcaddr'], log['__tag__:k']) for log in keyed][0], (at, '10.0.0.0', 'v'))
    now = int(time.time())
    cursor = client.get_cursor(project, logstore, 0, now - 300).get_cursor()
    assert abs(int(client.get_cursor_time(project, logstore, 0, cursor).get_cursor_time()) - now) < 300
    end = client.get_end_cursor(project, logstore, 0).get_cursor()
    before = int(client.get_previous_cursor_time(project, logstore, 0, end).get_cursor_time())
    assert abs(before - now) < 300
    many = [log for part in client.pull_log(project, logstore, 0, now - 300, now + 1) for log in part.get_flatten_logs_json()]
    same(len(many), len(pulled(0)))


def shards():
    def states(answer):
        return sorted((each['shardID'], each['status']) for each in answer.get_shards_info())

    writing, reading = 'readwrite', 'readonly'
    same(states(client.list_shards(project, logstore)), [(0, writing), (1, writing)])
    split = client.split_shard(project, logstore, 0, '3f' + '0' * 30)
    same(states(split), [(0, reading), (2, writing), (3, writing)])
    same(states(client.merge_shard(project, logstore, 2)), [(2, reading), (3, reading), (4, writing)])
    refused(
        'ParameterInvalid',
        'invalid shard id. shard 0 is readonly',
        client.split_shard,
        project,
        logstore,
        0,
        '3f' + '0' * 30,
    )


def consumer_groups():
    group = 'cg-1'
    client.create_consumer_group(project, logstore, group, 30, True)
    refused(
        'ConsumerGroupAlreadyExist',
        'consumer group cg-1 already exist',
        client.create_consumer_group,
        project,
        logstore,
        group,
        30,
    )
    client.update_consumer_group(project, logstore, group, timeout=60, in_order=False)
    got = client.list_consumer_group(project, logstore).get_consumer_groups()
    same(
        [(each.get_consumer_group_name(), each.get_timeout(), each.is_in_order()) for each in got],
        [(group, 60, False)],
    )
    held = sorted(client.heart_beat(project, logstore, group, 'c1', []).get_shards())
    same(held, [0, 1, 2, 3, 4])
    points = client.get_check_point(project, logstore, group).get_consumer_group_check_points()
    same([(each['shard'], each['checkpoint']) for each in points], [(shard, '') for shard in range(5)])
    cursor = client.get_end_cursor(project, logstore, 1).get_cursor()
    client.update_check_point(project, logstore, group, 1, cursor, consumer='c1', force_success=False)
    got = client.get_check_point_fixed(project, logstore, group, 1).get_consumer_group_check_points()
    same([(each['shard'], each['checkpoint'], each['consumer']) for each in got], [(1, cursor, 'c1')])
    client.delete_consumer_group(project, logstore, group)
    same(client.list_consumer_group(project, logstore).get_count(), 0)


def entities():
    chart = {'title': 't', 'type': 'table', 'search': {'logstore': logstore}, 'display': {}, 'action': {}}
    board = {'dashboardName': 'traffic', 'displayName': 'Traffic', 'description': 'd', 'charts': [chart]}
    saved = {
        'savedsearchName': 'rejected',
        'displayName': 'Rejected',
        'logstore': logstore,
        'topic': '',
        'searchQuery': 'action: REJECT',
    }
    query = {
        'store': logstore,
        'storeType': 'log',
        'query': '* | select count(*) as c',
        'start': '-5m',
        'end': 'now',
    }
    alert = {
        'name': 'many',
        'type': 'Alert',
        'displayName': 'Many',
        'description': '',
        'configuration': {'version': '2.0', 'queryList': [query], 'threshold': 1},
        'schedule': {'type': 'FixedRate', 'interval': '60s'},
    }
    for kind, detail, name in (('dashboard', board, 'traffic'), ('savedsearch', saved, 'rejected'), ('alert', alert, 'many')):
        getattr(client, 'create_' + kind)(project, detail)
        changed = {**detail, 'displayName': 'Other'}
        getattr(client, 'update_' + kind)(project, json.dumps(changed))
        got = getattr(client, 'get_' + kind)(project, name).get_entity()
        same({field: got.get(field) for field in changed}, changed)
        listed = getattr(client, 'list_' + kind)(project)
        same([listed.get_count(), listed.get_total(), len(listed.get_entities())], [1, 1, 1])
        if kind == 'alert':
            client.disable_alert(project, name)
            same(client.get_alert(project, name).get_entity()['state'], 'Disabled')
            client.enable_alert(project, name)
            same(client.get_alert(project, name).get_entity()['state'], 'Enabled')
        getattr(client, 'delete_' + kind)(project, name)
        same(getattr(client, 'list_' + kind)(project).get_total(), 0)


def scheduled_sql():
    job = ScheduledSQL()
    job.setName('per-minute')
    job.setDisplayName('Per minute')
    job.setDescription('d')
    client.create_logstore(project, 'target', ttl=7, shard_count=1)
    hour = int(time.time()) // 3600 * 3600
    configuration = {
        'sourceLogstore': logstore,
        'destProject': project,
        'destLogstore': 'target',
        'destEndpoint': '',
        'script': '* | select by, count(*) as c group by by',
        'sqlType': 'searchQuery',
        'fromTimeExpr': '@m-1m',
        'toTimeExpr': '@m',
        'fromTime': hour,
        'toTime': 0,
        'maxRunTimeInSeconds': 60,
        'maxRetries': 3,
        'parameters': {},
    }
    rule = {'type': 'FixedRate', 'interval': '60s', 'delay': 0, 'runImmediately': False}
    job.setConfiguration(dict_to_scheduled_sql_config(configuration))
    job.setSchedule(dict_to_schedule_rule(rule))
    client.create_scheduled_sql(project, job)
    job.setDescription('other')
    client.update_scheduled_sql(project, job)
    got = client.get_scheduled_sql(project, 'per-minute').get_scheduled_sql()
    same([got['description'], got['configuration']['script']], ['other', configuration['script']])
    listed = client.list_scheduled_sql(project)
    same([listed.get_count(), listed.get_total()], [1, 1])
    runs = client.list_scheduled_sql_job_instance(project, 'per-minute', hour - 3600, hour + 7200)
    same(runs.get_count(), len(runs.get_scheduled_sql_jobs()))
    client.delete_scheduled_sql(project, 'per-minute')
    refused('JobNotExist', 'job per-minute does not exist', client.get_scheduled_sql, project, 'per-minute')


def errors():
    unknown = client_with('LTAIunknown', 'x')
    message = 'The access key id you provided is invalid: LTAIunknown.'
    refused('InvalidAccessKeyId', message, unknown.get_project, project)
    try:
        client_with(key_id, 'wrong').get_project(project)
        raise AssertionError('a wrong secret was taken')
    except LogException as error:
        same(error.get_error_code(), 'SignatureNotMatch')


def removal():
    client.delete_index(project, logstore)
    client.delete_logstore(project, logstore)
    message = 'logstore store-1 does not exist'
    refused('LogStoreNotExist', message, client.get_logstore, project, logstore)
    client.delete_project(project)
    refused('ProjectNotExist', 'The Project does not exist : ' + project, client.get_project, project)


for part in (
    projects,
    tags,
    logstores,
    index,
    put,
    searches,
    histograms,
    context,
    pull,
    shards,
    consumer_groups,
    entities,
    scheduled_sql,
    errors,
    removal,
):
    part()
    print('ok', part.__name__, flush=True)
print('zstd', 'written' if zstd_available else 'not installed')
