"""What the journal holds becomes Parquet, whatever it is."""

from __future__ import annotations

import json
import shutil
import tempfile
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsanalytics.errors import StoreError
from smsanalytics.storage.catalog import Layout, read_number
from smsanalytics.storage.journal import VERSION, Journal, entry, line, recover
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.publish import flush
from smsanalytics.storage.reader import connect
from smsanalytics.storage.schema import EVENT_TABLES, TABLE_OF_KIND

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAMP = int(NOON.timestamp()) * 10**6
SEND = {"message_id": "1042", "phone": "79001230001", "sent_at": str(STAMP)}
REQUEST = {"phone": "79001230001", "requested_at": str(STAMP)}


def event(kind="status", extra=None, account="default", **fields):
    fields = {"message_id": "1", "phone": "79001230001", "status": "1"} | fields if kind == "status" else fields
    return entry(account=account, kind=kind, signed_by="md5", key="2026", fields=fields, extra=extra or {})


def publish(layout, events, zones=None):
    writer = Journal(layout, "w0", now=lambda: STAMP * 1000)
    writer.write(events)
    writer.close()
    with Maintenance(layout, zones or {}) as maintenance:
        return maintenance.run()


def rows(layout, table):
    paths = [str(path) for path in layout.live_files(table)]
    if not paths:
        return []
    result = duckdb.connect().execute("SET TimeZone='UTC'; FROM read_parquet(?)", [paths])
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def one(layout, table="statuses"):
    [row] = rows(layout, table)
    return row


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def test_a_status_becomes_a_typed_row(layout):
    at = NOON - timedelta(seconds=7)
    publish(
        layout,
        [
            event(
                err="013", status_at=str(int(at.timestamp())), type="0", parts="2", cost="6.40", mnc="01", sender="Дом"
            )
        ],
    )
    row = one(layout)
    assert row["message_id"] == 1
    assert (row["status"], row["err"], row["type"], row["parts"], str(row["cost"])) == (1, 13, 0, 2, "6.4000")
    assert (row["status_at"], row["received_at"], row["time_source"]) == (at, NOON, "ts")
    assert (row["sender"], row["mnc"], row["extra"], row["copies"]) == ("Дом", "01", {}, 1)


@pytest.mark.parametrize(
    ("fields", "seconds", "source", "extra"),
    [
        pytest.param({}, 0, "received", {}, id="no-time"),
        pytest.param({"status_at": "0"}, 0, "received", {"status_at": "0"}, id="1970"),
        pytest.param({"status_at": "9223372036854775807"}, 0, "received", {"status_at": "9223372036854775807"}, id="overflow"),
        pytest.param({"status_at": "1e9"}, 0, "received", {"status_at": "1e9"}, id="not-decimal"),
        pytest.param({"status_at": "{noon+3600}"}, 3600, "ts", {}, id="an-hour-ahead"),
        pytest.param({"status_at": "{noon+3601}"}, 0, "received", {"status_at": "{noon+3601}"}, id="further-ahead"),
        pytest.param({"status_at": "{noon-2592000}"}, -2592000, "ts", {}, id="thirty-days-ago"),
        pytest.param({"status_at": "{noon-2592001}"}, 0, "received", {"status_at": "{noon-2592001}"}, id="longer-ago"),
        pytest.param({"status_time": "22.11.2026 14:59:00"}, -60, "time", {}, id="text-in-the-zone-of-the-account"),
        pytest.param({"status_time": "2026-11-22 14:59:00"}, -60, "time", {}, id="iso-text"),
        pytest.param({"status_at": "{noon-60}", "status_time": "22.11.2026 14:59:00"}, -60, "ts", {}, id="both-agree"),
        pytest.param(
            {"status_at": "{noon-60}", "status_time": "22.11.2026 17:59:00"}, -60, "ts", {"status_time": "22.11.2026 17:59:00"}, id="both-differ"
        ),
        pytest.param({"status_at": "0", "status_time": "22.11.2026 14:59:00"}, -60, "time", {"status_at": "0"}, id="ts-not-believed"),
        pytest.param({"status_time": "31.02.2026 25:61:00"}, 0, "received", {"status_time": "31.02.2026 25:61:00"}, id="no-such-date"),
    ],
)  # fmt: skip
def test_a_time_is_believed_only_near_its_receipt_and_its_source_is_told(layout, fields, seconds, source, extra):
    noon = int(NOON.timestamp())

    def filled(texts):
        return {k: str(noon + int(v[5:-1] or 0)) if v.startswith("{noon") else v for k, v in texts.items()}

    publish(layout, [event(**filled(fields))], {"default": "Europe/Moscow"})
    row = one(layout)
    assert (row["status_at"], row["time_source"]) == (NOON + timedelta(seconds=seconds), source)
    assert row["extra"] == filled(extra)


