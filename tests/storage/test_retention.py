"""What is given up does not count any longer, is removed later, and what it made stays."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from programs import need
from tracing import ON_THE_DISK, calls_of

from smsanalytics import open_store
from smsanalytics.errors import StoreError
from smsanalytics.settings import load
from smsanalytics.settings.model import Kept
from smsanalytics.storage import state_file
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance, sweep
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.retention import expire
from smsanalytics.storage.schema import EVENT_TABLES

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST, MIDDLE, TODAY = date(2026, 11, 1), date(2026, 11, 12), date(2026, 11, 22)
AGES = {FIRST: 21, MIDDLE: 10, TODAY: 0}


@pytest.fixture
def layout(tmp_path):
    """A status of its own message, and a refused callback, on each of three dates."""
    layout = Layout(tmp_path / "data")
    for number, age in enumerate(AGES.values(), start=1):
        add(layout, number, NOON - timedelta(days=age))
    run(layout)
    return layout


def add(layout, number, at):
    status = {"message_id": str(number), "phone": "79001230001", "status": "1"}
    told = {"status": status, "rejected": {"reason": "signature", "remote": "", "body": "AA=="}}
    writer = Journal(layout, "w0", now=lambda: int(at.timestamp()) * 10**9)
    writer.write(
        [
            entry(account="default", kind=kind, signed_by="md5", key="", fields=fields, extra={})
            for kind, fields in told.items()
        ]
    )
    writer.close()


def run(layout, **retention):
    with Maintenance(layout, {}, retention=retention) as maintenance:
        maintenance.run()


def give_up(layout, days, *, now=NOON):
    """As the maintenance does that has been there for an hour."""
    expire(layout, days, now=now - timedelta(hours=1))
    return expire(layout, days, now=now)


def on_disk(layout, table):
    return sorted(date.fromisoformat(path.name[5:]) for path in (layout.data / table).glob("date=*"))


def later(layout):
    """As if a minute had passed."""
    for path in (layout.retention, *layout.messages.rglob("*.parquet")):
        os.utime(path, (0, 0))


def an_hour_passes(layout):
    said = state_file.decoded(layout.retention.read_bytes())
    said["looked_at"] = str(datetime.fromisoformat(said["looked_at"]) - timedelta(hours=1))
    layout.retention.write_bytes(state_file.encoded(said))
    later(layout)


def test_a_date_that_is_given_up_is_not_listed_and_goes_when_no_reader_can_still_open_it(layout):
    store = open_store(layout.data)
    listed = store.statuses()
    assert give_up(layout, {"statuses": 10}) == {"statuses": 1}
    assert [path.parent.name for path in store.files("statuses")] == ["date=2026-11-12", "date=2026-11-22"]
    assert len(store.files("rejected")) == 3  # without a number it is kept for ever
    assert len(listed.fetchall()) == 3  # who had listed it can still read it
    assert on_disk(layout, "statuses") == [FIRST, MIDDLE, TODAY]
    give_up(layout, {"statuses": 10})
    assert on_disk(layout, "statuses") == [FIRST, MIDDLE, TODAY]
    later(layout)
    give_up(layout, {"statuses": 10})
    assert on_disk(layout, "statuses") == [MIDDLE, TODAY]
    assert on_disk(layout, "rejected") == [FIRST, MIDDLE, TODAY]


def test_messages_of_a_date_are_given_up_by_what_says_which_of_them_count(layout):
    give_up(layout, {"messages": 11})
    assert sorted(Live.read(layout).generations) == [MIDDLE, TODAY]
    assert {number for (number,) in open_store(layout.data).messages().select("message_id").fetchall()} == {2, 3}
    later(layout)
    run(layout)  # which sweeps
    give_up(layout, {"messages": 11})
    assert on_disk(layout, "messages") == [MIDDLE, TODAY]
    assert len(open_store(layout.data).statuses().fetchall()) == 3


def test_what_is_given_up_stays_so_when_more_is_to_be_kept_again(layout):
    give_up(layout, {"statuses": 5})
    give_up(layout, {"statuses": 400})
    assert len(open_store(layout.data).files("statuses")) == 1
    give_up(layout, {})
    assert len(open_store(layout.data).files("statuses")) == 1


def test_messages_whose_events_are_given_up_can_be_told_from_those_that_can_be_made_anew(layout):
    def given_up():
        with connect(layout) as connection:
            rows = Tables(layout, connection).given_up(Live.read(layout))
            return rows and {number for (number,) in connection.execute(f"SELECT message_id FROM {rows}").fetchall()}

    assert given_up() is None
    give_up(layout, {"statuses": 10, "rejected": 1})
    assert given_up() == {1}
    give_up(layout, {"sends": 1})
    assert given_up() == {1, 2}


def test_what_is_made_anew_keeps_messages_whose_events_are_given_up(layout):
    fold = pytest.importorskip("smsanalytics.storage.rollup_update").fold

    add(layout, 4, NOON - timedelta(days=AGES[FIRST]))
    run(layout)
    give_up(layout, {"statuses": 17})
    add(layout, 1, NOON - timedelta(days=16))  # a later word of a message whose first one is gone
    run(layout)
    fold(connect(layout), layout, anew=True)
    assert sorted(open_store(layout.data).messages().select("message_id").fetchall()) == [(1,), (2,), (3,), (4,)]
    layout.live_messages.write_bytes(b"damaged")
    run(layout)
    assert sorted(open_store(layout.data).messages().select("message_id").fetchall()) == [(1,), (2,), (3,), (4,)]


def test_a_number_of_a_segment_is_not_given_twice_when_all_files_are_gone(layout):
    give_up(layout, dict.fromkeys(EVENT_TABLES, 1), now=NOON + timedelta(days=9))
    later(layout)
    give_up(layout, dict.fromkeys(EVENT_TABLES, 1), now=NOON + timedelta(days=9))
    assert on_disk(layout, "statuses") == on_disk(layout, "rejected") == []
    assert layout.last_number("w0") == 3


def test_the_maintenance_looks_for_dates_that_ended_once_an_hour(layout):
    with Maintenance(layout, {}, retention={"statuses": 1}) as maintenance:
        maintenance.run()
        assert layout.kept_from() == {}  # only noted that it looked
        an_hour_passes(layout)
        maintenance.run()
        assert layout.kept_from() == {}  # nothing was looked at
        maintenance._looked -= 3600
        maintenance.run()
        assert layout.kept_from().keys() == {"statuses"}
        an_hour_passes(layout)
        maintenance._looked -= 3600
        maintenance.run()
    assert on_disk(layout, "statuses") == []


def test_a_clock_that_is_wrong_for_a_moment_gives_nothing_up(layout):
    days, ahead = {"statuses": 30, "messages": 400}, NOON + timedelta(days=36_500)
    hours = [NOON + timedelta(hours=number) for number in range(6)]
    for now in (
        hours[0],
        ahead,
        hours[1],
        hours[2],
        NOON - timedelta(days=36_500),
        hours[3],
        ahead,
        hours[4],
        hours[5],
    ):
        assert expire(layout, days, now=now) == {}
        assert count(open_store(layout.data)) == [3, 3]
    assert len(open_store(layout.data).files("statuses")) == 3
    assert expire(layout, {"statuses": 10}, now=hours[5] + timedelta(hours=1)) == {"statuses": 1}


def test_two_looks_give_up_what_had_ended_by_the_first_if_they_are_long_enough_apart(layout):
    midnight = datetime(2026, 11, 12, tzinfo=UTC)
    looks = [midnight - timedelta(minutes=10) + timedelta(minutes=number) for number in (0, 20, 40, 80)]
    assert [expire(layout, {"statuses": 10}, now=now) for now in looks] == [{}, {}, {}, {"statuses": 1}]
    assert layout.kept_from() == {"statuses": date(2026, 11, 2)}


def test_a_damaged_note_of_what_was_given_up_is_not_taken_for_none(layout):
    layout.retention.write_bytes(b"{")
    with pytest.raises(StoreError, match=r"retention\.json is damaged"):
        open_store(layout.data).files("statuses")


def test_the_settings_name_every_table_and_days(tmp_path):
    assert set(Kept.__args__) == {*EVENT_TABLES, "messages"}
    config = tmp_path / "smsanalytics.toml"
    config.write_text("[retention]\nstatuses = 400\nrejected = 30\n")
    assert load(config).retention == {"statuses": 400, "rejected": 30}


def test_nothing_is_removed_before_the_note_is_durable(layout, tmp_path):
    need("strace", "the order of its calls cannot be seen")
    give_up(layout, {"statuses": 10, "rejected": 12})
    later(layout)
    log = tmp_path / "log"
    strace = ["strace", "-f", "-y", "-s", "300", "-o", str(log), "-e", f"trace={','.join(ON_THE_DISK)},rmdir"]
    program = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from smsanalytics.storage import retention
from smsanalytics.storage.catalog import Layout
retention.GRACE_SECONDS = -60.0
for hour in 13, 14:
    retention.expire(Layout(Path(sys.argv[1])), {"statuses": 5}, now=datetime(2026, 11, 22, hour, tzinfo=UTC))
"""
    subprocess.run([*strace, sys.executable, "-c", program, str(layout.data)], check=True)
    calls = calls_of(log)
    removed = [call for call in calls if call.name.startswith("unlink") and call.file.endswith(".parquet")]
    notes = [call for call in calls if call.name.startswith("rename") and call.paths[-1] == str(layout.retention)]
    durable = [call.end for call in calls if call.name == "fsync" and call.file == str(layout.data)]
    by_date = {day: [call.start for call in removed if f"date={day}" in call.file] for day in (FIRST, MIDDLE)}
    assert (len(by_date[FIRST]), len(by_date[MIDDLE]), len(notes)) == (2, 1, 2)
    assert min(durable) < min(by_date[FIRST])  # that it was written before
    assert any(notes[0].end < end < min(by_date[MIDDLE]) for end in durable)


