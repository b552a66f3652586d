"""Folding step by step, with merges, sweeps and crashes in between, gives what folding everything anew gives."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import oracle
from histories import BASE, collect, differences, sends_over_months, statuses_over_months
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsanalytics import open_store
from smsanalytics.storage import atomic
from smsanalytics.storage import compaction as compact_module
from smsanalytics.storage import rollup_update as fold_module
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.compaction import jobs
from smsanalytics.storage.maintenance import sweep
from smsanalytics.storage.manifest import Live, Span
from smsanalytics.storage.publish import flush
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.rollup_update import fold

DAY = 86400
STEPS = ("fold", "gather", "compact", "sweep", "rebuild", "crash while folding", "crash while merging", "publish only")

events = st.tuples(
    st.one_of(statuses_over_months, statuses_over_months, sends_over_months), st.sampled_from(["w0", "w0", "w1"])
)
again = st.integers(0, 30)  # which event before comes once more, as it was or much later, if there is one
steps = st.lists(
    st.tuples(st.lists(events, max_size=4), st.lists(again, max_size=2), st.sampled_from(STEPS)), min_size=1, max_size=7
)


class Crash(Exception):
    """The process ends here."""


class World:
    """A store whose maintenance goes by steps."""

    def __init__(self, data: Path) -> None:
        self.layout = Layout(data)
        atomic.make_directory(self.layout.tmp)
        self.connection = connect(self.layout)
        self.now = datetime.now(UTC)

    def publish(self) -> None:
        for writer in self.layout.slots():
            list(flush(self.connection, self.layout, writer, {}))

    def do(self, step: str) -> None:
        crash = mock.patch.object(atomic, "replace", side_effect=Crash)
        if step in ("fold", "gather"):
            self.now += timedelta(hours=2 if step == "gather" else 0)
            fold(self.connection, self.layout, now=self.now)
        elif step == "rebuild":
            fold(self.connection, self.layout, anew=True, now=self.now)
        elif step == "crash while folding":
            with crash, contextlib.suppress(Crash):
                fold(self.connection, self.layout, now=self.now)
        elif step == "compact":
            self.compact()
        elif step == "crash while merging":
            with mock.patch.object(atomic, "publish", side_effect=Crash), contextlib.suppress(Crash):
                self.compact()
        elif step == "sweep":
            sweep(self.layout, now=time.time() + 2 * DAY)

    def compact(self) -> None:
        for job in jobs(self.layout, Live.read(self.layout).folded, now=time.time() + 30 * DAY):
            job.merge(self.connection)

    def check(self, events: list[dict], chance) -> None:
        """Compare with a count by brute force, as of the newest receipt and of others before."""
        store = open_store(self.layout.data)
        receipts = sorted({event["received"] for event in events})
        statuses = [event for event in events if "sent_at" not in event]
        assert (store.statuses().sum("copies").fetchall()[0][0] or 0) == len(statuses)
        assert store.as_of.timestamp() == receipts[-1]
        for as_of in {receipts[-1], chance.choice(receipts), chance.choice(receipts)}:
            assert differences(store, events, as_of) == []
        for day, generation in Live.read(self.layout).generations.items():
            rows = self.connection.read_parquet(str(self.layout.message_file(day, generation)))
            assert rows.filter(f"first_seen_at::DATE <> DATE '{day}'").fetchall() == []

    def rows(self) -> list[str]:
        tables = Tables(self.layout, self.connection)
        return sorted(map(str, tables.of_messages(Live.read(self.layout).files(self.layout)).fetchall()))


def copies(before, chosen, lags):
    """Some of the events that came before, once more: at another time of receipt, where that is possible."""
    for number, lag in zip(chosen, itertools.cycle(lags)):
        if number < len(before):
            event, _ = before[number]
            yield event | {"received": event["received"] + lag}, "w1" if number % 2 else "w0"


@settings(
    max_examples=500 if os.environ.get("SMSANALYTICS_FULL") else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps, st.sampled_from([0, 10, 1000]), st.randoms(use_true_random=False))
def test_any_steps_in_any_order_fold_to_what_brute_force_counts(drawn, small, chance):
    with (
        tempfile.TemporaryDirectory() as directory,
        mock.patch.multiple(fold_module, SMALL=small, CHUNK=2, NEAR=timedelta(days=1)),
        mock.patch.object(compact_module, "CHUNK", 2),
    ):
        world = World(Path(directory))
        everything = []
        for fresh, again, step in drawn:
            several = [*fresh, *copies(everything, again, [0, 1, 45 * DAY, -DAY])]
            for writer in ("w0", "w1"):
                if own := [event for event, name in several if name == writer]:
                    collect(world.layout, own, writer)
            everything += several
            world.publish()
            world.do(step)
        world.do("gather")
        assert Live.read(world.layout).folded == Live.read(world.layout).ahead
        if not everything:
            return
        world.check([event for event, _ in everything], chance)
        folded = world.rows()
        world.do("rebuild")
        assert world.rows() == folded
        world.connection.close()


def test_the_span_of_a_date_reaches_over_all_of_its_messages(tmp_path):
    layout = Layout(tmp_path)
    layout.tmp.mkdir()
    nothing = dict.fromkeys(oracle.TERMS + oracle.NETWORK)
    status = {"account": "default", "phone": "79001230001", "status": 1, "err": 0, "hlr": False, **nothing}
    times = [(1, 3600), (1, 9000), (2, 7200), (3, None)]
    collect(
        layout,
        [
            status | {"message_id": number, "at": BASE + second if second else None, "received": BASE + 10_000}
            for number, second in times
        ],
    )
    with connect(layout) as connection:
        list(flush(connection, layout, "w0", {}))
        fold(connection, layout)
    live = Live.read(layout)
    first, last = (datetime.fromtimestamp(BASE + second, UTC) for second in (3600, 10_000))
    assert live.spans == {first.date(): Span(first, last, last, rows=3, untimed=1)}
    [path] = live.files(layout)
    second = timedelta(seconds=1)
    assert live.files(layout, start=last, end=first + second) == [path]
    assert live.files(layout, start=last + second) == live.files(layout, end=first) == []
