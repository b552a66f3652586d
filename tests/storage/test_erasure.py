"""After a number was forgotten no file of the store holds it, wherever it was killed before, and all else is there."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import orjson
import pytest
from programs import need
from serving import serving
from signing import form, incoming_body, md5_of, status_body
from tracing import ON_THE_DISK, calls_of

from smsanalytics import open_store
from smsanalytics.errors import MalformedRecord
from smsanalytics.storage import ingest
from smsanalytics.storage.catalog import EventFile, Layout, SegmentFile
from smsanalytics.storage.erasure import forget_in
from smsanalytics.storage.journal import Journal, entry, is_whole, line
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.number import Number
from smsanalytics.storage.pseudonyms import Privacy
from smsanalytics.storage.reader import Tables, connect

PHONE, OTHER, OWN = "79001230001", "79001230002", "79001230000"
CORE = PHONE[1:]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIX = int(NOON.timestamp())
SPELLED = [
    "+" + PHONE,
    "8" + CORE,
    "%2B" + PHONE,
    "8 (900) 123-00-01",
    "7+900+123+00+01",
    "".join(f"%3{d}" for d in PHONE),
]
KEY = b"an-example-of-a-key-2026"


def event(kind="status", extra=None, **fields):
    return entry(account="default", kind=kind, signed_by="md5", key="2026", fields=fields, extra=extra or {})


def events():
    """Of each kind one of the number and one of another, who names the number in a text; and refused bodies."""
    for number, phone in enumerate((PHONE, OTHER), start=1):
        yield event(extra={"to": "8" + CORE}, message_id=str(number), phone="+" + phone, status="1", sender=CORE)
        yield event("incoming", {"raw_note": PHONE.encode().hex()}, phone=phone, to_number=OWN,
                    text=f"Call +{PHONE} or 8 (900) 123-00-01 {PHONE}", incoming_id=str(number))  # fmt: skip
        yield event("confirmation", {PHONE: "1", "kept": "1"}, phone=phone, called_at=str(UNIX))
        yield event("call", message_id=str(number), phone="8" + phone[1:], keys="1")
        yield from ingest.encode("send", [{"message_id": number, "phone": phone, "sent_at": str(UNIX), "tag": PHONE}])
        yield from ingest.encode("confirmation_request", [{"phone": phone, "requested_at": str(UNIX)}])
    for spelled in [*SPELLED, OTHER]:
        body = base64.b64encode(f"id=1&phone={spelled}&status=1".encode()).decode()
        yield event("rejected", reason="signature", remote="192.0.2.1", body=body)


def filled(data):
    """Published and folded twice, with what compaction, crashes and recoveries leave."""
    layout = Layout(data)
    for batch in (list(events()), [event(message_id="3", phone=OTHER, status="1")]):
        writer = Journal(layout, "w0", now=lambda: UNIX * 10**9)
        writer.write(batch)
        writer.close()
        with Maintenance(layout, {}) as maintenance:
            maintenance.run()
    for table in ("statuses", "rejected"):  # as if merged: the narrow file is superseded
        narrow = layout.event_file(table, NOON.date(), EventFile("w0", 1, 1))
        shutil.copy(narrow, layout.event_file(table, NOON.date(), EventFile("w1", 1, 1)))
        shutil.copy(narrow, layout.event_file(table, NOON.date(), EventFile("w1", 1, 2)))
    assert len(list(layout.messages.rglob("*.parquet"))) == 2
    (layout.tmp / "spill").mkdir()
    for left_over in ("part-w0.jsonl", "spill/duckdb_temp_0.block"):
        (layout.tmp / left_over).write_text(PHONE)
    quarantine = layout.slot("w0") / "quarantine"
    quarantine.mkdir()
    (quarantine / "0000000001.lines").write_bytes(b"torn " + PHONE.encode() + b"\nothers\n")
    waiting = Journal(layout, "w2", now=lambda: UNIX * 10**9)  # whoever wrote it is dead
    waiting.write(list(events()))
    shutil.copytree(layout.slot("w2"), layout.slot("w3"))
    waiting.close()
    return layout


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("full") / "data").data


def forget(data, *arguments, prefix=(), phone=PHONE, **environment):
    command = [*prefix, sys.executable, "-m", "smsanalytics", "forget", phone, "--yes", "--data", str(data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, cwd=data.parent)


def forgotten(layout):
    with Maintenance(layout, {}) as maintenance:
        return forget_in(layout, maintenance, Number.of(PHONE, Privacy()))


def holding(data, *numbers):
    """The files that hold digits of a number: their names, and their content, decompressed."""
    numbers = numbers or (CORE,)
    forms = [re.compile("|".join([re.escape(one), one.encode().hex()])) for one in numbers]
    for path in data.rglob("*"):
        if path.is_dir():
            continue
        content = path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            columns = [name for name, *_ in duckdb.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall()]
            texts = ", ".join(f'"{name}"::VARCHAR' for name in columns)
            rows = duckdb.execute(f"SELECT {texts} FROM read_parquet(?)", [str(path)]).fetchall()
            content += "\n".join(str(value) for row in rows for value in row)
        for body in re.findall(r'"body":"([^"]+)"', content):
            content += base64.b64decode(body).decode("latin-1")
        if any(form.search(content) for form in forms) or any(one in content for one in SPELLED):
            yield path


def others(data):
    """What there must be of the other, once published."""
    store = open_store(data)
    with connect(Layout(data)) as connection:
        Tables(Layout(data), connection).require_whole(Live.read(Layout(data)))  # live.json says how many there are
    tables = [store.statuses(), store.incoming(), store.confirmations(), store.call_events(), store.sends(),
              store.confirmation_requests(), store.messages()]  # fmt: skip
    return [len(table.filter("right(phone, 10) = '9001230002'").fetchall()) for table in tables]


@pytest.mark.parametrize(
    "text",
    ["8 (900) 123-00-01", "8\u00a0900\u00a0123\u00a000\u00a001", "8-900-123\u201300\u201301", "8 900 / 123 00 01"],
)
@pytest.mark.parametrize("charset", ["utf-8", "cp1251"])
def test_a_number_is_found_as_people_write_it_and_as_hex_of_that(text, charset):
    number, written = Number.of("9001230001", Privacy()), text.encode(charset)
    assert number.mentioned(written)
    assert number.mentioned(written.hex().encode())


def test_no_file_holds_it_any_more_and_all_of_others_is_there(full, tmp_path):
    data = shutil.copytree(full, tmp_path / "data")
    assert {path.relative_to(data).parts[0] for path in holding(data)} == {
        "statuses", "incoming", "confirmations", "call_events", "sends", "confirmation_requests", "rejected",
        "messages", "journal", "tmp",
    }  # fmt: skip
    control = shutil.copytree(full, tmp_path / "control")
    with Maintenance(Layout(control), {}) as maintenance:
        maintenance.run()
    done = forget(data)
    assert done.returncode == 0, done.stderr
    assert list(holding(data)) == []
    assert others(data) == others(control)
    assert CORE not in done.stdout + done.stderr
    assert "journal: 1 rows of 1 files\n" in done.stdout
    assert re.search(r"^rejected: \d+ rows of 5 files$", done.stdout, re.MULTILINE)
    store = open_store(data)
    texts = {text for (text,) in store.incoming().select("text").fetchall()}
    assert texts == {"Call *** or *** ***"}
    assert [row for (row,) in store.confirmations().select("extra").fetchall()] == [{"kept": "1"}]
    assert {bytes(body) for (body,) in store.rejected().select("body").fetchall()} == {
        b"id=1&phone=79001230002&status=1"
    }
    again = forget(data)
    assert (again.returncode, again.stdout) == (0, "no file held it\n")


def fresh(full, directory):
    """A copy of the store, as if it were written now: nothing of it is swept yet."""
    return shutil.copytree(full, directory, copy_function=shutil.copy)


def test_killed_anywhere_and_run_again_it_has_forgotten_all(full, tmp_path):
    need("strace", "it cannot be killed at a chosen call")
    data, log = fresh(full, tmp_path / "seen" / "data"), tmp_path / "log"
    strace = ["strace", "-f", "-y", "-s", "300", "-o", str(log)]
    assert forget(data, prefix=[*strace, "-e", f"trace={','.join(ON_THE_DISK)}"]).returncode == 0
    expected = others(data)
    calls = [call for call in calls_of(log) if call.name.startswith("rename")]
    last = [call for call in calls if any("/tmp/" in path for path in call.paths)]  # files written anew
    names = {last[0].name}
    assert len(names) == 1
    count = len([call for call in calls if call.name == last[0].name])
    for number, nth in enumerate((count // 2, count - 2)):
        data = fresh(full, tmp_path / str(number) / "data")
        killing = [*strace, "-e", f"inject={last[0].name}:signal=SIGKILL:when={nth}", "-e", f"trace={last[0].name}"]
        assert forget(data, prefix=killing).returncode != 0
        assert list(holding(data))
        assert forget(data).returncode == 0
        assert list(holding(data)) == []
        assert others(data) == expected


def test_beside_a_collector_it_says_that_something_is_left_until_that_is_published(tmp_path):
    with serving(tmp_path / "data", "--flush-seconds", "10") as collector:
        phone, another = PHONE, OTHER
        assert collector.post(status_body(1, phone)) == 200
        assert collector.post(status_body(2, another)) == 200
        assert collector.post(incoming_body(another, f"8{CORE}", OWN)) == 200
        assert collector.post(form({"id": 3, "phone": phone, "status": 1, "md5": md5_of(3, phone, 2)})) == 403
        done = forget(collector.data)
        assert done.returncode == 1
        assert re.search(r"journal/w0/\S+\.open holds it, which a collector is writing; run this again", done.stdout)
        assert CORE not in done.stdout + done.stderr
        for _ in range(20):
            if (done := forget(collector.data)).returncode == 0:
                break
        assert done.returncode == 0
        assert list(holding(collector.data)) == []
        assert collector.post(status_body(4, another)) == 200  # and it goes on
        assert collector.stop() == 0
    rows = open_store(collector.data).statuses().select("message_id").order("message_id").fetchall()
    assert rows == [(2,), (4,)]


def test_a_segment_that_cannot_be_published_does_not_keep_it(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.slot("w0").mkdir(parents=True)
    segment = layout.slot("w0") / SegmentFile(1, NOON.date(), "sealed").name
    lines = [line(event(message_id="1", phone=phone, status="1"), UNIX * 10**6) for phone in (PHONE, OTHER)]
    newer = [one[: one.rindex(b',"crc"')].replace(b'{"v":1', b'{"v":2') for one in lines]
    newer = [b'%s,"crc":"%08x"}\n' % (one, zlib.crc32(one)) for one in newer]
    segment.write_bytes(b"".join(newer))
    done = forget(layout.data)
    assert done.returncode == 1
    assert "not everything could be published: journal/w0/" in done.stdout
    assert segment.read_bytes() == newer[1]


def test_another_subscribers_event_that_mentions_it_stays_where_it_cannot_be_published(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.slot("w0").mkdir(parents=True)
    first, second = (layout.slot("w0") / SegmentFile(seq, NOON.date(), "sealed").name for seq in (1, 2))
    newer = line(event(message_id="1", phone=OTHER, status="1"), UNIX * 10**6)[: -len(b',"crc":"00000000"}\n')]
    newer = newer.replace(b'{"v":1', b'{"v":2')
    first.write_bytes(b'%s,"crc":"%08x"}\n' % (newer, zlib.crc32(newer)))
    text = {"phone": OTHER, "to_number": OWN, "text": f"call +{PHONE}, please", "incoming_id": "7"}
    written = entry(account="default", kind="incoming", signed_by="md5", key="k", fields=text, extra={"note": PHONE})
    second.write_bytes(line(written, UNIX * 10**6) + line(event(message_id="2", phone=PHONE, status="1"), UNIX * 10**6))
    assert forget(layout.data).returncode == 1
    [left] = second.read_bytes().splitlines(keepends=True)
    assert is_whole(left)
    found = orjson.loads(left)
    assert (found["fields"], found["extra"]) == (text | {"text": "call ***, please"}, {"note": "***"})
    assert (found["received_at"], found["signed_by"]) == (UNIX * 10**6, "md5")


def test_pseudonyms_of_the_number_are_forgotten_too(tmp_path):
    layout = Layout(tmp_path / "data")
    writer = Journal(layout, "w0", now=lambda: UNIX * 10**9)
    writer.write([event(message_id="1", phone=PHONE, status="1"), event(message_id="2", phone=OTHER, status="1")])
    writer.close()
    with Maintenance(layout, {}, privacy=Privacy(KEY)) as maintenance:
        maintenance.run()
    token = Privacy(KEY).pseudonym(PHONE)
    assert list(holding(layout.data, token))
    assert forget(layout.data, SMSANALYTICS_PSEUDONYM_KEY=KEY.decode(), phone="8 900 123-00-01").returncode == 0
    assert list(holding(layout.data, token)) == []
    assert len(open_store(layout.data).messages().fetchall()) == 1


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        pytest.param("1:2", "needed a number of 7 to 15 digits, an address, ", id="no-number"),
        pytest.param("+7 900 123-00-00", "this is a receiving number of account shop", id="own-number"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_and_not_shown(tmp_path, phone, said):
    (tmp_path / "smsanalytics.toml").write_text('[accounts.shop]\ninbound_numbers = ["79001230000"]\n')
    (tmp_path / "data").mkdir()
    done = forget(tmp_path / "data", phone=phone)
    assert done.returncode == 2
    assert said in done.stderr
    assert "1230000" not in done.stderr


@pytest.mark.parametrize(
    ("phone", "text", "found"),
    [
        ("1230001", "of 1230001.", True),
        ("1230001", "of 79001230001", False),  # a short one is not found in longer ones
        (PHONE, r"phone=\u0037\u0039001230001", True),
        (PHONE, "phone=%2579001230001", True),
        (PHONE, "phone=&#55;9001230001", True),
        pytest.param(PHONE, "<phone>79001230001</phone>".encode("utf-16"), True, id="utf-16"),
        ("Somebody@Example.org", "phone=SOMEBODY%40example.org", True),
        ("Somebody@Example.org", "phone=nobody%40example.org", False),
    ],
)  # fmt: skip
def test_a_number_is_found_in_what_was_received_however_it_is_written(phone, text, found):
    assert Number.of(phone, Privacy()).mentioned(text if isinstance(text, bytes) else text.encode()) == found


def test_no_number_at_all_is_an_error_that_does_not_show_it():
    with pytest.raises(MalformedRecord) as raised:
        Number.of("7900123000155555", Privacy())
    assert "123000" not in str(raised.value)


def test_of_the_store_there_is_no_directory(tmp_path):
    done = forget(Path(tmp_path / "nowhere"))
    assert (done.returncode, "there is no store at" in done.stderr) == (2, True)


def stuck(layout):
    """A segment that a newer version wrote: it and those after it are not published."""
    layout.slot("w0").mkdir(parents=True)
    written = line(event(message_id="1", phone=OTHER, status="1"), UNIX * 10**6)
    newer = written[: written.rindex(b',"crc"')].replace(b'{"v":1', b'{"v":2')
    path = layout.slot("w0") / SegmentFile(1, NOON.date(), "sealed").name
    path.write_bytes(b'%s,"crc":"%08x"}\n' % (newer, zlib.crc32(newer)))
    return path


def test_a_segment_stays_when_nothing_is_left_in_it_and_another_file_of_the_journal_goes(tmp_path):
    layout = Layout(tmp_path / "data")
    first = stuck(layout)
    before = first.read_bytes()
    second = first.with_name(SegmentFile(2, NOON.date(), "sealed").name)  # its number must not be given again
    refused = event("rejected", reason="signature", remote="", body=base64.b64encode(PHONE.encode()).decode())
    lines = [event(message_id="2", phone="+" + PHONE, status="1"), refused]
    second.write_bytes(b"".join(line(one, UNIX * 10**6) for one in lines) + b"torn " + PHONE.encode() + b"\n")
    quarantine = layout.slot("w0") / "quarantine"
    quarantine.mkdir()
    (quarantine / "0000000001.lines").write_bytes(PHONE.encode())
    (quarantine / "0000000002.lines").write_bytes(b"torn\n" + PHONE.encode() + b"\nothers")
    done = forgotten(layout)
    assert [sentence.partition(":")[0] for sentence in done.left] == ["not everything could be published"]
    assert (done.rows, done.files) == ({"journal": 5}, {"journal": 3})
    assert (first.read_bytes(), second.read_bytes()) == (before, b"")
    assert [(path.name, path.read_bytes()) for path in quarantine.iterdir()] == [("0000000002.lines", b"torn\nothers")]


def test_what_a_living_reader_has_spilled_stays_and_of_a_dead_one_goes(tmp_path):
    layout = Layout(tmp_path / "data")
    (layout.tmp / "spill").mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    own, others = (layout.tmp / "spill" / f"duckdb_temp_{pid}_0.block" for pid in (os.getpid(), dead.pid))
    for path in (own, others, layout.tmp / "part-w0.jsonl"):
        path.write_bytes(b"spilled")
    assert forgotten(layout).complete
    assert [path for path in layout.tmp.rglob("*") if path.is_file()] == [own]


def test_a_file_that_cannot_be_read_and_a_foreign_one_are_named_and_all_others_are_rewritten(tmp_path):
    layout = Layout(tmp_path / "data")
    for phone in (PHONE, OTHER):
        writer = Journal(layout, "w0", now=lambda: UNIX * 10**9)
        writer.write(
            [event(message_id="1", phone=phone, status="1"), event("confirmation", phone=phone, called_at="1")]
        )
        writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    damaged = layout.event_file("confirmations", NOON.date(), EventFile("w0", 1, 1))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    (layout.data / "notes.txt").write_text(f"call {PHONE}")
    done = forgotten(layout)
    assert not done.complete
    assert done.left == [
        f"{damaged.relative_to(layout.data)} cannot be read; move it out of the store",
        "notes.txt holds it, and is no file of the store: remove it",
    ]
    assert done.rows == {"statuses": 1, "messages": 1}
    assert open_store(layout.data).statuses().select("phone").fetchall() == [(OTHER,)]
    assert open_store(layout.data).messages().select("phone").fetchall() == [(OTHER,)]
    (layout.data / "notes.txt").unlink()
    damaged.unlink()
    assert forgotten(layout).complete


def test_a_number_in_digits_of_another_script_is_found_in_utf_16_too():
    wide = "".join(chr(0xFEE0 + ord(digit)) for digit in PHONE).encode("utf-16")
    assert b"\0" not in wide
    assert Number.of(PHONE, Privacy()).mentioned(wide)


@pytest.mark.parametrize("stored", ["79001230001", "89001230001", "9001230001"])
def test_each_pseudonym_of_a_number_is_found_and_struck_out_of_a_text(stored):
    number, token = Number.of(PHONE, Privacy(KEY)), Privacy(KEY).pseudonym(stored)
    assert number.mentioned(f"note={token}".encode())
    assert number.struck(f"of {token}.") == "of ***."
    assert not Number.of(OTHER, Privacy(KEY)).mentioned(token.encode())
