"""Numbers that are to be confirmed by a call: the customer asks for it, and the subscriber calls, or does not."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from smsanalytics.simulator.incident import Incident, Pumping
from smsanalytics.simulator.network import NUMBERS_TO_CALL, anybody, range_of
from smsanalytics.simulator.odds import Odds
from smsanalytics.simulator.profile import Rhythm

PER_MESSAGE = 1 / 12  #: requests
PURPOSES = Odds({"login": 0.7, "signup": 0.3})
ASKED_AGAIN, CALLED, TOO_LATE, UNASKED, HELD_UP = 0.05, 0.93, 0.04, 0.03, 0.02  #: shares
PUMPED_CALLED = 0.01  #: of the requests of an attack
WINDOW = 5 * 60  #: a call that comes later confirms nothing [seconds]
STALE = 15 * 60  #: nor does one whose callback came later than this, or told a time so far ahead [seconds]
SECOND = 1_000_000  # microseconds


@dataclass(frozen=True)
class Request:
    """The customer showed a subscriber a number to call."""

    id: str
    phone: str
    at: int  # Unix seconds
    number_to_call: str
    purpose: str


@dataclass(frozen=True, order=True)
class Call:
    """A subscriber called; the callback was first received at `received_at`."""

    at: int  # Unix seconds
    phone: str
    received_at: int  # Unix microseconds

    @property
    def stale(self) -> bool:
        """Whether its callback came too late to confirm anything."""
        return abs(self.received_at - self.at * SECOND) > STALE * SECOND


def make_confirmations(
    chance: random.Random, messages: int, rhythm: Rhythm, incidents: Sequence[Incident]
) -> tuple[list[Request], list[Call]]:
    """The requests of a world of so many messages, and the calls, each in order."""
    asked: dict[tuple[int, str], str] = {}  # (moment, phone): purpose
    called: dict[tuple[int, str], int] = {}  # (moment, phone): received
    for at, phone, purpose, share in _wishes(chance, int(messages * PER_MESSAGE), rhythm, incidents):
        asked[at, phone] = purpose
        if chance.random() < ASKED_AGAIN:
            at += chance.randrange(15, 90)
            asked[at, phone] = purpose
            if chance.random() < 0.2:
                called.setdefault((at + chance.randrange(40, 120), phone), 0)  # and calls twice
        if chance.random() < share:
            wait = chance.randrange(WINDOW + 1, 1800) if chance.random() < TOO_LATE else _wait(chance)
            called.setdefault((at + wait, phone), 0)
        if chance.random() < UNASKED:
            called.setdefault((rhythm.moment(chance), anybody(chance).phone), 0)
    requests = [
        Request(f"request-{number}", phone, at, chance.choice(NUMBERS_TO_CALL), asked[at, phone])
        for number, (at, phone) in enumerate(sorted(asked), start=1)
        if at <= rhythm.end
    ]
    calls = [Call(at, phone, _received(chance, at, rhythm.end)) for at, phone in sorted(called) if at <= rhythm.end]
    return requests, calls


def confirmed(requests: Iterable[Request], calls: Iterable[Call], window: int = WINDOW) -> dict[str, Call]:
    """
    Which call confirmed which request, by the request's id.

    One call confirms one request: the newest unconfirmed one of its phone, asked at most `window` seconds before.
    """
    waiting: dict[str, list[Request]] = {}
    for request in sorted(requests, key=lambda request: request.at):
        waiting.setdefault(request.phone, []).append(request)
    found: dict[str, Call] = {}
    for call in sorted(calls):
        if call.stale:
            continue
        for request in reversed(waiting.get(call.phone, [])):
            if 0 <= call.at - request.at <= window and request.id not in found:
                found[request.id] = call
                break
    return found


def _wishes(
    chance: random.Random, count: int, rhythm: Rhythm, incidents: Sequence[Incident]
) -> Iterator[tuple[int, str, str, float]]:
    """Who wants a number confirmed: when, the phone, for what, and how likely a call is."""
    for _ in range(count):
        yield rhythm.moment(chance), anybody(chance).phone, PURPOSES.pick(chance), CALLED
    for attack in incidents:
        if isinstance(attack, Pumping):
            victims = range_of(attack.operator, attack.numbers)
            for _ in range(attack.requests):
                at = int(chance.uniform(attack.start.timestamp(), attack.end.timestamp()))
                yield at, chance.choice(victims).phone, "login", PUMPED_CALLED


def _wait(chance: random.Random) -> int:
    return min(4 + int(chance.lognormvariate(3, 0.8)), WINDOW)


def _received(chance: random.Random, at: int, end: int) -> int:
    delay = chance.uniform(16 * 60, 5 * 3600) if chance.random() < HELD_UP else chance.expovariate(1 / 2)
    return min(at * SECOND + int(delay * SECOND), end * SECOND)
