"""The history of a store, made day by day as it would come about: written to the journal, published, folded, merged."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path

from benchmarks.collector.conditions import commit
from benchmarks.store import step
from benchmarks.store.lines import seal
from benchmarks.store.step import Run, Told
from benchmarks.store.traffic import Traffic
from smsanalytics.store.layout import Layout

FIRST_DAYS = 4  #: of which pandas reads the raw events
ROOM_PER_MESSAGE, ROOM_PER_MESSAGE_AND_DAY = 4_000, 350  #: what the largest moment takes of the disk [bytes]
LEAST_ROOM = 2**28  #: [bytes]


def room(days: int, messages: int) -> int:
    """What must be free on the disk. [bytes]"""
    return LEAST_ROOM + messages * (ROOM_PER_MESSAGE + ROOM_PER_MESSAGE_AND_DAY * days)


@dataclass(frozen=True)
class History:
    """A folder with the store, the store as it was after its first days, and what was measured when they were made."""

    folder: Path

    @property
    def store(self) -> Path:
        """All of it."""
        return self.folder / "store"

    @property
    def early(self) -> Path:
        """As it was after `FIRST_DAYS`."""
        return self.folder / "early"

    def told(self) -> Told | None:
        """What was measured; None if there is none, or it was not finished."""
        path = self.folder / "history.json"
        found: Told | None = json.loads(path.read_text("utf-8")) if path.exists() else None
        return found

    def make(self, *, days: int, messages: int, seed: int, say: Callable[[str], None], run: Run = step.run) -> Told:
        """Make it, and measure each day."""
        traffic, layout = Traffic(messages, seed), Layout(self.store)
        told: Told = commit("store") | {"days": days, "messages_per_day": messages, "seed": seed, "by_day": []}
        number = 0
        for done in range(1, days + 1):
            started = time.perf_counter()
            day, events = traffic.next()
            number = seal(layout, day, events, traffic.networks, after=number)
            row: Told = {"date": str(day), "made_seconds": round(time.perf_counter() - started, 3)}
            over = datetime.combine(day + timedelta(days=1), clock(), UTC)
            row["flush"] = run("flush", data=self.store)
            row["fold"] = run("fold", data=self.store, until=over)
            row["compact"] = run("compact", data=self.store, until=over)
            told["by_day"].append(row)
            say(f"{day}: " + ", ".join(f"{name} {row[name]['seconds']:.1f} s" for name in ("flush", "fold", "compact")))
            if done == min(FIRST_DAYS, days):
                _keep(self.store, self.early)
        told |= {"size": run("size", data=self.store), "early": run("size", data=self.early)}
        (self.folder / "history.json").write_text(json.dumps(told), "utf-8")
        return told


def _keep(store: Path, copy: Path) -> None:
    """A second name for every file: files of the store are replaced, and never written again."""
    for table in ("statuses", "messages"):
        shutil.copytree(store / table, copy / table, copy_function=os.link)
