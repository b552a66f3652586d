"""The status tells what is there, what waits and who works, and a large store does not make it slow."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from serving import serving
from signing import status_body

from smsanalytics import open_store
from smsanalytics.errors import StoreError
from smsanalytics.storage import atomic
from smsanalytics.storage.catalog import EventFile, Layout
from smsanalytics.storage.disk import Space
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.publish import flush
from smsanalytics.storage.reader import connect
from smsanalytics.storage.status import Size, status

DAY = date(2026, 11, 21)
NEWEST = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)


def told(data, reserve=1):
    layout = Layout(data)
    return status(layout, Space(layout, reserve=reserve, max_backlog=1))


def size_of(data, table):
    [found] = [size for size in told(data).tables if size.table == table]
    return found


def write(layout, at, *, writer="w0", kind="status"):
    journal = Journal(layout, writer, now=lambda: int(at.timestamp() * 10**6) * 1000)
    fields = {"status": {"message_id": "2000", "phone": "79001230001", "status": "1"},
              "rejected": {"reason": "structure", "remote": "", "body": ""}}[kind]  # fmt: skip
    journal.write([entry(account="default", kind=kind, signed_by="md5", key="k", fields=fields, extra={})])
    return journal


def test_each_table_has_its_rows_bytes_files_and_dates(own_store):
    [path] = open_store(own_store).files("statuses")
    size = path.stat().st_size
    assert size_of(own_store, "statuses") == Size("statuses", 3, size, 1, 0, 0, DAY, DAY)
    assert size_of(own_store, "sends") == Size("sends", 0, 0, 0, 0, 0, None, None)
    assert [size_of(own_store, table).rows for table in ("incoming", "messages")] == [1, 2]
    shutil.copy(path, path.with_name(EventFile("w0", 1, 2).name))
    assert size_of(own_store, "statuses") == Size("statuses", 3, size, 1, 1, 0, DAY, DAY)
    shutil.copy(path, path.with_name(EventFile("w0", 3, 3).name))
    shutil.copy(path, path.with_name(EventFile("w1", 1, 1).name))
    assert size_of(own_store, "statuses") == Size("statuses", 9, 3 * size, 3, 1, 2, DAY, DAY)
    [path] = open_store(own_store).files("messages")
    shutil.copy(path, path.with_name("0000000077.parquet"))
    assert size_of(own_store, "messages").superseded == 1


def test_freshness_tells_how_far_the_messages_are_behind(own_store):
    store, layout = open_store(own_store), Layout(own_store)
    fresh = store.freshness()
    assert (fresh.newest_receipt, fresh.as_of, fresh.complete_at, fresh.behind) == (NEWEST,) * 3 + (timedelta(0),)
    write(layout, NEWEST + timedelta(hours=9)).close()
    assert store.freshness() == fresh  # what is in the journal is not published
    with connect(layout) as connection:
        assert len(list(flush(connection, layout, "w0", {}))) == 1
    fresh = store.freshness()
    assert (fresh.newest_receipt, fresh.as_of) == (NEWEST + timedelta(hours=9), NEWEST)
    assert fresh.behind == timedelta(hours=9)
    write(layout, NEWEST + timedelta(hours=10), kind="rejected", writer="r0").close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    assert store.freshness().behind == timedelta(0)
    assert store.freshness().newest_receipt == NEWEST + timedelta(hours=9)


def test_a_store_without_an_event_has_no_freshness(tmp_path):
    Layout(tmp_path).journal.mkdir()
    fresh = open_store(tmp_path).freshness()
    assert (fresh.newest_receipt, fresh.as_of, fresh.behind) == (None, None, None)
    assert told(tmp_path).newest_receipt is None


def test_what_waits_in_the_journal_is_counted_and_its_newest_line_is_the_newest_receipt(own_store):
    layout = Layout(own_store)
    write(layout, NEWEST + timedelta(hours=1)).close()
    opened = write(layout, NEWEST + timedelta(hours=1, seconds=7.25))
    refused = write(layout, NEWEST + timedelta(hours=2), writer="r0", kind="rejected")
    (layout.slot("w0") / "quarantine").mkdir()
    (layout.slot("w0") / "quarantine" / "0000000009.lines").write_bytes(b"\0\n\0\n\0\n")
    now = told(own_store)
    [refusals, slot] = now.slots
    assert (slot.writer, slot.in_use, slot.open, slot.sealed, slot.quarantined) == ("w0", True, 1, 1, 3)
    sizes = [path.stat().st_size for path in sorted(layout.slot("w0").glob("*.2026-11-21.*"))]
    assert [slot.sealed_bytes, slot.open_bytes] == sizes
    assert (refusals.writer, refusals.open, now.collecting) == ("r0", 1, True)
    assert now.newest_receipt == NEWEST + timedelta(hours=1, seconds=7.25)  # refused callbacks aside
    opened.close()
    refused.close()
    assert [(slot.in_use, slot.open) for slot in told(own_store).slots] == [(False, 0)] * 2


def test_who_works_and_what_was_refused_and_the_disk(own_store):
    layout = Layout(own_store)
    assert (told(own_store).maintaining, told(own_store).collecting) == (False, False)
    with atomic.locked(layout.data, "maintenance"):
        assert told(own_store).maintaining
    for hours in (1, 23, 25):
        write(layout, datetime.now(UTC) - timedelta(hours=hours), writer="r0", kind="rejected").close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    now = told(own_store, reserve=12345)
    assert (now.rejected, now.reserve) == (2, 12345)
    assert now.free > 0
    assert now.last_pass.keys() >= {"at", "seconds"}
    layout.last_pass.write_text("[")
    assert told(own_store).last_pass == {}


def test_it_tells_of_a_running_collector_and_its_maintenance_without_disturbing_them(tmp_path):
    with serving(tmp_path / "data", "--flush-seconds", "0.2") as collector:
        for number in range(1, 6):
            assert collector.post(status_body(number)) == 200
        deadline = time.monotonic() + 20
        while not ((now := told(collector.data)).maintaining and now.tables[-1].rows == 5):
            assert time.monotonic() < deadline
        assert now.collecting
        assert collector.stop() == 0
    now = told(tmp_path / "data")
    assert (now.maintaining, now.collecting, now.tables[0].rows) == (False, False, 5)


def test_a_file_that_cannot_be_read_is_named_and_so_is_a_place_without_a_store(own_store, tmp_path):
    [path] = open_store(own_store).files("statuses")
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="is no whole Parquet file; `smsanalytics check` says what to do"):
        told(own_store)
    with pytest.raises(StoreError, match="there is no store at"):
        told(tmp_path / "nowhere")


def test_three_thousand_files_are_told_of_at_once(own_store):
    layout = Layout(own_store)
    [path] = open_store(own_store).files("statuses")
    for day in range(1, 4):
        target = layout.event_file("statuses", date(2026, 10, day), EventFile("w0", 1, 1))
        target.parent.mkdir()
        for number in range(1000):
            os.link(path, target.with_name(EventFile("w0", 100 + number, 100 + number).name))
    started = time.perf_counter()
    assert size_of(own_store, "statuses").rows == 9003
    assert time.perf_counter() - started < 5  # 30,000 take as long where nothing else runs
