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

import numpy as np

from benchmarks.collector.conditions import commit
from benchmarks.store import step
from benchmarks.store.lines import SEGMENTS, seal
from benchmarks.store.step import Run, Told
from benchmarks.store.traffic import Traffic
from smsanalytics.storage.catalog import Layout

MINUTES = 5  #: that are measured
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

    def make(
        self,
        *,
        days: int,
        messages: int,
        seed: int,
        say: Callable[[str], None],
        ids: str = "drawn",
        run: Run = step.run,
    ) -> Told:
        """Make it, and measure each day; and then, on a copy that goes on for half a day, single minutes."""
        traffic, layout = Traffic(messages, seed, ids), Layout(self.store)
        made = {"days": days, "messages_per_day": messages, "seed": seed, "ids": ids}
        told: Told = commit("store") | made | {"by_day": []}
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
        told["by_minute"] = self._minutes(traffic, number, say, run)
        (self.folder / "history.json").write_text(json.dumps(told), "utf-8")
        return told

    def _minutes(self, traffic: Traffic, number: int, say: Callable[[str], None], run: Run) -> list[Told]:
        """Publish and fold the minutes after noon of the next day, each on its own, as the maintenance does."""
        data = self.folder / "minutes"
        _keep(self.store, data)
        shutil.copytree(self.store / "journal", data / "journal")
        layout, found = Layout(data), []
        day, events = traffic.next()
        noon = datetime.combine(day, clock(12), UTC)
        since_noon = events.received_at // 10**6 - int(noon.timestamp())
        for minute in range(MINUTES + 1):  # the first of them is all of the morning
            until = noon + timedelta(minutes=minute)
            came = (since_noon < 60 * minute) & (since_noon >= 60 * (minute - 1) if minute else True)
            part = events.at(np.flatnonzero(came))
            number = seal(layout, day, part, traffic.networks, after=number, segments=1 if minute else SEGMENTS)
            row = {"flush": run("flush", data=data), "fold": run("fold", data=data, until=until)}
            if minute:
                found.append(row)
                say(f"{until}: flush {row['flush']['seconds']:.2f} s, fold {row['fold']['seconds']:.2f} s")
        shutil.rmtree(data)
        return found


def _keep(store: Path, copy: Path) -> None:
    """A second name for every file: files of the store are replaced, and never written again."""
    for table in ("statuses", "messages"):
        shutil.copytree(store / table, copy / table, copy_function=os.link)