def test_text_times_are_read_in_the_zone_of_their_account(layout):
    publish(
        layout,
        [event(account="kz", status_time="22.11.2026 16:59:00")],
        {"kz": "Asia/Almaty", "default": "Europe/Moscow"},
    )
    assert one(layout)["status_at"] == NOON - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("err", "000", 0), ("err", "65534", 65534), ("err", "65535", None), ("err", "-1", None), ("err", "1_0", None), ("err", "0x10", None),
        ("status", "-128", -128), ("status", "-129", None), ("status", "127", 127), ("status", "128", None), ("status", "1.5", None), ("status", " 1", None),
        ("parts", "4294967296", None), ("type", "٣", None), ("type", "1\n", None), ("flag", "40", 40), ("cost", "1e3", None), ("cost", "3,10", None),
        ("cost", ".5", None), ("cost", "0.30001", None), ("cost", "12345678.1234", "12345678.1234"), ("cost", "NaN", None),
    ],
)  # fmt: skip
def test_what_does_not_convert_stays_as_text_in_extra(layout, name, text, value):
    publish(layout, [event(**{name: text})])
    row = one(layout)
    assert row[name] == value or str(row[name]) == value
    assert row["extra"] == ({name: text} if value is None else {})


@pytest.mark.parametrize(
    ("phone", "stored", "extra"),
    [
        ("79001230001", "79001230001", {}),
        ("+79001230001", "79001230001", {"phone": "+79001230001"}),
        ("User@Example.COM", "user@example.com", {"phone": "User@Example.COM"}),
    ],
)
def test_a_phone_is_stored_as_digits_and_an_address_in_lower_case(layout, phone, stored, extra):
    publish(layout, [event(phone=phone)])
    row = one(layout)
    assert (row["phone"], row["extra"]) == (stored, extra)


def test_every_kind_has_its_table(layout):
    noon = str(int(NOON.timestamp()))
    done = publish(
        layout,
        [
            event(),
            event("incoming", phone="79001230001", text="", to_number="79001230000", incoming_id="8", sent_at=noon),
            event("confirmation", phone="79001230001", called_at=noon),
            event("confirmation", phone="79001230001", called_at=str(int(noon) - 901)),
            event("call", {"order": "A-17"}, message_id="1042", phone="+79001230001", keys="21#"),
            event("send", **SEND, tag="login", purpose="code", cost="3.10", parts="2", sender="SHOP", source="api"),
            event("confirmation_request", **REQUEST, number_to_call="79001230000", purpose="code", request_id="r-1"),
            event("rejected", reason="signature", remote="127.0.0.1", body="aWQ9MQ=="),
        ],
    )
    assert done.rows == dict.fromkeys(EVENT_TABLES, 1) | {"confirmations": 2}
    incoming = one(layout, "incoming")
    assert (incoming["text"], incoming["incoming_id"], incoming["to_number"], incoming["sent_at"]) == (
        "",
        8,
        "79001230000",
        NOON,
    )
    assert sorted(row["stale"] for row in rows(layout, "confirmations")) == [False, True]
    assert (one(layout, "rejected")["reason"], one(layout, "rejected")["body"]) == ("signature", b"id=1")
    assert one(layout, "call_events") == {
        "date": NOON.date(), "account": "default", "message_id": 1042, "phone": "79001230001", "keys": "21#", "received_at": NOON,
        "signed_by": "md5", "copies": 1, "repeated_at": None, "extra": {"order": "A-17", "phone": "+79001230001"},
    }  # fmt: skip
    assert one(layout, "sends") == {
        "date": NOON.date(), "account": "default", "message_id": 1042, "phone": "79001230001", "sent_at": NOON, "tag": "login", "purpose": "code",
        "cost": Decimal("3.1000"), "parts": 2, "sender": "SHOP", "source": "api", "received_at": NOON,
    }  # fmt: skip
    assert one(layout, "confirmation_requests") == {
        "date": NOON.date(), "account": "default", "phone": "79001230001", "requested_at": NOON, "number_to_call": "79001230000",
        "purpose": "code", "request_id": "r-1", "received_at": NOON,
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"sent_at": "soon"},
        {"sent_at": ""},
        {"sent_at": "0"},
        {"sent_time": "November"},
        {"sent_at": "0", "sent_time": "01.01.1970 03:00:00"},
    ],
)
def test_a_time_of_an_incoming_sms_that_is_not_believed_stays_as_text(layout, fields):
    publish(layout, [event("incoming", phone="79001230001", text="", to_number="79001230000", **fields)])
    row = one(layout, "incoming")
    assert (row["sent_at"], row["extra"]) == (None, fields)


