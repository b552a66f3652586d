"""The sentences, dates and changes of a report in its language."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from smsanalytics.charts.labels import LABELS
from smsanalytics.charts.words import NARROW, Words
from smsanalytics.reports.changes import Change
from smsanalytics.reports.data import Span
from smsanalytics.reports.labels import DO, TEXTS

MINUS = "\u2212"


class Say(Words):
    """
    What a report says in one language, beside the words of its charts.

    Examples
    --------
    >>> say = Say("en")
    >>> say.text("median", p50=say.seconds(4), p95=say.seconds(70))
    'half in 4\u202fs, 95 % in 1\u202fmin 10\u202fs'
    >>> say.change(Change(-0.0123, -0.02, -0.004, good=1))
    '\u22121.2 pp'
    """

    def text(self, label: str, **values: object) -> str:
        """Return a sentence of a report, or a word of its charts, its blanks filled."""
        return (TEXTS.get(label) or LABELS[label])[self.index].format(**values)

    def advice(self, check: str) -> str:
        """Return what to do where a check of the data is beyond its limit."""
        return DO[check][self.index]

    def whole(self, value: Any) -> str:
        """Return a count; a dash where there is none."""
        return self.number(float("nan") if value is None else value)

    def share(self, row: dict[str, Any], name: str) -> str:
        """Return "part of whole" of a share that a row gives."""
        low, high = (self.percent(row[f"{name}_{end}"]) for end in ("low", "high"))
        return self.text("interval", low=low, high=high)

    def change(self, change: Change) -> str:
        """Return a change with its sign, in per cent of before or in percentage points."""
        if not change.known:
            return self.text("no_before")
        if change.relative:
            return f"{self.hundred(change.value)}{NARROW}%"
        return self.points(change.value)

    def points(self, value: float) -> str:
        """Return a difference of shares in percentage points."""
        return self.text("points", value=self.hundred(value))

    def between(self, change: Change) -> str:
        """Return the interval of a change; empty where it has none."""
        return (
            ""
            if pd.isna(change.low)
            else self.text("change_interval", low=self.hundred(change.low), high=self.hundred(change.high))
        )

    def days(self, span: Span) -> str:
        """Return the days of a period, what both ends share said once."""
        first, last = (self.date(pd.Timestamp(day)) for day in (span.first, span.last))
        if span.first == span.last:
            return first
        if span.first.year == span.last.year:
            first = first.removesuffix(f" {span.first.year}")
            if span.first.month == span.last.month:
                return f"{span.first.day}–{last}"
        return f"{first} – {last}"

    def moment(self, at: datetime, zone: str) -> str:
        """Return a moment to the minute, local in a zone."""
        local = at.astimezone(ZoneInfo(zone))
        return f"{self.date(pd.Timestamp(local))}, {local:%H:%M}"

    def day(self, day: date) -> str:
        """Return a day in full."""
        return self.date(pd.Timestamp(day))

    def hundred(self, value: float) -> str:
        """Return a hundred times a difference, with its sign."""
        if pd.isna(value):
            return ""
        return f"{self._sign(value)}{self.number(abs(100 * value), 1)}"

    def _sign(self, value: float) -> str:
        return MINUS if round(value, 3) < 0 else "+" if round(value, 3) > 0 else "±"
