"""
Hashes that are right, in places where they are not: refused, or without effect on any figure, or flagged.

The raw bodies are in ``tests/callbacks/wrong-places``; each is posted to an account of its own, which got the same
honest traffic as all others, and whose figures are compared before and after.
"""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from receiving import Receiver
from signing import confirmation_body, incoming_body, md5_of, status_body

BODIES = Path(__file__).parents[1] / "callbacks" / "wrong-places"
SEVEN = 1795244400  # 2026-11-21 07:00 UTC, when the honest traffic began
HOUR = 3600
END = datetime.fromtimestamp(SEVEN + 24 * HOUR, UTC)
ONE, TWO, THREE, FOUR, SIX, TO = "79001234567", "79001230002", "79001230003", "79001230004", "79001230006", "79037654321"  # fmt: skip

TERMS = {"type": 0, "cnt": 1, "cost": "3.10", "sender": "SHOP", "operator": "MTS", "mcc": "250", "mnc": "01"}
HONEST = [  # seconds after seven, body
    (-3598, incoming_body(SIX, "Stop", TO, id=6, ts=SEVEN - 3600)),
    (1, status_body(1042, ONE, 0, err=0, ts=SEVEN, **TERMS)),
    (2, status_body(1043, TWO, 0, err=0, ts=SEVEN + 1, **TERMS)),
    (3, status_body(1044, THREE, 0, err=0, ts=SEVEN + 2, **TERMS)),
    (5, status_body(1045, FOUR, 1, err=0, ts=SEVEN + 4, type=4, imsi="250010000000000")),
    (6, status_body(1046, SIX, 0, ts=SEVEN + 5)),  # of which neither operator nor cost is told
    (7, status_body(1046, SIX, 1, ts=SEVEN + 6)),
    (9, status_body(1042, ONE, 1, err=0, ts=SEVEN + 7, **TERMS)),
    (32, status_body(1043, TWO, 20, err=13, ts=SEVEN + 30, **TERMS)),
    (601, incoming_body(ONE, "Yes", TO, id=7, ts=SEVEN + 600)),
    (602, incoming_body(TWO, "Привет, мир", TO, id=8, ts=SEVEN + 601, charset="utf-8")),
    (3632, confirmation_body(ONE, SEVEN + 3631)),
]
REQUESTS = b"".join(b'{"phone": "%s", "requested_at": %d}\n' % (phone.encode(), SEVEN + HOUR) for phone in (ONE, TWO))

RIGHT = {  # every hash that the provider may have made of an event
    md5_of(*event, charset="utf-8").encode()
    for event in (
        (1042, ONE, 0), (1042, ONE, 1), (1043, TWO, 1), (1043, TWO, 20), (1045, FOUR, 1), (1046, SIX, 1), (1000042, ONE, 1),
        (1234568, ONE, 123), (1234567, "", 123), (1234567, "79001230009", 123), (ONE, "Yes", TO), (ONE, "10:30", TO),
        (TWO, "Привет, мир", TO), (SIX, "Stop", TO), (ONE, SEVEN + 3631), (TWO, SEVEN + 3640),
    )
}  # fmt: skip

MESSAGES = ["account", "day", "operator", "sender"]
FIGURES = {
    "delivery_rate": MESSAGES,
    "latency": MESSAGES,
    "failure_mix": MESSAGES,
    "cost": MESSAGES,
    "inbound_volume": ["account", "day", "to_number"],
    "reply_rate": MESSAGES,
    "confirmation_success": ["account", "day"],
    "reachability": MESSAGES,
}


@dataclass(frozen=True)
class Stored:
    """What the checks of `data_health` count of it, and which figures it moves; nothing where nothing is said."""

    flags: dict[str, int] = field(default_factory=dict)
    moves: set[str] = field(default_factory=set)
    answer: int = 200


@dataclass(frozen=True)
class Case:
    """A body, where it is not called like its case; the query it is posted with, how late, and to which account."""

    expected: Stored | int
    body: str = ""
    query: str = ""
    after: int = 2 * HOUR
    account: dict[str, object] = field(default_factory=dict)


