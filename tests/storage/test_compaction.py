"""Merging files changes no event and no figure, and never goes ahead of what is folded."""

import os
import time
from datetime import UTC, datetime

import oracle
import pytest
from histories import BASE, collect

from smsanalytics import open_store
from smsanalytics.errors import StoreError
from smsanalytics.storage import compaction
from smsanalytics.storage.catalog import EventFile, Layout
from smsanalytics.storage.compaction import HOUR, Job, jobs, superseded
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.publish import flush
from smsanalytics.storage.reader import connect
from smsanalytics.storage.rollup_update import fold

NOON = BASE + 12 * 3600
TODAY = datetime.fromtimestamp(BASE, UTC).date()
STATUS = {"account": "default", "message_id": 1, "phone": "79001230001", "status": 1, "err": 0, "at": BASE, "hlr": False,
          **dict.fromkeys(oracle.TERMS + oracle.NETWORK)}  # fmt: skip


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    layout.tmp.mkdir()
    return layout


@pytest.fixture
def connection(layout):
    with connect(layout) as connection:
        yield connection


def publish(connection, layout, *events):
    """One segment of these events."""
    collect(layout, [STATUS | {"received": NOON} | event for event in events])
    list(flush(connection, layout, "w0", {}))


def written(layout, ago, *, now):
    """Let all files be so old."""
    for path in layout.data.glob("*/date=*/*.parquet"):
        os.utime(path, (now - ago, now - ago))


def merged(connection, layout, folded, *, now):
    return [job.merge(connection) for job in jobs(layout, folded, now=now)]


def names(layout, table="statuses"):
    return [path.name for path in layout.live_files(table)]


def file(first, last):
    return EventFile("w0", first, last).name


def test_an_event_told_again_is_one_row_received_first_with_its_number_of_copies(connection, layout):
    publish(connection, layout, {"received": NOON + 5}, {"received": NOON + 5, "message_id": 2})
    publish(connection, layout, {"received": NOON + 3}, {"received": NOON + 9, "err": 6})
    fold(connection, layout)
    before = open_store(layout.data).delivery_rate(["operator"])
    merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    assert names(layout) == [file(1, 2)]
    rows = open_store(layout.data).statuses().select("message_id, err, epoch(received_at)::BIGINT, copies")
    assert sorted(rows.fetchall()) == [(1, 0, NOON + 3, 2), (1, 6, NOON + 9, 1), (2, 0, NOON + 5, 1)]
    assert open_store(layout.data).delivery_rate(["operator"]).equals(before)
    fold(connection, layout, anew=True)
    assert open_store(layout.data).delivery_rate(["operator"]).equals(before)


def test_in_the_open_date_an_hour_of_files_becomes_one_and_afterwards_all_do(connection, layout):
    for _ in range(2):
        publish(connection, layout, {})
    written(layout, HOUR - 10, now=NOON)
    assert not merged(connection, layout, {"w0": 2}, now=NOON)
    written(layout, HOUR, now=NOON)
    assert [path.name for path in merged(connection, layout, {"w0": 2}, now=NOON)] == [file(1, 2)]
    for _ in range(2):
        publish(connection, layout, {})
    written(layout, HOUR, now=NOON)
    merged(connection, layout, {"w0": 4}, now=NOON)
    assert names(layout) == [file(1, 2), file(3, 4)]
    written(layout, HOUR, now=NOON + 86400)
    merged(connection, layout, {"w0": 4}, now=NOON + 86400)
    assert names(layout) == [file(1, 4)]


def test_the_maintenance_merges_with_less_memory_than_it_folds_with(connection, layout, monkeypatch):
    for _ in range(2):
        publish(connection, layout, {})
    written(layout, HOUR, now=time.time())
    limits, merge = [], Job.merge

    def noted(job, given):
        limits.extend(given.execute("SELECT current_setting('memory_limit')").fetchall())
        return merge(job, given)

    monkeypatch.setattr(Job, "merge", noted)
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().merged == 1
    assert limits == [("476.8 MiB",)]
    assert names(layout) == [file(1, 2)]


def test_what_is_not_folded_yet_is_not_merged(connection, layout):
    for _ in range(3):
        publish(connection, layout, {})
    merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    assert names(layout) == [file(1, 2), file(3, 3)]
    assert not merged(connection, layout, {}, now=time.time() + 2 * HOUR)


def test_each_writer_has_files_of_its_own(connection, layout):
    publish(connection, layout, {})
    path = layout.event_file("statuses", TODAY, EventFile("w0", 1, 1))
    for number in (1, 2):
        path.with_name(EventFile("w1", number, number).name).write_bytes(path.read_bytes())
    merged(connection, layout, {"w0": 1, "w1": 2}, now=time.time() + 2 * HOUR)
    assert names(layout) == [file(1, 1), EventFile("w1", 1, 2).name]


def test_superseded_files_are_swept_only_when_the_wider_one_is_old_enough(connection, layout):
    for _ in range(2):
        publish(connection, layout, {})
    merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    wide = layout.event_file("statuses", TODAY, EventFile("w0", 1, 2))
    at = wide.stat().st_mtime
    assert list(superseded(layout, before=at)) == []
    assert [path.name for path in sorted(superseded(layout, before=at + 1))] == [file(1, 1), file(2, 2)]


