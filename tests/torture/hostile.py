"""
Slow, large, endless, deep, broken, crowding and deaf clients, beside whom a healthy one must not notice anything.

Of each input the answers are intended ones, a healthy client gets 200 in time, and the collector's peak of memory rises
by less than 10 MB. Rounds are the megabytes of what is sent without end; the full form keeps the deadlines of the settings.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
from serving import Collector, counting, maintain

from torture.inputs import CROWDED, INPUTS, SMUGGLED_ID, Target
from torture.outcome import Outcome, Unable

SHORT, FULL = 20, 200
QUICK = {"SMSANALYTICS_HEADER_SECONDS": "0.7", "SMSANALYTICS_BODY_SECONDS": "0.7", "SMSANALYTICS_IDLE_SECONDS": "4"}
MOST_MEMORY = 10 * 2**20
IN_TIME = 2.0  #: [s]
LEFT_OVER = 20  #: descriptors that may be more than before


class Healthy:
    """A client that posts one callback after another, now and then on a new connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.slowest = 0.0
        self.answers: Counter[object] = Counter()

    @contextlib.contextmanager
    def beside(self, *, fresh: bool) -> Iterator[None]:
        self.slowest, self.answers = 0.0, Counter()
        stop = threading.Event()
        thread = threading.Thread(target=self._post, args=(stop, fresh))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _post(self, stop: threading.Event, fresh: bool) -> None:
        link = http.client.HTTPConnection(self._target.host, self._target.port, timeout=30)
        link.connect()
        for number in itertools.count(1):
            if fresh and number % 20 == 0:
                link.close()
            started = time.monotonic()
            try:
                self.answers[self._once(link)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[type(error).__name__] += 1
                link.close()
            self.slowest = max(self.slowest, time.monotonic() - started)
            if stop.wait(0.01):
                break
        link.close()

    def _once(self, link: http.client.HTTPConnection) -> int:
        number, body = self._target.signed()
        link.request("POST", "/callback", body)
        response = link.getresponse()
        response.read()
        if response.status == 200:
            self._target.acknowledged.append(number)
        return response.status


def run(folder: Path, rounds: int) -> Outcome:
    if not Path("/proc/self/clear_refs").exists():
        raise Unable("the peak of a process's memory is told by Linux only")
    outcome = Outcome()
    full = rounds == FULL
    collector = Collector(folder / "data", "--no-maintain", **({} if full else QUICK))
    url = urlsplit(collector.url)
    ids = itertools.count(1000)
    target = Target(url.hostname, url.port, rounds, 75.0 if full else 4.0, 12_000 if full else 2500, ids)
    healthy, peaks, slow = Healthy(target), {}, {}
    try:
        with healthy.beside(fresh=True):  # what is loaded at the first request counts for none
            INPUTS["json_numbers_beyond_measure"][0](target)
            time.sleep(1)
        descriptors = _descriptors(collector.process.pid)
        for name in INPUTS:
            peaks[name] = _try(name, target, healthy, collector.process.pid, outcome)
            slow[name] = healthy.slowest
        _settle(collector.process.pid, descriptors, outcome)
        if code := collector.stop():
            outcome.wrong.append(f"the collector ended with {code}")
    finally:
        collector.kill()
    if "Traceback" in collector.log.read_text():
        outcome.wrong.append("an exception that nobody caught is in the log")
    maintain(collector.data)
    _count(collector.data, target, outcome)
    outcome.note = "; ".join(
        [
            f"{len(INPUTS)} inputs, the endless ones of {rounds} MB",
            f"peak of memory at most +{max(peaks.values()) / 2**20:.1f} MB ({max(peaks, key=peaks.get)})",
            f"slowest answer to the healthy client {max(slow.values()):.2f} s ({max(slow, key=slow.get)})",
        ]
    )
    return outcome


def _try(name: str, target: Target, healthy: Healthy, pid: int, outcome: Outcome) -> int:
    """Returns by how many bytes the peak of memory rose."""
    send, intended = INPUTS[name]
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = _peak(pid)
    with healthy.beside(fresh=name not in CROWDED):
        answers = Counter(send(target))
    rise = _peak(pid) - before
    outcome.rounds += 1
    outcome.unintended += sum(count for status, count in answers.items() if status >= 500 and status not in intended)
    if set(answers) - intended:
        outcome.wrong.append(f"{name}: answered {dict(answers)}, not {sorted(intended)}")
    if set(healthy.answers) != {200}:
        outcome.wrong.append(f"{name}: a healthy client was answered {dict(healthy.answers)}")
    if healthy.slowest > IN_TIME:
        outcome.wrong.append(f"{name}: a healthy client waited {healthy.slowest:.2f} s")
    if rise >= MOST_MEMORY:
        outcome.wrong.append(f"{name}: the peak of memory rose by {rise / 2**20:.1f} MB")
    return rise


def _peak(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _settle(pid: int, before: int, outcome: Outcome) -> None:
    """What hostile clients left is let go of."""
    until = time.monotonic() + 10
    while (now := _descriptors(pid)) > before + LEFT_OVER and time.monotonic() < until:
        time.sleep(0.2)
    if now > before + LEFT_OVER:
        outcome.wrong.append(f"{now} descriptors are open, {before} before")


def _count(data: Path, target: Target, outcome: Outcome) -> None:
    stored = dict(
        duckdb.sql(f"SELECT message_id, sum(copies) FROM read_parquet({counting(data)}) GROUP BY 1").fetchall()
    )
    outcome.acknowledged = len(target.acknowledged)
    outcome.missing = sum(number not in stored for number in target.acknowledged)
    outcome.twice = sum(times > 1 for times in stored.values())
    outcome.forged = len(set(stored) - set(target.sent))
    if SMUGGLED_ID in stored:
        outcome.wrong.append("a callback was taken that was smuggled behind a broken request")