AGAIN = {"duplicates": 1}
OTHERWISE = {"conflicting_replays": 1}  # the same signed part beside other unsigned fields
LATE = {"late": 1}
BEHIND = {"out_of_order": 1}
UNTIMED = {"untimed": 1}
OF_MESSAGES = {"delivery_rate", "latency", "cost", "reply_rate"}
MENU = {"call_events": {"keys": "digits"}}

CASES = {
    # the hash of one kind in the place of another: the shapes of the signed fields leave one reading ...
    "status-as-incoming": Case(400),
    "status-of-long-id-as-incoming": Case(400),
    "status-as-confirmation": Case(400),
    "status-hash-on-confirmation": Case(403),
    "incoming-as-status": Case(400),
    "incoming-as-confirmation": Case(400),
    "empty-text-as-status": Case(400),
    "confirmation-as-status": Case(400),
    "confirmation-as-incoming": Case(400),
    "confirmation-hash-on-status": Case(403),
    "confirmation-hash-on-incoming": Case(403),
    # ... but for a text that is a phone number, sent to a number of three digits by one of seven, and a code that no list knows
    "incoming-as-status-123": Case(Stored({"unknown_codes": 1} | UNTIMED, {"delivery_rate", "latency", "cost"})),
    "status-123-as-incoming": Case(Stored(moves={"inbound_volume"})),
    "status-123-to-a-number-not-ours": Case(400, body="status-123-as-incoming", account={"inbound_numbers": [TO]}),
    # two kinds at once
    "mes-beside-status": Case(400),
    "mes-null-beside-status": Case(400),
    "mes-beside-waitcall": Case(403),
    "waitcall-beside-status": Case(403),
    "waitcall-beside-mes": Case(Stored(AGAIN)),
    "status-beside-waitcall": Case(Stored(AGAIN)),
    "status-hash-on-keys": Case(400),
    "status-hash-on-keys-of-a-menu": Case(Stored(), body="status-hash-on-keys", account=MENU),  # a call, and unsigned
    "keys-beside-status": Case(Stored(AGAIN)),
    "keys-beside-status-of-a-menu": Case(Stored(AGAIN), body="keys-beside-status", account=MENU),
    # other borders between the signed values
    "colon-from-text-to-number": Case(400),
    "colon-from-text-to-phone": Case(400),
    # a field twice, or elsewhere
    "status-twice": Case(400),
    "status-twice-encoded": Case(400),
    "status-twice-across-levels": Case(400),
    "phone-twice": Case(400),
    "attribute-beside-element": Case(400),
    "status-again-in-capitals": Case(Stored(AGAIN)),
    "status-in-query": Case(Stored(AGAIN), query="status=1"),
    "callback-in-query": Case(400, query="id=1043&phone=79001230002&status=20&md5=b7812f1ac3e52d75aa114e0f18e05877"),
    "hash-in-query": Case(403, query="md5=01528433d05080a7223a1478ed15392f"),
    "hash-as-attribute": Case(Stored(AGAIN)),
    # several events
    "hash-shared-by-two": Case(403),
    "hash-shared-by-two-in-xml": Case(403),
    "hashes-in-a-list": Case(400),
    "signed-part-shared": Case(400),
    "one-event-three-times": Case(Stored({"duplicates": 3})),
    # hashes that are none, or another's
    "hash-of-another-secret": Case(403),
    "hash-of-another-event": Case(403),
    "hash-truncated": Case(403),
    "hash-lengthened": Case(403),
    "hash-with-a-blank": Case(403),
    "hash-empty": Case(403),
    "hash-is-the-secret": Case(403),
    "hash-in-capital-name": Case(403),
    "md5-as-sha1": Case(403),
    "sha1-as-md5": Case(403),
    "crc32-alone": Case(403),
    # a charset is not signed, and the bytes are: an account that fixes it has nothing to fear
    "charset-and-bytes-changed": Case(Stored(AGAIN)),
    "charset-changed": Case(Stored(moves={"inbound_volume"})),
    "charset-changed-where-it-is-set": Case(Stored(AGAIN), body="charset-changed", account={"charset": "utf-8"}),
    "charset-left-out": Case(Stored(moves={"inbound_volume"})),
    "charset-left-out-where-it-is-set": Case(Stored(AGAIN), body="charset-left-out", account={"charset": "utf-8"}),
    "sender-in-another-charset": Case(Stored(AGAIN | OTHERWISE)),
    # a status told again beside other unsigned fields
    "delivered-again": Case(Stored(AGAIN)),
    "delivered-ts-earlier": Case(Stored(OTHERWISE | BEHIND | LATE, {"latency"})),
    "delivered-ts-before-sending": Case(Stored(OTHERWISE | BEHIND | LATE, {"latency"})),
    "delivered-ts-two-days-earlier": Case(Stored(OTHERWISE | BEHIND | LATE, OF_MESSAGES)),
    "delivered-ts-later": Case(Stored(OTHERWISE | LATE)),
    "delivered-ts-0": Case(Stored(OTHERWISE | UNTIMED)),
    "delivered-ts-far-ahead": Case(Stored(OTHERWISE | UNTIMED)),
    "delivered-ts-none": Case(Stored(OTHERWISE | UNTIMED)),
    "delivered-ts-no-number": Case(Stored(OTHERWISE | UNTIMED)),
    "delivered-err-13": Case(Stored(AGAIN | OTHERWISE)),
    "delivered-err-200": Case(Stored(AGAIN | OTHERWISE, OF_MESSAGES)),  # "test mode": out of the population
    "delivered-err-200-in-json": Case(Stored(AGAIN | OTHERWISE, OF_MESSAGES)),
    "delivered-type-4": Case(Stored(AGAIN | OTHERWISE, OF_MESSAGES | {"reachability"})),
    "delivered-type-4-in-xml": Case(Stored(AGAIN | OTHERWISE, OF_MESSAGES | {"reachability"})),
    "delivered-hlr-fields": Case(Stored(AGAIN | OTHERWISE, OF_MESSAGES | {"reachability"})),
    "delivered-type-7": Case(Stored(AGAIN | OTHERWISE)),
    "delivered-cost": Case(Stored(AGAIN | OTHERWISE)),
    "delivered-parts": Case(Stored(AGAIN | OTHERWISE)),
    "delivered-operator": Case(Stored(AGAIN | OTHERWISE)),
    "delivered-sender": Case(Stored(AGAIN | OTHERWISE)),
    "delivered-flag": Case(Stored(AGAIN | OTHERWISE)),
    "accepted-with-ts-earlier": Case(Stored(OTHERWISE | BEHIND | LATE, {"latency"})),
    "accepted-with-ts-later": Case(Stored(OTHERWISE | LATE)),
    "failed-with-err-250": Case(Stored(AGAIN | OTHERWISE, {"failure_mix"})),
    "failed-with-err-1-and-ts-later": Case(Stored(OTHERWISE | LATE, {"failure_mix"})),
    "lookup-with-err-6": Case(Stored(AGAIN | OTHERWISE, {"reachability"})),
    "bare-with-terms": Case(Stored(AGAIN | OTHERWISE, OF_MESSAGES)),  # where the first report named none
    "bare-with-operator": Case(Stored(AGAIN | OTHERWISE, OF_MESSAGES)),
    # a call told again, or for the first time, hours later
    "call-again-hours-later": Case(Stored(AGAIN), after=5 * HOUR),
    "call-again-with-an-id": Case(Stored(AGAIN)),
    "call-held-back": Case(Stored({"stale_calls": 1}, {"confirmation_success"}), after=5 * HOUR),
    # an incoming SMS told again
    "text-again": Case(Stored(AGAIN)),
    "text-with-id": Case(Stored(AGAIN)),
    "text-with-ts": Case(Stored(OTHERWISE, {"inbound_volume"})),
    "text-with-id-and-ts": Case(Stored(moves={"inbound_volume"})),
    "text-with-ts-none": Case(Stored(OTHERWISE, {"inbound_volume"})),
    "text-with-ts-0": Case(Stored(OTHERWISE, {"inbound_volume"})),
    "text-with-ts-after-delivery": Case(Stored(OTHERWISE, {"inbound_volume", "reply_rate"})),
    "text-to-another-number": Case(403),
}  # fmt: skip
UNSEEN = {
    # counted, and no check can tell them from a subscriber who writes again; docs/explanation/signature.md says so
    "text-with-id-and-ts",
    # closed by fixing the account's charset, and by listing its numbers
    "charset-changed", "charset-left-out", "status-123-as-incoming",
}  # fmt: skip


