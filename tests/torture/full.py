"""
The disk runs into its reserve, gets full to the last byte, and is read-only for a while, under load.

What cannot be stored is answered with 503 and when to come back, publishing goes on as long as it can, a collector that is
killed meanwhile starts again, and all of it recovers alone.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from serving import Collector

from smsanalytics.storage.catalog import Layout
from torture.disk import Disk, disk
from torture.errors import publishes
from torture.load import Load, compare
from torture.outcome import Outcome

SHORT, FULL = 3, 24
RESERVE = 24 * 2**20
SHORTAGE = 2.0  #: how long it lasts [s]
WITHIN = 15.0  #: after it callbacks must be acknowledged again [s]


def run(folder: Path, rounds: int) -> Outcome:
    outcome, acknowledged, numbers, refused = Outcome(), [], itertools.count(1), 0
    with disk(folder, 96) as store:
        for way in itertools.islice(itertools.cycle((Reserve, Full, ReadOnly)), rounds):
            shortage = way(store, numbers, outcome)
            try:
                shortage.happen()
            finally:
                shortage.collector.kill()
            acknowledged += [number for load in shortage.loads for number in load.acknowledged]
            refused += shortage.refused
            outcome.rounds += 1
        compare(store.path, acknowledged, next(numbers), outcome)
    outcome.note = f"{refused:,} refused meanwhile"
    return outcome


class Reserve:
    """Less is free than the reserve: nothing new is taken, and what was taken is published."""

    reserve = RESERVE
    seconds = 0.3  #: until a segment is sealed

    def __init__(self, store: Disk, numbers: itertools.count[int], outcome: Outcome) -> None:
        self.store, self.numbers, self.outcome = store, numbers, outcome
        self.refused, self.loads = 0, []
        self.start()

    def happen(self) -> None:
        with self.load() as load:
            self.expect(load.flows(WITHIN), "callbacks are acknowledged before")
            self.store.fill(leave=self.reserve // 2)
            time.sleep(1.2)  # an answer holds for a second
            had = len(load.acknowledged)
            time.sleep(SHORTAGE)
            self.expect(len(load.acknowledged) == had, "nothing is acknowledged meanwhile")
            self.expect(publishes(self.store.path), "what was collected is published meanwhile")
            self.store.clear()
            self.recovered(load)

    def start(self) -> None:
        reserve = {"SMSANALYTICS_DISK_RESERVE_BYTES": str(self.reserve)}
        self.collector = Collector(self.store.path, "--flush-seconds", str(self.seconds), **reserve)

    def load(self) -> Load:
        self.loads.append(Load(self.collector.url, self.numbers, connections=4, pause=0.002))
        return self.loads[-1]

    def recovered(self, load: Load) -> None:
        """Callbacks are acknowledged again, all of them; what was collected is published; the collector stops well."""
        self.expect(load.flows(WITHIN), "callbacks are acknowledged again")
        refused = load.answers[503]
        time.sleep(0.5)
        self.expect(load.answers[503] == refused, "all of them are")
        self.expect(publishes(self.store.path), "what was collected is published")
        self.expect(refused > 0, "callbacks are refused")
        self.expect(load.hasty == 0, "who is refused is told when to come back")
        self.expect(not set(load.answers) - {200, 503}, f"every answer is a 200 or a 503, not {load.answers}")
        self.expect((code := self.collector.stop()) == 0, f"the collector stops with 0, not {code}")
        self.refused += refused

    def expect(self, true: bool, what: str) -> None:
        if not true:
            self.outcome.wrong.append(f"{type(self).__name__}, not so: {what}")


class Full(Reserve):
    """There is no reserve: writes fail in the middle; a collector that dies then starts on the full disk."""

    reserve = 0
    seconds = 60.0  # so that the segment in which a write failed is the one that is written on

    def happen(self) -> None:
        with self.load() as load:
            self.expect(load.flows(WITHIN), "callbacks are acknowledged before")
            self.fill_up()
            self.expect(load.answers[503] > 0, "callbacks are refused")
            self.expect(not set(load.answers) - {200, 503}, f"every answer is a 200 or a 503, not {load.answers}")
            self.store.clear()
            self.expect(load.flows(WITHIN), "callbacks are acknowledged again")
            self.collector.kill()
        self.leave_torn()
        self.store.fill()
        self.seconds = Reserve.seconds
        self.start()
        with self.load() as load:
            self.fill_up()
            self.store.clear()
            self.recovered(load)

    def fill_up(self) -> None:
        """Take every byte that is left, and that becomes free as segments are published."""
        end = time.monotonic() + SHORTAGE
        while time.monotonic() < end:
            self.store.fill()
            time.sleep(0.02)

    def leave_torn(self) -> None:
        """A line that was being written, as a killed process may leave it."""
        for left in Layout(self.store.path).slot("w0").glob("*.open"):
            with left.open("ab") as file:
                file.write(b'{"v":1,"received_at":17')


class ReadOnly(Reserve):
    """As after an error of the disk; and then it is written again."""

    reserve = 0

    def happen(self) -> None:
        with self.load() as load:
            self.expect(load.flows(WITHIN), "callbacks are acknowledged before")
        end = time.monotonic() + WITHIN
        while not self.store.remount("ro") and time.monotonic() < end:  # it waits for every segment to be sealed
            time.sleep(0.05)
        with self.load() as load:
            time.sleep(SHORTAGE)
            self.expect(not load.acknowledged, "nothing is acknowledged on a read-only disk")
            self.expect(self.store.remount("rw"), "the disk is written again")
            self.recovered(load)
