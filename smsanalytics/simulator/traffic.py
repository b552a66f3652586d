"""
A world as the collector gets it: signed bodies in order of receipt, repeated, late, out of order and forged ones.

The signature is written here once more: what judges the collector must not share its code.
"""

from __future__ import annotations

import functools
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from smsanalytics.simulator.confirmation import Call
from smsanalytics.simulator.incoming import Incoming
from smsanalytics.simulator.menu import KeyPress
from smsanalytics.simulator.message import EMAIL, HLR, Event, Message
from smsanalytics.simulator.profile import ZONE

REPEATED, FORGED, LATE, OUT_OF_ORDER = 0.03, 0.01, 0.01, 0.02  #: shares of the callbacks
CHARSET = "cp1251"
PERCENT = {ord(char): quote_plus(char, encoding=CHARSET) for char in bytes(range(256)).decode(CHARSET, "ignore")}
SECOND = 1_000_000  # microseconds
TOGETHER = 30 * SECOND  #: events this close may come in one body, where bodies can hold several
AT_ONCE = 4  #: and no more than these
TIME_IN_WORDS = 4  #: of so many messages one tells its times also as text, in Moscow time

Fields = dict[str, str]
Happening = tuple[Message, Event] | Incoming | Call


class Arrival(NamedTuple):
    """A body and when it is received, in microseconds since 1970, UTC."""

    received_at: int
    body: bytes


class _Told(NamedTuple):
    received_at: int
    what: Happening
    forged: bool


def arrivals(
    messages: Iterable[Message], incoming: Iterable[Incoming], calls: Iterable[Call], secret: str, *,
    seed: int, end: int, forged: bool, formats: float, only: Callable[[int], bool],
) -> list[Arrival]:  # fmt: skip
    """
    Every callback of these, in order of receipt.

    Parameters
    ----------
    messages, incoming, calls : iterables
        What happened.
    secret : str
        To sign with.
    seed : int
        Of delays, repetitions and forgeries.
    end : int
        Nothing is received later. [Unix seconds]
    forged : bool
        Put in callbacks that somebody without the secret made up.
    formats : float
        Share of the bodies that are XML (``fmt=2``) or JSON (``fmt=3``) and may hold several events. [0..1]
    only : callable
        Whether to tell what is received at a moment. [Unix microseconds]
    """
    chance = random.Random(seed)  # noqa: S311
    told = [
        one
        for one in _told(chance, messages, incoming, calls, end * SECOND)
        if (forged or not one.forged) and only(one.received_at)
    ]
    told.sort(key=lambda one: one.received_at)
    return list(_written(random.Random(seed + 1), told, secret, formats))  # noqa: S311


def key_presses(presses: Iterable[KeyPress], *, seed: int, end: int) -> list[Arrival]:
    """The unsigned callbacks of a voice menu, in order of receipt; some come twice."""
    chance = random.Random(seed)  # noqa: S311
    return sorted(
        Arrival(
            _by(end * SECOND, press.at, chance.expovariate(1 / 2), chance),
            _form({"id": str(press.message_id), "phone": press.phone, "digits": press.keys}),
        )
        for press in presses
        for _ in range(2 if chance.random() < REPEATED else 1)
    )


def _told(
    chance: random.Random, messages: Iterable[Message], incoming: Iterable[Incoming], calls: Iterable[Call], end: int
) -> Iterator[_Told]:
    for message in messages:
        for event in message.events:
            lie = message, Event(event.at, 20 if event.status == 1 else 1, 0)
            yield from _tellings(chance, (message, event), lie, _by(end, event.at, _delay(chance), chance), end)
    for text in incoming:
        lie_told = replace(text, text="СТОП" if text.text != "СТОП" else "")
        yield from _tellings(chance, text, lie_told, _by(end, text.at, _delay(chance), chance), end)
    for call in calls:
        yield from _tellings(chance, call, replace(call, at=call.at - 1), call.received_at, end)


def _tellings(chance: random.Random, what: Happening, lie: Happening, received_at: int, end: int) -> Iterator[_Told]:
    yield _Told(received_at, what, False)
    if chance.random() < REPEATED:
        yield _Told(_by(end, received_at / SECOND, chance.uniform(1, 3600), chance), what, False)
    if chance.random() < FORGED:
        yield _Told(received_at, lie, True)


def _delay(chance: random.Random) -> float:
    delay = chance.expovariate(1 / 2)
    if chance.random() < LATE:
        return delay + chance.uniform(3600, 2 * 86400)
    return delay + chance.uniform(30, 600) if chance.random() < OUT_OF_ORDER else delay


