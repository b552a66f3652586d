"""Files of an older schema are read, with NULL in what they lack; one of a newer is said, whoever reads."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from datetime import UTC, datetime

import duckdb
import pytest

from smsanalytics import open_store
from smsanalytics.errors import StoreError
from smsanalytics.storage import version
from smsanalytics.storage.catalog import EventFile, Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.schema import VERSION


def rewritten(path, *, said, columns="*", target=None):
    """A file of the store as another version of the program would have written it."""
    target = target or path
    unfinished = target.with_suffix(".unfinished")
    duckdb.connect().execute(
        f"COPY (SELECT {columns} FROM '{path}') TO '{unfinished}' (FORMAT parquet, KV_METADATA {{smsanalytics: '{said}'}})"
    )
    unfinished.rename(target)
    return target


def test_a_file_says_of_which_version_it_is(own_store):
    [path] = open_store(own_store).files("statuses")
    assert version.version_of(path) == VERSION
    assert version.version_of(rewritten(path, said=20)) == 20
    duckdb.connect().execute(f"COPY (FROM '{path}') TO '{own_store}/foreign' (FORMAT parquet)")
    assert version.version_of(own_store / "foreign") == 0


@pytest.mark.parametrize("beside", [False, True], ids=["all-older", "older-and-newer"])
def test_columns_that_an_older_file_lacks_are_null(own_store, beside):
    [path] = open_store(own_store).files("statuses")
    second = path.with_name(EventFile("w0", 9, 9).name) if beside else path
    rewritten(path, said=0, columns="* EXCLUDE (region, hlr)", target=second)
    store = open_store(own_store)
    rows = store.statuses().select("region, message_id").order("message_id").fetchall()
    assert rows == [(None, 1042)] * (4 if beside else 2) + [(None, 1043)] * (2 if beside else 1)
    [messages] = store.files("messages")
    rewritten(messages, said=0, columns="* EXCLUDE (tag)")
    assert store.messages().select("tag, state").order("state").fetchall() == [(None, "delivered"), (None, "failed")]


@pytest.mark.parametrize("older", [1, 2], ids=["older-and-newer", "all-older"])
def test_how_long_a_delivery_took_is_computed_where_an_older_file_does_not_tell(own_store, older):
    noon = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())
    with contextlib.closing(Journal(Layout(own_store), "w0", now=lambda: noon * 10**9)) as journal:
        for status, at in (("-1", noon - 20), ("1", noon - 9)):
            fields = {"message_id": "5", "phone": "79001230001", "status": status, "status_at": str(at)}
            journal.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
    with Maintenance(Layout(own_store), {}) as maintenance:
        maintenance.run()
    files = open_store(own_store).files("messages")
    for path in files[:older]:
        rewritten(path, said=1, columns="* EXCLUDE (delivery_seconds)")
        version._versions.pop(str(path), None)
    store = open_store(own_store)
    assert len(files) == 2
    assert store.latency(["day"])[["n_timed", "p50"]].to_numpy().tolist() == [[1, 7], [1, 11]]
    assert store.messages().select("delivery_seconds").order("1").fetchall() == [(7,), (11,), (None,)]


def test_an_unknown_column_is_left_alone(own_store):
    [path] = open_store(own_store).files("statuses")
    columns = open_store(own_store).statuses().columns
    rewritten(path, said=VERSION, columns="*, 1 AS of_tomorrow")
    assert open_store(own_store).statuses().columns == columns


@pytest.fixture
def newer_store(own_store):
    [path] = open_store(own_store).files("statuses")
    return own_store, rewritten(path, said=VERSION + 1)


def said_of(path):
    return (
        f"{path} was written by a newer smsanalytics, in schema {VERSION + 1} where this one reads up to {VERSION}; "
        "use the newer one"
    )


def test_a_file_of_a_newer_version_is_said_in_python(newer_store):
    data, path = newer_store
    with pytest.raises(StoreError) as error:
        open_store(data).statuses()
    assert str(error.value) == said_of(path)
    with pytest.raises(StoreError):
        open_store(data).delivery_rate(as_of="2026-11-21T12:00:00Z")


def test_a_file_of_a_newer_version_is_said_on_the_command_line(newer_store, tmp_path):
    data, path = newer_store
    done = subprocess.run(
        [sys.executable, "-m", "smsanalytics", "metric", "callback_lag", "--data", str(data)],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, f"smsanalytics: {said_of(path)}\n")


def test_the_maintenance_says_it_too_and_folds_nothing_wrong(newer_store):
    data, path = newer_store
    layout = Layout(data)
    layout.live_messages.unlink()
    with Maintenance(layout, {}) as maintenance, pytest.raises(StoreError) as error:
        maintenance.run()
    assert str(error.value) == said_of(path)
    assert not layout.live_messages.exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), "is no whole Parquet file"),
        (lambda path: path.write_bytes(b""), "is no whole Parquet file"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read: Is a directory"),
    ],
    ids=["truncated", "empty", "directory"],
)
def test_a_file_that_cannot_be_read_is_named(own_store, damage, said):
    [path] = open_store(own_store).files("statuses")
    damage(path)
    with pytest.raises(StoreError) as error:
        open_store(own_store).statuses()
    assert str(error.value) == f"{path} {said}; `smsanalytics check` says what to do"


def test_a_thousand_files_are_looked_at_once(own_store):
    [path] = open_store(own_store).files("statuses")
    files = [path.with_name(EventFile("w1", number, number).name) for number in range(1, 1001)]
    for file in files:
        file.hardlink_to(path)
    version.require_readable(files)
    started = time.perf_counter()
    version.require_readable(files)
    again = time.perf_counter() - started
    assert again < 0.02  # it is a comparison of names
    files[0].unlink()
    version.require_readable(files)
