"""
Writes, syncs, renames and all the others fail for a while, of the collector and of the maintenance beside it.

A tracer is attached to the running processes, lets one kind of call fail for a moment, and goes away again.
"""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from serving import Collector

from smsanalytics.storage.catalog import Layout
from torture.load import Load, compare
from torture.outcome import Outcome, Unable, need
from torture.processes import members

SEGMENTS = 400  #: which one fault may meet; their names are known beforehand


@dataclass(frozen=True)
class Fault:
    """What fails, how, and on which files: the tracer sees calls on these only."""

    calls: str
    how: str
    where: tuple[str, ...]
    refuses: bool = False  #: whether callbacks must be answered with 503 meanwhile


OPEN, SEALED = ("journal/w0/{segment}.open",), ("journal/w0/{segment}.sealed",)
SLOT, COUNTER = ("journal/w0",), ("journal/w0/counter.new",)
PUBLISHED = ("journal/w0/published.new",)
UNFINISHED = ("tmp/statuses-w0", "tmp/messages")
LIVE = ("messages/live.json.new",)
RENAME = "rename,renameat,renameat2"
FAULTS = (
    Fault("fdatasync", "error=EIO", OPEN, refuses=True),
    Fault("pwrite64", "error=ENOSPC", UNFINISHED),
    Fault("write", "error=ENOSPC", OPEN, refuses=True),
    Fault("write", "retval=20", OPEN, refuses=True),  # it says so, and nothing of it was written
    Fault("write,ftruncate", "error=EIO", OPEN, refuses=True),
    Fault("fdatasync,ftruncate", "error=EIO", OPEN, refuses=True),
    Fault("openat", "error=ENOSPC", OPEN, refuses=True),
    Fault("openat", "error=EMFILE", COUNTER, refuses=True),
    Fault("write,fsync", "error=ENOSPC", COUNTER, refuses=True),
    Fault(RENAME, "error=EIO", COUNTER, refuses=True),
    Fault(RENAME, "error=EIO", OPEN, refuses=True),
    Fault("fsync", "error=EIO", SLOT, refuses=True),
    Fault("openat,fsync", "error=EIO", SLOT, refuses=True),
    Fault("openat", "error=EIO", UNFINISHED),
    Fault("fsync", "error=EIO", UNFINISHED),
    Fault(RENAME, "error=ENOSPC", UNFINISHED),
    Fault("fsync", "error=EIO", ("statuses/{date}", "messages/{date}")),
    Fault("write", "error=ENOSPC", PUBLISHED),
    Fault(RENAME, "error=EIO", PUBLISHED),
    Fault("unlink", "error=EIO", SEALED),
    Fault("openat,write,fsync", "error=ENOSPC", LIVE),
    Fault(RENAME, "error=EIO", LIVE),
    Fault("openat", "error=EIO", SEALED),
)
SHORT, FULL = 3, 2 * len(FAULTS)
WITHIN = 15.0  #: after an error, callbacks must be acknowledged again, and published [s]
FIRST, THEN = 10.0, 0.7  #: how long to wait for the first call that fails, and how long others fail then [s]


def run(folder: Path, rounds: int) -> Outcome:
    need("strace")
    outcome, acknowledged, numbers, refused, vain = Outcome(), [], itertools.count(1), 0, 0
    for fault in itertools.islice(itertools.cycle(FAULTS), rounds):
        collector = Collector(folder / "data", "--flush-seconds", "0.3")
        try:
            with Load(collector.url, numbers, connections=4, pause=0.005) as load:
                if not (load.flows(WITHIN) and publishes(collector.data)):
                    outcome.wrong.append(f"it does not collect and publish, before {fault}")
                hits = fail(collector, fault, folder / "errors.log")
                if not load.flows(WITHIN):
                    outcome.wrong.append(f"no callback was acknowledged in {WITHIN:.0f} s after {fault}")
                meanwhile = load.answers[503]
                if not publishes(collector.data):
                    outcome.wrong.append(f"nothing was published in {WITHIN:.0f} s after {fault}")
            if fault.refuses and not meanwhile:
                outcome.wrong.append(f"no callback was refused during {fault}")
            if code := collector.stop():
                outcome.wrong.append(f"it ended with {code} after {fault}")
        finally:
            collector.kill()
        outcome.rounds += 1
        vain += not hits
        refused += meanwhile
        outcome.unintended += sum(count for status, count in load.answers.items() if status not in (200, 503))
        outcome.unintended += load.answers[503] - meanwhile
        acknowledged += load.acknowledged
    compare(folder / "data", acknowledged, next(numbers), outcome)
    outcome.note = f"{refused:,} refused meanwhile; {vain} errors met no call"
    return outcome


def publishes(data: Path) -> bool:
    """Whether all that was collected by now is published before it is too late."""
    layout, deadline = Layout(data), time.monotonic() + WITHIN
    now = layout.last_number("w0")
    while layout.published("w0") < now:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def fail(collector: Collector, fault: Fault, log: Path) -> int:
    """Let calls fail in all processes of a collector, for a moment from the first on; how many failed."""
    log.unlink(missing_ok=True)
    paths = [word for path in paths_of(fault, collector.data) for word in ("-P", str(collector.data / path))]
    processes = [word for pid in members(collector.process.pid) for word in ("-p", str(pid))]
    tracer = subprocess.Popen(
        [need("strace"), "-f", "-q", "-o", str(log), *processes, *paths, "-e", f"trace={fault.calls}",
         *(word for call in fault.calls.split(",") for word in ("-e", f"inject={call}:{fault.how}"))],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + FIRST
        while time.monotonic() < deadline and not (log.exists() and "(INJECTED)" in log.read_text()):
            if tracer.poll() is not None:
                raise Unable("strace cannot be attached to running processes")
            time.sleep(0.05)
        time.sleep(THEN)
    finally:
        tracer.send_signal(signal.SIGINT)  # it lets go of them
        tracer.wait(30)
    return log.read_text().count("(INJECTED)")


def paths_of(fault: Fault, data: Path) -> list[str]:
    today = datetime.now(UTC).date()
    days = [today, today + timedelta(days=1)]
    next_one = Layout(data).published("w0") + 1
    names = [f"{number:010}.{day}" for day in days for number in range(next_one, next_one + SEGMENTS)]
    return [
        path.format(segment=name, date=f"date={today}")
        for path in fault.where
        for name in (names if "{segment}" in path else names[:1])
    ]
