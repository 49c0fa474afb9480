"""The command aliyunlog of aliyun-log-cli: `URL KEY-ID SECRET v1|v4`."""
import json
import os
import subprocess
import sys
import tempfile
import time

from aliyun.log import LogClient, LogItem, PutLogsRequest

url, key_id, secret, version = sys.argv[1:5]
program = os.path.join(os.path.dirname(sys.executable), 'aliyunlog')
project, logstore = 'cli-' + version, 'store-1'
at = 1_700_000_000
# It reads and writes its configuration at home.
environment = {**os.environ, 'HOME': tempfile.mkdtemp(prefix='weir-cli-')}


def ask(command, **options):
    given = {
        **options,
        'access-id': key_id,
        'access-key': secret,
        'region-endpoint': url,
        'sign-version': version,
        'region-id': 'cn-hangzhou',
    }
    words = ['--%s=%s' % (name, value) for name, value in given.items()]
    return subprocess.run(
        [program, 'log', command, *words], env=environment, capture_output=True, text=True, timeout=60
    )


def does(command, **options):
    ended = ask(command, **options)
    assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
    try:
        return json.loads(ended.stdout)
    except ValueError:
        return ended.stdout.strip()


def same(got, wanted):
    assert got == wanted, 'got %r\nnot %r' % (got, wanted)


store = {'project_name': project, 'logstore_name': logstore}
does('create_project', project_name=project, project_des='d')
same(does('get_project', project_name=project)['description'], 'd')
assert project in [each['projectName'] for each in does('list_project')['projects']]
does('create_logstore', **store, ttl=3650, shard_count=1)
does('update_logstore', **store, ttl=30)
same(does('get_logstore', **store)['ttl'], 30)
same(does('list_logstore', project_name=project)['logstores'], [logstore])
print('ok projects and logstores', flush=True)

text = {'type': 'text', 'token': [' '], 'caseSensitive': False, 'doc_value': True}
detail = {'keys': {'word': text, 'n': {'type': 'long', 'doc_value': True}}, 'ttl': 30}
does('create_index', **store, index_detail=json.dumps(detail))
same(sorted(does('get_index_config', **store)['keys']), ['n', 'word'])
detail['line'] = {'token': [' '], 'caseSensitive': False}
does('update_index', **store, index_detail=json.dumps(detail))
same(does('get_index_config', **store)['line']['token'], [' '])
print('ok index', flush=True)

# The command has no put_logs; what it writes is a copy of what it pulls.
client = LogClient(url, key_id, secret)
client.create_logstore(project, 'origin', ttl=30, shard_count=1)
logs = [LogItem(at + n, [('word', 'w%d' % n), ('n', str(n))], n + 1) for n in range(3)]
client.put_logs(PutLogsRequest(project, 'origin', 'tp', 'src', logs))
# "a log can be pulled one to two seconds after it was put"
time.sleep(3)
does('copy_data', project=project, logstore='origin', from_time='begin', to_time='end', to_logstore=logstore)
span = {'project': project, 'logstore': logstore, 'from_time': at, 'to_time': at + 60}
asked = {'project': project, 'logstore': logstore, 'fromTime': at, 'toTime': at + 60}
found = does('get_logs', request=json.dumps({**asked, 'query': 'n > 1'}))
same([(row['word'], row['n'], row['__topic__'], row['__source__']) for row in found], [('w2', '2', 'tp', 'src')])
sql = does('get_log', **span, query='* | select sum(n) as s, count(*) as c')
same([(row['s'], row['c']) for row in sql], [('3', '3')])
parts = does('get_histograms', request=json.dumps({**asked, 'query': ''}))
same(sum(part['count'] for part in parts), 3)
print('ok copy and search', flush=True)

time.sleep(3)
same([(each['shardID'], each['status']) for each in does('list_shards', **store)], [(0, 'readwrite')])
begin = does('get_begin_cursor', **store, shard_id=0)['cursor']
assert begin != does('get_end_cursor', **store, shard_id=0)['cursor']
groups = does('pull_logs', **store, shard_id=0, cursor=begin, count=10)
same('w0' in json.dumps(groups), True)
file = os.path.join(environment['HOME'], 'dump')
does('pull_log_dump', **store, from_time='begin', to_time='end', file_path=file + '_{}')
with open(file + '_0', encoding='utf-8') as dump:
    same(sorted(json.loads(line)['word'] for line in dump), ['w0', 'w1', 'w2'])
does('split_shard', **store, shardId=0, split_hash='7f' + '0' * 30)
same(len(does('list_shards', **store)), 3)
print('ok shards and pulls', flush=True)

group = {'project': project, 'logstore': logstore}
does('create_consumer_group', **group, consumer_group='cg', timeout=30)
same([each['name'] for each in does('list_consumer_group', **group)], ['cg'])
does('delete_consumer_group', **group, consumer_group='cg')
board = {'dashboardName': 'b', 'displayName': 'B', 'description': '', 'charts': []}
does('create_dashboard', project=project, detail=json.dumps(board))
same(does('get_dashboard', project=project, entity='b')['displayName'], 'B')
does('delete_dashboard', project=project, entity='b')
print('ok consumer groups and dashboards', flush=True)

missing = ask('get_logstore', project_name=project, logstore_name='none')
assert missing.returncode != 0
assert 'LogStoreNotExist' in missing.stdout + missing.stderr, missing
does('delete_index', **store)
does('delete_logstore', **store)
does('delete_logstore', project_name=project, logstore_name='origin')
does('delete_project', project_name=project)
gone = ask('get_project', project_name=project)
assert 'ProjectNotExist' in gone.stdout + gone.stderr, gone
print('ok errors and removal')
