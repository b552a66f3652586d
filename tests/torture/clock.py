"""
The wall clock steps while callbacks come: forwards, backwards, over midnight UTC both ways, to 1970 and to 2100.

Nothing acknowledged is lost, each event is there once, a segment holds one date, no number is used twice, publishing and
folding go on. The clock is that of the collector and its maintenance only: a small library in front of the C library moves
it. A quarter of the steps comes with a kill -9 and a restart. Rounds are steps.
"""

from __future__ import annotations

import itertools
import os
import random
import struct
import subprocess
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from serving import Collector, counting, maintain
from signing import status_body

from smsanalytics import open_store
from torture.outcome import Outcome, Unable, need

SHORT, FULL = 9, 120
KINDS = 9  #: of steps, of which every third is waited for, in turns
SEED = 20261124
SOURCE = Path(__file__).with_name("clock.c")
PATIENCE = 120.0  #: how long publishing and folding may take after a step [s]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class WallClock:
    """A clock that can be set, as the environment of a process that shall go by it."""

    def __init__(self, folder: Path) -> None:
        library, file = folder / "clock.so", folder / "clock"
        made = subprocess.run(
            [need("cc"), "-shared", "-fPIC", "-O", "-o", library, SOURCE, "-ldl"], capture_output=True
        )
        if made.returncode:
            raise Unable("the C compiler cannot build a shared library")
        file.write_bytes(bytes(8))
        self._file = os.open(file, os.O_WRONLY)
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(file)}

    def set(self, to: datetime) -> None:
        moved = (to - EPOCH) // timedelta(microseconds=1) * 1000 - time.time_ns()
        os.pwrite(self._file, struct.pack("q", moved), 0)


class Load:
    """Posts callbacks, each once, from a few threads; `acknowledged` are those that were answered with 200."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.answers: defaultdict[int, int] = defaultdict(int)
        self._numbers = itertools.count(1)

    def start(self, collector: Collector) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(collector, self._stop)) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _post(self, collector: Collector, stop: threading.Event) -> None:
        link = collector.connect()
        try:
            while not stop.wait(0.005):
                number = next(self._numbers)
                link.request("POST", "/callback", status_body(number))
                response = link.getresponse()
                response.read()
                self.answers[response.status] += 1
                if response.status == 200:
                    self.acknowledged.append(number)
        except OSError:
            return
        finally:
            link.close()


def moments(chance: random.Random, rounds: int) -> list[datetime]:
    """Where the clock is set to: each kind of step in turn, then again with other distances."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    found: list[datetime] = []
    while len(found) < rounds:
        distance = timedelta(seconds=chance.choice((60, 1000, 5000)))
        found += [
            midnight - timedelta(seconds=0.3),  # and on over midnight by itself
            now + distance,
            now - distance,
            EPOCH + timedelta(seconds=chance.choice((0, 1, 86_399.7))),
            LATEST - timedelta(seconds=chance.choice((0, 0.3))),
            midnight - timedelta(hours=1),
            midnight + timedelta(days=chance.randrange(1, 400)),
            midnight - timedelta(days=chance.randrange(1, 400)),
            now + timedelta(seconds=chance.choice((-3, -0.5, 0.5, 3))),
        ]
    return found[:rounds]


