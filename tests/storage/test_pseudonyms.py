"""Phones are stored behind pseudonyms and texts behind digests, and the questions are answered as without."""

from __future__ import annotations

import hmac
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import pandas as pd
import pytest

from smsanalytics import open_store
from smsanalytics.errors import SettingsError, StoreError
from smsanalytics.settings import load
from smsanalytics.storage import ingest
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.pseudonyms import Privacy

KEY = b"an-example-of-a-key-2026"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIX = int(NOON.timestamp())
PHONES = ("79001230001", "79001230002", "89001230003", "Somebody@example.org")


def event(kind, extra=None, **fields):
    return entry(account="default", kind=kind, signed_by="md5", key="2026", fields=fields, extra=extra or {})


def events():
    """Two delivered messages, a reply to one, two confirmation requests, one call, keys and what was refused."""
    first, second, third, address = PHONES
    for number, phone in enumerate((first, second, third, address), start=1):
        yield ingest.encode("send", [{"message_id": number, "phone": phone, "sent_at": str(UNIX - 30)}])
        spelled = "+" + phone if phone[0] == "7" else phone
        hexed = {"raw_note": phone.encode().hex()}
        said = {
            "subscriber": f"tel:+{phone}",
            "spaced": f"{phone[:1]} ({phone[1:4]}) {phone[4:]}",
            "order": "A-1",
            **hexed,
        }
        yield [
            event("status", said, message_id=str(number), phone=spelled, status="1", err="0", status_at=str(UNIX - 20))
        ]
    for text, at in (("Да", UNIX - 9), ("Нет", UNIX - 9), ("Да", UNIX - 9)):  # the last is told again
        yield [
            event("incoming", phone="+" + first, to_number="79001230000", text=text, sent_at=str(at), incoming_id="7")
        ]
    for phone in (first, second):
        yield ingest.encode("confirmation_request", [{"phone": phone, "requested_at": str(UNIX - 60)}])
    yield [event("confirmation", phone="+" + second, called_at=str(UNIX - 40))]
    yield [event("call", message_id="1", phone=first, keys="21")]
    yield [event("rejected", reason="signature", remote="192.0.2.1", body="cGhvbmU9NzkwMDEyMzAwMDE=")]


def stored(data, privacy):
    layout = Layout(data)
    at = iter(range(UNIX, UNIX + 100))
    writer = Journal(layout, "w0", now=lambda: next(at) * 10**9)
    for batch in events():
        writer.write(batch)
    writer.close()
    with Maintenance(layout, {}, privacy=privacy) as maintenance:
        maintenance.run()
    return open_store(data)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("privacy")
    return stored(folder / "plain" / "data", Privacy()), stored(folder / "data", Privacy(KEY, keep_texts=False))


def everything(data):
    """The content of every file, decompressed."""
    for path in data.rglob("*"):
        if path.suffix == ".parquet":
            rows = duckdb.execute("FROM read_parquet(?)", [str(path)]).fetchall()
            yield path, repr(rows)
        elif path.is_file():
            yield path, path.read_bytes().decode("latin-1")


def test_a_phone_is_the_same_pseudonym_in_every_table_and_stands_nowhere(stores):
    _, store = stores
    digits = PHONES[0]
    token = "p" + hmac.new(KEY, digits.encode(), "sha256").hexdigest()[:32]
    assert Privacy(KEY).pseudonym(digits) == token
    tables = [store.statuses(), store.incoming(), store.sends(), store.confirmation_requests(), store.call_events()]
    for table in [*tables, store.messages()]:
        assert token in {phone for (phone,) in table.select("phone").fetchall()}
    told = store.statuses().filter("message_id = 1").select("extra").fetchall()
    assert told == [({"order": "A-1"},)]
    for path, content in everything(store.path):
        for phone in PHONES:
            held = phone in content or phone.lower() in content or phone[1:].encode().hex() in content
            assert not held, path


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda store: store.delivery_rate(by=["account"]), id="messages"),
        pytest.param(lambda store: store.reply_rate(by=["account"]), id="replies"),
        pytest.param(lambda store: store.confirmation_success(by=["account"]), id="confirmations"),
        pytest.param(lambda store: store.inbound_volume(by=["to_number"]), id="inbound"),
        pytest.param(lambda store: store.data_health().query("check != 'rejected'"), id="health"),
    ],
)
def test_every_question_is_answered_as_of_phones_and_texts(stores, ask):
    plain, private = map(ask, stores)
    assert len(plain)
    pd.testing.assert_frame_equal(plain, private)


def test_the_figures_compared_are_those_of_matches(stores):
    _, store = stores
    assert store.reply_rate(by=[]).loc[0, "repliers"] == 1
    assert store.confirmation_success(by=[]).loc[0, "confirmed"] == 1
    assert store.delivery_rate(by=[]).loc[0, "delivered"] == 4


