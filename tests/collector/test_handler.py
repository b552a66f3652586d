"""Raw request bodies, posted with curl to a running collector and read back from Parquet with plain DuckDB."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from urllib.parse import unquote_to_bytes

import duckdb
import pytest
from programs import need
from receiving import collected
from serving import maintain, serving
from signing import form, md5_of

from smsanalytics.smsc.signature import CHARSETS

BASE = 1_795_338_000
BODIES = Path(__file__).parents[1] / "callbacks"
STATUS = {"message_id": 1042, "phone": "79001234567", "status": 1, "signed_by": "md5", "key": "default"}
TS = {"status_at": "1700000000"}  # of 2023: too far from its receipt to be believed, and kept
INCOMING = {"phone": "79001234567", "to_number": "79037654321", "signed_by": "md5"}
WORDS = ("Доставка", "Привет", "Вход", "Дом")
CALLED = {"phone": "79001234567", "stale": True, "signed_by": "md5"}
PRESSED = {"phone": "79001234567", "signed_by": "none"}


def called(seconds):
    return datetime.fromtimestamp(1700000000 + seconds, UTC)


EXPECTED = {
    "status-delivered-md5": ("statuses", STATUS | {"err": 0, "type": 0, "parts": 1, "cost": "3.1000", "extra": TS}),
    "status-undeliverable-sha1": ("statuses", STATUS | {"status": 20, "err": 13, "signed_by": "sha1", "extra": TS}),
    "status-waiting-md5-and-sha1": ("statuses", STATUS | {"status": -1, "signed_by": "md5+sha1", "err": None, "extra": {}}),
    "status-upper-case-hash": ("statuses", STATUS | {"time_source": "received"}),
    "status-read-email": ("statuses", {"message_id": 77, "phone": "user@example.com", "status": 2, "type": 8, "flag": 40}),
    "status-sender-windows-1251": ("statuses", STATUS | {"sender": "Доставка", "operator": "МТС", "extra": {}}),
    "status-sender-utf-8": ("statuses", STATUS | {"sender": "Доставка", "extra": {"charset": "utf-8"}}),
    "status-sender-koi8-r": ("statuses", STATUS | {"sender": "Доставка", "extra": {"charset": "koi8-r"}}),
    "status-hlr": ("statuses", STATUS | {"type": 4, "mcc": "250", "mnc": "01", "cost": "0.3000",
                                         "extra": TS | {"imsi": "250010000000000", "cn": "Russia", "net": "MTS"}}),
    "status-own-parameters": ("statuses", {"message_id": 5, "phone": "79001234567", "status": 0, "err": 0,
                                           "extra": {"order": "A-17", "note": "спасибо", "phone": "+79001234567"}}),
    "status-everything-odd": ("statuses", {"message_id": 6, "status": 33, "err": None, "parts": None, "cost": None, "sender": "",
                                           "extra": {"err": "6.5", "status_at": "99999999999", "status_time": "never", "type": "x",
                                                     "parts": "1e3", "cost": "3,10", "flag": "-1"}}),
    "incoming-windows-1251": ("incoming", INCOMING | {"text": "Привет, мир", "extra": {}}),
    "incoming-utf-8": ("incoming", INCOMING | {"text": "Привет, мир"}),
    "incoming-koi8-r": ("incoming", INCOMING | {"text": "Привет, мир"}),
    "incoming-empty": ("incoming", INCOMING | {"text": "", "incoming_id": 8}),
    "incoming-colons": ("incoming", INCOMING | {"text": "time: 10:30", "signed_by": "sha1"}),
    "incoming-emoji": ("incoming", INCOMING | {"text": "ok 👍"}),
    "status-json": ("statuses", STATUS | {"err": 0, "cost": "0.3000", "parts": 1, "flag": None}),
    "status-json-list": ("statuses", [{"message_id": 11, "phone": "79001234567", "status": -1}, {"message_id": 12, "phone": "79001234567", "status": 0}]),
    "status-json-root": ("statuses", {"message_id": 13, "status": 2, "extra": {"imsi": "250010000000000", "net": "MTS"}}),
    "status-json-shared": ("statuses", {"message_id": 14, "status": 20, "err": 13, "extra": {"order": "A-17", "fmt": "3"}}),
    "status-xml": ("statuses", {"message_id": 31, "status": 1, "cost": "0.3000", "sender": "Дом"}),
    "status-xml-list": ("statuses", [{"message_id": 32, "status": 3}, {"message_id": 33, "status": 4}]),
    "status-xml-attributes": ("statuses", {"message_id": 34, "status": 0}),
    "incoming-json-escaped": ("incoming", INCOMING | {"incoming_id": 21, "text": "Привет, мир"}),
    "incoming-json-utf-8": ("incoming", INCOMING | {"incoming_id": 22, "text": "Привет, мир"}),
    "incoming-json-windows-1251": ("incoming", INCOMING | {"incoming_id": 23, "text": "Привет, мир"}),
    "incoming-json-hashed-in-windows-1251": ("incoming", INCOMING | {"incoming_id": 24, "text": "Привет, мир"}),
    "incoming-xml-windows-1251": ("incoming", INCOMING | {"incoming_id": 41, "text": "Привет, мир"}),
    "incoming-xml-undeclared": ("incoming", INCOMING | {"incoming_id": 42, "text": "Привет, мир"}),
    "incoming-xml-empty": ("incoming", INCOMING | {"incoming_id": 43, "text": ""}),
    "incoming-form-hashed-in-utf-8": ("incoming", INCOMING | {"incoming_id": 44, "text": "Привет, мир"}),
    "confirmation-json": ("confirmations", {"phone": "79001234567", "signed_by": "md5", "extra": {}}),
    "confirmation-xml": ("confirmations", {"phone": "79001234567", "signed_by": "sha1", "extra": {}}),
    "status-xml-windows-1251": ("statuses", {"message_id": 35, "status": 1, "sender": "Доставка"}),
    "status-json-utf-8": ("statuses", {"message_id": 36, "status": 1, "sender": "Доставка"}),
    "status-json-windows-1251": ("statuses", {"message_id": 37, "status": 1, "sender": "Доставка"}),
    "incoming-xml-utf-8": ("incoming", INCOMING | {"incoming_id": 45, "text": "Привет, мир"}),
    "confirmation": ("confirmations", {"phone": "79001234567", "stale": True, "signed_by": "md5", "extra": {}}),
    "call-json-utf-8": ("call_events", PRESSED | {"message_id": 56, "keys": "26", "extra": {"item": "Вход"}}),
    "call-json-windows-1251": ("call_events", PRESSED | {"message_id": 55, "keys": "25", "extra": {"item": "Вход"}}),
    "call-koi8-r": ("call_events", PRESSED | {"message_id": 52, "keys": "22", "extra": {"item": "Вход", "charset": "koi8-r"}}),
    "call-utf-8": ("call_events", PRESSED | {"message_id": 51, "keys": "21", "extra": {"item": "Вход", "charset": "utf-8"}}),
    "call-windows-1251": ("call_events", PRESSED | {"message_id": 50, "keys": "20", "extra": {"item": "Вход"}}),
    "call-xml-utf-8": ("call_events", PRESSED | {"message_id": 54, "keys": "24", "extra": {"item": "Вход"}}),
    "call-xml-windows-1251": ("call_events", PRESSED | {"message_id": 53, "keys": "23", "extra": {"item": "Вход"}}),
    "confirmation-json-utf-8": ("confirmations", CALLED | {"called_at": called(106), "extra": {"order": "Вход"}}),
    "confirmation-json-windows-1251": ("confirmations", CALLED | {"called_at": called(105), "extra": {"order": "Вход"}}),
    "confirmation-koi8-r": ("confirmations", CALLED | {"called_at": called(102), "extra": {"order": "Вход", "charset": "koi8-r"}}),
    "confirmation-utf-8": ("confirmations", CALLED | {"called_at": called(101), "extra": {"order": "Вход", "charset": "utf-8"}}),
    "confirmation-windows-1251": ("confirmations", CALLED | {"called_at": called(100), "extra": {"order": "Вход"}}),
    "confirmation-xml-utf-8": ("confirmations", CALLED | {"called_at": called(104), "extra": {"order": "Вход"}}),
    "confirmation-xml-windows-1251": ("confirmations", CALLED | {"called_at": called(103), "extra": {"order": "Вход"}}),
}  # fmt: skip


def events(expected):
    return expected if isinstance(expected, list) else [expected]


def curl(url, body):
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{body}", url],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.fixture(scope="module")
def posted(tmp_path_factory):
    """The store, and each body's answer."""
    need("curl", "raw bodies are not posted")
    answers = {}
    data = tmp_path_factory.mktemp("callbacks") / "data"
    bodies = [body for directory in ("accepted", "refused") for body in sorted((BODIES / directory).iterdir())]
    with serving(data, "--no-maintain", SMSANALYTICS_ACCOUNTS__DEFAULT__CALL_EVENTS__KEYS="pressed") as collector:
        for body in bodies:
            answers[body.stem] = curl(collector.url, body)
        assert collector.stop() == 0
    maintain(data)
    return data, answers


