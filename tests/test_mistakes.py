"""What handlers of these callbacks got wrong elsewhere, one test for each: we do not."""

from __future__ import annotations

import ast
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from receiving import Receiver, collected
from signing import SECRET, confirmation_body, form, incoming_body, md5_of, status_body

import smsanalytics
from smsanalytics import codes
from smsanalytics.errors import BadSignature, SettingsError
from smsanalytics.settings import Settings
from smsanalytics.smsc.callback import Terms, read
from smsanalytics.smsc.kinds import Kind

PACKAGE = Path(smsanalytics.__file__).parent
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
TERMS = Terms({"2026": SECRET.encode()})
ONE, TWO = "79001230001", "79001230002"
SEVEN = 1795244400  # 2026-11-21 07:00 UTC, 10:00 in Moscow


def rows(relation, columns):
    return relation.select(columns).fetchall()


def test_01_status_zero_is_a_status(tmp_path):
    store = collected(tmp_path, status_body(1042, ONE, 0, err=0, ts=SEVEN), at=SEVEN + 1)
    assert rows(store.statuses(), "status, err") == [(0, 0)]
    assert rows(store.messages(), "status, state, epoch(accepted_at)::BIGINT") == [(0, "pending", SEVEN)]


def test_02_the_status_is_not_taken_from_the_type(tmp_path):
    told = [status_body(1, ONE, 20, type=1, ts=SEVEN), status_body(2, "user@example.com", 1, type=8, flag=40, ts=SEVEN)]
    store = collected(tmp_path, *told, at=SEVEN + 1)
    found = rows(store.messages().order("message_id"), "status, type, state")
    assert found == [(20, 1, "failed"), (1, 8, "delivered")]


@pytest.mark.parametrize(
    "body",
    [
        status_body(1042).partition(b"&md5=")[0],
        incoming_body(ONE, "Да").partition(b"&md5=")[0],
        confirmation_body(ONE, SEVEN).partition(b"&md5=")[0],
        status_body(1042, secret="other"),
        status_body(1042, secret=""),
    ],
    ids=["status", "incoming", "confirmation", "other-secret", "empty-secret"],
)
def test_03_nothing_is_accepted_unverified(body):
    with pytest.raises(BadSignature):
        read(body, TERMS)


def test_03_without_a_secret_the_collector_does_not_start():
    with pytest.raises(SettingsError, match="no secret is set, so no callback could be verified"):
        Settings().for_serving()
    with pytest.raises(SettingsError, match="account shop has no secret"):
        Settings(secret=SECRET, accounts={"shop": {}}).for_serving()


def test_04_the_provider_signs_and_its_hash_is_what_counts():
    """A token of one's own in the address, echoed into the body, does not stand in for it."""
    assert read(status_body(1042, token=SECRET), TERMS)[0].signed_by == "md5"
    with pytest.raises(BadSignature, match="no md5 or sha1 came; is one in the handler address set at the provider"):
        read(form({"id": 1042, "phone": ONE, "status": 1, "token": SECRET, "secret": SECRET}), TERMS)


def test_05_a_refusal_of_the_service_is_a_failure_and_waiting_is_none(tmp_path):
    """23 is any rule of the service's, so nobody is taken for having opted out; -1 is on its way."""
    store = collected(tmp_path, status_body(1, ONE, 23, ts=SEVEN), status_body(2, TWO, -1, ts=SEVEN), status_body(3, ONE, 1, ts=SEVEN + 9), at=SEVEN + 10)  # fmt: skip
    assert rows(store.messages().order("message_id"), "state") == [("failed",), ("pending",), ("delivered",)]
    assert (codes.STATUSES[23].outcome, codes.STATUSES[-1].outcome) == ("failure", "pending")


def test_06_matching_by_id_alone(tmp_path):
    """One send to several recipients shares its id; an incoming message of that id is another thing; no status is lost."""
    told = [status_body(1042, ONE, 0, ts=SEVEN), status_body(1042, TWO, 0, ts=SEVEN), status_body(1042, ONE, 1, ts=SEVEN + 5),
            status_body(1042, TWO, 20, ts=SEVEN + 6), incoming_body(ONE, "Да", id=1042, ts=SEVEN + 7)]  # fmt: skip
    with Receiver(tmp_path, default={}, shop={}) as collector:
        for body in told:
            assert collector.post(body, at=SEVEN + 10) == 200
        assert collector.post(status_body(1042, ONE, 25, ts=SEVEN), "/callback/shop") == 200
    messages = rows(collector.store.messages().order("account, phone"), "account, phone, state")
    assert messages == [("default", ONE, "delivered"), ("default", TWO, "failed"), ("shop", ONE, "failed")]
    assert (collector.store.statuses().shape[0], collector.store.incoming().shape[0]) == (5, 1)


