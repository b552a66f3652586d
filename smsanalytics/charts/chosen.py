"""What an answer was narrowed to, in words: a chart of a part must not pass for one of all traffic."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from smsanalytics.charts.words import Words

LINE, LONGEST, SHOWN = 100, 40, 3  #: characters of a line and of a value, and values of a column that are listed
DAY = pd.Timedelta(days=1)


def chosen(facts: Mapping[str, Any], days: Sequence[Any] | None, words: Words) -> list[str]:
    """
    Return lines that name values, message types and period, as far as they were asked for.

    Parameters
    ----------
    facts : mapping
        Of an answer.
    days : sequence of two days, optional
        The period that the chart names anyway: the same period is not named again.
    words : Words
        Of the chart's language.

    Examples
    --------
    >>> where = {"tag": "login", "operator": ["MTS", None]}
    >>> chosen({"where": where, "type": [4], "start": "2026-11-01T00:00:00+03:00"}, None, Words("en"))
    ['only tag login · operator MTS or (not reported) · message types: HLR (4)', 'asked for: from 1 November 2026']
    """
    parts = []
    if where := facts.get("where"):
        values = [f"{words.column(str(name))} {_values(str(name), value, words)}" for name, value in where.items()]
        parts.append(words("only", chosen=" · ".join(values)))
    if facts.get("type") is not None:
        parts.append(words("only_types", types=_values("type", facts["type"], words)))
    lines = textwrap.wrap(" · ".join(parts), LINE, break_on_hyphens=False)
    period = _period(facts, days, words)
    return [*lines, words("asked_period", period=period)] if period else lines


def _values(column: str, value: Any, words: Words) -> str:
    values = value if isinstance(value, list) else [value]
    said = [textwrap.shorten(_said(column, one, words), LONGEST, placeholder="…") for one in values[:SHOWN]]
    if len(values) > SHOWN:
        said.append(words("more", n=words.number(len(values) - SHOWN)))
    if not said:
        return words("no_value")
    return f"{', '.join(said[:-1])} {words('or')} {said[-1]}" if len(said) > 1 else said[0]


def _said(column: str, value: Any, words: Words) -> str:
    text = words.value(column, None if value == "" else value)
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _period(facts: Mapping[str, Any], days: Sequence[Any] | None, words: Words) -> str:
    """The period that was asked for, its last day included; empty if none was, or if it is that of the days."""
    start, end = (pd.Timestamp(facts[name]) if facts.get(name) else None for name in ("start", "end"))
    whole = [at for at in (start, end and end - DAY) if at is not None and at == at.normalize()]
    if len(whole) == 2 and days and [at.date() for at in whole] == [pd.Timestamp(day).date() for day in days]:
        return ""
    first = start is not None and _moment(start, words)
    last = end is not None and _moment(end - DAY if end == end.normalize() else end, words)
    if first and last:
        return first if first == last else words("period", first=first, last=last)
    return words("since", first=first) if first else words("until", last=last) if last else ""


def _moment(at: pd.Timestamp, words: Words) -> str:
    return words.date(at) + ("" if at == at.normalize() else f" {at:%H:%M}")