def test_a_call_event_may_tell_of_keys_and_nothing_more(layout):
    publish(layout, [event("call", keys="1"), event("call", keys="2", message_id="1e9")])
    assert [(row["keys"], row["message_id"], row["phone"], row["extra"]) for row in rows(layout, "call_events")] == [
        ("1", None, None, {}),
        ("2", None, None, {"message_id": "1e9"}),
    ]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("send", {"message_id": "1e9"}, id="id"),
        pytest.param("send", {"sent_at": "soon"}, id="time"),
        pytest.param("send", {"cost": "3,10"}, id="cost"),
        pytest.param("send", {"parts": "0"}, id="parts"),
        pytest.param("confirmation_request", {"requested_at": "-1"}, id="time-of-a-request"),
    ],
)
def test_a_record_of_which_a_value_does_not_convert_is_kept_whole_as_rejected(layout, kind, fields):
    whole = SEND if kind == "send" else REQUEST
    done = publish(layout, [event(kind, **whole | fields), event(kind, **whole)])
    assert done.unreadable == 1
    assert len(rows(layout, TABLE_OF_KIND[kind])) == 1
    assert next(iter(fields.values())).encode() in one(layout, "rejected")["body"]


def test_hlr_results_are_known_by_their_type_or_their_fields(layout):
    publish(
        layout,
        [
            event(message_id="1", type="4"),
            event(message_id="2", extra={"imsi": "25001"}),
            event(message_id="3", type="0"),
        ],
    )
    assert {row["message_id"]: row["hlr"] for row in rows(layout, "statuses")} == {1: True, 2: True, 3: False}


def test_nothing_is_published_twice_or_left_behind(layout):
    publish(layout, [event()])
    assert layout.segments("w0") == []
    assert layout.published("w0") == 1
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().flushed == []
    assert len(rows(layout, "statuses")) == 1
    assert list(layout.tmp.iterdir()) == []


def test_what_is_published_is_held_in_memory_no_longer(layout):
    writer = Journal(layout, "w0", now=lambda: STAMP * 1000)
    writer.write([event(), event("incoming", phone="79001230001", to_number="79001230000")])
    writer.close()
    layout.tmp.mkdir()
    with connect(layout) as connection:
        [done] = flush(connection, layout, "w0", {})
        assert (done.rows["statuses"], done.rows["incoming"]) == (1, 1)
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []


def test_a_crash_after_publishing_publishes_the_same_names_again(layout):
    writer = Journal(layout, "w0", now=lambda: STAMP * 1000)
    writer.write([event(message_id=str(number)) for number in range(10)])
    writer.close()
    [segment] = [layout.slot("w0") / segment.name for segment in layout.segments("w0")]
    kept = segment.read_bytes()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    segment.write_bytes(kept)  # as if the machine had stopped before `published` and the removal reached the disk
    (layout.slot("w0") / "published").unlink()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    assert sorted(row["message_id"] for row in rows(layout, "statuses")) == list(range(10))