def test_07_no_code_is_a_crash(tmp_path):
    """Every reason and every status near the known ones, and the ends of what can be sent, are stored and counted."""
    errs = [*range(256), 300, 65534, 65535, 99999999999]
    statuses = [-999, -129, *range(-128, 128), 128, 255, 256, 999]
    told = [status_body(number, ONE, 20, err=err, ts=SEVEN) for number, err in enumerate(errs, start=1)]
    told += [status_body(number, ONE, code, ts=SEVEN) for number, code in enumerate(statuses, start=1001)]
    with Receiver(tmp_path) as collector:
        assert set(collector.post_all([("/callback", body) for body in told], at=SEVEN)) == {200}
    assert collector.store.statuses().shape[0] == len(told)
    rates = collector.store.delivery_rate([])
    assert rates["submitted"].sum() + rates.attrs["excluded_n"] == len(told)
    known = {code: row.outcome for code, row in codes.STATUSES.items()}
    expected = {"success": "delivered", "failure": "failed", "pending": "pending"}
    found = rows(collector.store.messages().filter("message_id > 1000").order("message_id"), "state")
    assert found == [(expected.get(known.get(code, ""), "unknown"),) for code in statuses]


def test_08_a_number_is_confirmed_by_a_call_from_it_and_by_no_digits(tmp_path):
    """The provider tells which number the subscriber has to call; its digits are no code that somebody types in."""
    asked = b'{"phone": "%s", "requested_at": %d, "number_to_call": "%s"}' % (ONE.encode(), SEVEN, TWO.encode())
    with Receiver(tmp_path) as collector:
        assert collector.tell("/confirmation-requests", asked, at=SEVEN) == 200
        assert (
            collector.post(confirmation_body(TWO, SEVEN + 10), at=SEVEN + 11) == 200
        )  # the number that was to be called
        assert collector.post(incoming_body(ONE, TWO[-4:], ts=SEVEN + 12), at=SEVEN + 13) == 200
        assert collector.post(confirmation_body(ONE, SEVEN + 20), at=SEVEN + 21) == 200
    before, after = (
        collector.store.confirmation_attempts(as_of=datetime.fromtimestamp(SEVEN + second, UTC)) for second in (20, 21)
    )
    assert sorted(rows(before, "phone, outcome")) == [(ONE, "open"), (TWO, "unrequested")]
    assert sorted(rows(after, "phone, outcome")) == [(ONE, "confirmed"), (TWO, "unrequested")]


def test_09_delivered_is_judged_by_status_not_by_err(tmp_path):
    cases = {1: (0, {"err": 0}, "pending"), 2: (0, {}, "pending"), 3: (-1, {"err": 0}, "pending"), 4: (20, {}, "failed"),
             5: (20, {"err": 0}, "failed"), 6: (1, {"err": 6}, "delivered"), 7: (1, {}, "delivered"), 8: (0, {"err": 6}, "pending")}  # fmt: skip
    told = [status_body(number, ONE, code, ts=SEVEN, **more) for number, (code, more, _) in cases.items()]
    found = rows(collected(tmp_path, *told, at=SEVEN + 9).messages().order("message_id"), "message_id, state")
    assert found == [(number, state) for number, (_, _, state) in cases.items()]


def test_10_an_empty_text_is_an_incoming_sms(tmp_path):
    empty = incoming_body(ONE, "", ts=SEVEN)
    assert read(empty, TERMS)[0].kind is Kind.INCOMING
    in_json = f'{{"phone": "{ONE}", "mes": null, "to": "79001230000", "md5": "{md5_of(ONE, "", "79001230000")}"}}'
    assert read(in_json.encode(), TERMS)[0].kind is Kind.INCOMING
    store = collected(tmp_path, empty, at=SEVEN + 1)
    assert (rows(store.incoming(), "text"), store.statuses().shape[0]) == ([("",)], 0)


