"""
A process dies at each write, sync, rename, removal and new name of a short run, one after the other.

The run is done once to see what it asks of the kernel, and then anew for each of these calls, which kills the process
that makes it, before it is done. One run is that of a collector, from its start to its end, with a maintenance beside
it; the other that of a maintenance which finds what a dead collector left.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving import Collector
from signing import status_body
from tracing import ON_THE_DISK, Call, calls_of

from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry, line
from smsanalytics.storage.maintenance import Maintenance
from torture.load import compare
from torture.outcome import Outcome, need

SHORT, FULL = 4, 10_000  # of the points there are
CALLBACKS = 3
PATIENCE = 3.0  #: how long to wait for the messages, which may never come when their process is dead [s]


@dataclass(frozen=True)
class Point:
    """The nth time that a thread makes a call on a path of the store."""

    call: str
    path: str
    nth: int


def run(folder: Path, rounds: int) -> Outcome:
    outcome, points = Outcome(), 0
    for what in (Collecting(folder), Maintaining(folder)):
        found = what.points()
        points += len(found)
        share = min(len(found), -(-rounds // 2))
        for number in range(share):
            point = found[(2 * number + 1) * len(found) // (2 * share)]
            if what.dies_at(point, outcome):
                outcome.rounds += 1
            if outcome.faults:
                outcome.wrong.append(f"when {what.name} died at {point}")
                return outcome
    outcome.note = f"{points} points in the two runs"
    return outcome


class Collecting:
    """Three callbacks are collected, published and folded."""

    name = "the collector"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "collecting"
        self.before: list[int] = []

    def points(self) -> list[Point]:
        """Every call there is to die at."""
        data, log = self._fresh()
        self._attempt(data, log, "-y", "--seccomp-bpf", "-e", f"trace={','.join(ON_THE_DISK)}")
        found = points_of(calls_of(log), data)
        shutil.rmtree(data.parent)
        return found

    def dies_at(self, point: Point, outcome: Outcome) -> bool:
        """Run to that point, start again, and compare; whether it was come to."""
        data, log = self._fresh()
        inject = f"inject={point.call}:signal=SIGKILL:when={point.nth}"
        only = ["-P", str(data / point.path), "-e", f"trace={point.call}"]
        acknowledged = [*self.before, *self._attempt(data, log, *only, "-e", inject)]
        if come_to := died(log):
            so_far = Outcome()
            after = Collector(data)
            try:
                acknowledged += [number for number in (201,) if after.post(status_body(number)) == 200]
            finally:
                if (code := after.stop()) or 201 not in acknowledged:
                    so_far.wrong.append(f"a collector started after it ends with {code}, or does not collect")
            compare(data, acknowledged, 202, so_far, published=True)
            outcome.add(so_far)
        shutil.rmtree(data.parent)
        return come_to

    def _fresh(self) -> tuple[Path, Path]:
        data = self.folder / "data"
        data.mkdir(parents=True)
        return data, self.folder / "strace.log"

    def _attempt(self, data: Path, log: Path, *options: str) -> list[int]:
        acknowledged: list[int] = []
        with contextlib.suppress(AssertionError):  # dead before it listened
            collector = Collector(data, "--flush-seconds", "0.3", prefix=strace(log, *options))
            with contextlib.suppress(OSError, http.client.HTTPException):
                numbers = range(101, 101 + CALLBACKS)
                acknowledged.extend(number for number in numbers if collector.post(status_body(number)) == 200)
            deadline = time.monotonic() + PATIENCE
            while not (data / "messages" / "live.json").exists() and not died(log) and time.monotonic() < deadline:
                time.sleep(0.02)
            collector.interrupt()
        return acknowledged


class Maintaining(Collecting):
    """What a dead collector left is sealed, published, and folded with what there is; superseded messages are swept."""

    name = "the maintenance"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder / "maintaining"
        self._left, self.before = left_over(folder / "left")

    def _fresh(self) -> tuple[Path, Path]:
        shutil.copytree(self._left, self.folder / "data")
        return self.folder / "data", self.folder / "strace.log"

    def _attempt(self, data: Path, log: Path, *options: str) -> list[int]:
        command = [*strace(log, *options), sys.executable, "-m", "smsanalytics", "maintain", "--data", str(data)]
        subprocess.run(command, capture_output=True, cwd=data.parent)
        return []


def left_over(folder: Path) -> tuple[Path, list[int]]:
    """A store that a collector and a maintenance died in, and the ids in it: some folded twice, some in the journal."""
    layout, data, ids = Layout(folder / "living"), folder / "data", list(range(1, 2 + 3 * CALLBACKS))
    events, refused = Journal(layout, "w0", seconds=0), Journal(layout, "r0", seconds=0, lazy=True)
    for first in ids[:-1:CALLBACKS]:
        for journal in (events, refused):
            journal.seal_if_due()
        with Maintenance(layout, {}) as maintenance:
            maintenance.run()
        for number in range(first, first + CALLBACKS):
            events.write([status(number)])
        refused.write([event("rejected", {"reason": "signature", "remote": "", "body": ""})])
    shutil.copytree(layout.data, data)  # as if they died now
    for superseded in data.glob("messages/date=*/0000000001.parquet"):
        os.utime(superseded, (0, 0))
    torn, hole = b'{"v":1,"torn', b"a line that no crash explains\n" + line(status(ids[-1]), time.time_ns() // 1000)
    for segment in data.glob("journal/*/*.open"):
        with segment.open("ab") as file:
            file.write((hole if segment.parent.name == "w0" else b"") + torn)
    events.close()
    refused.close()
    return data, ids


def status(number: int) -> bytes:
    return event("status", {"message_id": str(number), "phone": "79001230001", "status": "1"})


def event(kind: str, fields: dict[str, str]) -> bytes:
    return entry(account="default", kind=kind, signed_by="md5", key="2026", fields=fields, extra={})


def died(log: Path) -> bool:
    return log.exists() and "killed by SIGKILL" in log.read_text()


def strace(log: Path, *options: str) -> list[str]:
    return [need("strace"), "-f", "-s", "300", "-o", str(log), *options]


def points_of(calls: Sequence[Call], data: Path) -> list[Point]:
    """The calls that change something on the disk."""
    count: Counter[tuple[int, str, str]] = Counter()
    found = set()
    for call in calls:
        path = Path(call.file)
        if path.is_relative_to(data) and (call.name != "openat" or call.creates):
            key = (call.pid, call.name, str(path.relative_to(data)))
            count[key] += 1
            found.add(Point(call.name, key[2], count[key]))
    return sorted(found, key=lambda point: (point.path, point.call, point.nth))