def answers_of(store):
    """Every figure and check, as rows by account."""

    def rows(frame):
        found = {}
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
            found.setdefault(row["account"], []).append(row)
        return found

    asked = {name: getattr(store, name)(by, as_of=END) for name, by in FIGURES.items()}
    return {name: rows(frame) for name, frame in (asked | {"data_health": store.data_health(["account"])}).items()}


def body_of(name):
    [path] = BODIES.glob(f"{CASES[name].body or name}.*")
    return path.read_bytes()


@dataclass(frozen=True)
class Told:
    answers: dict[str, int]
    before: dict[str, dict[str, list[dict[str, object]]]]
    after: dict[str, dict[str, list[dict[str, object]]]]

    def flags(self, name):
        pairs = zip(self.before["data_health"][name], self.after["data_health"][name], strict=True)
        return {now["check"]: now["n"] - was["n"] for was, now in pairs if now["n"] != was["n"]}

    def moves(self, name):
        return {figure for figure in FIGURES if self.before[figure].get(name) != self.after[figure].get(name)}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Honest traffic to the account of each case, and then, in a copy of that store, the body of the case."""
    honest, also_wrong = (tmp_path_factory.mktemp("places") / name for name in ("honest", "also-wrong"))
    accounts = {name: case.account for name, case in CASES.items()}
    answers = {}
    with Receiver(honest, **accounts) as collector:
        for after, body in HONEST:
            posts = [(f"/callback/{name}", body) for name in CASES]
            assert set(collector.post_all(posts, at=SEVEN + after)) == {200}
        for name in CASES:
            assert collector.tell(f"/confirmation-requests?account={name}", REQUESTS, at=SEVEN + HOUR) == 200
    shutil.copytree(honest, also_wrong)
    with Receiver(also_wrong, **accounts) as again:
        for after in sorted({case.after for case in CASES.values()}):
            names = [name for name, case in CASES.items() if case.after == after]
            posts = [(f"/callback/{name}?{CASES[name].query}", body_of(name)) for name in names]
            answers |= dict(zip(names, again.post_all(posts, at=SEVEN + after), strict=True))
    with ThreadPoolExecutor() as both:
        return Told(answers, *both.map(answers_of, (collector.store, again.store)))


def test_every_body_has_its_case():
    assert {path.stem for path in BODIES.iterdir()} == {case.body or name for name, case in CASES.items()}


def test_every_hash_is_a_right_one_of_some_place():
    """But for those cases that are about the hash itself."""
    made_up = {name for name in CASES if name.startswith(("hash-", "md5-", "sha1-", "crc32-"))}
    for name, body in ((name, body_of(name)) for name in CASES):
        found = set(re.findall(rb"[0-9a-f]{32}", body + CASES[name].query.encode()))
        assert name in made_up or (found and found <= RIGHT), name


def test_the_honest_traffic_moves_every_figure_and_no_check(told):
    untouched = {figure: rows["status-twice"] for figure, rows in told.before.items()}
    assert {figure for figure in FIGURES if untouched[figure]} == set(FIGURES)
    assert {row["check"]: row["n"] for row in untouched["data_health"] if row["n"]} == {}


@pytest.mark.parametrize("name", CASES)
def test_a_right_hash_in_a_wrong_place(told, name):
    expected = CASES[name].expected
    if isinstance(expected, int):
        expected = Stored({"rejected": 1}, answer=expected)
    assert (told.answers[name], told.flags(name), told.moves(name)) == (expected.answer, expected.flags, expected.moves)


def test_no_figure_moves_unseen_but_by_what_nothing_can_tell():
    moving = {
        name: case.expected for name, case in CASES.items() if isinstance(case.expected, Stored) and case.expected.moves
    }
    assert {name for name, stored in moving.items() if not set(stored.flags) - {"duplicates"}} == UNSEEN


def test_a_call_that_was_held_back_is_counted_and_confirms_nothing(told):
    [was], [now] = (told_then["confirmation_success"]["call-held-back"] for told_then in (told.before, told.after))
    assert {name for name in was if was[name] != now[name]} == {"calls", "stale_calls"}
    assert (now["requests"], now["confirmed"], now["stale_calls"]) == (2, 1, 1)