def test_names_that_contradict_one_another_stop_it(connection, layout):
    publish(connection, layout, {})
    path = layout.event_file("statuses", TODAY, EventFile("w0", 1, 1))
    for first, last in ((2, 4), (3, 5)):
        path.with_name(file(first, last)).write_bytes(path.read_bytes())
    with pytest.raises(StoreError, match="overlap"):
        merged(connection, layout, {"w0": 5}, now=time.time() + 2 * HOUR)
    stuck = []
    assert list(jobs(layout, {"w0": 5}, stuck, now=time.time() + 2 * HOUR)) == []
    assert len(stuck) == 1


def test_what_is_hidden_is_kept_so_that_messages_made_anew_are_the_same(connection, layout):
    publish(connection, layout, {"hlr": True}, {"message_id": 2})
    publish(connection, layout, {"hlr": True, "at": BASE + 1}, {"message_id": 3, "hlr": True})
    fold(connection, layout)
    before = open_store(layout.data).delivery_rate([])
    assert (before.loc[0, "submitted"], before.loc[0, "delivered"]) == (1, 1)  # the two others are lookups
    [path] = merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    found = connection.execute("SELECT message_id, hlr FROM read_parquet(?) ORDER BY ALL", [str(path)]).fetchall()
    assert found == [(1, True), (1, True), (2, False), (3, True)]
    fold(connection, layout, anew=True)
    assert open_store(layout.data).delivery_rate([]).equals(before)


def receipts(connection, layout):
    """Of each message when it was received, first and again, in seconds after noon."""
    paths = [str(path) for path in layout.live_files("statuses")]
    rows = connection.execute("FROM read_parquet(?) SELECT message_id, received_at, repeated_at, copies", [paths])
    return [
        (number, int(first.timestamp()) - NOON, [int(at.timestamp()) - NOON for at in again or []], copies)
        for number, first, again, copies in rows.fetchall()
    ]


def test_every_receipt_is_kept_in_order_however_often_it_is_merged(connection, layout):
    publish(connection, layout, {"received": NOON + 5}, {"received": NOON + 7, "message_id": 2})
    publish(connection, layout, {"received": NOON + 9}, {"received": NOON + 3})
    merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    assert receipts(connection, layout) == [(1, 3, [5, 9], 3), (2, 7, [], 1)]
    publish(connection, layout, {"received": NOON + 8}, {"received": NOON + 1})
    merged(connection, layout, {"w0": 3}, now=time.time() + 86400 * 1000)
    assert names(layout) == [file(1, 3)]
    assert receipts(connection, layout) == [(1, 1, [3, 5, 8, 9], 5), (2, 7, [], 1)]


def test_what_is_merged_in_parts_is_whole_and_in_order(connection, layout, monkeypatch):
    monkeypatch.setattr(compaction, "CHUNK", 2)
    for number in (1, 2):
        publish(connection, layout, *({"message_id": one, "received": NOON + number} for one in (4, 2, 3, 1)))
    merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    assert receipts(connection, layout) == [(number, 1, [2], 2) for number in (1, 2, 3, 4)]
    assert list(layout.tmp.iterdir()) == []


def test_a_merge_that_would_lose_an_event_publishes_nothing(connection, layout, monkeypatch):
    each_once = compaction._each_once
    monkeypatch.setattr(compaction, "_each_once", lambda *given: f"{each_once(*given)} HAVING message_id > 1")
    for _ in range(2):
        publish(connection, layout, {}, {"message_id": 2})
    with pytest.raises(StoreError, match="would change how many events there are"):
        merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    assert names(layout) == [file(1, 1), file(2, 2)]
    assert list(layout.tmp.iterdir()) == []


@pytest.mark.parametrize("becomes", ["narrower", "truncated"])
def test_what_a_wider_file_does_not_hold_is_not_swept_and_all_else_is(connection, layout, becomes):
    for _ in range(2):
        publish(connection, layout, {})
    merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    wide, narrow = (layout.event_file("statuses", TODAY, EventFile("w0", 1, last)) for last in (2, 1))
    for last in (1, 2):
        source = layout.event_file("statuses", TODAY, EventFile("w0", 1, last))
        source.with_name(EventFile("w1", 1, last).name).write_bytes(source.read_bytes())
    wide.write_bytes(narrow.read_bytes() if becomes == "narrower" else wide.read_bytes()[:-9])
    swept = []
    with pytest.raises(StoreError, match="does not hold all events"):
        swept.extend(path.name for path in superseded(layout, before=time.time() + 1))
    assert swept == [EventFile("w1", 1, 1).name]


def test_a_copy_of_a_status_without_a_time_is_a_copy_though_its_receipt_stands_for_the_time(connection, layout):
    for second in (5, 3):
        publish(connection, layout, {"at": None, "received": NOON + second})
    [path] = merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    query = "SELECT epoch(status_at)::BIGINT, epoch(received_at)::BIGINT, copies FROM read_parquet(?)"
    assert connection.execute(query, [str(path)]).fetchall() == [(NOON + 3, NOON + 3, 2)]


def test_what_comes_after_a_merge_waits_an_hour_too(connection, layout):
    tomorrow = NOON + 86400
    for _ in range(2):
        publish(connection, layout, {})
    merged(connection, layout, {"w0": 2}, now=time.time() + 2 * HOUR)
    written(layout, 9 * HOUR, now=tomorrow)
    publish(connection, layout, {})
    late = layout.event_file("statuses", TODAY, EventFile("w0", 3, 3))
    os.utime(late, (tomorrow - HOUR + 1, tomorrow - HOUR + 1))
    assert not merged(connection, layout, {"w0": 3}, now=tomorrow)
    assert merged(connection, layout, {"w0": 3}, now=tomorrow + 1)
