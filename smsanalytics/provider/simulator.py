"""
A provider with a made-up fortnight of traffic: it sends what the real one would send, and knows what really happened.

Nothing here is shared with the roll-up or the metrics, so that the truth can judge them.
"""

from __future__ import annotations

import hashlib
import http.client
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import pandas as pd
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from smsanalytics.errors import SmsAnalyticsError

DAYS = 14
REPEATED, FORGED, LATE, OUT_OF_ORDER = 0.03, 0.01, 0.01, 0.02  #: shares of the callbacks
CHARSET = "cp1251"
ZONE = ZoneInfo("Europe/Moscow")
RHYTHM = (
    2,
    1,
    1,
    1,
    1,
    2,
    4,
    7,
    10,
    13,
    14,
    14,
    13,
    13,
    13,
    12,
    12,
    12,
    11,
    10,
    9,
    7,
    5,
    3,
)  #: messages by hour of day


@dataclass(frozen=True)
class Operator:
    """A network, and how well it delivers."""

    name: str
    mcc: str
    mnc: str
    country: str
    share: float
    quality: float  # of the messages that are decided, how many arrive
    seconds: float  # median time to delivery
    price: float


OPERATORS = (
    Operator("MTS", "250", "01", "Russia", 0.31, 0.962, 4, 3.10),
    Operator("MegaFon", "250", "02", "Russia", 0.26, 0.955, 5, 3.25),
    Operator("Beeline", "250", "99", "Russia", 0.20, 0.941, 6, 3.40),
    Operator("T2", "250", "20", "Russia", 0.17, 0.948, 5, 2.95),
    Operator("Kcell", "401", "02", "Kazakhstan", 0.06, 0.883, 11, 6.40),
)
SENDERS = {"SHOP": 0.45, "BANK-CODE": 0.35, "Доставка": 0.20}
FAILURES = {  # (status, err): weight
    (20, 1): 24, (20, 13): 14, (20, 11): 9, (20, 12): 4, (20, 255): 8, (3, 6): 22, (3, 0): 5,
    (23, 253): 6, (23, 251): 3, (22, 249): 3, (25, 248): 2,
}  # fmt: skip
UNLISTED_STATUS = 33


@dataclass(frozen=True)
class Event:
    """One change of a message's status."""

    at: int  # Unix seconds
    status: int
    err: int


@dataclass(frozen=True)
class Message:
    """One message and everything that happened to it."""

    id: int
    phone: str
    operator: Operator
    sender: str
    type: int
    parts: int
    test_mode: bool
    events: tuple[Event, ...]

    @property
    def outcome(self) -> str:
        """What became of it: ``delivered``, ``failed``, ``unknown`` or ``open``."""
        statuses = {event.status for event in self.events}
        if statuses & {1, 2, 4}:
            return "delivered"
        if statuses & {3, 6, 20, 22, 23, 24, 25}:
            return "failed"
        return "unknown" if UNLISTED_STATUS in statuses else "open"


@dataclass(frozen=True)
class World:
    """
    A fortnight of messages that ends at ``until``.

    Attributes
    ----------
    messages : tuple of Message
        Everything that happened by then.
    until : datetime
        The end, UTC.
    seed : int
        The same seed and end make the same world, and the same callbacks.
    """

    messages: tuple[Message, ...]
    until: datetime
    seed: int

    @classmethod
    def make(cls, messages: int, *, seed: int, until: datetime | None = None) -> World:
        """
        Make a world of so many messages.

        Examples
        --------
        >>> world = World.make(1000, seed=1, until=datetime(2026, 11, 22, tzinfo=UTC))
        >>> Counter(message.outcome for message in world.messages).most_common(1)[0][0]
        'delivered'
        """
        chance = random.Random(seed)  # noqa: S311
        end = (until or datetime.now(UTC)).replace(microsecond=0)
        ids = chance.sample(range(1, 2**31), messages)
        return cls(tuple(_message(chance, number, end) for number in ids), end, seed)

    def posts(self, secret: str, *, forged: bool = True) -> list[bytes]:
        """The bodies of all callbacks, in the order in which they arrive: repeated, late and forged ones among them."""
        chance = random.Random(self.seed + 1)  # noqa: S311
        arrivals: list[tuple[float, bytes]] = []
        for message in self.messages:
            for event in message.events:
                delay = chance.expovariate(1 / 2)
                if chance.random() < LATE:
                    delay += chance.uniform(3600, 2 * 86400)
                elif chance.random() < OUT_OF_ORDER:
                    delay += chance.uniform(30, 600)
                body = _body(message, event, secret)
                arrivals.append((event.at + delay, body))
                if chance.random() < REPEATED:
                    arrivals.append((event.at + delay + chance.uniform(1, 3600), body))
                if chance.random() < FORGED and forged:
                    lie = Event(event.at, 20 if event.status == 1 else 1, 0)
                    arrivals.append((event.at + delay, _body(message, lie, "not-the-secret")))
        return [body for _, body in sorted(arrivals)]

    def truth(self) -> pd.DataFrame:
        """
        What really happened, one row per message.

        Returns
        -------
        pandas.DataFrame
            ``message_id phone operator sender type test_mode first_status_at delivered_at outcome``
        """
        rows = [
            {
                "message_id": message.id,
                "phone": message.phone,
                "operator": message.operator.name,
                "sender": message.sender,
                "type": message.type,
                "test_mode": message.test_mode,
                "first_status_at": min(event.at for event in message.events),
                "delivered_at": min((event.at for event in message.events if event.status in (1, 2, 4)), default=None),
                "outcome": message.outcome,
            }
            for message in self.messages
        ]
        frame = pd.DataFrame(rows)
        for name in ("first_status_at", "delivered_at"):
            frame[name] = pd.to_datetime(frame[name], unit="s", utc=True)
        return frame

    def write_truth(self, path: Path) -> None:
        """Write `truth` as Parquet."""
        self.truth().to_parquet(path, index=False)


