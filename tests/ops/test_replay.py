"""What was refused and is accepted now is in the store as if it had been accepted when it came: once, and for that day."""

from __future__ import annotations

import ipaddress
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from receiving import Receiver, published
from refusing import EVERYTHING, NOON, RIGHT, WRONG, account_of, looked_at, recover, refused
from signing import SECRET, confirmation_body, form, incoming_body, md5_of, status_body

from smsanalytics import open_store
from smsanalytics.errors import SettingsError
from smsanalytics.ops.replay import Span, rehearse, retry, with_secret
from smsanalytics.simulator.client import World
from smsanalytics.smsc.call import CallFields
from smsanalytics.smsc.callback import Terms
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.retention import expire

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
TABLES = ("statuses", "incoming", "confirmations", "call_events")


def rows(store, table):
    """Every row as it came, in some order."""
    relation = store._tables.events(table)
    return sorted(map(repr, relation.fetchall()))


def stored(data):
    store = open_store(data)
    return {table: store._tables.events(table).shape[0] for table in TABLES}


@pytest.fixture(scope="module")
def world():
    return World.make(150, seed=5, until=UNTIL)


@pytest.fixture(scope="module")
def stores(world, tmp_path_factory):
    """Of one world: collected with the right secret, and with a wrong one and then recovered."""
    folder = tmp_path_factory.mktemp("worlds")
    arrivals = world.arrivals(SECRET, formats=0.2)
    for name, account in (("right", {}), ("wrong", WRONG)):
        with Receiver(folder / name, default=account) as collector:
            answers = [collector.post(one.body, at=one.received_at // 10**6) for one in arrivals]
        forged = sum(answer != 200 for answer in answers) if name == "right" else 0
        assert set(answers) == ({200, 403} if name == "right" else {403})
        if name == "right":
            expected = len(arrivals) - forged
    done = recover(folder / "wrong")
    assert done.recovered == {("default", "2026"): expected}
    return open_store(folder / "right"), open_store(folder / "wrong")


@pytest.mark.parametrize("table", TABLES)
def test_what_is_recovered_is_as_if_it_had_been_accepted_when_it_came(stores, table):
    right, wrong = (rows(store, table) for store in stores)
    assert right == wrong
    assert right or table == "call_events"


@pytest.mark.parametrize("question", ["delivery_rate", "latency", "callback_lag", "inbound_volume", "failure_mix"])
def test_figures_are_those_of_the_day_it_came(stores, question):
    right, wrong = (getattr(store, question)() for store in stores)
    assert len(right) > 0
    assert wrong.equals(right)
    assert stores[0].as_of == stores[1].as_of


def test_figures_are_the_truth(stores, world):
    truth = world.truth()
    texts = truth[truth["type"].isin([0, 1, 2, 3]) & ~truth["test_mode"] & truth["first_status_at"].notna()]
    by_day = stores[1].delivery_rate(by=["day"]).set_index("day")
    days = texts["first_status_at"].dt.tz_localize(None).dt.floor("D")
    assert dict(by_day["submitted"]) == dict(days.value_counts())
    assert dict(by_day["delivered"][by_day["delivered"] > 0]) == dict(
        days[texts["outcome"] == "delivered"].value_counts()
    )


def test_again_adds_nothing_whether_or_not_it_is_published_meanwhile(tmp_path):
    data = refused(
        tmp_path / "data", status_body(1), incoming_body("79001230001", "Да"), confirmation_body("79001230002", NOON)
    )
    first = retry(Layout(data), RIGHT, EVERYTHING)
    unpublished = retry(Layout(data), RIGHT, EVERYTHING)
    published(data)
    again = recover(data)
    assert (sum(first.recovered.values()), first.events, first.before) == (3, 3, 0)
    assert (unpublished.recovered, unpublished.before) == ({}, 3)
    assert (again.recovered, again.before) == ({}, 3)
    assert stored(data) == {"statuses": 1, "incoming": 1, "confirmations": 1, "call_events": 0}


def test_a_rehearsal_says_the_same_and_does_nothing(tmp_path):
    data = refused(tmp_path / "data", status_body(1), status_body(2, secret="forged"))
    before = sorted(path for path in data.rglob("*"))
    told = rehearse(Layout(data), RIGHT, EVERYTHING)
    assert sorted(path for path in data.rglob("*")) == before
    assert recover(data) == told
    assert told.refused == {"none of the configured secrets made this hash": 1}


def test_a_body_of_several_events_is_recovered_whole(tmp_path):
    signed = [{"id": n, "phone": "79001230001", "status": 1, "md5": md5_of(n, "79001230001", 1)} for n in range(1, 6)]
    data = refused(
        tmp_path / "data", json.dumps(signed).encode(), json.dumps([*signed[:2], signed[2] | {"status": 20}]).encode()
    )
    done = recover(data)
    assert (sum(done.recovered.values()), done.events, done.refused.total()) == (1, 5, 1)
    assert stored(data)["statuses"] == 5
    assert open_store(data).messages().shape[0] == 5


def test_what_was_refused_in_one_moment_is_told_apart(tmp_path):
    posts = [
        *(("/callback", status_body(n)) for n in (1, 2)),
        *(("/callback", status_body(1, status=status)) for status in (0, 20)),
        *(("/callback", incoming_body("79001230001", "Да", id=n)) for n in (7, 8)),
        ("/callback", confirmation_body("79001230001", NOON)),
        ("/callback", confirmation_body("79001230001", NOON + 1)),
    ]
    with Receiver(tmp_path / "data", default=WRONG) as collector:
        assert set(collector.post_all(posts, at=NOON)) == {403}
    # a forged one beside them, and with the same moment, changes nothing
    assert sum(recover(tmp_path / "data").recovered.values()) == len(posts)
    assert not recover(tmp_path / "data").recovered
    assert stored(tmp_path / "data") == {"statuses": 4, "incoming": 2, "confirmations": 2, "call_events": 0}


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(status_body("007", "+79001230001", "-01"), id="zeros-and-plus"),
        pytest.param(status_body(1, "User@Example.com"), id="address"),
        pytest.param(status_body(1, status=300), id="status-beyond-a-byte"),
        pytest.param(status_body(2**31 - 1, status=-128), id="extremes"),
        pytest.param(status_body(1, status_at=5, parts="x", phone_=7), id="echoed-under-our-names"),
        pytest.param(incoming_body("79001230001", "a\0b\x1b\r\n:", "+7900"), id="nul"),
        pytest.param(incoming_body("79001230001", "", id="x" * 30), id="id-is-no-number"),
        pytest.param(incoming_body("79001230001", "👍", charset="utf-8", id="9" * 25), id="id-beyond-a-number"),
        pytest.param(confirmation_body("79001230001", "000000001"), id="time-of-1970"),
        pytest.param(confirmation_body("79001230001", 9999999999), id="time-far-away"),
    ],
)  # fmt: skip
def test_what_is_odd_is_recovered_once(tmp_path, odd):
    data = refused(tmp_path / "data", odd)
    assert recover(data).events == 1
    assert retry(Layout(data), RIGHT, EVERYTHING).before == 1
    assert sum(stored(data).values()) + open_store(data)._tables.events("rejected").shape[0] == 2


