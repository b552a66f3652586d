"""The fold agrees with a brute-force model, whatever the order, the segments and the repetitions."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import oracle
import pytest
from histories import BASE, HORIZON, collect, differences, events, seconds, seen_by_oracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsanalytics import open_store
from smsanalytics.errors import StoreError
from smsanalytics.storage import rollup
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import GRACE_SECONDS, Maintenance, sweep
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.schema import MESSAGES


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_fold_agrees_with_brute_force(events, chance):
    with tempfile.TemporaryDirectory() as directory:
        layout = Layout(Path(directory))
        collect(layout, events)
        with Maintenance(layout, {}) as maintenance:
            maintenance.run()
        collect(layout, chance.sample(events, len(events)))  # everything once more, in another order
        with Maintenance(layout, {}) as maintenance:
            maintenance.run()
        store = open_store(layout.data)
        as_of = max(event["received"] for event in events)
        assert seconds(store.as_of) == as_of
        assert differences(store, events, as_of) == []
        statuses = [*map(seen_by_oracle, events)]
        expected = oracle.messages(statuses, as_of=as_of, tz="Europe/Berlin", horizon=HORIZON)
        for by in [["day"], ["hour"], ["operator"], ["sender"], ["type"], ["day", "operator"], []]:
            check_rates(store, expected, by)


def check_rates(store, messages, by):
    groups, excluded = oracle.delivery_rate(messages, by)
    rates = store.delivery_rate(by, tz="Europe/Berlin")
    assert rates.attrs["excluded_n"] == excluded
    found = {}
    for row in rates.to_dict("records"):
        key = tuple(
            "" if row[name] is None or row[name] != row[name] else f"{row[name]:%Y-%m-%d}" if name == "day"
            else int(row[name]) if name == "hour" else str(int(row[name])) if name == "type" else row[name]
            for name in by
        )  # fmt: skip
        found[key] = {name: row[name] for name in ("submitted", *STATES, "matured")}
        for name, count, n in (
            ("delivery_rate", row["delivered"], row["submitted"]),
            ("delivery_rate_final", row["delivered"], row["delivered"] + row["failed"]),
            *((f"{state}_share", row[state], row["submitted"]) for state in STATES[1:]),
        ):
            interval = oracle.wilson(count, n)
            if interval is None:
                assert row[name] != row[name]
            else:
                assert (row[name], row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(
                    (count / n, *interval), abs=1e-12
                )
    assert found == groups


STATES = ("delivered", "failed", "pending", "stuck", "unknown")


@settings(max_examples=15, deadline=None)
@given(st.lists(events, min_size=1, max_size=10), st.integers(0, 10))
def test_folding_in_parts_gives_the_same_rows_as_folding_at_once(events, cut):
    connection = connect(Layout(Path(tempfile.gettempdir())))

    def fill(part):
        names = ["account", "message_id", "phone", "status", "err", "status_at", "received_at", "type", "parts", "cost", "sender",
                 "operator", "mcc", "mnc", "country", "region", "hlr"]  # fmt: skip
        types = ["VARCHAR", "BIGINT", "VARCHAR", "SMALLINT", "INTEGER", "TIMESTAMPTZ", "TIMESTAMPTZ", "SMALLINT", "INTEGER",
                 "DECIMAL(12,4)", *["VARCHAR"] * 6, "BOOLEAN"]  # fmt: skip
        columns = ", ".join(f"?::{sql_type} AS {name}" for name, sql_type in zip(names, types, strict=True))
        columns += ", 'ts' AS time_source"
        connection.execute("DROP TABLE IF EXISTS part")
        for number, event in enumerate(part):
            at, received = (datetime.fromtimestamp(event[name], UTC) for name in ("at", "received"))
            values = [
                at if name == "status_at" else received if name == "received_at" else event[name] for name in names
            ]
            connection.execute(
                ("INSERT INTO part " if number else "CREATE TABLE part AS ") + f"SELECT {columns}", values
            )

    def rows(merged):
        return sorted(map(str, connection.sql(rollup.stored(merged)).select(*MESSAGES).fetchall()))

    def folded(part, name):
        fill(part)
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS {rollup.merged(rollup.rows_of_statuses('part'))}")
        return name

    at_once = rows(folded(events, "at_once"))
    first, second = events[:cut] or events[:1], events[cut:] or events
    connection.execute(f"CREATE OR REPLACE TABLE kept AS {rollup.stored(folded(first, 'one'))}")
    both = rollup.merged("FROM one", f"FROM {folded(second, 'two')}", rollup.rows_of_messages("kept"))
    assert rows(f"({both})") == at_once


def test_a_reader_sees_a_fold_whole_and_superseded_files_stay_for_a_grace_period(tmp_path):
    layout = Layout(tmp_path)
    event = {"account": "default", "message_id": 1, "phone": "79001230001", "err": None, "at": BASE, "received": BASE,
             "hlr": False, **dict.fromkeys(oracle.TERMS + oracle.NETWORK)}  # fmt: skip
    for status in (0, 1):
        collect(layout, [event | {"status": status}])
        with Maintenance(layout, {}) as maintenance:
            assert maintenance.run().folded
            assert not maintenance.run().folded
    live = Live.read(layout)
    files = list(layout.messages.glob("date=*/*.parquet"))
    assert len(files) == 2
    assert list(live.generations.values()) == [2]
    layout.live_messages.with_name("live.json").unlink()
    with pytest.raises(StoreError, match=r"live\.json is gone; `smsanalytics maintain` makes it again"):
        open_store(tmp_path).messages()
    (layout.live_messages).write_bytes(live.encoded())
    superseded = min(files)
    now = superseded.stat().st_mtime
    assert now >= max(
        path.stat().st_mtime for path in files
    )  # its grace period began with the commit, not with its writing
    assert sweep(layout, now=now + GRACE_SECONDS - 1) == []
    assert sweep(layout, now=now + GRACE_SECONDS + 1) == [superseded]
    assert [row["state"] for row in open_store(tmp_path).messages().to_dicts()] == ["delivered"]


def test_an_earlier_moment_is_computed_from_what_was_received_by_then(tmp_path):
    layout = Layout(tmp_path)
    event = {"account": "default", "message_id": 1, "phone": "79001230001", "err": None, "at": BASE,
             "hlr": False, **dict.fromkeys(oracle.TERMS + oracle.NETWORK)}  # fmt: skip
    collect(
        layout,
        [event | {"status": 0, "received": BASE}, event | {"status": 1, "received": BASE + 7200, "at": BASE + 7200}],
    )
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    store = open_store(tmp_path)
    noon = datetime.fromtimestamp(BASE, UTC)
    states = [store.messages(as_of=noon + timedelta(hours=hours)).to_dicts()[0]["state"] for hours in (1, 2, 1000)]
    assert states == ["pending", "delivered", "delivered"]
    assert store.messages(as_of=noon - timedelta(days=1)).fetchall() == []
    assert Tables(layout, connect(layout)).of_messages(Live.read(layout).files(layout)).shape[0] == 1


def test_a_damaged_commit_is_said_to_readers_and_made_anew_by_maintenance(tmp_path):
    layout = Layout(tmp_path)
    collect(layout, [{"account": "default", "message_id": 1, "phone": "79001230001", "status": 1, "err": None, "at": BASE,
                      "received": BASE, "hlr": False, **dict.fromkeys(oracle.TERMS + oracle.NETWORK)}])  # fmt: skip
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    layout.live_messages.write_bytes(b"")
    with pytest.raises(StoreError, match=r"live\.json is damaged; `smsanalytics maintain` makes it anew"):
        open_store(tmp_path).messages()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    assert open_store(tmp_path).messages().shape[0] == 1


def test_messages_are_made_anew_also_from_writers_whose_journal_is_gone(tmp_path):
    layout = Layout(tmp_path)
    collect(layout, [{"account": "default", "message_id": 1, "phone": "79001230001", "status": 1, "err": None, "at": BASE,
                      "received": BASE, "hlr": False, **dict.fromkeys(oracle.TERMS + oracle.NETWORK)}])  # fmt: skip
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    shutil.rmtree(layout.slot("w0"))
    shutil.rmtree(layout.messages)
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    assert open_store(tmp_path).messages().shape[0] == 1


@pytest.mark.parametrize("name", ["statuses/date=foo/x.parquet", "messages/date=2026-13-45/0000000001.parquet", "messages/date=2026-11-22/foo.parquet",
                                  "journal/w0/0000000009.2026-13-45.sealed", "journal/lost+found/x", "statuses/date=2026-11-22.bak/x"])  # fmt: skip
def test_foreign_files_in_the_store_stop_nobody(tmp_path, name):
    layout = Layout(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"foreign")
    collect(layout, [{"account": "default", "message_id": 1, "phone": "79001230001", "status": 1, "err": None, "at": BASE,
                      "received": BASE, "hlr": False, **dict.fromkeys(oracle.TERMS + oracle.NETWORK)}])  # fmt: skip
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    assert open_store(tmp_path).messages().shape[0] == 1
    assert (tmp_path / name).exists()
