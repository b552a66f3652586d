"""Short codes, names and messengers: from the callback to the figures, and out of the store again."""

from __future__ import annotations

import subprocess
import sys

import pytest
from serving import maintain, serving
from signing import incoming_body, status_body

from smsanalytics import open_store
from smsanalytics.reports.masking import Names
from smsanalytics.storage.erasure import Number
from smsanalytics.storage.pseudonyms import Privacy

OWN = "79001230000"
SENDERS = {"SMSANALYTICS_ACCOUNTS__DEFAULT__INBOUND_NUMBERS": f'["{OWN}"]'}
PHONES = ["900", "9001", "79001230001", "MTC.Info", "mtc-info", "p900"]
STORED = ["79001230001", "900", "9001", "mtc-info", "mtc.info", "p900"]
RECIPIENTS = ["@Shop_Client", "#9001230001", "79001230001", "shop@example.com"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with one SMS of each sender, which mentions all of them, and one status of each recipient."""
    data = tmp_path_factory.mktemp("senders") / "data"
    with serving(data, "--no-maintain", **SENDERS) as collector:
        for number, phone in enumerate(PHONES):
            assert (
                collector.post(incoming_body(phone, f"call 900, phone 900 or {' '.join(PHONES)}", OWN, id=number))
                == 200
            )
        for number, phone in enumerate(RECIPIENTS, start=1):
            assert collector.post(status_body(number, phone)) == 200
        assert collector.post(incoming_body("900", "x", "79001239999")) == 400
        assert collector.post(incoming_body("9:00", "x", OWN)) == 400
        assert collector.post(incoming_body("900", "x").replace(b"mes=x", b"mes=y")) == 403
        assert collector.stop() == 0
    maintain(data)
    return data


@pytest.fixture
def data(filled, tmp_path):
    subprocess.run(["cp", "-a", filled, tmp_path / "data"], check=True)
    return tmp_path / "data"


def senders(data):
    return [phone for (phone,) in open_store(data).incoming().select("phone").order("phone").fetchall()]


def forget(data, phone, **environment):
    command = [sys.executable, "-m", "smsanalytics", "forget", phone, "--yes", "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, cwd=data.parent)


def test_each_sender_is_kept_as_itself(filled):
    store = open_store(filled)
    assert senders(filled) == STORED
    extra = dict(store.incoming().select("phone, extra['phone']").fetchall())
    assert (extra["mtc.info"], extra["900"], extra["mtc-info"]) == ("MTC.Info", None, None)
    [volume] = store.inbound_volume(by=["to_number"]).to_dict("records")
    assert (volume["incoming"], volume["senders"]) == (len(PHONES), len(PHONES))


def test_a_recipient_in_a_messenger_is_kept_and_confused_with_no_number(filled):
    store = open_store(filled)
    kept = store.statuses().order("message_id").select("phone, extra['phone']").fetchall()
    assert kept == [
        ("@shop_client", "@Shop_Client"),
        ("#9001230001", None),
        ("79001230001", None),
        ("shop@example.com", None),
    ]
    assert store.delivery_rate(by=[])["delivered"].tolist() == [4]


def test_a_report_shows_short_codes_and_names_and_masks_numbers():
    names = Names()
    assert [names.shown(phone) for phone in STORED] == ["•••0001", *STORED[1:]]


@pytest.mark.parametrize(
    ("phone", "stored"), [("900", "900"), ("+900", "900"), ("mtc.INFO", "mtc.info"), ("p900", "p900")]
)
def test_a_sender_is_forgotten_and_nobody_else(data, phone, stored):
    done = forget(data, phone)
    refused = "rejected: 2 rows of 1 files\n" if stored == "900" else ""
    assert (done.returncode, done.stdout) == (0, f"incoming: 1 rows of 1 files\n{refused}")
    assert senders(data) == [one for one in STORED if one != stored]
    texts = {text for (text,) in open_store(data).incoming().select("text").fetchall()}
    assert texts == {f"call 900, phone 900 or {' '.join(PHONES)}"}  # there it may be any number


def test_a_recipient_in_a_messenger_is_forgotten_and_no_number(data):
    for phone, left in (("@shop_client", RECIPIENTS[1:]), ("#9001230001", RECIPIENTS[2:])):
        assert forget(data, phone).returncode == 0
        store = open_store(data)
        assert [row[0] for row in store.statuses().order("message_id").select("phone").fetchall()] == left
        assert store.messages().shape[0] == len(left)
    assert senders(data) == STORED


def test_forgetting_a_number_leaves_short_codes(data):
    assert forget(data, "79001230001").returncode == 0
    assert senders(data) == STORED[1:]


@pytest.mark.parametrize(
    ("body", "mentioned"),
    [
        (b"phone=900&mes=x", True), (b"mes=x&phone=%2B900", True), (b'{"phone": "900"}', True), (b"<phone>900</phone>", True), (b"mes=phone 900&phone=901", False),
        (b"phone=9001&mes=900", False), (b"phone=900.1&mes=", False), (b"phone=79001230001", False), (b"id=900&phone=79001230001", False),
    ],
)  # fmt: skip
def test_a_refused_body_is_of_a_short_code_only_by_its_field(body, mentioned):
    assert Number.of("900", Privacy()).mentioned(body) is mentioned


def test_a_name_in_a_messenger_is_no_part_of_an_address():
    number = Number.of("@Shop", Privacy())
    assert [
        number.mentioned(body) for body in (b"phone=@shop&status=1", b"mes=write to %40shop!", b"phone=me@shop.example")
    ] == [True, True, False]


def test_with_a_pseudonym_key_a_sender_is_one_too_and_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("SMSANALYTICS_PSEUDONYM_KEY", "an-example-of-a-key-2026")
    data = tmp_path / "data"
    with serving(data, "--no-maintain", **SENDERS) as collector:
        assert [collector.post(incoming_body(phone, "x", OWN)) for phone in ("MTC.Info", "900")] == [200, 200]
        assert collector.stop() == 0
    maintain(data)
    token = Privacy(b"an-example-of-a-key-2026").pseudonym
    assert senders(data) == sorted([token("mtc.info"), token("900")])
    assert open_store(data).incoming().select("extra").fetchall() == [({},), ({},)]
    assert forget(data, "MTC.Info").returncode == 0
    assert senders(data) == [token("900")]


def test_what_was_refused_before_is_recovered_once_the_numbers_are_set(tmp_path):
    data = tmp_path / "data"
    with serving(data, "--no-maintain") as collector:
        assert collector.post(incoming_body("900", "x", OWN)) == 400
        assert collector.stop() == 0
    maintain(data)
    (tmp_path / "smsanalytics.toml").write_text(
        f'secret = "s3cret_Key-1"\n[accounts.default]\ninbound_numbers = ["{OWN}"]\n'
    )
    command = [sys.executable, "-m", "smsanalytics", "rejected", "retry", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.startswith("recovered 1 callback of account default")
    assert senders(data) == ["900"]