def send(url: str, posts: Sequence[bytes], *, connections: int = 16, progress: bool = False) -> Counter[int]:
    """
    Post bodies over kept-alive connections, in order as far as several connections allow.

    Parameters
    ----------
    url : str
        ``http://host:port/callback``.
    posts : sequence of bytes
        Form bodies.
    connections : int, default 16
        How many are used at once.
    progress : bool
        Draw a bar on stderr.

    Returns
    -------
    Counter of int
        How often each HTTP status was answered.

    Raises
    ------
    SmsAnalyticsError
        If nobody listens there.
    """
    target = urlsplit(url)
    waiting = iter(posts)
    taking = threading.Lock()
    answers: Counter[int] = Counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=not progress, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("sending callbacks", total=len(posts))

        def bodies() -> Iterator[bytes]:
            while True:
                with taking:
                    body = next(waiting, None)
                if body is None:
                    return
                yield body

        def connection() -> Counter[int]:
            connect = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
            link = connect(target.hostname or "", target.port, timeout=30)
            answered: Counter[int] = Counter()
            for body in bodies():
                link.request("POST", target.path, body, {"Content-Type": "application/x-www-form-urlencoded"})
                response = link.getresponse()
                response.read()
                answered[response.status] += 1
                bar.advance(task)
            link.close()
            return answered

        try:
            with ThreadPoolExecutor(connections) as pool:
                for one in [pool.submit(connection) for _ in range(connections)]:
                    answers += one.result()
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise SmsAnalyticsError(f"no answer from {target.netloc}: {why}") from None
    return answers


def _message(chance: random.Random, number: int, end: datetime) -> Message:
    operator = chance.choices(OPERATORS, [one.share for one in OPERATORS])[0]
    sender = chance.choices(list(SENDERS), list(SENDERS.values()))[0]
    kind = chance.choices([0, 1, 4, 7], [0.96, 0.01, 0.02, 0.01])[0]
    test_mode = chance.random() < 0.005
    day = end - timedelta(days=chance.randrange(DAYS))
    hour = chance.choices(range(24), RHYTHM)[0]
    local = day.astimezone(ZONE).replace(hour=hour, minute=chance.randrange(60), second=chance.randrange(60))
    sent = int(local.timestamp())
    if sent > int(end.timestamp()):
        sent -= 86400
    events = [event for event in _events(chance, operator, sent, test_mode) if event.at <= end.timestamp()]
    phone = f"7900123{chance.randrange(10_000):04}"
    parts = chance.choices([1, 2, 3], [0.7, 0.22, 0.08])[0]
    return Message(number, phone, operator, sender, kind, parts, test_mode, tuple(events) or (Event(sent, 0, 0),))


def _events(chance: random.Random, operator: Operator, sent: int, test_mode: bool) -> Iterator[Event]:
    if test_mode:
        yield Event(sent, 1, 200)
        return
    yield Event(sent, -1 if chance.random() < 0.05 else 0, 0)
    fate = chance.random()
    if fate < 0.012:
        return  # nobody ever hears of it again
    if fate < 0.014:
        yield Event(sent + 5, UNLISTED_STATUS, 0)
        return
    arrived = sent + 1 + int(chance.lognormvariate(0, 1.3) * operator.seconds)
    if chance.random() > operator.quality:
        status, err = chance.choices(list(FAILURES), list(FAILURES.values()))[0]
        given_up = sent + (86400 if status == 3 else 2 + int(chance.expovariate(1 / 30)))
        yield Event(given_up, status, err)
        if status != 3 or chance.random() > 0.03:
            return
        arrived = given_up + 600  # expired, and then delivered all the same
    yield Event(arrived, 1, 0)
    if chance.random() < 0.06:
        yield Event(arrived + 5 + int(chance.expovariate(1 / 1800)), 2, 0)
    if chance.random() < 0.02:
        yield Event(arrived + 60 + int(chance.expovariate(1 / 3600)), 4, 0)


def _body(message: Message, event: Event, secret: str) -> bytes:
    operator = message.operator
    signed = f"{message.id}:{message.phone}:{event.status}:{secret}"
    fields = {
        "id": str(message.id),
        "phone": message.phone,
        "status": str(event.status),
        "time": datetime.fromtimestamp(event.at, ZONE).strftime("%d.%m.%Y %H:%M:%S"),
        "ts": str(event.at),
        "err": str(event.err),
        "type": str(message.type),
        "cnt": str(message.parts),
        "cost": f"{message.parts * operator.price:.2f}",
        "sender": message.sender,
        "operator": operator.name,
        "mcc": operator.mcc,
        "mnc": operator.mnc,
        "country": operator.country,
        "md5": hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest(),
    }
    if message.type == 4:
        fields |= {"imsi": f"{operator.mcc}{operator.mnc}0000000000", "cn": operator.country, "net": operator.name}
    return urlencode(fields, encoding=CHARSET).encode()
