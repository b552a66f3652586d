"""The order on the wire and on the disk, as the kernel saw it: nothing is answered, renamed or removed too early."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from programs import need
from serving import Collector
from signing import status_body

CALLS = "read,recvfrom,recvmsg,write,writev,pwrite64,sendto,sendmsg,fdatasync,fsync,rename,renameat,renameat2,unlink,unlinkat"
LINE = re.compile(r"(?P<pid>\d+) +(?:(?P<name>\w+)\((?P<args>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<rest>.*))")
PATHS = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass
class Call:
    name: str
    text: str
    start: int
    end: int
    failed: bool

    @property
    def file(self):
        """What the descriptor it works on refers to."""
        match = re.match(r"\d+<((?:[^<>\\]|\\.)*)>", self.text)
        return match[1] if match else ""

    @property
    def paths(self):
        return [match for match in PATHS.findall(self.text) if "/" in match]


def calls_of(log):
    """The calls of an strace log, each with the lines at which it began and was over."""
    calls, pending = [], {}
    for number, text in enumerate(log.read_text(errors="replace").splitlines()):
        match = LINE.match(text)
        if not match:
            continue
        if match["resumed"]:
            call = pending.pop(match["pid"], None)
            if call:
                call.text += match["rest"]
                call.end, call.failed = number, " = -1 " in match["rest"]
            continue
        call = Call(match["name"], match["args"], number, number, bool(re.search(r"\) += -1 ", match["args"])))
        if text.endswith("<unfinished ...>"):
            call.end = 10**9
            pending[match["pid"]] = call
        calls.append(call)
    return [call for call in calls if not call.failed]


def acknowledged_too_early(calls):
    """Ids whose 200 left before their line was written and synced after the write; and how many 200 there were."""
    asked, early, answers = {}, [], 0
    for call in calls:
        if not call.file.startswith("socket:"):
            continue
        if found := re.search(r"id=(\d+)&phone=", call.text):
            asked[call.file] = found[1]
        elif '"HTTP/1.1 200' in call.text and call.file in asked:
            answers += 1
            number = asked.pop(call.file)
            written = [
                w
                for w in calls
                if w.name == "write" and w.file.endswith(".open") and f'\\"message_id\\":\\"{number}\\"' in w.text
            ]
            safe = any(
                sync.name == "fdatasync" and sync.file == line.file and line.end < sync.start and sync.end < call.start
                for line in written for sync in calls
            )  # fmt: skip
            if not safe:
                early.append(number)
    return early, answers


def published_out_of_order(calls):
    """What is wrong with the publishing of each Parquet file, and how many were published."""
    wrong, published = [], 0
    renames = [call for call in calls if call.name.startswith("rename") and len(call.paths) >= 2]

    def synced(path, after, before):
        return any(
            c.name in {"fsync", "fdatasync"} and c.file == str(path) and after < c.start and c.end < before
            for c in calls
        )

    def first_sync(path, after):
        return min(
            (c.end for c in calls if c.name == "fsync" and c.file == str(path) and c.start > after), default=10**9
        )

    for rename in renames:
        source, target = rename.paths[0], Path(rename.paths[-1])
        if target.suffix != ".parquet":
            continue
        published += 1
        last_write = max(c.end for c in calls if c.name == "pwrite64" and c.file == source and c.end < rename.start)
        if not synced(source, last_write, rename.start):
            wrong.append(f"{target.name} was renamed before it was synced")
        found = re.match(r"(\w+)-\d+-(\d+)\.parquet", target.name)
        directory_synced = first_sync(target.parent, rename.end)
        follower = "live.json" if target.parts[-3] == "messages" else "published"
        after = [r for r in renames if r.paths[-1].endswith(f"/{follower}") and r.start > directory_synced]
        if found:
            after = [r for r in after if f"/{found[1]}/" in r.paths[-1]]
        if not after:
            wrong.append(f"{target.name} was counted before its directory was synced")
            continue
        if not synced(after[0].paths[0], directory_synced, after[0].start):
            wrong.append(f"{follower} was replaced before it was synced")
        removed = [c for c in calls if found and c.name.startswith("unlink") and f"/{found[1]}/{found[2]}." in c.text]
        if removed and removed[0].start < first_sync(Path(after[0].paths[-1]).parent, after[0].end):
            wrong.append(f"segment {found[2]} was removed before `published` was durable")
        if found and not removed:
            wrong.append(f"segment {found[2]} was never removed")
    return wrong, published


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    need("strace", "the order of syncs cannot be seen without it")
    folder = tmp_path_factory.mktemp("order")
    log = folder / "strace.log"
    trace = ["strace", "-f", "-y", "-s", "100000", "-o", str(log), "-e", f"trace={CALLS}"]
    collector = Collector(folder / "data", "--flush-seconds", "0.5", prefix=trace)

    def post(numbers):
        link = collector.connect()
        for number in numbers:
            link.request("POST", "/callback", status_body(number))
            response = link.getresponse()
            response.read()
            assert response.status == 200
        link.close()

    threads = [threading.Thread(target=post, args=(range(first, first + 25),)) for first in range(1000, 1800, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    collector.interrupt()
    return calls_of(log)


def test_no_200_leaves_before_its_line_is_written_and_synced(calls):
    early, answers = acknowledged_too_early(calls)
    assert answers == 200
    assert early == []


def test_every_file_is_synced_named_made_durable_and_only_then_counted_and_its_segment_removed(calls):
    wrong, published = published_out_of_order(calls)
    assert published >= 2
    assert wrong == []


def test_the_check_sees_a_missing_sync(calls):
    without = [call for call in calls if call.name != "fdatasync"]
    assert len(acknowledged_too_early(without)[0]) == 200
    data = [call for call in calls if not (call.name == "fsync" and "/tmp/" in call.file)]
    assert published_out_of_order(data)[0]
