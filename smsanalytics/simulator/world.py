"""
A provider's world: made-up traffic with everything that happens to it, and so the truth about every question.

Nothing here is shared with the store or the metrics, so that the truth can judge them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from smsanalytics.simulator import traffic
from smsanalytics.simulator.confirmation import Call, Request, confirmed, make_confirmations
from smsanalytics.simulator.incident import Incident
from smsanalytics.simulator.incoming import Incoming, make_incoming
from smsanalytics.simulator.menu import KeyPress, make_presses
from smsanalytics.simulator.message import Message, make_messages
from smsanalytics.simulator.profile import ZONE, Rhythm
from smsanalytics.simulator.traffic import Arrival

if TYPE_CHECKING:
    import pandas as pd

DAYS = 14
Record = dict[str, str | int | float]  #: as the customer's system reports it


@dataclass(frozen=True)
class World:
    """
    Some days of traffic that end at `until`.

    Attributes
    ----------
    messages : tuple of Message
        In no order; those that are lost among them.
    incoming : tuple of Incoming
        What subscribers wrote, in order.
    asked : tuple of Request
        The confirmations that were asked for, in order.
    calls : tuple of Call
        By which subscribers confirm, in order.
    pressed : tuple of KeyPress
        In the voice menu of calls to subscribers.
    until : datetime
        The end: nothing happens, or is received, later.
    seed : int
        The same arguments make the same world, and the same callbacks.
    """

    messages: tuple[Message, ...]
    incoming: tuple[Incoming, ...]
    asked: tuple[Request, ...]
    calls: tuple[Call, ...]
    pressed: tuple[KeyPress, ...]
    until: datetime
    seed: int

    @classmethod
    def make(
        cls,
        messages: int,
        *,
        seed: int,
        until: datetime | None = None,
        days: int = DAYS,
        asking: timedelta | None = None,
        incidents: Sequence[Incident] = (),
    ) -> World:
        """
        Make a world of so many messages.

        Parameters
        ----------
        messages : int
            How many are sent; pumping attacks add theirs.
        seed : int
            Of everything.
        until : datetime, optional
            The end; by default now.
        days : int, default 14
            How long it lasts.
        asking : timedelta, optional
            Confirmations are asked for in so long before the end only; by default in all of it.
        incidents : sequence of Incident
            What goes wrong.

        Returns
        -------
        World

        Examples
        --------
        >>> world = World.make(1000, seed=1, until=datetime(2026, 11, 22, tzinfo=UTC))
        >>> world.truth()["outcome"].value_counts().index[0]
        'delivered'
        """
        chance = random.Random(seed)  # noqa: S311
        end = (until or datetime.now(UTC)).replace(microsecond=0)
        rhythm = Rhythm(end, timedelta(days=days))
        made = tuple(make_messages(chance, messages, rhythm, incidents))
        written = tuple(make_incoming(chance, made, rhythm))
        hurry = Rhythm(end, asking) if asking else rhythm
        asked, calls = make_confirmations(chance, messages, hurry, incidents)
        pressed = tuple(make_presses(chance, made, rhythm.end))
        return cls(made, written, tuple(asked), tuple(calls), pressed, end, seed)

    def arrivals(
        self,
        secret: str,
        *,
        forged: bool = True,
        formats: float = 0.0,
        only: Callable[[int], bool] = lambda received_at: True,
    ) -> list[Arrival]:
        """
        Every signed callback and when it is received, in order: repeated, late and forged ones among them.

        Parameters
        ----------
        secret : str
            To sign with, by md5.
        forged : bool, default True
            Put in callbacks that are signed with another secret; the others stay as they are.
        formats : float, default 0
            Share of the bodies that are XML or JSON, some of several events; the others are forms. [0..1]
        only : callable, optional
            Whether to tell what is received at a moment. [Unix microseconds]

        Returns
        -------
        list of Arrival
        """
        end = int(self.until.timestamp())
        told = self.messages, self.incoming, self.calls
        return traffic.arrivals(*told, secret, seed=self.seed + 1, end=end, forged=forged, formats=formats, only=only)

    def posts(self, secret: str, *, forged: bool = True, formats: float = 0.0) -> list[bytes]:
        """The bodies of `arrivals`."""
        return [arrival.body for arrival in self.arrivals(secret, forged=forged, formats=formats)]

    def key_presses(self) -> list[Arrival]:
        """The unsigned callbacks of voice menus (``id phone digits``), for accounts that accept such, in order."""
        return traffic.key_presses(self.pressed, seed=self.seed + 3, end=int(self.until.timestamp()))

    def sends(self) -> list[Record]:
        """
        What the customer's system recorded when it sent messages, in order; of a few messages nothing.

        Returns
        -------
        list of dict
            ``message_id phone sent_at tag cost``, and ``parts sender`` where there are any; ``sent_at`` is ISO with
            its zone.
        """
        reported = sorted((one for one in self.messages if one.reported), key=lambda one: (one.sent_at, one.id))
        return [
            _known(
                message_id=one.id, phone=one.phone, sent_at=_iso(one.sent_at), tag=one.tag, cost=one.cost,
                parts=one.parts, sender=one.sender or None,
            )
            for one in reported
        ]  # fmt: skip

    def requests(self) -> list[Record]:
        """
        What the customer's system recorded when it asked for confirmations, in order.

        Returns
        -------
        list of dict
            ``phone requested_at number_to_call purpose request_id``; ``requested_at`` is ISO with its zone.
        """
        return [
            _known(
                phone=one.phone, requested_at=_iso(one.at), number_to_call=one.number_to_call, purpose=one.purpose,
                request_id=one.id,
            )
            for one in self.asked
        ]  # fmt: skip

    def truth(self) -> pd.DataFrame:
        """
        What really happened to messages, one row each.

        What nobody ever reported is missing: `sent_at` and `tag` without a record of the customer's system, `operator`,
        `type` and `first_status_at` of a lost message.

        Returns
        -------
        pandas.DataFrame
            ``message_id phone operator sender type test_mode first_status_at delivered_at outcome sent_at tag parts
            cost country reachability``; see `Message`.
        """
        rows = [
            {
                "message_id": one.id,
                "phone": one.phone,
                "operator": one.operator.name if one.operator and one.events else None,
                "sender": one.sender or None,
                "type": one.type if one.events else None,
                "test_mode": one.test_mode,
                "first_status_at": min((event.at for event in one.events), default=None),
                "delivered_at": one.delivered_at,
                "outcome": one.outcome,
                "sent_at": one.sent_at if one.reported else None,
                "tag": one.tag if one.reported else None,
                "parts": one.parts,
                "cost": one.cost,
                "country": one.operator.country if one.operator and one.events else None,
                "reachability": one.reachability,
            }
            for one in self.messages
        ]
        frame = _frame(rows, {"first_status_at": "s", "delivered_at": "s", "sent_at": "s"})
        return frame.astype({"type": "Int64", "parts": "Int64"})

    def true_incoming(self) -> pd.DataFrame:
        """
        What subscribers wrote, each text once.

        Returns
        -------
        pandas.DataFrame
            ``incoming_id phone to_number text sent_at``
        """
        rows = [
            {"incoming_id": one.id, "phone": one.phone, "to_number": one.to, "text": one.text, "sent_at": one.at}
            for one in self.incoming
        ]
        return _frame(rows, {"sent_at": "s"})

    def true_requests(self) -> pd.DataFrame:
        """
        The confirmations that were asked for, and the calls that confirmed them within five minutes.

        Returns
        -------
        pandas.DataFrame
            ``request_id phone requested_at number_to_call purpose confirmed called_at``
        """
        by = confirmed(self.asked, self.calls)
        rows = [
            {
                "request_id": one.id,
                "phone": one.phone,
                "requested_at": one.at,
                "number_to_call": one.number_to_call,
                "purpose": one.purpose,
                "confirmed": one.id in by,
                "called_at": by[one.id].at if one.id in by else None,
            }
            for one in self.asked
        ]
        return _frame(rows, {"requested_at": "s", "called_at": "s"})

    def true_calls(self) -> pd.DataFrame:
        """
        The calls by which subscribers confirm, each once, with the receipt of its first callback.

        Returns
        -------
        pandas.DataFrame
            ``phone called_at received_at stale``
        """
        rows = [
            {"phone": one.phone, "called_at": one.at, "received_at": one.received_at, "stale": one.stale}
            for one in self.calls
        ]
        return _frame(rows, {"called_at": "s", "received_at": "us"})

    def true_key_presses(self) -> pd.DataFrame:
        """
        What was pressed in voice menus.

        Returns
        -------
        pandas.DataFrame
            ``message_id phone keys``
        """
        rows = [{"message_id": one.message_id, "phone": one.phone, "keys": one.keys} for one in self.pressed]
        return _frame(rows, {})

    def write_truth(self, path: Path) -> None:
        """Write `truth` as Parquet."""
        self.truth().to_parquet(path, index=False)


def _known(**values: str | int | float | None) -> Record:
    return {name: value for name, value in values.items() if value is not None}


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, ZONE).isoformat()


def _frame(rows: Sequence[Mapping[str, Any]], times: Mapping[str, Literal["s", "us"]]) -> pd.DataFrame:
    """Rows as a frame, their times in UTC; `times` says in which unit since 1970 each is."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    for name, unit in times.items():
        frame[name] = pd.to_datetime(pd.array([row[name] for row in rows], dtype="Int64"), unit=unit, utc=True)
    return frame