@pytest.mark.parametrize(
    "first", [Terms({"2026": SECRET.encode()}), Terms({"2026": SECRET.encode()}, charset="koi8-r")]
)
def test_settings_that_change_between_two_retries_add_only_what_is_new(tmp_path, first):
    """A charset that is put right after the recovery leaves its texts as they are; keys that are named then are news."""
    posts = [incoming_body("79001230001", "Да"), status_body(1, time="22.11.2026 15:00:00", digits="21")]
    data = refused(tmp_path / "data", *posts)
    recover(data, {"default": account_of(first)})
    second = Terms({"2026": SECRET.encode()}, charset="utf-8", call_events=CallFields("digits"))
    done = recover(data, {"default": account_of(second)})
    assert (done.events, done.before) == (1, 1)
    assert stored(data) == {"statuses": 1, "incoming": 1, "confirmations": 0, "call_events": 1}
    assert recover(data, {"default": account_of(second)}).before == 2


def test_structure_that_the_settings_accept_now_is_recovered_too(tmp_path):
    posts = [incoming_body("79001230001", "Да", "79001230009"), form({"id": 5, "phone": "79001230001", "digits": "21"})]
    data = refused(tmp_path / "data", *posts, status=400, secrets={"2026": SECRET}, inbound_numbers=["79001230000"])
    assert [one.refused.reason for one in looked_at(data)] == ["structure", "structure"]
    terms = Terms(
        {"2026": SECRET.encode()}, inbound_numbers=frozenset([b"79001230009"]), call_events=CallFields("digits")
    )
    assert recover(data, {"default": account_of(terms)}).recovered == {("default", "2026"): 1, ("default", ""): 1}


