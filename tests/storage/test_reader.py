"""An event that is told twice is one row, whatever is unsigned in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smsanalytics import open_store
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.schema import COLUMNS, IDENTITY, TABLE_OF_KIND

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIX = int(NOON.timestamp())
STATUS = {"message_id": "1042", "phone": "79001230001", "status": "1", "status_at": str(UNIX)}
INCOMING = {"phone": "79001230001", "text": "Yes", "to_number": "79001230000", "sent_at": str(UNIX)}
CONFIRMATION = {"phone": "79001230001", "called_at": str(UNIX)}
CALL = {"message_id": "1042", "phone": "79001230001", "keys": "21"}
SEND = {"message_id": "1042", "phone": "79001230001", "sent_at": f"{UNIX}000000", "tag": "login", "source": "api"}
REQUEST = {"phone": "79001230001", "requested_at": f"{UNIX}000000", "request_id": "r-1"}


def told(directory, kind, *tellings):
    """The tables after each telling was received, one day after the other."""
    layout = Layout(directory)
    for day, fields in enumerate(tellings):
        writer = Journal(layout, "w0", now=lambda day=day: (UNIX + day * 86400) * 10**9)
        extra = fields.get("extra", {})
        fields = {name: value for name, value in fields.items() if value is not None and name != "extra"}
        writer.write([entry(account="default", kind=kind, signed_by="md5", key="", fields=fields, extra=extra)])
        writer.close()
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().unreadable == 0
    return Tables(layout, connect(layout))


@pytest.mark.parametrize(
    ("kind", "first", "second", "events"),
    [
        pytest.param("status", STATUS, STATUS | {"err": "6", "cost": "1.00", "extra": {"order": "A"}}, 1, id="status-unsigned-differ"),
        pytest.param("status", STATUS, STATUS | {"status": "2"}, 2, id="status-code"),
        pytest.param("status", STATUS | {"status": "999"}, STATUS | {"status": "998"}, 2, id="status-code-that-is-none"),
        pytest.param("status", STATUS, STATUS | {"status_at": str(UNIX + 1)}, 2, id="status-time"),
        pytest.param("status", STATUS | {"status_at": "0"}, STATUS | {"status_at": "0"}, 1, id="status-time-not-believed"),
        pytest.param("status", STATUS | {"status_at": "0"}, STATUS | {"status_at": "1"}, 2, id="status-times-not-believed"),
        pytest.param("status", STATUS | {"status_at": str(UNIX + 3601)}, STATUS | {"status_at": str(UNIX + 3601)}, 1,
                     id="status-time-believed-later"),
        pytest.param("status", STATUS | {"status_at": None}, STATUS | {"status_at": None}, 1, id="status-without-time"),
        pytest.param("incoming", INCOMING, INCOMING | {"incoming_id": "7"}, 1, id="incoming-id-is-unsigned"),
        pytest.param("incoming", INCOMING, INCOMING | {"text": "yes"}, 2, id="incoming-text"),
        pytest.param("incoming", INCOMING, INCOMING | {"to_number": "79001230009"}, 2, id="incoming-to-another-number"),
        pytest.param("incoming", INCOMING, INCOMING | {"sent_at": str(UNIX + 60)}, 2, id="incoming-said-again"),
        pytest.param("incoming", INCOMING | {"sent_at": str(UNIX + 3601)}, INCOMING | {"sent_at": str(UNIX + 3601)}, 1,
                     id="incoming-time-believed-later"),
        pytest.param("incoming", INCOMING | {"sent_at": None, "sent_time": "never"}, INCOMING | {"sent_at": None, "sent_time": "never"}, 1,
                     id="incoming-text-time"),
        pytest.param("incoming", INCOMING | {"sent_at": None, "incoming_id": "7"}, INCOMING | {"sent_at": None, "incoming_id": "8"}, 2,
                     id="incoming-without-time-by-id"),
        pytest.param("confirmation", CONFIRMATION, CONFIRMATION | {"extra": {"id": "5"}}, 1, id="confirmation"),
        pytest.param("confirmation", CONFIRMATION, CONFIRMATION | {"called_at": str(UNIX + 1)}, 2, id="confirmation-time"),
        pytest.param("call", CALL, CALL, 1, id="call"),
        pytest.param("call", CALL, CALL | {"extra": {"second": "30"}}, 2, id="call-extra"),
        pytest.param("call", {"keys": "1"}, {"keys": "1"}, 1, id="call-of-keys-alone"),
        pytest.param("send", SEND, SEND | {"source": "import"}, 1, id="send-told-by-another-way"),
        pytest.param("send", SEND, SEND | {"tag": "alert"}, 2, id="send-tag"),
        pytest.param("confirmation_request", REQUEST, REQUEST, 1, id="request"),
        pytest.param("confirmation_request", REQUEST, REQUEST | {"request_id": "r-2"}, 2, id="request-id"),
    ],
)  # fmt: skip
def test_what_tells_of_the_same_is_one_row_the_first_received(tmp_path, kind, first, second, events):
    table = TABLE_OF_KIND[kind]
    tables = told(tmp_path, kind, first, second)
    assert tables.events(table).shape[0] == 2
    distinct = tables.distinct(table)
    assert distinct.columns == tables.events(table).columns
    assert distinct.types == tables.events(table).types
    rows = distinct.order("received_at").df()
    assert len(rows) == events
    assert rows["received_at"][0] == NOON
    if "copies" in rows:
        assert list(rows["copies"]) == ([2] if events == 1 else [1, 1])
    assert tables.distinct(table, as_of=NOON).shape[0] == 1
    assert tables.distinct(table, as_of=NOON - timedelta(microseconds=1)).shape[0] == 0
    assert tables.distinct(table, published={"w0": 1}).shape[0] == 1


def test_every_table_but_the_refused_has_an_identity_also_while_it_is_empty(tmp_path):
    layout = Layout(tmp_path)
    assert set(IDENTITY) == set(COLUMNS) - {"rejected"}
    for table in IDENTITY:
        assert Tables(layout, connect(layout)).distinct(table).fetchall() == []


def test_three_tellings_of_one_in_a_batch_are_one_with_all_copies(tmp_path):
    layout = Layout(tmp_path)
    writer = Journal(layout, "w0", now=lambda: UNIX * 10**9)
    one = entry(account="default", kind="incoming", signed_by="md5", key="", fields=INCOMING, extra={})
    other = entry(account="shop", kind="incoming", signed_by="md5", key="", fields=INCOMING, extra={})
    writer.write([one, one, one, other])
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    found = Tables(layout, connect(layout)).distinct("incoming").select("account, copies").order("account").fetchall()
    assert found == [("default", 3), ("shop", 1)]


@pytest.mark.parametrize("days", [0, 40])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("status", {"status_at": str(UNIX)}, id="status-ts"),
        pytest.param("status", {"status_time": "22.11.2026 15:00:00"}, id="status-text-time"),
        pytest.param("status", {"status_time": "never"}, id="status-text-that-is-no-time"),
        pytest.param("status", {}, id="status-without-time"),
        pytest.param("incoming", {"sent_at": str(UNIX)}, id="incoming-ts"),
        pytest.param("incoming", {"sent_time": "22.11.2026 15:00:00"}, id="incoming-text-time"),
    ],
)
def test_a_copy_is_a_copy_also_when_its_time_is_no_longer_believed(tmp_path, kind, fields, days):
    layout = Layout(tmp_path)
    whole = (STATUS if kind == "status" else INCOMING) | {"status_at": None, "sent_at": None} | fields
    content = {name: value for name, value in whole.items() if value is not None}
    for at in (UNIX, UNIX + days * 86400):
        writer = Journal(layout, "w0", now=lambda at=at: at * 10**9)
        writer.write([entry(account="default", kind=kind, signed_by="md5", key="", fields=content, extra={})])
        writer.close()
        with Maintenance(layout, {"default": "Europe/Moscow"}) as maintenance:
            maintenance.run()
    tables = Tables(layout, connect(layout))
    assert tables.distinct(TABLE_OF_KIND[kind]).select("copies").fetchall() == [(2,)]
    if kind == "status":
        [(first, last)] = open_store(tmp_path).messages().select("first_status_at, last_status_at").fetchall()
        assert first == last == NOON
