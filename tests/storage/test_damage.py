"""
Every file of a store × every damage × every step that works on it: the right answer or a clear error, never a row less.

By default each damage of each file meets one of the steps; with ``SMSANALYTICS_FULL=1`` all of them.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import orjson
import pytest

from smsanalytics import open_store
from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.ops.check import check
from smsanalytics.storage import state_file
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.compaction import jobs
from smsanalytics.storage.erasure import Number, forget_in
from smsanalytics.storage.journal import Journal, entry, is_whole
from smsanalytics.storage.maintenance import Maintenance, sweep
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.pseudonyms import Privacy
from smsanalytics.storage.reader import connect
from smsanalytics.storage.retention import expire

FIRST, SECOND, THIRD = (datetime(2026, 10, day, 12, tzinfo=UTC) for day in (1, 2, 20))
DAY = 86400.0
NOW = datetime(2026, 10, 25, tzinfo=UTC)
FILES = {  # what a file is: where it lies
    "statuses, merged": "statuses/date=2026-10-01/w0-0000000001-0000000003.parquet",
    "statuses, superseded": "statuses/date=2026-10-01/w0-0000000002-0000000002.parquet",
    "statuses, single": "statuses/date=2026-10-20/w0-0000000006-0000000006.parquet",
    "statuses of another writer": "statuses/date=2026-10-02/w1-0000000001-0000000001.parquet",
    "sends": "sends/date=2026-10-02/w0-0000000004-0000000004.parquet",
    "incoming": "incoming/date=2026-10-02/w0-0000000005-0000000005.parquet",
    "messages": "messages/date=2026-10-01/*.parquet",
    "messages of the last date": "messages/date=2026-10-20/*.parquet",
    "live.json": "messages/live.json",
    "retention.json": "retention.json",
    "maintenance.json": "maintenance.json",
    "published": "journal/w0/published",
    "published of another writer": "journal/w1/published",
    "counter": "journal/w0/counter",
    "sealed segment": "journal/w0/0000000007.2026-10-20.sealed",
}
DAMAGES = ("absent", "empty", "truncated", "random", "wrong", "older", "newer")
STEPS = ("maintain", "check", "question", "forget", "compact", "retention")


def status(number, at):
    fields = {"message_id": str(number), "phone": "79001230001", "status": "1", "status_at": f"{at.timestamp():.0f}"}
    return entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})


def send(number, at):
    fields = {"message_id": str(number), "phone": "79001230001", "sent_at": f"{at.timestamp():.0f}000000"}
    return entry(account="default", kind="send", signed_by="none", key="", fields=fields, extra={})


def incoming(number, at):
    fields = {"incoming_id": str(number), "phone": "79001230001", "to_number": "79001230000", "text": "yes"}
    return entry(account="default", kind="incoming", signed_by="md5", key="k", fields=fields, extra={})


def add(layout, writer, at, *events):
    journal = Journal(layout, writer, now=lambda: int(at.timestamp()) * 10**9)
    journal.write(list(events))
    journal.close()


def maintain(layout):
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()


def compact(layout):
    with connect(layout) as connection:
        for job in jobs(layout, Live.read(layout).folded, now=time.time() + 30 * DAY):
            job.merge(connection)
    sweep(layout, now=time.time() + 2 * DAY)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """A store before, as it is damaged, and later: merged files beside superseded ones, two writers, a waiting segment."""
    directory = tmp_path_factory.mktemp("stores")
    layout = Layout(directory / "now")
    for number in (1, 2, 3):
        add(layout, "w0", FIRST + timedelta(hours=number), status(number, FIRST), status(10 + number, FIRST))
    maintain(layout)
    expire(layout, {"rejected": 30}, now=NOW - timedelta(hours=2))
    expire(layout, {"rejected": 30}, now=NOW - timedelta(hours=1))
    shutil.copytree(layout.data, directory / "older")
    with connect(layout) as connection:
        [job] = jobs(layout, Live.read(layout).folded, now=time.time() + 30 * DAY)
        job.merge(connection)
    add(layout, "w1", SECOND, status(21, SECOND))
    add(layout, "w0", SECOND, send(22, SECOND))
    add(layout, "w0", SECOND + timedelta(hours=1), incoming(23, SECOND))
    maintain(layout)
    add(layout, "w0", THIRD, status(31, THIRD), status(32, THIRD), status(33, THIRD))
    maintain(layout)
    add(layout, "w0", THIRD + timedelta(hours=1), status(41, THIRD), status(42, THIRD))  # which waits
    later = Layout(directory / "newer")
    shutil.copytree(layout.data, later.data)
    add(later, "w0", THIRD + timedelta(hours=2), status(51, THIRD))
    add(later, "w1", THIRD + timedelta(hours=2), status(52, THIRD))
    maintain(later)
    expire(later, {"rejected": 20}, now=NOW + timedelta(hours=2))
    return directory


def events(layout, *, besides=None):
    """Every event that lies anywhere in a store, superseded files and the journal among it."""
    found = set()
    for table, name in (("statuses", "message_id"), ("sends", "message_id"), ("incoming", "incoming_id")):
        for path in (layout.data / table).rglob("*.parquet"):
            if path == besides:
                continue
            try:
                rows = duckdb.sql(f"SELECT {name} FROM read_parquet('{path}', hive_partitioning = false)").fetchall()
            except duckdb.Error:
                continue
            found |= {(table, number) for (number,) in rows}
    for path in layout.journal.rglob("*.sealed"):
        if path != besides:
            lines = [orjson.loads(line) for line in path.read_bytes().splitlines(keepends=True) if is_whole(line)]
            found |= {("statuses", int(line["fields"]["message_id"])) for line in lines}
    return found


def wrong(path, content):
    """Content that could be true, and is not; of small files also with a true checksum, as a bug would write it."""
    if path.suffix == ".parquet":
        query = f"COPY (FROM read_parquet('{path}', hive_partitioning = false) LIMIT 1) TO '{path}.x' (FORMAT parquet)"
        duckdb.sql(query)
        Path(f"{path}.x").rename(path)
    elif path.name == "live.json":
        path.write_bytes(content.replace(b'"w0": 6', b'"w0": 9'))
    elif path.name == "retention.json":
        path.write_bytes(
            state_file.encoded({"kept_from": {"statuses": "2026-10-26"}, "looked_at": "2026-10-25T00:00:00+00:00"})
        )
    elif path.name in ("published", "counter"):
        path.write_bytes(b"8\n" if path.name == "published" else b"9999999999\n")
    elif path.suffix == ".sealed":
        lines = content.splitlines(keepends=True)
        path.write_bytes(lines[0] + lines[1].replace(b'"42"', b'"43"'))
    else:
        path.write_bytes(b'{"at": "2100-01-01T00:00:00Z", "seconds": -1}')
    return True


def do(layout, step):
    """What the step answers, if it answers anything."""
    if step == "maintain":
        maintain(layout)
    elif step == "check":
        check(layout)
    elif step == "forget":
        with Maintenance(layout, {}) as maintenance:
            forget_in(layout, maintenance, Number.of("79001239999", Privacy()))
    elif step == "compact":
        compact(layout)
    elif step == "retention":
        for hours in (1, 3):
            expire(layout, {"statuses": 30, "messages": 30}, now=NOW + timedelta(hours=hours))
    else:
        store = open_store(layout.data)
        messages = {number for (number,) in store.messages().select("message_id").fetchall()}
        return messages, int(store.delivery_rate([])["submitted"].sum()), int(store.callback_lag([])["n_timed"].sum())
    return None


CELLS = [
    pytest.param(what, damage, step, id=f"{what}-{damage}-{step}")
    for place, what in enumerate(FILES)
    for number, damage in enumerate(DAMAGES)
    for at, step in enumerate(STEPS)
    if os.environ.get("SMSANALYTICS_FULL") or (place + number) % len(STEPS) == at
]


@pytest.mark.parametrize(("what", "damage", "step"), CELLS)
def test_a_damaged_file_costs_no_row_but_its_own(snapshots, tmp_path, what, damage, step):
    layout = Layout(tmp_path / "data")
    shutil.copytree(snapshots / "now", layout.data)
    [path] = layout.data.glob(FILES[what])
    acknowledged, right = events(layout), do(layout, "question")
    elsewhere = events(layout, besides=path)
    if damage in ("older", "newer"):
        there = [*(snapshots / damage).glob(FILES[what])]
        if not there:
            pytest.skip(f"there is no {damage} one")
        shutil.copy(there[0], path)
    elif damage == "wrong":
        wrong(path, path.read_bytes())
    else:
        size = path.stat().st_size
        {
            "absent": path.unlink,
            "empty": lambda: path.write_bytes(b""),
            "truncated": lambda: path.write_bytes(path.read_bytes()[: size // 2]),
            "random": lambda: path.write_bytes(random.Random(what).randbytes(size)),
        }[damage]()
    answer = None
    with contextlib.suppress(SmsAnalyticsError):  # a clear error
        answer = do(layout, step)
    if answer is not None:  # what is gone with an event file is gone; all else is answered right
        assert answer == right or path.suffix == ".parquet"
    assert events(layout) >= elsewhere
    for after in ("maintain", "compact"):  # as the maintenance goes on
        with contextlib.suppress(SmsAnalyticsError):
            do(layout, after)
    if any("--rebuild" in problem for problem in layout.found_problems()):  # the cure that it names
        with Maintenance(layout, {}) as maintenance:
            maintenance.run(anew=True)
    assert events(layout) >= elsewhere
    if path.suffix in (".json", "") and what != "retention.json":  # these can be derived: nothing is missing in the end
        assert {table for table, _ in acknowledged} == {"statuses", "sends", "incoming"}
        messages = {number for (number,) in open_store(layout.data).messages().select("message_id").fetchall()}
        assert messages == {number for table, number in acknowledged if table != "incoming"}