@pytest.mark.parametrize(
    "body", [status_body(1, note="another-secret-that-is-wrong"), status_body(1, note="another%2Dsecret-that-is-wrong")]
)
def test_a_secret_that_was_masked_beside_what_is_signed_does_not_matter(tmp_path, body):
    assert recover(refused(tmp_path / "data", body)).events == 1


def test_what_held_the_secret_itself_cannot_be_recovered_and_says_so(tmp_path):
    body = form({"id": 1, "phone": "79001230001", "status": 1, "md5": SECRET})
    data = refused(tmp_path / "data", body, secrets={"2026": SECRET})
    [one] = looked_at(data)
    assert one.why.endswith("a secret in it was masked when it was kept, so it cannot be recovered")
    assert not recover(data).recovered


def test_a_secret_that_is_tried_from_a_file_gives_its_label(tmp_path):
    data = refused(tmp_path / "data", status_body(1, secret="the-secret-of-last-year"), status_body(2))
    tried = {"default": with_secret(RIGHT["default"], "2025", "the-secret-of-last-year")}
    assert recover(data, tried).recovered == {("default", "2026"): 1, ("default", "2025"): 1}
    assert sorted(open_store(data).statuses().select("message_id, key").fetchall()) == [(1, "2025"), (2, "2026")]
    assert [(one.recovered, bool(one.callbacks)) for one in looked_at(data)] == [
        (True, False)
    ] * 2  # by the one that is gone


@pytest.mark.parametrize(
    ("label", "secret", "said"),
    [("2025", "", "holds no secret"), ("2025", "two\nlines", "holds no secret"), ("2026", "s" * 20, "have a secret 2026 already")],
)  # fmt: skip
def test_what_is_no_secret_or_has_a_label_in_use_is_refused(label, secret, said):
    with pytest.raises(SettingsError, match=said):
        with_secret(RIGHT["default"], label, secret)


def test_nothing_is_recovered_of_an_account_that_is_gone_or_from_an_address_that_is_not_allowed(tmp_path):
    data = refused(tmp_path / "data", status_body(1))
    elsewhere = account_of(RIGHT["default"].terms, ipaddress.ip_network("198.51.100.0/24"))
    for accounts, why in (
        ({}, "its account is not in the settings"),
        ({"default": elsewhere}, "it came from an address"),
    ):
        done = recover(data, accounts)
        assert not done.recovered
        assert [text.startswith(why) for text in done.refused] == [True]
    here = account_of(RIGHT["default"].terms, ipaddress.ip_network("192.0.2.0/24"))
    assert recover(data, {"default": here}).events == 1


def test_what_was_refused_for_its_address_is_recovered_when_that_is_allowed(tmp_path):
    data = refused(tmp_path / "data", status_body(1), secrets={"2026": SECRET}, addresses=["198.51.100.0/24"])
    assert [one.refused.reason for one in looked_at(data)] == ["address"]
    assert recover(data).events == 1