def test_texts_that_are_not_kept_differ_and_what_was_told_again_does_not(tmp_path):
    store = stored(tmp_path / "data", Privacy(keep_texts=False))
    rows = store.incoming().select("text, phone, copies, extra['text_digest']").order("copies").fetchall()
    assert [row[:3] for row in rows] == [(None, PHONES[0], 1), (None, PHONES[0], 2)]
    assert rows[0][3] != rows[1][3]
    assert not any("Нет" in content for _, content in everything(store.path))
    assert store.rejected().select("body, reason").fetchall() == [(None, "signature")]


def test_a_store_of_pseudonyms_is_not_written_with_another_key_or_none(stores):
    _, store = stores
    for privacy in (Privacy(), Privacy(b"another-example-of-a-key")):
        with (
            pytest.raises(StoreError, match="by another pseudonym_key"),
            Maintenance(Layout(store.path), {}, privacy=privacy),
        ):
            pass


def test_a_line_that_cannot_be_read_is_put_aside_where_bodies_are_not_kept(tmp_path):
    layout = Layout(tmp_path)
    writer = Journal(layout, "w0", now=lambda: UNIX * 10**9)
    writer.write([event("status", message_id="1", phone=PHONES[0], status="1")])
    writer.close()
    [segment] = layout.journal.glob("w0/*.sealed")
    with segment.open("ab") as file:
        file.write(b'{"v":1,"of":"79001230002"}\n')
    with Maintenance(layout, {}, privacy=Privacy(KEY)) as maintenance:
        assert maintenance.run().unreadable == 1
    [aside] = layout.journal.glob("w0/quarantine/*.lines")
    assert aside.read_bytes() == b'{"v":1,"of":"79001230002"}\n'
    assert open_store(tmp_path).rejected().select("reason, body").fetchall() == [("journal", None)]


def test_the_key_is_20_characters_from_the_settings_or_a_file_and_is_never_shown(tmp_path):
    config, key = tmp_path / "smsanalytics.toml", tmp_path / "key"
    key.write_text(KEY.decode() + "\n")
    config.write_text(f"pseudonym_key_file = {json.dumps(str(key))}\nkeep_texts = false\n")
    settings = load(config)
    assert settings.pseudonym_key.get_secret_value() == KEY.decode()
    assert KEY.decode() not in repr(settings) + repr(Privacy(KEY))
    config.write_text('pseudonym_key = "too-short"\n')
    with pytest.raises(SettingsError, match="pseudonym_key: a pseudonym key is 20 or more characters") as raised:
        load(config)
    assert "too-short" not in str(raised.value)


@pytest.mark.parametrize(
    "setting", [{"SMSANALYTICS_PSEUDONYM_KEY": KEY.decode()}, {"SMSANALYTICS_KEEP_TEXTS": "false"}]
)
def test_nothing_is_recovered_where_bodies_are_not_kept(tmp_path, setting):
    command = [sys.executable, "-m", "smsanalytics", "rejected", "retry", "--data", str(tmp_path)]
    environment = os.environ | {"SMSANALYTICS_SECRET": "s3cret_Key-1"} | setting
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert (done.returncode, "nothing can be recovered" in done.stderr) == (2, True)


def run(data, *arguments, **settings):
    environment = os.environ | {"SMSANALYTICS_SECRET": "s3cret_Key-1"} | settings
    command = [sys.executable, "-m", "smsanalytics", *arguments, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=data.parent)


KEYED = {"SMSANALYTICS_PSEUDONYM_KEY": KEY.decode()}, Privacy(KEY)
TEXTLESS = {"SMSANALYTICS_KEEP_TEXTS": "false"}, Privacy(keep_texts=False)


@pytest.mark.parametrize(
    ("name", "setting", "privacy", "cure"),
    [
        pytest.param("privacy.json", *KEYED, "put it back from a backup, or, if you know", id="key"),
        pytest.param("privacy.json", {}, Privacy(), "put it back from a backup, or, if you know", id="no-key"),
        pytest.param("texts.salt", *TEXTLESS, "put it back from a backup, or remove it", id="salt"),
    ],
)
def test_a_damaged_file_of_what_is_left_out_stops_publishing_with_its_cure_and_loses_nothing(
    tmp_path, name, setting, privacy, cure
):
    layout = Layout(tmp_path / "data")
    writer = Journal(layout, "w0", now=lambda: UNIX * 10**9)
    writer.write([event("status", message_id="1", phone=PHONES[0], status="1")])
    writer.close()
    for content in (b"{", b"[]", b"{}", b"null", b'{"pseudonym_key": null}', b"\xff\0", b"\0" * 64, b"a" * 63, b""):
        (layout.data / name).write_bytes(content)
        with pytest.raises(StoreError, match=cure), Maintenance(layout, {}, privacy=privacy):
            pass
    for command in (["maintain"], ["forget", PHONES[1], "--yes"]):
        done = run(layout.data, *command, **setting)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert cure in done.stderr
        assert "nothing is published, and nothing is lost" in done.stderr
    assert list(layout.data.rglob("*.parquet")) == []
    (layout.data / name).unlink()
    assert run(layout.data, "maintain", **setting).returncode == 0
    assert len(open_store(layout.data).statuses().fetchall()) == 1
