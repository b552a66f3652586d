"""Events as a provider would tell of them: made of numbers alone, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from smsanalytics.storage.journal import DAY

FIRST = date(2026, 10, 1)  #: the first day of the history
EPOCH = date(1970, 1, 1)
OPERATORS, SENDERS, PHONES = 200, 48, 10**7
HOURS = (1, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 13, 13, 12, 12, 12, 12, 11, 10, 8, 6, 4, 2)  #: how busy each is, UTC
WAITING = 0.6  #: share of messages that are reported waiting before they are passed to the operator
HOURS_LATE, DAYS_LATE, NEVER = 0.05, 0.03, 0.015  #: shares of messages by when their outcome comes; else in minutes
LATEST_DAYS = 4
TWICE = 0.03  #: share of events that come a second time
STRAGGLING = 0.02  #: share of events that overtake others for minutes
PARTS = (0.7, 0.22, 0.08)  #: share of messages of one, two and three parts
CAUSES = ((20, 1), (20, 6), (3, 0), (20, 13), (25, 248), (23, 253), (20, 12), (22, 249))  #: status and err of failures
CAUSE_SHARES = (0.34, 0.25, 0.17, 0.1, 0.05, 0.04, 0.03, 0.02)

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Network:
    """An operator, how well it delivers, and what a part costs, in ten-thousandths."""

    operator: str
    mcc: str
    mnc: str
    country: str
    region: str
    quality: float
    seconds: float
    price: int


def networks(seed: int) -> list[Network]:
    """All of them, the largest first."""
    chance = np.random.default_rng([seed, 0])
    return [
        Network(
            f"Operator {number + 1:03}",
            str(250 + number // 8),
            f"{number % 8 + 1:02}",
            f"Country {number // 8 + 1:02}",
            f"Region {number + 1:03}",
            round(chance.uniform(0.86, 0.985), 3),
            round(chance.uniform(3, 14), 1),
            int(chance.integers(200, 1500)) * 100,
        )
        for number in range(OPERATORS)
    ]


@dataclass(frozen=True)
class Events:
    """
    Events received on one date, in the order of their receipt; one array for each value.

    Attributes
    ----------
    received_at : array
        Microseconds since 1970, UTC.
    status_at : array
        Seconds.
    cost : array
        Ten-thousandths.
    operator, sender, phone : array
        Numbers from 0.
    """

    message_id: Numbers
    phone: Numbers
    operator: Numbers
    sender: Numbers
    parts: Numbers
    cost: Numbers
    status: Numbers
    err: Numbers
    status_at: Numbers
    received_at: Numbers

    def __len__(self) -> int:
        return len(self.message_id)

    def at(self, chosen: Numbers) -> Events:
        """Those that an index chooses."""
        return Events(**{name: values[chosen] for name, values in vars(self).items()})

    @classmethod
    def together(cls, several: list[Events]) -> Events:
        """All of several."""
        return cls(**{name: np.concatenate([getattr(one, name) for one in several]) for name in vars(several[0])})


class Traffic:
    """
    Hands out the events of one date after the other; what is received later waits for its date.

    Parameters
    ----------
    messages : int
        Sent on each day.
    seed : int
        The same seed makes the same events.
    ids : str
        Ids of messages: ``drawn`` at random, or ``growing`` with the time.
    """

    def __init__(self, messages: int, seed: int, ids: str = "drawn") -> None:
        self.networks = networks(seed)
        self._messages, self._seed, self._ids = messages, seed, ids
        self._number = 0
        self._later: dict[int, list[Events]] = {}

    def next(self) -> tuple[date, Events]:
        """The next date, and what is received on it."""
        day = FIRST + timedelta(days=self._number)
        number = (day - EPOCH).days
        made = self._sent_on(number, np.random.default_rng([self._seed, 1 + self._number]))
        dates = made.received_at // DAY
        for at in np.unique(dates):
            self._later.setdefault(int(at), []).append(made.at(np.flatnonzero(dates == at)))
        received = Events.together(self._later.pop(number))
        self._number += 1
        return day, received.at(np.argsort(received.received_at, kind="stable"))

    def _sent_on(self, day: int, chance: np.random.Generator) -> Events:
        """Every event of the messages of one day, whenever it is received."""
        n = self._messages
        hours = np.concatenate([[0.0], np.cumsum(HOURS) / sum(HOURS)])
        of_day = np.interp(chance.random(n), hours, np.arange(25)) * 3_600
        passed = day * 86_400 + np.clip(of_day, 5, 86_390).astype(np.int64)
        operator = _zipf(chance, n, OPERATORS)
        parts = 1 + np.searchsorted(np.cumsum(PARTS[:-1]), chance.random(n), side="right")
        prices = np.array([one.price for one in self.networks])
        sent = {
            "message_id": chance.integers(1, 2**31, n) if self._ids == "drawn" else _ranks(passed) + self._number * n,
            "phone": chance.integers(0, PHONES, n),
            "operator": operator,
            "sender": _zipf(chance, n, SENDERS),
            "parts": parts,
            "cost": prices[operator] * parts,
        }
        waiting = np.flatnonzero(chance.random(n) < WAITING)
        delay = self._until_outcome(chance, operator)
        decided = np.flatnonzero(delay >= 0)
        status, err = self._outcome(chance, operator)
        none = np.zeros(n, np.int64)
        told = [  # which messages, when, status, err
            (waiting, (passed - chance.integers(0, 3, n))[waiting], none[waiting] - 1, none[waiting]),
            (np.arange(n), passed, none, none),
            (decided, (passed + delay)[decided], status[decided], err[decided]),
        ]
        which, at, statuses, errs = (np.concatenate(values) for values in zip(*told, strict=True))
        twice = np.flatnonzero(chance.random(len(which)) < TWICE)
        again = np.concatenate([np.arange(len(which)), twice])
        lag = chance.exponential(1.5, len(again))
        lag += np.where(chance.random(len(again)) < STRAGGLING, chance.uniform(0, 600, len(again)), 0)
        lag[len(which) :] += chance.uniform(1, 60, len(twice))
        return Events(
            **{name: values[which[again]] for name, values in sent.items()},
            status=statuses[again],
            err=errs[again],
            status_at=at[again],
            received_at=at[again] * 10**6 + (lag * 1e6).astype(np.int64),
        )

    def _until_outcome(self, chance: np.random.Generator, operator: Numbers) -> Numbers:
        """Seconds from passing a message to the operator to its outcome; -1 where none will come."""
        n = len(operator)
        usual = np.array([one.seconds for one in self.networks])[operator]
        seconds = np.minimum(usual * chance.lognormal(0.0, 0.9, n), 1_800)
        fate = chance.random(n)
        late = np.cumsum([HOURS_LATE, DAYS_LATE, NEVER])
        seconds = np.where(fate < late[2], -1, seconds)
        seconds = np.where(fate < late[1], chance.uniform(12 * 3_600, LATEST_DAYS * 86_400, n), seconds)
        return np.where(fate < late[0], chance.uniform(1_800, 12 * 3_600, n), seconds).astype(np.int64)

    def _outcome(self, chance: np.random.Generator, operator: Numbers) -> tuple[Numbers, Numbers]:
        n = len(operator)
        delivered = chance.random(n) < np.array([one.quality for one in self.networks])[operator]
        cause = np.searchsorted(np.cumsum(CAUSE_SHARES[:-1]), chance.random(n), side="right")
        statuses, errs = np.array(CAUSES).T
        return np.where(delivered, 1, statuses[cause]), np.where(delivered, 0, errs[cause])


def _ranks(times: Numbers) -> Numbers:
    """The place of each in the order of time, from 1 on."""
    places = np.empty(len(times), np.int64)
    places[np.argsort(times, kind="stable")] = np.arange(1, len(times) + 1)
    return places


def _zipf(chance: np.random.Generator, n: int, kinds: int) -> Numbers:
    """Numbers below `kinds`, each as frequent as one over its rank."""
    shares = np.cumsum(1 / np.arange(1, kinds + 1))
    return np.searchsorted(shares / shares[-1], chance.random(n), side="right").astype(np.int32)