def run(folder: Path, rounds: int) -> Outcome:
    outcome, chance = Outcome(), random.Random(SEED)
    clock, load, data = WallClock(folder), Load(), folder / "data"
    options = ("--flush-seconds", "0.5")
    collector = Collector(data, *options, **clock.environment)
    dates: dict[str, set[str]] = {}
    slowest = 0.0
    try:
        load.start(collector)
        for number, moment in enumerate(moments(chance, rounds)):
            time.sleep(chance.uniform(0.1, 0.4))
            clock.set(moment)
            if number % 4 == 3:
                collector.kill()
                load.stop()
                collector = Collector(data, *options, **clock.environment)
                load.start(collector)
            outcome.rounds += 1
            if (number + number // KINDS) % 3 < 2:
                time.sleep(chance.uniform(0.2, 0.6))
                _watch(data, dates)
                continue
            took = _goes_on(data, dates)
            slowest = max(slowest, took)
            if took > PATIENCE:
                outcome.wrong.append(
                    f"seed {SEED}, step {number} to {moment}: nothing was published and folded any more"
                )
                break
        load.stop()
        if code := collector.stop():
            outcome.wrong.append(f"the collector ended with {code}")
    finally:
        collector.kill()
    maintain(data)
    _watch(data, dates)
    _judge(data, load, dates, outcome)
    outcome.note = f"seed {SEED}; published and folded at most {slowest:.1f} s after a step"
    return outcome


def _goes_on(data: Path, dates: dict[str, set[str]]) -> float:
    """Wait until a segment begun after now is published and folded; returns the seconds that took."""
    started = time.monotonic()
    begun = _last_number(data)
    while (took := time.monotonic() - started) <= PATIENCE:
        _watch(data, dates)
        published = data / "journal" / "w0" / "published"
        folded = data / "messages" / "live.json"
        if published.exists() and int(published.read_text().split()[0]) > begun and folded.exists():
            text = folded.read_text()
            if duckdb.execute("SELECT json_extract($1, '$.folded.w0')::INTEGER", [text]).fetchall()[0][0] > begun:
                break
        time.sleep(0.05)
    return took


def _last_number(data: Path) -> int:
    return int((data / "journal" / "w0" / "counter").read_text().split()[0])


def _watch(data: Path, dates: dict[str, set[str]]) -> None:
    """Note under which dates each number of a segment is seen."""
    for path in (data / "journal" / "w0").glob("0*.*.*"):
        number, date, _ = path.name.split(".")
        dates.setdefault(number, set()).add(date)
    for path in (data / "statuses").glob("date=*/w0-*.parquet"):
        _, first, last = path.stem.split("-")
        if first == last:
            dates.setdefault(first, set()).add(path.parent.name.removeprefix("date="))


def _judge(data: Path, load: Load, dates: dict[str, set[str]], outcome: Outcome) -> None:
    files = f"read_parquet({counting(data)}, hive_partitioning = true, hive_types_autocast = false)"
    duckdb.execute("SET TimeZone = 'UTC'")
    stored = dict(duckdb.sql(f"SELECT message_id, sum(copies) FROM {files} GROUP BY 1").fetchall())
    strays = duckdb.sql(f"SELECT DISTINCT date FROM {files} WHERE received_at::DATE::VARCHAR <> date").fetchall()
    folded = duckdb.sql(f"SELECT message_id FROM ({_messages(data)})").fetchall()
    outcome.acknowledged = len(load.acknowledged)
    outcome.missing = sum(number not in stored for number in load.acknowledged)
    outcome.twice = sum(times > 1 for times in stored.values())
    outcome.unintended = sum(count for status, count in load.answers.items() if status != 200)
    if sorted(number for (number,) in folded) != sorted(stored):
        numbers = [number for (number,) in folded]
        lacking, more = len(set(stored) - set(numbers)), len(numbers) - len(set(numbers))
        outcome.wrong.append(f"messages are not those of the statuses, each once: {lacking} lacking, {more} too many")
    if strays:
        outcome.wrong.append(f"files of {strays} hold rows of other dates")
    if twice := {number: seen for number, seen in dates.items() if len(seen) > 1}:
        outcome.wrong.append(f"numbers of segments with several dates: {twice}")
    if list((data / "journal" / "w0").glob("quarantine/*")):
        outcome.wrong.append("lines of the journal were put into quarantine")
    if left := [*(data / "journal").glob("*/*.sealed"), *(data / "journal").glob("*/*.open")]:
        outcome.wrong.append(f"not published: {[path.name for path in left]}")


def _messages(data: Path) -> str:
    relation = open_store(data).messages().select("message_id")
    return f"SELECT unnest({[number for (number,) in relation.fetchall()]}) AS message_id"