def test_every_body_has_an_expectation():
    assert {path.stem for path in (BODIES / "accepted").iterdir()} == set(EXPECTED)


def charsets_of(body):
    """In which charsets a word of ours is in a body, as it is transmitted."""
    transmitted = unquote_to_bytes(body.replace(b"+", b" "))
    return {name for name, codec in CHARSETS.items() if any(word.encode(codec) in transmitted for word in WORDS)}


def test_there_is_a_body_of_every_kind_in_every_charset_and_format():
    """But for koi8-r, which the provider does not use with XML and JSON."""
    there = set()
    for path in (BODIES / "accepted").iterdir():
        charsets = charsets_of(path.read_bytes())
        assert len(charsets) < 2, path.name
        there |= {(EXPECTED[path.stem][0], charset, path.suffix) for charset in charsets}
    tables = ("statuses", "incoming", "confirmations", "call_events")
    wanted = set(product(tables, CHARSETS, (".form", ".xml", ".json")))
    assert there == wanted - set(product(tables, ["koi8-r"], [".xml", ".json"]))


def test_answers(posted):
    _, answers = posted
    expected = {path.stem: 200 for path in (BODIES / "accepted").iterdir()}
    expected |= {path.stem: int(path.stem[:3]) for path in (BODIES / "refused").iterdir()}
    assert answers == expected