def test_11_late_events_count(tmp_path):
    """A message was given up when its delivery is told: from then on it is delivered, at the time the status says."""
    sent = SEVEN - 40 * 86400
    with Receiver(tmp_path) as collector:
        assert collector.post(status_body(1042, ONE, 0, ts=sent), at=sent + 1) == 200
        assert collector.post(status_body(1042, ONE, 1, ts=sent + 7), at=sent + 29 * 86400) == 200
    before = datetime.fromtimestamp(sent + 9 * 86400, UTC)
    [waiting] = rows(collector.store.messages(as_of=before), "state, delivery_seconds")
    [told] = rows(collector.store.messages(), "state, delivery_seconds")
    assert (waiting, told) == (("stuck", None), ("delivered", 7))


@pytest.mark.parametrize("phone", ["+79001230001", "79001230001", "user@Example.com"])
def test_12_the_phone_is_hashed_as_it_came(phone):
    assert read(status_body(1042, phone), TERMS)[0].fields["phone"] == phone
    assert read(incoming_body(phone, "Да"), TERMS)[0].fields["phone"] == phone
    assert read(confirmation_body(phone, SEVEN), TERMS)[0].fields["phone"] == phone


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [("application/x-www-form-urlencoded", "windows-1251"), ("application/x-www-form-urlencoded; charset=utf-8", "windows-1251"),
     ("text/html; charset=koi8-r", "utf-8")],
)  # fmt: skip
def test_13_a_text_is_read_in_the_charset_it_was_sent_in_whatever_the_header_claims(tmp_path, content_type, charset):
    """The default is windows-1251; what is to be read otherwise says so itself, or the account does."""
    with Receiver(tmp_path) as collector:
        collector.headers["content-type"] = content_type
        assert collector.post(incoming_body(ONE, "Привет, мир", ts=SEVEN, charset=charset), at=SEVEN + 1) == 200
    assert rows(collector.store.incoming(), "text") == [("Привет, мир",)]


def test_14_nobody_is_left_to_wait_for_statuses_of_mailings_from_the_cabinet(tmp_path):
    """
    They get none, which no collector can change: the README says so where the address is set, and a message of which
    only the send is known stays one without a status, and is no failure.
    """
    said = " ".join(README.split())
    assert "messages sent from the cabinet's web page produce no callbacks" in said
    with Receiver(tmp_path) as collector:
        sent = b'{"message_id": 1042, "phone": "%s", "sent_at": %d}' % (ONE.encode(), SEVEN)
        assert collector.tell("/sends", sent, at=SEVEN) == 200
        assert collector.post(status_body(1, TWO, 1, ts=SEVEN + 5 * 86400), at=SEVEN + 5 * 86400) == 200
    assert rows(collector.store.messages().order("message_id"), "state, status") == [("delivered", 1), ("stuck", None)]
    coverage = collector.store.data_health().set_index("check").loc["coverage"]
    assert (coverage["n"], coverage["of"]) == (0, 1)


SPEAKS_HTTP = {"http.client", "urllib.request", "urllib3", "requests", "httpx", "aiohttp"}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))


def test_15_nothing_is_polled():
    """No part that collects, stores or counts can send HTTP: what plays the provider and the doctor do, to a collector."""
    speaking = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if SPEAKS_HTTP & {*imports_of(path)}}
    assert "simulator/client.py" in speaking
    assert {name for name in speaking if not name.startswith("simulator/")} == {"ops/doctor/probe.py"}
    knowing = {str(path.relative_to(PACKAGE)).partition("/")[0] for path in PACKAGE.rglob("*.py")
               if any(name.startswith("smsanalytics.simulator") for name in imports_of(path))}  # fmt: skip
    assert knowing <= {"simulator", "demo", "cli", "sample.py"}


def test_16_an_inbox_is_not_paged_and_times_are_never_those_of_the_server(tmp_path, monkeypatch):
    """
    Incoming SMS come by callback, so no place in an inbox is kept (nothing is polled: see above); and a text date is
    read in the zone of the account, wherever the server stands.
    """
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        told = [incoming_body(ONE, mes, time="21.11.2026 10:00:00") for mes in ("Да", "Нет")]  # and none with an id
        store = collected(tmp_path, *told, at=SEVEN + 60, zone="Europe/Moscow")
        found = rows(store.incoming().order("text"), "text, incoming_id, epoch(sent_at)::BIGINT")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == [("Да", None, SEVEN), ("Нет", None, SEVEN)]


def test_every_mistake_has_its_test():
    numbers = {int(found[1]) for name in globals() if (found := re.match(r"test_(\d\d)_", name))}
    assert numbers == set(range(1, 17))
