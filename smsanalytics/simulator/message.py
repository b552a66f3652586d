"""Messages of every type, and what becomes of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from smsanalytics.simulator.incident import Incident, Outage, Pumping, SpamFilter
from smsanalytics.simulator.network import Operator, Subscriber, anybody, range_of
from smsanalytics.simulator.odds import Odds
from smsanalytics.simulator.profile import Rhythm

SMS, FLASH, HLR, PING, CALL, EMAIL, VIBER = 0, 1, 4, 5, 7, 8, 10
TYPES = Odds({SMS: 0.928, FLASH: 0.01, HLR: 0.02, PING: 0.007, CALL: 0.012, EMAIL: 0.01, VIBER: 0.013})
LOOKUPS = (HLR, PING)  #: ask whether a number can be reached
PRICES = {HLR: 0.30, PING: 0.25, CALL: 1.90, EMAIL: 0.05, VIBER: 1.40}  #: the others cost their network's, per part
SENDERS = Odds({"SHOP": 0.45, "BANK-CODE": 0.35, "Доставка": 0.20})
TAGS = {  #: what a sender's messages are for
    "SHOP": Odds({"campaign": 0.7, "alert": 0.3}),
    "BANK-CODE": Odds({"login": 0.8, "alert": 0.2}),
    "Доставка": Odds({"alert": 0.9, "campaign": 0.1}),
}
PARTS = {"campaign": Odds({1: 0.5, 2: 0.35, 3: 0.15}), "alert": Odds({1: 0.7, 2: 0.3}), "login": Odds({1: 1.0})}
UNREPORTED, LOST, TEST_MODE = 0.03, 0.003, 0.005  #: shares of the messages
FAILURES = Odds({  # (status, err): weight
    (20, 1): 24, (20, 13): 14, (20, 11): 9, (20, 12): 4, (20, 255): 8, (3, 6): 22, (3, 0): 5,
    (23, 253): 6, (23, 251): 3, (22, 249): 3, (25, 248): 2,
})  # fmt: skip
OUTAGES: Odds[tuple[int, int] | None] = Odds({(20, 11): 35, (20, 12): 15, (3, 0): 20, (1, 0): 25, None: 5})
LOOKED_UP = Odds({(1, 0): 80, (1, 1): 4, (1, 6): 6, (1, 13): 3, (20, 1): 4, (3, 6): 3})
CALLS = Odds({(1, 0): 72, (20, 237): 15, (20, 240): 7, (20, 242): 6})
EMAILS = Odds({(1, 0): 95, (6, 0): 3, (20, 1): 2})
VIBERS = Odds({(1, 0): 88, (20, 255): 9, (3, 6): 3})
DELIVERED, FAILED, UNLISTED = {1, 2, 4}, {3, 6, 20, 22, 23, 24, 25}, 33
EXPIRES = 86400  #: after so many seconds a network gives up


class Event(NamedTuple):
    """One change of a message's status."""

    at: int  # Unix seconds
    status: int
    err: int | None  # None is not told


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message and everything that happened to it.

    Attributes
    ----------
    phone : str
        The recipient; an address for e-mail.
    operator : Operator or None
        None for e-mail.
    sender : str
        Empty for lookups and calls, which have none.
    parts : int or None
        None for what is not counted in parts.
    sent_at : int
        When the customer's system sent it. [Unix seconds]
    reported : bool
        Whether that system kept a record of it.
    events : tuple of Event
        None for a lost one: no callback ever comes.
    """

    id: int
    phone: str
    operator: Operator | None
    type: int
    sender: str
    tag: str
    parts: int | None
    cost: float
    sent_at: int
    reported: bool
    test_mode: bool
    events: tuple[Event, ...]

    @property
    def outcome(self) -> str:
        """What became of it: ``delivered``, ``failed``, ``unknown`` or ``open``."""
        statuses = {event.status for event in self.events}
        if statuses & DELIVERED:
            return "delivered"
        if statuses & FAILED:
            return "failed"
        return "unknown" if UNLISTED in statuses else "open"

    @property
    def delivered_at(self) -> int | None:
        """The first moment at which it was reported to be there. [Unix seconds]"""
        return min((event.at for event in self.events if event.status in DELIVERED), default=None)

    @property
    def reachability(self) -> str | None:
        """What a lookup found: ``reachable``, ``unreachable`` or ``pending``; None for other types."""
        if self.type not in LOOKUPS:
            return None
        last = self.events[-1]
        if last.status >= 3:
            return "unreachable"
        if last.status < 1 or last.err is None:
            return "pending"
        return "reachable" if last.err == 0 else "unreachable"


def make_messages(
    chance: random.Random, count: int, rhythm: Rhythm, incidents: Sequence[Incident]
) -> Iterator[Message]:
    """So many messages, and beyond them those of pumping attacks."""
    attacks = [one for one in incidents if isinstance(one, Pumping)]
    ids = iter(chance.sample(range(1, 2**31), count + sum(one.messages for one in attacks)))
    for _ in range(count):
        yield _message(chance, next(ids), rhythm, incidents)
    for attack in attacks:
        victims = range_of(attack.operator, attack.numbers)
        for _ in range(attack.messages):
            at = int(chance.uniform(attack.start.timestamp(), attack.end.timestamp()))
            yield _text(chance, next(ids), chance.choice(victims), SMS, "BANK-CODE", "login", at, rhythm.end, incidents)


def _message(chance: random.Random, number: int, rhythm: Rhythm, incidents: Sequence[Incident]) -> Message:
    kind, to, at = TYPES.pick(chance), anybody(chance), rhythm.moment(chance)
    sender = "" if kind in (*LOOKUPS, CALL) else SENDERS.pick(chance)
    tag = TAGS[sender].pick(chance) if sender else "alert" if kind == CALL else "check"
    if kind in (SMS, FLASH):
        return _text(chance, number, to, kind, sender, tag, at, rhythm.end, incidents)
    events = _by(rhythm.end, at, LIVES[kind](chance, at + chance.randrange(3)))
    phone, operator = (f"user{number % 2000}@example.com", None) if kind == EMAIL else (to.phone, to.operator)
    reported = chance.random() >= UNREPORTED
    return Message(
        number, phone, operator, kind, sender, tag, None, PRICES[kind], at, reported, test_mode=False, events=events
    )


def _text(
    chance: random.Random, number: int, to: Subscriber, kind: int, sender: str, tag: str, at: int, end: int,
    incidents: Sequence[Incident],
) -> Message:  # fmt: skip
    parts = PARTS[tag].pick(chance)
    first = at + chance.randrange(3)
    test_mode = chance.random() < TEST_MODE
    lost = kind == SMS and not test_mode and chance.random() < LOST
    if test_mode:
        life: Iterator[Event] = iter([Event(first, 1, 200)])
    else:
        life = _troubled(chance, to.operator, sender, tag, first, incidents) or _text_life(chance, to.operator, first)
    return Message(
        number, to.phone, to.operator, kind, sender, tag, parts, round(parts * to.operator.price, 2), at,
        reported=lost or chance.random() >= UNREPORTED, test_mode=test_mode, events=() if lost else _by(end, at, life),
    )  # fmt: skip


def _by(end: int, at: int, life: Iterator[Event]) -> tuple[Event, ...]:
    return tuple([event for event in life if event.at <= end]) or (Event(at, 0, 0),)


def _text_life(chance: random.Random, operator: Operator, at: int) -> Iterator[Event]:
    yield Event(at, -1 if chance.random() < 0.05 else 0, 0)
    fate = chance.random()
    if fate < 0.012:
        return  # nobody ever hears of it again
    if fate < 0.014:
        yield Event(at + 5, UNLISTED, 0)
        return
    arrived = at + 1 + int(chance.lognormvariate(0, 1.3) * operator.seconds)
    if chance.random() > operator.quality:
        status, err = FAILURES.pick(chance)
        given_up = at + (EXPIRES if status == 3 else 2 + int(chance.expovariate(1 / 30)))
        yield Event(given_up, status, err)
        if status != 3 or chance.random() > 0.03:
            return
        arrived = given_up + 600  # expired, and then delivered all the same
    yield Event(arrived, 1, 0)
    if chance.random() < 0.06:
        yield Event(arrived + 5 + int(chance.expovariate(1 / 1800)), 2, 0)
    if chance.random() < 0.02:
        yield Event(arrived + 60 + int(chance.expovariate(1 / 3600)), 4, 0)


def _troubled(
    chance: random.Random, operator: Operator, sender: str, tag: str, at: int, incidents: Sequence[Incident]
) -> Iterator[Event] | None:
    """What an incident makes of a message; None where it is spared."""
    for incident in incidents:
        if not incident.covers(at):
            continue
        if isinstance(incident, SpamFilter) and (incident.sender, incident.tag) == (sender, tag):
            return iter([Event(at, 0, 0), Event(at + 2, 23, 253)]) if chance.random() < 0.95 else None
        if isinstance(incident, Outage) and incident.operator == operator.name:
            over = int(incident.end.timestamp() + chance.expovariate(1 / 1800))
            fate = OUTAGES.pick(chance)
            moments = {20: at + 300 + int(chance.expovariate(1 / 600)), 3: at + EXPIRES, 1: over}
            return iter([Event(at, 0, 0), Event(moments[fate[0]], *fate)]) if fate else None
    return None


def _lookup_life(chance: random.Random, at: int) -> Iterator[Event]:
    yield Event(at, 0, 0)
    if chance.random() < 0.06:
        yield Event(at + 1, 1, None)  # asked, and no answer yet
        if chance.random() < 0.5:
            return
    status, err = LOOKED_UP.pick(chance)
    yield Event(at + 2 + int(chance.expovariate(1 / 6)), status, err)


def _call_life(chance: random.Random, at: int) -> Iterator[Event]:
    yield Event(at, 0, 0)
    status, err = CALLS.pick(chance)
    yield Event(at + 10 + int(chance.expovariate(1 / 20)), status, err)


def _email_life(chance: random.Random, at: int) -> Iterator[Event]:
    yield Event(at, 0, 0)
    status, err = EMAILS.pick(chance)
    yield Event(at + 3, status, err)
    if status == 1 and chance.random() < 0.25:
        read = at + 60 + int(chance.expovariate(1 / 14400))
        yield Event(read, 2, 0)
        if chance.random() < 0.2:
            yield Event(read + 20, 4, 0)


def _viber_life(chance: random.Random, at: int) -> Iterator[Event]:
    yield Event(at, 0, 0)
    status, err = VIBERS.pick(chance)
    arrived = at + (EXPIRES if status == 3 else 2 + int(chance.expovariate(1 / 10)))
    yield Event(arrived, status, err)
    if status == 1 and chance.random() < 0.7:
        yield Event(arrived + 5 + int(chance.expovariate(1 / 900)), 2, 0)


LIVES: dict[int, Callable[[random.Random, int], Iterator[Event]]] = {
    HLR: _lookup_life,
    PING: _lookup_life,
    CALL: _call_life,
    EMAIL: _email_life,
    VIBER: _viber_life,
}