def count(store):
    return [store.delivery_rate([])["submitted"].sum(), store.snapshot().delivery_rate([])["submitted"].sum()]


@pytest.mark.parametrize("becomes", [None, b"", b"{"], ids=["lost", "empty", "damaged"])
def test_messages_whose_events_are_gone_outlive_the_file_that_says_they_count(layout, becomes):
    give_up(layout, {"statuses": 10})
    later(layout)
    give_up(layout, {"statuses": 10})
    if becomes is None:
        layout.live_messages.unlink()
    else:
        layout.live_messages.write_bytes(becomes)
    run(layout)
    later(layout)
    run(layout)
    assert count(open_store(layout.data)) == [3, 3]


def test_every_question_counts_messages_whose_events_are_gone(layout):
    writer = Journal(layout, "w0", now=lambda: int((NOON - timedelta(days=15)).timestamp()) * 10**9)
    fields = {"phone": "79001230001", "called_at": "1793000000"}  # the only event that stays, older than what went
    writer.write([entry(account="default", kind="confirmation", signed_by="md5", key="", fields=fields, extra={})])
    writer.close()
    run(layout)
    give_up(layout, {"statuses": 1}, now=NOON + timedelta(days=3))
    later(layout)
    give_up(layout, {"statuses": 1}, now=NOON + timedelta(days=3))
    store = open_store(layout.data)
    assert on_disk(layout, "statuses") == []
    assert count(store) == [3, 3]
    health = store.data_health().set_index("check")
    assert health.loc["contradictory", "of"] == 3
    held = store.snapshot(start="2026-11-22")
    add(layout, 4, NOON + timedelta(days=1))
    run(layout)
    assert held.delivery_rate([], end="2026-11-20")["submitted"].sum() == 2  # beyond what it holds
    assert store.delivery_rate([], as_of="2026-11-13")["submitted"].sum() == 2  # as of then