def test_five_restarts_with_an_emptied_journal_lose_nothing(layout):
    for number in range(5):
        publish(layout, [event(message_id=str(number))])
        shutil.rmtree(layout.data / "journal")
    assert sorted(row["message_id"] for row in rows(layout, "statuses")) == list(range(5))
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    from smsanalytics import open_store

    assert sorted(row[0] for row in open_store(layout.data).messages().select("message_id").fetchall()) == list(
        range(5)
    )


def rewritten(old, new, **fields):
    """A line of other content with a true checksum: as a bug, or a hand, would make it."""
    content = line(event(**fields), STAMP).replace(old, new).rpartition(b',"crc":')[0]
    return content + b',"crc":"%08x"}\n' % zlib.crc32(content)


POISON = [
    pytest.param(b"\n", id="empty-line"),
    pytest.param(b"not json\n", id="no-json"),
    pytest.param(b"\xff\xfe\x00\n", id="bytes"),
    pytest.param(b'{"v":1}\n', id="no-fields"),
    pytest.param(b"[]\n", id="list"),
    pytest.param(b"null\n", id="null"),
    pytest.param(rewritten(b'"v":1', b'"v":0'), id="no-version-there-ever-was"),
    pytest.param(rewritten(b'"v":1', b'"v":"1"'), id="version-in-quotes"),
    pytest.param(line(event(), STAMP).replace(b'"v":1', b'"v":2'), id="version-altered-on-the-disk"),
    pytest.param(rewritten(b'"kind":"status"', b'"kind":"news"'), id="unknown-kind"),
    pytest.param(line(event(), 9223372036854775807), id="received-at-overflow"),
    pytest.param(rewritten(b"%d" % STAMP, b'"soon"'), id="received-at-text"),
    pytest.param(rewritten(b'"X"', b'"\\ud800"', sender="X"), id="lone-surrogate"),
    pytest.param(rewritten(b'"sender":"X"', b'"phone":"1","phone":"2"', sender="X"), id="key-twice"),
    pytest.param(rewritten(b'"X"', b"{}", sender="X"), id="object-for-text"),
    pytest.param(line(event(), STAMP)[:-1] + line(event(), STAMP), id="two-on-one-line"),
    pytest.param(json.dumps([None, {"": "áPᕶÑ" * 40}]).encode() + b"\n", id="error-text-cut-within-a-character"),
    pytest.param(
        rewritten(b'"X"', json.dumps([None, {"": "áPᕶÑ" * 40}]).encode(), sender="X"), id="the-same-with-a-checksum"
    ),
    pytest.param(line(event(), STAMP + 86_400_000_000), id="of-another-date"),
    pytest.param(line(event(), STAMP).replace(b'"status":"1"', b'"status":"3"'), id="altered-on-the-disk"),
    pytest.param(line(event(message_id="1e9"), STAMP), id="id-1e9"),
    pytest.param(line(event(sender="a\0b", extra={"x\0": "\0"}), STAMP), id="nul"),
    pytest.param(line(event(status_at="9223372036854775807"), STAMP), id="ts-overflow"),
    pytest.param(line(event(extra={"status": "1", "": ""}), STAMP), id="odd-extra-names"),
    pytest.param(line(event(sender="x" * 300_000), STAMP), id="long-text"),
    pytest.param(line(event("send", **SEND | {"cost": "1e3"}), STAMP), id="send-cost"),
    pytest.param(line(event("send", sent_at="9999999999999999"), STAMP), id="send-of-nothing"),
    pytest.param(line(event("confirmation_request", phone="x"), STAMP), id="request-without-time"),
    pytest.param(line(event("call"), STAMP), id="call-of-nothing"),
]