def _by(end: int, at: float, delay: float, chance: random.Random) -> int:
    """When it is received: after the delay, or, where that would be after the end, somewhen before."""
    start = round(at * SECOND)
    received_at = start + int(delay * SECOND)
    return received_at if received_at <= end else start + int(chance.random() * (end - start))


def _written(chance: random.Random, told: Sequence[_Told], secret: str, formats: float) -> Iterator[Arrival]:
    position = 0
    while position < len(told):
        one = told[position]
        if formats and not _alone(one) and chance.random() < formats:
            several = _together(told[position : position + chance.randint(1, AT_ONCE)])
            write = chance.choice((_xml, _json))
            yield Arrival(several[-1].received_at, write([_signed(other.what, secret) for other in several]))
            position += len(several)
        else:
            yield Arrival(one.received_at, _form(_signed(one.what, "not-the-secret" if one.forged else secret)))
            position += 1


def _alone(one: _Told) -> bool:
    """Whether it comes as a form and by itself: calls always do, and what is refused would take others with it."""
    return one.forged or isinstance(one.what, Call)


def _together(told: Sequence[_Told]) -> Sequence[_Told]:
    """As many of these, from the first on, as may share a body."""
    for count, one in enumerate(told):
        if _alone(one) or one.received_at - told[0].received_at > TOGETHER:
            return told[:count]
    return told


def _signed(what: Happening, secret: str) -> Fields:
    if isinstance(what, Incoming):
        fields = {"id": str(what.id), "phone": what.phone, "mes": what.text, "to": what.to, "ts": str(what.at)}
        return fields | {"md5": _md5(f"{what.phone}:{what.text}:{what.to}:{secret}")}
    if isinstance(what, Call):
        fields = {"waitcall": "1", "phone": what.phone, "ts": str(what.at)}
        return fields | {"md5": _md5(f"{what.phone}:{what.at}:{secret}")}
    message, event = what
    fields = _status(message, event)
    fields["md5"] = _md5(f"{message.id}:{message.phone}:{event.status}:{secret}")
    return fields


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(CHARSET), usedforsecurity=False).hexdigest()


def _status(message: Message, event: Event) -> Fields:
    fields = {
        "id": str(message.id),
        "phone": message.phone,
        "status": str(event.status),
        "ts": str(event.at),
        "type": str(message.type),
        "cost": f"{message.cost:.2f}",
    }
    if message.id % TIME_IN_WORDS == 0:
        fields["time"] = f"{_local_hour(event.at // 3600)}:{event.at // 60 % 60:02}:{event.at % 60:02}"
    if event.err is not None:
        fields["err"] = str(event.err)
    if message.parts is not None:
        fields["cnt"] = str(message.parts)
    if message.sender:
        fields["sender"] = message.sender
    if message.type == EMAIL:
        fields["flag"] = "40"
    operator = message.operator
    if operator is not None:
        fields["operator"], fields["mcc"] = operator.name, operator.mcc
        fields["mnc"], fields["country"] = operator.mnc, operator.country
        if message.type == HLR and event.status >= 1:
            roaming = ("Turkey", "Turkcell") if message.id % 25 == 0 else ("", "")
            fields["imsi"] = f"{operator.mcc}{operator.mnc}{message.id:010}"
            fields["msc"], fields["cn"], fields["net"] = "79001230000", operator.country, operator.name
            fields["rcn"], fields["rnet"] = roaming
    return fields


@functools.lru_cache(1024)
def _local_hour(hours: int) -> str:
    return datetime.fromtimestamp(hours * 3600, ZONE).strftime("%d.%m.%Y %H")


def _form(fields: Fields) -> bytes:
    pairs = [
        f"{name}={value if value.isalnum() and value.isascii() else value.translate(PERCENT)}"
        for name, value in fields.items()
    ]
    return "&".join(pairs).encode("ascii")


def _xml(events: Sequence[Fields]) -> bytes:
    inside = "".join([f"<sms>{_elements(fields)}</sms>" for fields in events])
    return f'<?xml version="1.0" encoding="windows-1251"?><list>{inside}</list>'.encode(CHARSET)


def _elements(fields: Fields) -> str:
    return "".join([f"<{name}>{escape(value)}</{name}>" for name, value in fields.items()])


def _json(events: Sequence[Fields]) -> bytes:
    return json.dumps(events if len(events) > 1 else events[0]).encode("ascii")