def test_what_is_not_published_yet_is_not_given_up(layout):
    add(layout, 4, NOON - timedelta(days=21))
    assert give_up(layout, {"statuses": 10}) == {}
    run(layout)
    assert give_up(layout, {"statuses": 10}) == {"statuses": 1}
    assert count(open_store(layout.data)) == [4, 4]


def test_messages_that_are_given_up_do_not_come_back(layout):
    give_up(layout, {"messages": 10})
    with Maintenance(layout, {}) as maintenance:
        maintenance.run(anew=True)
    assert sorted(Live.read(layout).generations) == [MIDDLE, TODAY]
    assert count(open_store(layout.data)) == [2, 2]


def test_one_damaged_file_stops_neither_giving_up_nor_sweeping(layout):
    message = Live.read(layout).files(layout)[0]
    message.write_bytes(message.read_bytes()[:-100])
    add(layout, 1, NOON - timedelta(days=20))
    for _ in range(2):
        with pytest.raises(StoreError, match="no whole Parquet file"):
            run(layout, rejected=5)
        an_hour_passes(layout)
    assert layout.kept_from()["rejected"] > FIRST


def test_who_listed_a_file_can_read_it_after_everything_was_made_anew(layout):
    listed = open_store(layout.data).messages()
    for path in layout.messages.rglob("*.parquet"):
        os.utime(path, (0, 0))
    with Maintenance(layout, {}) as maintenance:
        maintenance.run(anew=True)
    assert len(listed.fetchall()) == 3