@pytest.mark.parametrize("poison", POISON)
def test_one_poisonous_line_never_stops_a_flush_nor_its_neighbours(layout, poison):
    good = [line(event(message_id=str(number)), STAMP) for number in (101, 102, 103)]
    slot = layout.slot("w0")
    slot.mkdir(parents=True)
    (slot / "0000000001.2026-11-22.sealed").write_bytes(good[0] + poison + good[1] + good[2])
    with Maintenance(layout, {}) as maintenance:
        done = maintenance.run()
    stored = rows(layout, "statuses")
    assert {101, 102, 103} <= {row["message_id"] for row in stored}
    assert sum(len(rows(layout, table)) for table in EVENT_TABLES) == (3 if poison == b"\n" else 4)
    assert done.unreadable == len(rows(layout, "rejected"))
    assert all(row["body"] == poison.rstrip(b"\n") for row in rows(layout, "rejected"))
    assert layout.segments("w0") == []


SEGMENTS = Path(__file__).with_name("segments")  # one of each version, as it was written then: they stay


def test_there_is_a_segment_of_every_version():
    assert sorted(path.name for path in SEGMENTS.iterdir()) == [f"{v}.sealed" for v in range(1, VERSION + 1)]


def test_a_segment_of_version_1_is_read_for_ever(layout):
    layout.slot("w0").mkdir(parents=True)
    shutil.copy(SEGMENTS / "1.sealed", layout.slot("w0") / "0000000001.2026-11-22.sealed")
    with Maintenance(layout, {"default": "Europe/Moscow"}) as maintenance:
        done = maintenance.run()
    assert done.unreadable == 0
    assert done.rows == dict.fromkeys(EVENT_TABLES, 1) | {"statuses": 4}
    first, second, *batch = sorted(rows(layout, "statuses"), key=lambda row: row["message_id"])
    assert (first["message_id"], first["phone"], first["status"], first["err"]) == (1042, "79001230001", 1, 13)
    assert (first["sender"], first["cost"], first["extra"]) == (
        "Дом",
        Decimal("6.4"),
        {"own": "ключ", "phone": "+79001230001"},
    )
    assert (second["status"], second["status_at"], second["time_source"]) == (-1, NOON, "time")
    assert [(row["message_id"], row["signed_by"], row["extra"]) for row in batch] == [
        (1044, "sha1", {"status_at": "0"}),
        (1045, "sha1", {"status_at": "0"}),
    ]
    assert one(layout, "incoming")["text"] == 'Привет, "мир"\n'
    assert one(layout, "rejected")["body"] == b"id=1"


def test_what_a_dead_collector_left_of_version_1_is_sealed_as_it_stands(layout):
    left = layout.slot("w0") / "0000000001.2026-11-22.open"
    left.parent.mkdir(parents=True)
    shutil.copy(SEGMENTS / "1.sealed", left)
    recover(left.parent)
    assert left.with_suffix(".sealed").read_bytes() == (SEGMENTS / "1.sealed").read_bytes()


def test_a_segment_of_a_newer_version_waits_for_it_and_holds_up_its_writer_alone(layout, monkeypatch):
    for writer in ("w0", "w1"):
        layout.slot(writer).mkdir(parents=True)
    segments = [layout.slot("w0") / f"000000000{number}.2026-11-22.sealed" for number in (1, 2, 3)]
    newer = rewritten(b'"v":1', b'"v":2', message_id="103")
    contents = [line(event(message_id="101"), STAMP), line(event(message_id="102"), STAMP) + newer + b"torn\n",
                line(event(message_id="104"), STAMP)]  # fmt: skip
    for segment, content in zip(segments, contents, strict=True):
        segment.write_bytes(content)
    (layout.slot("w1") / segments[0].name).write_bytes(line(event(message_id="201"), STAMP))
    said = (
        r"w0/0000000002.2026-11-22.sealed was written by a newer smsanalytics, in format 2 where this one reads up to 1"
    )
    for _ in range(2):
        with Maintenance(layout, {}) as maintenance, pytest.raises(StoreError, match=said):
            maintenance.run()
    assert {row["message_id"] for row in rows(layout, "statuses")} == {101, 201}
    assert rows(layout, "rejected") == []
    assert [segment.read_bytes() for segment in segments[1:]] == contents[1:]
    assert Live.read(layout).folded == {"w0": 1, "w1": 1}
    monkeypatch.setattr("smsanalytics.storage.publish.FORMAT", 2)
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().unreadable == 1
    assert {row["message_id"] for row in rows(layout, "statuses")} == {101, 102, 103, 104, 201}
    assert layout.segments("w0") == []


