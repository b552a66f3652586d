"""
The power goes while callbacks come in, are published and folded: what was never synced is gone.

The processes are halted a moment before, so that none of them speaks after it: a sync that is under way while an ext4 is
shut down may return without an error, which is no matter where nobody is left to be told of it.
"""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

from serving import Collector

from torture.disk import disk
from torture.load import Load, compare
from torture.outcome import Outcome
from torture.processes import halt

SHORT, FULL = 3, 60
FLUSH_SECONDS = (0.2, 0.3, 5.0)  # at the first two a flush or a fold is nearly always under way, at the last none is


def run(folder: Path, rounds: int) -> Outcome:
    chance, outcome = random.Random(20261122), Outcome(note="ext4, shut down without its log")
    numbers, acknowledged = itertools.count(1), []
    with disk(folder, 512) as store:
        for number in range(rounds):
            seconds = FLUSH_SECONDS[number % len(FLUSH_SECONDS)]
            collector = Collector(store.path, "--flush-seconds", str(seconds))
            try:
                with Load(collector.url, numbers) as load:
                    time.sleep(chance.uniform(0.5, 2.5))
                    halt(collector.process.pid)
                    store.cut_power()
                    collector.kill()  # what they asked last is never answered
            finally:
                collector.kill()
            acknowledged += load.acknowledged
            store.unmount()
            store.mount()
            compare(store.path, acknowledged, next(numbers), outcome)
            outcome.rounds += 1
            if outcome.faults:
                break
    return outcome
