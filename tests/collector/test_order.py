"""The order on the wire and on the disk, as the kernel saw it: nothing is answered, renamed or removed too early."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import pytest
from durability import too_early
from programs import need
from serving import Collector
from signing import status_body
from torture.points import left_over
from tracing import ON_THE_DISK, ON_THE_WIRE, SYNCS, WRITES, calls_of

CALLBACKS = 200
SENDS = "message_id,phone,sent_at\n" + "".join(f"{n},7900123{n:04},2026-11-22T12:00:00+03:00\n" for n in range(1, 51))


def trace(log):
    strace = need("strace", "the order of syncs cannot be seen without it")
    traced = ",".join((*ON_THE_DISK, "truncate", *ON_THE_WIRE))
    return [strace, "-f", "-y", "--seccomp-bpf", "-s", "100000", "-o", str(log), "-e", f"trace={traced}"]


def collecting(folder):
    """Callbacks come in on several connections, some are refused, and all are published and folded."""
    collector = Collector(folder / "data", "--flush-seconds", "0.5", prefix=trace(folder / "strace.log"))

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
    assert collector.post(b"id=1") == 400
    for thread in threads:
        thread.join()
    collector.interrupt()
    return folder / "data"


def starting(folder):
    """A collector finds what a dead one left, seals it, and collects."""
    data, _ = left_over(folder)
    collector = Collector(data, "--no-maintain", prefix=trace(folder / "strace.log"))
    assert collector.post(status_body(1000)) == 200
    collector.interrupt()
    return data


def maintaining(folder):
    """A maintenance finds it, and sweeps what was superseded long ago."""
    data, _ = left_over(folder)
    run(folder, "maintain", "--data", str(data))
    return data


def importing(folder):
    """A file of sends is imported and published."""
    (folder / "sends.csv").write_text(SENDS)
    (folder / "data").mkdir()
    run(folder, "import", "sends", "sends.csv", "--data", str(folder / "data"))
    return folder / "data"


def run(folder, *words):
    command = [*trace(folder / "strace.log"), sys.executable, "-m", "smsanalytics", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Of each of these, the data directory and its calls."""
    found = {}
    for do in (collecting, starting, maintaining, importing):
        folder = tmp_path_factory.mktemp(do.__name__)
        found[do.__name__] = do(folder), calls_of(folder / "strace.log")
    return found


NEEDLESS = {
    "fsync SLOT after rename SEGMENT.open": "if the name is lost the segment is as it was, and is sorted out once more",
    "fsync SLOT after rename SEGMENT.sealed": "if the name is lost the segment is left over, and sealed at the next start",
}


def kinds(data, calls):
    """The syncs of a log by what they make durable."""
    found = defaultdict(list)
    before = {}  # of each thread: a slot holds names that others rely on one by one
    for call in calls:
        if call.name in SYNCS:
            path = role(Path(call.file), data)
            after = before.get(call.pid, "") if path == "SLOT" else ""
            found[f"{call.name} {path}{after}"].append(call)
        elif call.name not in WRITES and Path(call.file).is_relative_to(data) and (call.creates or len(call.paths) > 1):
            before[call.pid] = f" after {call.name} {role(Path(call.paths[-1]), data).removeprefix('SLOT/')}"
    return found


def role(path, data):
    if not path.is_relative_to(data):
        return ".."
    text = re.sub(r"date=[\d-]+", "DATE", str(path.relative_to(data)))
    text = re.sub(r"^(tmp/)?(statuses|rejected|sends)(-..)?(?=/|$)", r"\1TABLE", text)
    text = re.sub(r"^journal/[a-z]\d\b", "SLOT", text)
    text = re.sub(r"\d{10}\.[\d-]+", "SEGMENT", text)
    return re.sub(r"\d{10}", "N", text)


def test_nothing_comes_before_what_it_relies_on_is_durable(logs):
    assert {name: found for name, (data, calls) in logs.items() if (found := too_early(calls, data))} == {}


def test_a_log_in_which_one_kind_of_sync_is_left_out_is_refused(logs):
    refused = {}
    for data, calls in logs.values():
        for kind, left_out in kinds(data, calls).items():
            gone = {id(call) for call in left_out}
            wrong = too_early([call for call in calls if id(call) not in gone], data)
            refused.setdefault(kind, []).extend(wrong)
    passed = {kind for kind, wrong in refused.items() if not wrong}
    assert passed == set(NEEDLESS)
    assert len([one for one in refused["fdatasync SLOT/SEGMENT.open"] if "a 200" in one]) == CALLBACKS + 1


@pytest.mark.parametrize(
    "left_out", ["write SLOT/SEGMENT.open", "rename SLOT/counter.new", "rename SLOT/published.new"]
)
def test_so_is_one_without_what_others_rely_on(logs, left_out):
    data, calls = logs["collecting"]
    assert too_early([call for call in calls if f"{call.name} {role(Path(call.file), data)}" != left_out], data)
