"""The SDK's consumer library over a whole logstore: `URL KEY-ID SECRET v1|v4`. Every record is taken once."""
import os
import subprocess
import sys
import tempfile
import time

from aliyun.log import LogClient, LogItem, PutLogsRequest
from aliyun.log.auth import AUTH_VERSION_1, AUTH_VERSION_4

url, key_id, secret, version = sys.argv[1:5]
signing = {'v1': AUTH_VERSION_1, 'v4': AUTH_VERSION_4}[version]
client = LogClient(url, key_id, secret, auth_version=signing, region='cn-hangzhou')
project, logstore = 'consume-' + version, 'store-1'
folder = tempfile.mkdtemp(prefix='weir-consume-')
wanted = list(range(2000))


def consumer(group, name, *how):
    program = os.path.join(os.path.dirname(__file__), 'consumer.py')
    words = [url, key_id, secret, version, project, logstore, group, name, out(name)]
    return subprocess.Popen([sys.executable, program, *words, *how], stdout=subprocess.PIPE)


def out(name):
    return os.path.join(folder, name)


def taken(*names):
    found = []
    for name in names:
        if os.path.exists(out(name)):
            with open(out(name), encoding='utf-8') as file:
                found += [int(line) for line in file]
    return sorted(found)


def until(done, seconds, what):
    deadline = time.time() + seconds
    while not done():
        assert time.time() < deadline, what()
        time.sleep(0.2)


def counts(*names):
    return '%d of %d records, by consumer %s' % (
        len(taken(*names)),
        len(wanted),
        [len(taken(name)) for name in names],
    )


def one_to_the_end():
    alone = consumer('cg-one', 'alone', 'end')
    alone.wait(timeout=120)
    assert taken('alone') == wanted, counts('alone')


def two_and_one_is_killed():
    killed, heir = consumer('cg-two', 'killed', '2'), consumer('cg-two', 'heir')
    try:
        # Blocks until it has taken what it takes; its heartbeat holds its shards all the while.
        assert killed.stdout.readline() == b'paused\n'
        before = len(taken('killed'))
        assert 0 < before < len(wanted), counts('killed')
        killed.kill()
        killed.wait()
        until(lambda: len(taken('killed', 'heir')) >= len(wanted), 60, lambda: counts('killed', 'heir'))
        time.sleep(3)
        assert taken('killed', 'heir') == wanted, counts('killed', 'heir')
        assert len(taken('killed')) == before
        assert len(taken('heir')) > 0, counts('heir')
        print('of 2000 records one took', before, 'before it was killed, the other', len(wanted) - before)
    finally:
        for each in (killed, heir):
            each.kill()
            each.wait()


client.create_project(project, '')
client.create_logstore(project, logstore, ttl=7, shard_count=4)
for first in range(0, len(wanted), 20):
    logs = [LogItem(1_700_000_000 + n, [('n', str(n))]) for n in wanted[first : first + 20]]
    client.put_logs(PutLogsRequest(project, logstore, 'topic-%d' % (first % 7), 'source-%d' % first, logs))
# "a log can be pulled one to two seconds after it was put"
time.sleep(3)
for part in (one_to_the_end, two_and_one_is_killed):
    part()
    print('ok', part.__name__, flush=True)
client.delete_project(project)