def test_what_a_newer_version_left_open_is_sealed_as_it_stands(layout):
    left = layout.slot("w0") / "0000000001.2026-11-22.open"
    left.parent.mkdir(parents=True)
    left.write_bytes(line(event(message_id="101"), STAMP) + (newer := rewritten(b'"v":1', b'"v":2')))
    recover(left.parent)
    assert left.with_suffix(".sealed").read_bytes().endswith(newer)


def test_the_slots_of_writers_that_are_no_more_are_adopted(layout):
    """As when a collector had three workers and now has one: it runs, and the slots of the others are nobody's."""
    writers = {writer: Journal(layout, writer, now=lambda: STAMP * 1000) for writer in ("w0", "w1", "w2")}
    for number, writer in enumerate(writers.values(), start=1):
        writer.write([event(message_id=str(number))])
    crashed = Layout(shutil.copytree(layout.data, layout.data.with_name("crashed")))
    for writer in writers.values():
        writer.close()
    with Maintenance(crashed, {}) as maintenance:
        living = Journal(crashed, "w0", now=lambda: STAMP * 1000)
        living.write([event(message_id="4")])
        maintenance.run()
        assert {row["message_id"] for row in rows(crashed, "statuses")} == {1, 2, 3}  # the living one's is its own
        living.close()
        maintenance.run()
    assert {row["message_id"] for row in rows(crashed, "statuses")} == {1, 2, 3, 4}
    assert Live.read(crashed).folded == {"w0": 2, "w1": 1, "w2": 1}


def test_ten_thousand_torn_lines_are_no_matter(layout):
    good = line(event(message_id="101"), STAMP)
    layout.slot("w0").mkdir(parents=True)
    (layout.slot("w0") / "0000000001.2026-11-22.sealed").write_bytes(good + b'{"v":1,"torn\n' * 10_000)
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().unreadable == 10_000
    assert [row["message_id"] for row in rows(layout, "statuses")] == [101]


def test_a_fault_of_the_machine_is_not_taken_for_one_of_the_content(layout, monkeypatch):
    writer = Journal(layout, "w0", now=lambda: STAMP * 1000)
    writer.write([event()])
    writer.close()
    monkeypatch.setattr("smsanalytics.storage.publish.typed", lambda *_: "SELECT no_such_function()")
    with Maintenance(layout, {}) as maintenance, pytest.raises(StoreError, match="known to be good"):
        maintenance.run()
    monkeypatch.undo()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    assert len(rows(layout, "statuses")) == 1


def test_a_zone_that_duckdb_does_not_know_stops_the_maintenance_before_it_touches_anything(layout):
    with (
        pytest.raises(StoreError, match="does not know the time zone localtime"),
        Maintenance(layout, {"default": "localtime"}),
    ):
        pass


texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "",
        "0",
        "-1",
        "1e9",
        "9223372036854775807",
        "-9223372036854775808",
        "0x10",
        "1_000",
        "NaN",
        "inf",
        "1.5",
        "\0",
        "\u2028",
        "31.12.9999 23:59:59",
    ]
)
FIELDS = ["message_id", "phone", "status", "err", "status_at", "status_time", "type", "parts", "cost", "sender", "mcc", "flag", "text",
          "to_number", "incoming_id", "sent_at", "sent_time", "called_at", "keys", "requested_at", "number_to_call", "tag", "source",
          "reason", "remote", "body"]  # fmt: skip