def test_messages_that_were_given_up_when_it_was_killed_are_given_up_by_the_next_look(layout):
    counting = layout.live_messages.read_bytes()
    give_up(layout, {"messages": 10})
    layout.live_messages.write_bytes(counting)  # killed after the note, before this file
    expire(layout, {"messages": 10}, now=NOON + timedelta(minutes=1))
    assert sorted(Live.read(layout).generations) == [MIDDLE, TODAY]


def test_who_listed_messages_can_read_them_after_they_were_given_up(layout):
    listed = open_store(layout.data).messages()
    for path in layout.messages.rglob("*.parquet"):
        os.utime(path, (0, 0))
    assert give_up(layout, {"messages": 10}) == {"messages": 1}
    assert sweep(layout) == []
    assert len(listed.fetchall()) == 3


def test_messages_that_are_given_up_do_not_come_back_when_nothing_says_which_count(layout):
    give_up(layout, {"messages": 10})
    layout.live_messages.unlink()
    (layout.messages / "date=2026-11-15").mkdir()  # of a fold that was killed
    run(layout)
    assert sorted(Live.read(layout).generations) == [MIDDLE, TODAY]


def test_a_look_by_a_clock_that_was_ahead_or_stood_still_is_no_look(layout):
    days = {"statuses": 10}
    for now in (NOON + timedelta(days=36_500), NOON, NOON):
        assert expire(layout, days, now=now) == {}
        assert layout.kept_from() == {}
    assert expire(layout, days, now=NOON + timedelta(hours=1)) == {"statuses": 1}


def test_messages_whose_events_are_gone_outlive_a_crash_while_what_counts_is_made_again(layout, monkeypatch):
    give_up(layout, {"statuses": 10})
    later(layout)
    give_up(layout, {"statuses": 10})
    layout.live_messages.unlink()

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("smsanalytics.storage.rollup_update.write", crash)
    with pytest.raises(KeyboardInterrupt):
        run(layout)
    monkeypatch.undo()
    run(layout)
    assert count(open_store(layout.data)) == [3, 3]
