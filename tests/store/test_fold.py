"""Folding step by step, with merges, sweeps and crashes in between, gives what folding everything anew gives."""

from __future__ import annotations

import contextlib
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import oracle
from histories import BASE, HORIZON, collect, events, handed_out, seen_by_oracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsanalytics import open_store
from smsanalytics.store import compact as compact_module
from smsanalytics.store import durable
from smsanalytics.store import fold as fold_module
from smsanalytics.store.compact import jobs
from smsanalytics.store.flush import flush
from smsanalytics.store.fold import LOOK_BACK, fold
from smsanalytics.store.layout import Layout
from smsanalytics.store.live import Live
from smsanalytics.store.maintenance import sweep
from smsanalytics.store.tables import Tables, connect

DAY = 86400
STEPS = ("fold", "gather", "compact", "sweep", "crash while folding", "crash while merging", "publish only")

received_over_days = st.tuples(events, st.integers(0, LOOK_BACK - 1), st.integers(0, DAY - 1)).map(
    lambda told: (
        told[0] | {"received": BASE + told[1] * DAY + told[2], "account": "default", "phone": "79001230001"}
    )  # few messages, so that much is told of each
)
steps = st.lists(st.tuples(st.lists(received_over_days, max_size=4), st.sampled_from(STEPS)), min_size=1, max_size=6)


class Crash(Exception):
    """The process ends here."""


class World:
    """A store whose maintenance goes by steps."""

    def __init__(self, data: Path) -> None:
        self.layout = Layout(data)
        durable.make_directory(self.layout.tmp)
        self.connection = connect(self.layout)
        self.now = datetime.now(UTC)

    def publish(self) -> None:
        for writer in self.layout.slots():
            list(flush(self.connection, self.layout, writer, {}))

    def do(self, step: str) -> None:
        crash = mock.patch.object(durable, "replace", side_effect=Crash)
        if step in ("fold", "gather"):
            self.now += timedelta(hours=2 if step == "gather" else 0)
            fold(self.connection, self.layout, now=self.now)
        elif step == "crash while folding":
            with crash, contextlib.suppress(Crash):
                fold(self.connection, self.layout, now=self.now)
        elif step == "compact":
            self.compact()
        elif step == "crash while merging":
            with mock.patch.object(durable, "publish", side_effect=Crash), contextlib.suppress(Crash):
                self.compact()
        elif step == "sweep":
            sweep(self.layout, now=time.time() + 2 * DAY)

    def compact(self) -> None:
        for job in jobs(self.layout, Live.read(self.layout).folded, now=time.time() + 30 * DAY):
            job.merge(self.connection)

    def rows(self) -> list[str]:
        tables = Tables(self.layout, self.connection)
        return sorted(map(str, tables.of_messages(Live.read(self.layout).files(self.layout)).fetchall()))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_any_steps_in_any_order_fold_to_what_brute_force_counts(told):
    with (
        tempfile.TemporaryDirectory() as directory,
        mock.patch.multiple(fold_module, SMALL=0, CHUNK=2, OPEN_DATES=2),
        mock.patch.object(compact_module, "CHUNK", 2),
    ):
        world = World(Path(directory))
        everything = []
        for several, step in told:
            if several:
                collect(world.layout, several)
                everything += several
            world.publish()
            world.do(step)
        world.do("gather")
        assert Live.read(world.layout).folded == Live.read(world.layout).ahead
        if not everything:
            return
        folded = world.rows()
        store = open_store(world.layout.data)
        assert (store.statuses().sum("copies").fetchall()[0][0] or 0) == len(everything)
        as_of = max(event["received"] for event in everything)
        expected = oracle.messages(map(seen_by_oracle, everything), as_of=as_of, tz="Europe/Berlin", horizon=HORIZON)
        found = handed_out(store, as_of)
        assert len(found) == len(expected) == len(folded)
        for message in expected:
            row = found[message["account"], message["message_id"], message["phone"]]
            assert {name: row[name] for name in message} == message
        fold(world.connection, world.layout, anew=True)
        assert world.rows() == folded
        world.connection.close()
