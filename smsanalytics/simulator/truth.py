"""The true answers about a world: plain loops over what happened, sharing nothing with the store and the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smsanalytics.simulator.confirmation import WINDOW, Call, Request, confirmed
from smsanalytics.simulator.message import Message
from smsanalytics.simulator.profile import ZONE
from smsanalytics.simulator.world import World

TEXTS = (0, 1, 2, 3, None)  #: types of text messages; of a lost one nobody reports it
OPEN = (-2, -1, 0)
DAY = 86400
STATES = ("delivered", "failed", "pending", "stuck", "unknown")

Answer = dict[tuple[str, ...], dict[str, int | None]]  #: group values, as texts: the counts


@dataclass(frozen=True)
class Truth:
    """
    What a store that heard everything must say of a world.

    Attributes
    ----------
    world : World
        What happened.
    as_of : int
        The moment to look from. [Unix seconds]
    horizon : int
        Age beyond which a message without an outcome is stuck. [s]
    """

    world: World
    as_of: int
    horizon: int

    def delivery_rate(self, by: Sequence[str]) -> Answer:
        """Messages submitted, and in each state."""

        def count(group: list[Message]) -> dict[str, int | None]:
            states = Counter(self._state(message) for message in group)
            return {"submitted": len(group), **{state: states[state] for state in STATES}}

        return _grouped(self._texts(), self._values, by, count)

    def latency(self, by: Sequence[str]) -> Answer:
        """Delivered messages with a time, and quantiles of it in seconds."""

        def count(group: list[Message]) -> dict[str, int | None]:
            known = [_seconds(message) for message in group if message.outcome == "delivered"]
            times = sorted(seconds for seconds in known if seconds is not None)
            return {"n_timed": len(times), **{f"p{share}": _quantile(times, share) for share in (50, 90, 95, 99)}}

        return _grouped(self._texts(), self._values, by, count)

    def inbound_volume(self, by: Sequence[str]) -> Answer:
        """Texts that came in, and how many subscribers wrote them."""
        return _grouped(
            self.world.incoming,
            lambda text: {**_calendar(text.at), "to_number": text.to},
            by,
            lambda group: {"incoming": len(group), "senders": len({text.phone for text in group})},
        )

    def reply_rate(self, by: Sequence[str]) -> Answer:
        """Subscribers reached, and those who wrote back within a day."""
        written: dict[str, list[int]] = {}
        for text in self.world.incoming:
            written.setdefault(text.phone, []).append(text.at)

        def count(group: list[Message]) -> dict[str, int | None]:
            reached = {(one.phone, one.delivered_at) for one in group if one.delivered_at is not None}
            replied = {phone for phone, at in reached if any(0 <= text - at <= DAY for text in written.get(phone, []))}
            return {"recipients": len({phone for phone, _ in reached}), "repliers": len(replied)}

        return _grouped(self._texts(), self._values, by, count)

    def confirmation_success(self, by: Sequence[str]) -> Answer:
        """Confirmations asked for, and what became of them; calls for which nobody asked have no purpose."""
        calls = confirmed(self.world.asked, self.world.calls)
        used = {(call.phone, call.at) for call in calls.values()}
        unasked = [call for call in self.world.calls if (call.phone, call.at) not in used]

        def count(group: list[Request | Call]) -> dict[str, int | None]:
            requests = [one for one in group if isinstance(one, Request)]
            known = [one for one in requests if one.id in calls]
            ages = [self.as_of - one.at for one in requests if one.id not in calls]
            return {
                "requests": len(requests),
                "confirmed": len(known),
                "expired": sum(age >= WINDOW for age in ages),
                "open": sum(age < WINDOW for age in ages),
                "p50": _quantile(sorted(calls[one.id].at - one.at for one in known), 50),
                "calls": len(known) + len(group) - len(requests),
            }

        def purpose(one: Request | Call) -> dict[str, object]:
            return {"purpose": one.purpose if isinstance(one, Request) else None}

        return _grouped([*self.world.asked, *unasked], purpose, by, count)

    def _texts(self) -> list[Message]:
        told = [one for one in self.world.messages if one.events or one.reported]
        return [one for one in told if _type(one) in TEXTS and not one.test_mode]

    def _values(self, message: Message) -> dict[str, object]:
        told = bool(message.events)
        return {
            **_calendar(_cohort(message)),
            "operator": message.operator.name if told and message.operator else None,
            "sender": message.sender or None,
            "type": _type(message),
            "tag": message.tag if message.reported else None,
        }

    def _state(self, message: Message) -> str:
        if message.outcome != "open":
            return message.outcome
        return "stuck" if _cohort(message) <= self.as_of - self.horizon else "pending"


def _type(message: Message) -> int | None:
    return message.type if message.events else None


def _cohort(message: Message) -> int:
    return message.sent_at if message.reported else min(event.at for event in message.events)


def _seconds(message: Message) -> int | None:
    opened = min((event.at for event in message.events if event.status in OPEN), default=None)
    start = message.sent_at if message.reported else opened
    if start is None or message.delivered_at is None or message.delivered_at < start:
        return None
    return message.delivered_at - start


def _quantile(ordered: Sequence[int], percent: int) -> int | None:
    """The first of the ordered values that at least so many percent of them do not exceed."""
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] if ordered else None


def _calendar(at: int) -> dict[str, object]:
    local = datetime.fromtimestamp(at, ZONE)
    return {"day": local.strftime("%Y-%m-%d"), "hour": local.hour}


def _grouped(
    rows: Iterable[Any],
    values: Callable[[Any], dict[str, object]],
    by: Sequence[str],
    count: Callable[[list[Any]], dict[str, int | None]],
) -> Answer:
    groups: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        known = values(row) if by else {}
        key = tuple("" if known[name] is None else str(known[name]) for name in by)
        groups.setdefault(key, []).append(row)
    return {key: count(group) for key, group in groups.items()}
