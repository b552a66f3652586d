"""
Readers look while the maintenance publishes, folds, merges and sweeps, and is killed at one call after the other.

What they see may only grow, and is never less than what was published, nor more than what was sent. There are three
writers: one lives; one is dead and is adopted, and what it received is of the day before; of one the journal is lost
now and then, so that its numbers go on from those of its files.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import duckdb
from serving import maintain
from tracing import ON_THE_DISK, calls_of

from smsanalytics import open_store
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal
from torture.outcome import Outcome
from torture.points import died, points_of, status, strace

SHORT, FULL = 6, 300  # kills
A_DAY = 86_400 * 10**9
READ_AT_LEAST = 2  #: for each kill
LOST_EVERY = 3  #: rounds, after each of which everything is published


def run(folder: Path, rounds: int) -> Outcome:
    chance, outcome = random.Random(20261125), Outcome()
    sent, layout = Sent(folder / "data"), Layout(folder / "data")
    sent.write()
    maintain(layout.data)
    reader = Reader(layout.data, sent)
    with reader:
        attempts = 0
        while outcome.rounds < rounds and attempts < 4 * rounds and not reader.wrong:
            attempts += 1
            if attempts % LOST_EVERY == 0:
                shutil.rmtree(layout.slot("w2"))  # all of it is published: see below
            sent.write()
            age(layout)
            outcome.rounds += killed(layout.data, folder, chance)
            if attempts % LOST_EVERY == LOST_EVERY - 1:
                maintain(layout.data)
                reader.must_hold = {*sent.times}
            reader.look_on()
        maintain(layout.data)
        reader.must_hold = {*sent.times}
        reader.look_on()
    outcome.acknowledged = len(sent.times)
    outcome.wrong += reader.wrong
    outcome.note = f"{reader.looked} looks at {len(list(layout.data.glob('statuses/*/*')))} files in the end"
    return outcome


class Sent:
    """What was made durable, by id; some of it twice."""

    def __init__(self, data: Path) -> None:
        self.times: Counter[int] = Counter()
        self._data = Layout(data)
        self._numbers = itertools.count(1)

    def write(self) -> None:
        """A segment of each writer."""
        for writer, late in (("w0", 0), ("w1", A_DAY), ("w2", 0)):
            several = [next(self._numbers) for _ in range(3)]
            self.times.update([*several, several[0]])  # before it is durable: no reader may see it earlier
            journal = Journal(self._data, writer, now=lambda late=late: time.time_ns() - late)
            journal.write([status(number) for number in (*several, several[0])])
            journal.close()


class Reader:
    """
    Looks again and again, in a thread of its own, while the ``with`` lasts.

    Attributes
    ----------
    looked : int
        How often.
    must_hold : set of int
        Ids that are published.
    wrong : list of str
        What it saw that must not be.
    """

    def __init__(self, data: Path, sent: Sent) -> None:
        self.looked, self.must_hold, self.wrong = 0, {*sent.times}, []
        self._data, self._sent = data, sent
        self._seen: dict[str, set[int]] = {"statuses": set(), "messages": set()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def look_on(self) -> None:
        """Wait until it has looked a few times more."""
        until = self.looked + READ_AT_LEAST
        while self.looked < until and not self.wrong:
            time.sleep(0.01)

    def _look(self) -> None:
        store = open_store(self._data)
        while not self._stop.is_set() and not self.wrong:
            try:
                published = self.must_hold
                told = dict(self._twice(lambda: store.statuses().aggregate("message_id, sum(copies)").fetchall()))
                if any(times > self._sent.times[number] for number, times in told.items()):
                    self.wrong.append("an event is seen more often than it was sent")
                self._compare("statuses", {*told}, published)
                messages = self._twice(lambda: store.messages().select("message_id").fetchall())
                if len(messages) != len({*messages}):
                    self.wrong.append("a message is seen twice")
                self._compare("messages", {number for (number,) in messages}, published)
                if (count := store.delivery_rate([])["submitted"].sum()) < len(messages):
                    self.wrong.append(f"{count} messages are counted where {len(messages)} were seen before")
            except Exception as error:
                self.wrong.append(f"a reader got {type(error).__name__}: {error}")
            self.looked += 1

    def _twice(self, ask):
        try:
            return ask()
        except duckdb.IOException:  # a file was swept between its listing and its opening
            return ask()

    def _compare(self, table: str, ids: set[int], published: set[int]) -> None:
        for what, lost in (("published", published - ids), ("seen before", self._seen[table] - ids)):
            if lost:
                self.wrong.append(f"{len(lost)} of what was {what} is gone from {table}")
        if more := ids - {*self._sent.times}:
            self.wrong.append(f"{len(more)} in {table} were never sent")
        self._seen[table] = ids


def age(layout: Layout) -> None:
    """Let all files be so old that those which can be merged or swept are."""
    for path in layout.data.glob("*/date=*/*.parquet"):
        os.utime(path, (time.time() - 7200,) * 2)


def killed(data: Path, folder: Path, chance: random.Random) -> bool:
    """Run a maintenance that dies at some call of those that a copy of the store shows; whether it did."""
    log, copy = folder / "strace.log", folder / "copy" / data.name
    shutil.copytree(data, copy)
    maintained(copy, log, "-y", "--seccomp-bpf", "-e", f"trace={','.join(ON_THE_DISK)}")
    points = [point for point in points_of(calls_of(log), copy) if "/fold/" not in point.path]  # names drawn by chance
    shutil.rmtree(copy.parent)
    point = chance.choice(points)
    inject = f"inject={point.call}:signal=SIGKILL:when={point.nth}"
    maintained(data, log, "-P", str(data / point.path), "-e", f"trace={point.call}", "-e", inject)
    return died(log)


def maintained(data: Path, log: Path, *options: str) -> None:
    log.unlink(missing_ok=True)
    command = [*strace(log, *options), sys.executable, "-m", "smsanalytics", "maintain", "--data", str(data)]
    subprocess.run(command, capture_output=True, cwd=data.parent)
