"""
Processes are killed at any moment of load, publishing and folding, also of several workers.

In two rounds of three all of them at once; in the third one of them first, and the others try to go on without it.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from pathlib import Path

from serving import Collector

from torture.load import Load, compare
from torture.outcome import Outcome
from torture.processes import members

SHORT, FULL = 20, 240
COMPARED = 20  # kills between two comparisons: most must be survived by the collector's own start
WORKERS = (1, 2)


def run(folder: Path, rounds: int) -> Outcome:
    chance, outcome = random.Random(20261122), Outcome()
    numbers, acknowledged = itertools.count(1), []
    for number in range(1, rounds + 1):
        workers = WORKERS[number % len(WORKERS)]
        collector = Collector(folder / "data", "--flush-seconds", "0.2", "--workers", str(workers))
        try:
            with Load(collector.url, numbers) as load:
                time.sleep(chance.uniform(0.2, 1.5))
                if number % 3 == 0:
                    os.kill(chance.choice(members(collector.process.pid)), signal.SIGKILL)
                    time.sleep(chance.uniform(0.2, 1.5))
                collector.kill()
        finally:
            collector.kill()
        acknowledged += load.acknowledged
        outcome.rounds += 1
        if number == rounds or number % COMPARED == 0:
            compare(folder / "data", acknowledged, next(numbers), outcome)
        if outcome.faults:
            break
    return outcome
