"""A program over the SDK's consumer library: `URL KEY-ID SECRET v1|v4 PROJECT LOGSTORE GROUP NAME FILE [end|PAUSE-AFTER]`.

Each record's `n` is a line of FILE before the checkpoint behind it is saved. `end`: stops at what was the end of the
logstore at the start. PAUSE-AFTER: takes so many batches and then no more, while its heartbeat goes on.
"""
import sys
import threading
import time

from aliyun.log import PullLogResponse
from aliyun.log.auth import AUTH_VERSION_1, AUTH_VERSION_4
from aliyun.log.consumer import ConsumerProcessorBase, ConsumerWorker, CursorPosition, LogHubConfig

url, key_id, secret, version, project, logstore, group, name, path = sys.argv[1:10]
how = sys.argv[10] if len(sys.argv) > 10 else ''
lock = threading.Lock()
left = [int(how) if how.isdigit() else -1]


class Writer(ConsumerProcessorBase):
    def process(self, log_groups, check_point_tracker):
        with lock:
            if left[0] == 0:
                print('paused', flush=True)
                time.sleep(3600)
            logs = PullLogResponse.loggroups_to_flattern_list(log_groups, time_as_str=True, decode_bytes=True)
            with open(path, 'a', encoding='utf-8') as file:
                file.writelines(log['n'] + '\n' for log in logs)
            check_point_tracker.save_check_point(True)
            left[0] -= 1
        return None


config = LogHubConfig(
    url,
    key_id,
    secret,
    project,
    logstore,
    group,
    name,
    cursor_position=CursorPosition.BEGIN_CURSOR,
    cursor_end_time='end' if how == 'end' else None,
    heartbeat_interval=2,
    data_fetch_interval=1,
    max_fetch_log_group_size=10,
    auth_version={'v1': AUTH_VERSION_1, 'v4': AUTH_VERSION_4}[version],
    region='cn-hangzhou',
)
worker = ConsumerWorker(Writer, config)
worker.start()
worker.join()
