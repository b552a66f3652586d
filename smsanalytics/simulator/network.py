"""The networks, and the numbers that belong to each of them."""

from __future__ import annotations

import random
from dataclasses import dataclass

NUMBERS = 9_900  #: of subscribers, 79001230001 and on; those after them are the customer's own
OWN_NUMBERS = ("79037654321", "79001230000")  #: receive what subscribers write
NUMBERS_TO_CALL = ("79001239998", "79001239999")  #: are shown to subscribers who confirm theirs by a call


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
    Operator("T2", "250", "20", "Russia", 0.16, 0.948, 5, 2.95),
    Operator("Kcell", "401", "02", "Kazakhstan", 0.05, 0.883, 11, 6.40),
    Operator("Ucell", "434", "05", "Uzbekistan", 0.02, 0.902, 9, 14.80),
)


@dataclass(frozen=True)
class Subscriber:
    """A number and its network."""

    phone: str
    operator: Operator


def _subscribers() -> list[Subscriber]:
    shares = [operator for operator in OPERATORS for _ in range(round(NUMBERS * operator.share))]
    return [Subscriber(f"7900123{number:04}", operator) for number, operator in enumerate(shares, start=1)]


SUBSCRIBERS = _subscribers()


def anybody(chance: random.Random) -> Subscriber:
    """Some subscriber; the networks are as frequent as they are large."""
    return SUBSCRIBERS[int(chance.random() * len(SUBSCRIBERS))]


def range_of(operator: str, numbers: int) -> list[Subscriber]:
    """
    The last numbers of a network, as a pumping attack would rent them.

    Examples
    --------
    >>> [one.phone for one in range_of("Ucell", 2)]
    ['79001239899', '79001239900']
    """
    return [one for one in SUBSCRIBERS if one.operator.name == operator][-numbers:]
