"""What is told of sends and requests is taken as it is meant, or refused with the place, the field and what was needed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pandas as pd
import pytest

from smsanalytics.errors import MalformedRecord
from smsanalytics.storage import ingest
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.ingest import FIELDS, encode, of_lines
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.schema import COLUMNS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIX = int(NOON.timestamp())
SEND = {"message_id": 1042, "phone": "79001230001", "sent_at": NOON}
REQUEST = {"phone": "79001230001", "requested_at": NOON}


def told(kind, row, **options):
    [event] = encode(kind, [row], **options)
    return orjson.loads(b"{" + event + b"}")


def test_a_full_send_and_a_full_request():
    send = SEND | {"tag": "login", "purpose": "code", "cost": 3.1, "parts": 2, "sender": "SHOP", "account": "shop"}
    assert told("send", send, source="http") == {
        "account": "shop", "kind": "send", "signed_by": "none", "key": "", "extra": {},
        "fields": {"message_id": "1042", "phone": "79001230001", "sent_at": f"{UNIX}000000", "tag": "login", "purpose": "code",
                   "cost": "3.1", "parts": "2", "sender": "SHOP", "source": "http"},
    }  # fmt: skip
    request = REQUEST | {"number_to_call": "+79001230000", "purpose": "code", "request_id": 17}
    assert told("confirmation_request", request, account="shop")["account"] == "shop"
    assert told("confirmation_request", request)["fields"] == {
        "phone": "79001230001", "requested_at": f"{UNIX}000000", "number_to_call": "79001230000", "purpose": "code", "request_id": "17",
    }  # fmt: skip


def test_every_column_but_the_source_and_the_receipt_can_be_told():
    assert list(FIELDS["send"]) == [name for name in COLUMNS["sends"] if name != "source"]
    assert list(FIELDS["confirmation_request"]) == list(COLUMNS["confirmation_requests"])


@pytest.mark.parametrize(
    "value",
    [
        NOON, NOON.astimezone(timezone(timedelta(hours=3))), pd.Timestamp(NOON), UNIX, float(UNIX), Decimal(UNIX), str(UNIX), f"{UNIX}.0",
        "2026-11-22T12:00:00Z", "2026-11-22T15:00:00+03:00", "2026-11-22 12:00+00:00", "2026-11-22T12:00:00.000000+00:00",
    ],
    ids=repr,
)  # fmt: skip
def test_a_time_is_a_moment_however_it_is_written(value):
    assert told("send", SEND | {"sent_at": value})["fields"]["sent_at"] == f"{UNIX}000000"


def test_a_time_keeps_its_microseconds():
    for value in (NOON + timedelta(microseconds=1), "2026-11-22T12:00:00.000001Z", f"{UNIX}.000001"):
        assert told("send", SEND | {"sent_at": value})["fields"]["sent_at"] == f"{UNIX}000001"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("message_id", "1042", "1042"), ("message_id", 2**31 - 1, "2147483647"), ("message_id", 7.0, "7"), ("message_id", Decimal("7.00"), "7"),
        ("phone", 79001230001, "79001230001"), ("phone", 79001230001.0, "79001230001"), ("phone", "+79001230001", "+79001230001"),
        ("phone", "User@Example.com", "User@Example.com"), ("cost", "3.10", "3.1"), ("cost", Decimal("3.1000000"), "3.1"), ("cost", 0, "0"),
        ("cost", "12345678.1234", "12345678.1234"), ("cost", 1e-4, "0.0001"), ("cost", 100, "100"), ("cost", 1.1 * 3, "3.3"), ("cost", str(1.1 * 3), "3.3"), ("cost", Decimal(0.1 + 0.2), "0.3"), ("cost", 99999999.9999, "99999999.9999"),
        ("phone", "@shop_client", "@shop_client"), ("phone", "#123456", "#123456"), ("parts", 1.0, "1"), ("tag", "Дом", "Дом"), ("tag", 5, "5"),
        ("tag", None, None), ("tag", "", None), ("tag", float("nan"), None), ("parts", None, None), ("cost", float("nan"), None),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_taken(name, value, text):
    assert told("send", SEND | {name: value})["fields"].get(name) == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("message_id", 0), ("message_id", -1), ("message_id", 2**31), ("message_id", 1.5), ("message_id", "1e3"), ("message_id", True), ("message_id", "x"),
        ("message_id", None), ("message_id", ""), ("message_id", float("nan")), ("message_id", " 1"), ("message_id", "١"),
        ("phone", "1042"), ("phone", "7 900 123-00-01"), ("phone", "79001230001\n"), ("phone", None), ("phone", "a:b@example.com"), ("phone", "\ud800@b"),
        ("sent_at", "2026-11-23T12:34:56"), ("sent_at", NOON.replace(tzinfo=None)), ("sent_at", "22.11.2026 12:00"), ("sent_at", "soon"), ("sent_at", None),
        ("sent_at", date(2026, 11, 22)), ("sent_at", UNIX * 1000), ("sent_at", str(UNIX * 1000)), ("sent_at", 0), ("sent_at", True), ("sent_at", float("inf")),
        ("sent_at", "1999-12-31T23:59:59Z"), ("sent_at", "2100-01-01T00:00:00Z"), ("sent_at", "0001-01-01T00:00:00+14:00"),
        ("cost", "3,10"), ("cost", "1e3"), ("cost", -1), ("cost", 0.00001), ("cost", "1.23456"), ("cost", 1.23456), ("cost", Decimal("1.00001")), ("cost", 99999999.99995), ("phone", "@a:b"), ("phone", "#"), ("cost", "123456789"), ("cost", "."), ("cost", ".5"), ("cost", float("inf")), ("cost", [3]),
        ("parts", 0), ("parts", "two"), ("parts", 1.5), ("tag", ["a"]), ("tag", True), ("tag", b"x"), ("tag", "x" * 1001), ("tag", "\ud800"), ("tag", 10**1000),
        ("account", "Shop"), ("account", "a/b"), ("account", "x" * 33),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_what_is_not_as_it_must_be_refuses_everything_and_is_not_quoted(name, value):
    with pytest.raises(MalformedRecord, match=f"^row 2, column {name}: needed .+") as refusal:
        encode("send", [SEND, SEND | {name: value}, SEND])
    if isinstance(value, str) and len(value) > 2:
        assert value not in str(refusal.value)


def test_a_field_nobody_knows_is_named_with_those_there_are():
    with pytest.raises(
        MalformedRecord, match=r"^row 1: there is no column 'sendr'; there are account, message_id, phone, "
    ):
        encode("send", [SEND | {"sendr": "SHOP"}])


def test_an_account_must_be_one_of_those_there_are_where_they_are_given():
    assert told("send", SEND, accounts={"default"})["account"] == "default"
    with pytest.raises(
        MalformedRecord, match=r"^line 1, column account: needed an account of the settings; there are default$"
    ):
        encode("send", [SEND | {"account": "nobody"}], accounts={"default"}, called="line")


def test_json_lines_keep_numbers_as_they_were_written():
    text = b'\xef\xbb\xbf{"message_id": 7, "cost": 0.30}\r\n{"message_id": 8, "tag": "\xd0\x94"}\n\n'
    assert list(of_lines(text)) == [{"message_id": 7, "cost": "0.30"}, {"message_id": 8, "tag": "Д"}]
    assert list(of_lines(b"")) == list(of_lines(b"\n")) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"phone": "1", "phone": "2"}', "came twice"), (b"[]", "one JSON object"), (b"", "one JSON object"), (b"{", "one JSON object"), (b"7", "one JSON object"),
        (b'{"a": NaN}', "one JSON object"), (b"\xff", "one JSON object"), (b"[" * 100_000, "one JSON object"), (b'{"a": ' + b"9" * 5000 + b"}", "one JSON object"),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_a_line_that_is_no_object_is_refused_by_its_number(line, words):
    with pytest.raises(MalformedRecord, match=f"^line 2: .*{words}"):
        list(of_lines(b'{"a": 1}\n' + line + b'\n{"a": 1}'))


def test_a_number_that_would_fill_the_memory_is_only_a_text():
    with pytest.raises(MalformedRecord, match="line 1, column cost"):
        encode(
            "send",
            of_lines(b'{"message_id": 1, "phone": "79001230001", "sent_at": 1795348800, "cost": 1e999999999}'),
            called="line",
        )


def test_what_was_appended_is_published_as_it_was_told(tmp_path):
    layout = Layout(tmp_path)
    rows = [SEND | {"message_id": number, "cost": "3.10", "phone": "+79001230001"} for number in (1, 2, 3)]
    assert ingest.append(layout, encode("send", rows)) == 3
    assert ingest.append(layout, encode("confirmation_request", [REQUEST])) == 1
    assert ingest.append(layout, []) == 0
    assert [segment.state for segment in layout.segments("i0")] == ["sealed", "sealed"]
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().rows["sends"] == 3
    tables = Tables(layout, connect(layout))
    sends = tables.distinct("sends").order("message_id").df()
    assert list(sends["message_id"]) == [1, 2, 3]
    assert set(sends["phone"]) == {"79001230001"}
    assert set(sends["cost"]) == {3.1}
    assert set(sends["sent_at"]) == {pd.Timestamp(NOON)}
    assert tables.distinct("confirmation_requests").shape[0] == 1


def test_every_row_that_is_taken_becomes_a_row_of_its_table(tmp_path):
    odd = {
        "tag": "a\0b\u2028\U0001f600",
        "sender": "'; DROP",
        "cost": "99999999.9999",
        "parts": 2**31 - 1,
        "account": "a-_9",
    }
    rows = [
        SEND | odd,
        SEND | {"phone": "é@я.рф"},
        SEND | {"sent_at": "2000-01-01T00:00:00Z"},
        SEND | {"sent_at": "2099-12-31T23:59:59.999999Z"},
    ]
    layout = Layout(tmp_path)
    ingest.append(layout, encode("send", rows))
    with Maintenance(layout, {}) as maintenance:
        done = maintenance.run()
    assert (done.rows["sends"], done.unreadable) == (4, 0)