def test_a_line_of_the_journal_that_could_not_be_read_is_no_callback(tmp_path):
    data = refused(tmp_path / "data", status_body(1))
    slot = Layout(data).slot("w7")
    slot.mkdir()
    (slot / "0000000001.2026-11-22.sealed").write_bytes(status_body(2) + b"\n")
    published(data)
    done = recover(data, RIGHT | {"": RIGHT["default"]})
    assert done.events == 1
    assert done.refused == {"it is no callback but a line of the journal that could not be read": 1}


def test_only_what_is_meant_is_recovered(tmp_path):
    data = tmp_path / "data"
    with Receiver(data, default=WRONG, shop=WRONG) as collector:
        for day, path in itertools.product(range(3), ("/callback", "/callback/shop")):
            assert collector.post(status_body(1), path, at=NOON + day * 86400) == 403
    accounts = RIGHT | {"shop": RIGHT["default"]}
    noon = datetime.fromtimestamp(NOON, UTC)
    second = Span("shop", start=noon.replace(day=23), end=noon.replace(day=24, hour=12))
    assert recover(data, accounts, second).recovered == {("shop", "2026"): 1}
    assert recover(data, accounts, Span("shop")).recovered == {("shop", "2026"): 2}
    assert recover(data, accounts, Span(reason="structure")).events == 0
    assert recover(data, accounts).recovered == {("default", "2026"): 3}
    at = open_store(data).statuses().select("account, epoch(received_at)::BIGINT").order("ALL").fetchall()
    assert at == [(account, NOON + day * 86400) for account in ("default", "shop") for day in range(3)]


def test_the_newest_come_first_where_that_is_asked_for(tmp_path):
    data = refused(tmp_path / "data", status_body(1), status_body(2), at=NOON + 43199)  # over midnight
    ids = [one.callbacks[0].fields["message_id"] for one in looked_at(data, newest_first=True)]
    assert ids == ["2", "1"]


def test_what_was_torn_by_a_power_cut_counts_as_nothing_and_is_recovered_whole(tmp_path):
    data = refused(tmp_path / "data", *map(status_body, range(1, 6)))
    assert retry(Layout(data), RIGHT, EVERYTHING).events == 5
    [sealed] = Layout(data).slot("c0").glob("*.sealed")
    whole, torn = sealed.read_bytes(), sealed.with_suffix(".open")
    sealed.unlink()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for cut in (1, *(end + more for end in ends[:-1] for more in (-1, 0, 40)), len(whole) - 1):
        torn.write_bytes(whole[:cut])
        assert [each.recovered for each in looked_at(data)] == [False] * 5
    published(data)
    assert stored(data)["statuses"] == 0
    assert recover(data).events == 5
    assert retry(Layout(data), RIGHT, EVERYTHING).before == 5
    assert stored(data)["statuses"] == 5


def test_dates_are_each_a_segment_of_their_own(tmp_path):
    data = refused(tmp_path / "data", status_body(1), status_body(2), at=NOON + 43199)
    retry(Layout(data), RIGHT, EVERYTHING)
    assert [str(segment.date) for segment in Layout(data).segments("c0")] == ["2026-11-22", "2026-11-23"]


def test_what_retention_would_remove_again_is_refused_and_says_so(tmp_path):
    data = refused(tmp_path / "data", status_body(1), incoming_body("79001230001", "yes"), at=NOON)
    for hours in (0, 1):
        now = datetime.fromtimestamp(NOON, UTC) + timedelta(days=31, hours=hours)
        expire(Layout(data), {"statuses": 30}, now=now)
    assert [bool(one.callbacks) for one in looked_at(data)] == [False, True]
    done = recover(data)
    assert (done.events, done.refused) == (1, {"what came on its date is no longer kept: retention gave it up": 1})
    assert stored(data) == {"statuses": 0, "incoming": 1, "confirmations": 0, "call_events": 0}
    assert sum(map(len, Layout(data).event_files("statuses").values())) == 0
    assert recover(data).refused == {"what came on its date is no longer kept: retention gave it up": 1}