events = st.builds(
    lambda kind, fields, extra: entry(
        account="default", kind=kind, signed_by="md5", key="k", fields=fields, extra=extra
    ),
    st.sampled_from(sorted(TABLE_OF_KIND)),
    st.dictionaries(st.sampled_from(FIELDS), texts),
    st.dictionaries(texts, texts, max_size=4),
)
garbage = st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b" ") + b"\n") | st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode() + b"\n")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.booleans(), events, garbage, st.just(STAMP) | st.integers(0, 2**63 - 1)), min_size=1, max_size=6
    )
)
def test_whatever_a_segment_holds_every_line_ends_up_in_some_table(lines):
    with tempfile.TemporaryDirectory() as directory:
        layout = Layout(Path(directory))
        layout.slot("w0").mkdir(parents=True)
        parts = [line(one, stamp) if ours else bad for ours, one, bad, stamp in lines]
        neighbour = line(event(message_id="424242"), STAMP)
        (layout.slot("w0") / "0000000001.2026-11-22.sealed").write_bytes(b"".join([*parts, neighbour]))
        with Maintenance(layout, {}) as maintenance:
            maintenance.run()
        stored = [row for table in EVENT_TABLES for row in rows(layout, table)]
        assert len(stored) == len([part for part in parts if part != b"\n"]) + 1
        assert any(row.get("message_id") == 424242 for row in stored)
        assert layout.segments("w0") == []


def test_a_line_received_on_another_date_than_its_segment_is_of_no_table_but_rejected(layout):
    day = 86_400 * 10**6
    slot = layout.slot("w0")
    slot.mkdir(parents=True)
    times = {"1": STAMP - day, "2": STAMP, "3": STAMP + day}
    lines = [line(event(message_id=number), at) for number, at in times.items()]
    (slot / f"0000000001.{NOON.date()}.sealed").write_bytes(b"".join(lines))
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().rows["statuses"] == 1
    assert [(row["message_id"], row["received_at"]) for row in rows(layout, "statuses")] == [(2, NOON)]
    midnight = NOON.replace(hour=0)
    assert [(row["reason"], row["received_at"]) for row in rows(layout, "rejected")] == [("journal", midnight)] * 2
    assert {row["body"] + b"\n" for row in rows(layout, "rejected")} == {lines[0], lines[2]}
    assert {path.parent.name for path in layout.data.rglob("*.parquet")} == {f"date={NOON.date()}"}


def test_a_line_that_cannot_be_read_keeps_its_receipt_where_that_is_of_the_date(layout):
    midnight = STAMP - 12 * 3600 * 10**6
    last = midnight + 86_400 * 10**6 - 1
    layout.slot("w0").mkdir(parents=True)
    stamps = [midnight - 1, midnight, midnight + 1, last, last + 1]
    altered = [line(event(message_id="2"), stamp).replace(b'"2"', b'"3"') for stamp in stamps]
    (layout.slot("w0") / "0000000001.2026-11-22.sealed").write_bytes(b"".join(altered))
    with Maintenance(layout, {}) as maintenance:
        assert maintenance.run().unreadable == 5
    received = sorted(round(row["received_at"].timestamp() * 10**6) for row in rows(layout, "rejected"))
    assert received == [midnight, midnight, midnight, midnight + 1, last]


def test_a_segment_without_events_is_published_too_and_its_number_stays_taken(layout):
    layout.slot("w0").mkdir(parents=True)
    for seq in (4, 5):
        (layout.slot("w0") / f"000000000{seq}.2026-11-22.sealed").touch()
    with Maintenance(layout, {}) as maintenance:
        assert [one.seq for one in maintenance.run().flushed] == [4, 5]
    assert read_number(layout.slot("w0") / "published") == 5
    assert (layout.published("w0"), layout.last_number("w0")) == (5, 5)


def test_it_stops_before_a_segment_that_is_still_open(layout):
    layout.slot("w0").mkdir(parents=True)
    for seq, state in ((1, "sealed"), (2, "open"), (3, "sealed")):
        (layout.slot("w0") / f"000000000{seq}.2026-11-22.{state}").write_bytes(line(event(message_id=str(seq)), STAMP))
    layout.tmp.mkdir()
    with connect(layout) as connection:
        assert [done.seq for done in flush(connection, layout, "w0", {})] == [1]
    assert [segment.seq for segment in layout.segments("w0")] == [2, 3]
    assert layout.published("w0") == 1
