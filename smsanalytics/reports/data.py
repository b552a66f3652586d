"""The figures of a report: what is asked, of its period and of the one before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from smsanalytics.analysis.periods import before, zone_of
from smsanalytics.analysis.store import Store
from smsanalytics.reports.masking import Names

MIDNIGHT = datetime.min.time()
THREADS = 3  #: half of a question is Python's, half is DuckDB's


@dataclass(frozen=True)
class Question:
    """One question to a store: which, by what, and whether also of the period before."""

    metric: str
    by: tuple[str, ...] = ()
    compared: bool = False


ASKED = {
    "delivery": Question("delivery_rate", compared=True),
    "delivery_by_day": Question("delivery_rate", ("day",)),
    "operators": Question("delivery_rate", ("operator",), compared=True),
    "senders": Question("delivery_rate", ("sender",), compared=True),
    "latency": Question("latency", compared=True),
    "latency_by_day": Question("latency", ("day",)),
    "latency_by_operator": Question("latency", ("operator",)),
    "latency_distribution": Question("latency_distribution"),
    "failures": Question("failure_mix", compared=True),
    "failures_by_day": Question("failure_mix", ("day",)),
    "inbound": Question("inbound_volume", compared=True),
    "inbound_by_day": Question("inbound_volume", ("day", "to_number")),
    "inbound_by_number": Question("inbound_volume", ("to_number",)),
    "replies": Question("reply_rate", compared=True),
    "confirmations": Question("confirmation_success", compared=True),
    "confirmations_by_day": Question("confirmation_success", ("day",)),
    "confirmations_by_purpose": Question("confirmation_success", ("purpose",)),
    "cost": Question("cost", compared=True),
    "cost_by_sender": Question("cost", ("sender",)),
    "health": Question("data_health"),
    "lag": Question("callback_lag"),
}


@dataclass(frozen=True)
class Span:
    """
    A period of local days, and the part of it that is over.

    Attributes
    ----------
    first, after : date
        Its first day, and the day after its last.
    end : datetime
        Local, without zone: midnight of `after`, or, while the period runs, the moment of the report.
    """

    first: date
    after: date
    end: datetime

    @property
    def last(self) -> date:
        """Its last day."""
        return self.after - timedelta(days=1)


@dataclass(frozen=True)
class Figures:
    """
    What a report says, before it is put into words.

    Attributes
    ----------
    now, before : Span
        The period, and the one it is compared with: as long, or, while the period runs, as much of it.
    tz : str
        Zone of all days.
    horizon : timedelta
        Age beyond which a message without an outcome is stuck.
    as_of : datetime or None
        The newest receipt, UTC.
    generated_at : datetime
        When the report was made.
    answers, earlier : dict of str to pandas.DataFrame
        The answers to `ASKED` of both periods; the names in them are masked.
    """

    now: Span
    before: Span
    tz: str
    horizon: timedelta
    as_of: datetime | None
    generated_at: datetime
    answers: dict[str, pd.DataFrame]
    earlier: dict[str, pd.DataFrame]

    @property
    def running(self) -> bool:
        """Whether the period is not over."""
        return self.now.end < datetime.combine(self.now.after, MIDNIGHT)

    @property
    def silent(self) -> bool:
        """Whether nothing was received in the last day of the period, or since, although it should have been."""
        known = self.as_of and self.as_of.astimezone(zone_of(self.tz)).replace(tzinfo=None)
        return known is None or known < self.now.end - timedelta(days=1)

    def metric(self, name: str) -> str:
        """Return which question an answer is to."""
        return ASKED[name].metric

    def row(self, name: str, *, earlier: bool = False) -> dict[str, float]:
        """Return the only row of an answer over all; empty if there is none."""
        frame = (self.earlier if earlier else self.answers)[name]
        return {str(key): value for key, value in frame.iloc[0].items()} if len(frame) else {}


def ask(store: Store, first: date, after: date, *, generated_at: datetime) -> Figures:
    """
    Ask a store everything that a report says.

    Parameters
    ----------
    store : Store
        Its zone is that of the days.
    first, after : date
        The first day, and the day after the last.
    generated_at : datetime
        When the report is made, with a zone.

    Returns
    -------
    Figures

    Examples
    --------
    >>> from datetime import UTC
    >>> figures = ask(store, date(2026, 11, 16), date(2026, 11, 23), generated_at=datetime(2026, 11, 23, tzinfo=UTC))
    >>> int(figures.row("delivery")["submitted"]), figures.before.first, figures.before.last
    (2, datetime.date(2026, 11, 9), datetime.date(2026, 11, 15))
    """
    past = before(first, after)
    store = store.snapshot(start=past, end=after)
    start, end = (datetime.combine(day, MIDNIGHT) for day in (first, after))
    known = max(generated_at, store.as_of or generated_at).astimezone(zone_of(store.tz)).replace(tzinfo=None)
    now = Span(first, after, max(start, min(end, known)))
    begun = datetime.combine(past, MIDNIGHT)
    as_long = max(now.end - start, timedelta(seconds=1))  # a period has a length, also while none of it is over
    earlier = Span(past, first, start if now.end == end else min(start, begun + as_long))
    asked = [(question, now, now.after) for question in ASKED.values()]
    asked += [(question, earlier, earlier.end) for question in ASKED.values() if question.compared]
    stores = [store.cursor() for _ in range(THREADS)]

    def answered(part: int) -> list[pd.DataFrame]:
        return [
            getattr(stores[part], question.metric)([*question.by], start=span.first, end=end)
            for question, span, end in asked[part::THREADS]
        ]

    found: list[pd.DataFrame] = [pd.DataFrame()] * len(asked)
    with ThreadPoolExecutor(THREADS) as pool:
        for part, frames in enumerate(pool.map(answered, range(THREADS))):
            found[part::THREADS] = frames
    names = Names()
    found = [names.of(frame) for frame in found]
    compared = [name for name, question in ASKED.items() if question.compared]
    answers, before_that = dict(zip(ASKED, found, strict=False)), dict(zip(compared, found[len(ASKED) :], strict=True))
    return Figures(now, earlier, store.tz, store.horizon, store.as_of, generated_at, answers, before_that)