@pytest.mark.parametrize("name", EXPECTED)
def test_what_was_accepted_is_read_back_with_a_glob(posted, name):
    data, _ = posted
    table, expected = EXPECTED[name]
    rows = duckdb.sql(f"FROM '{data}/{table}/*/*.parquet'").to_dicts()
    for one in events(expected):
        shown = [
            {name: str(row[name]) if name == "cost" and row[name] is not None else row[name] for name in one}
            for row in rows
        ]
        assert one in shown


def test_every_accepted_body_is_one_row(posted):
    data, _ = posted
    for table in ("statuses", "incoming", "confirmations", "call_events"):
        [(count,)] = duckdb.sql(f"SELECT count(*) FROM '{data}/{table}/*/*.parquet'").fetchall()
        assert count == sum(len(events(expected)) for where, expected in EXPECTED.values() if where == table)


def test_every_refused_body_is_one_row_of_rejected_and_of_nothing_else(posted):
    data, _ = posted
    kept = duckdb.sql(f"SELECT reason, body, remote, account FROM '{data}/rejected/*/*.parquet'").fetchall()
    bodies = {path.read_bytes(): path.stem for path in (BODIES / "refused").iterdir()}
    assert sorted(bodies[body] for _, body, _, _ in kept) == sorted(bodies.values())
    assert {(remote, account) for _, _, remote, account in kept} == {("127.0.0.1", "default")}
    for reason, body, _, _ in kept:
        assert (reason == "signature") == bodies[body].startswith("403")


def test_secrets_never_reach_the_disk(posted):
    data, _ = posted
    with serving(data, "--no-maintain") as collector:
        assert collector.post(b"id=1&phone=79001230001&status=1&md5=s3cret_Key-1") == 403
        assert collector.stop() == 0
    maintain(data)
    [(body,)] = duckdb.sql(
        f"SELECT body FROM '{data}/rejected/*/*.parquet' WHERE contains(body::VARCHAR, '***')"
    ).fetchall()
    assert body == b"id=1&phone=79001230001&status=1&md5=***"
    found = subprocess.run(["grep", "-rl", "s3cret_Key-1", str(data.parent)], capture_output=True, text=True)
    assert found.stdout == ""


def test_a_status_in_another_charset_is_of_the_same_message(tmp_path):
    fields = {"id": 7, "phone": "почта@пример.рф", "status": 1, "ts": BASE}
    posts = []
    for charset in ("windows-1251", "koi8-r", "utf-8"):
        codec = CHARSETS[charset]
        md5 = md5_of(7, fields["phone"], 1, charset=codec)
        posts.append(form(fields | {"charset": charset, "md5": md5}, codec))
        xml = "".join(f"<{name}>{value}</{name}>" for name, value in {**fields, "md5": md5}.items())
        posts.append(f'<?xml version="1.0" encoding="{charset}"?><sms>{xml}</sms>'.encode(codec))
    posts.append(json.dumps(fields | {"md5": md5}).encode())
    store = collected(tmp_path / "data", *posts, at=BASE + 10)
    assert store.messages().select("phone, state").fetchall() == [("почта@пример.рф", "delivered")]
    assert store.statuses().select("phone").fetchall() == [("почта@пример.рф",)] * len(posts)
