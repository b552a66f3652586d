"""Axes: shares, durations on a log scale, and time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import altair as alt
import pandas as pd

from smsanalytics.charts.frames import Groups
from smsanalytics.charts.words import Words

UNDER = 0.5  #: where a log scale draws what took less than a second
COARSE = (UNDER, 1, 10, 60, 600, 3600, 86400, 864000)
FINE = (
    UNDER, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 345600,
    864000, 2592000, 8640000, 31536000, 315360000,
)  # fmt: skip
SPAN = {  # how long a unit of time is, about
    "moment": pd.Timedelta(hours=1),
    "day": pd.Timedelta(days=1),
    "week": pd.Timedelta(weeks=1),
    "month": pd.Timedelta(days=30),
}
Position = TypeVar("Position", alt.X, alt.Y)


def share_scale(low: float, high: float) -> alt.Scale:
    """From a round share below the lowest interval to one above the highest; a dot or a line may leave 0 out."""
    low, high = (0.0 if pd.isna(low) else low), (1.0 if pd.isna(high) else high)
    step = 0.05 if high - low > 0.1 else 0.01
    top = min(1.0, round(math.ceil(round(high / step, 6)) * step, 2))
    top = 1.0 if top > 0.8 else max(top, step)
    bottom = max(0.0, round(math.floor(round(low / step, 6)) * step, 2))
    return alt.Scale(domain=[0.0 if bottom < 0.4 * top else bottom, top], nice=False)


def share_axis() -> alt.Axis:
    """Return an axis in per cent."""
    return alt.Axis(format="~%", tickCount=6)


def on_log(seconds: pd.Series[float]) -> pd.Series[float]:
    """Return where durations stand on a log scale: what is shorter than a second has one place below it."""
    return seconds.clip(lower=UNDER).where(seconds >= 1, UNDER).where(seconds.notna())


def log_domain(seconds: Iterable[float]) -> tuple[float, float]:
    """Return the ticks around durations that stand on a log scale."""
    known = [value for value in seconds if not pd.isna(value)] or [1.0, 60.0]
    low = max((tick for tick in FINE if tick < min(known)), default=UNDER)
    return low, min((tick for tick in FINE if tick > max(known)), default=max(known))


def log_ticks(low: float, high: float, words: Words) -> tuple[list[float], str]:
    """Return durations that are easily read, and the expression that puts them into words."""
    ticks = [tick for tick in (FINE if high / low < 200 else COARSE) if low <= tick <= high]
    return ticks, lookup({tick: words("under") if tick == UNDER else words.seconds(tick) for tick in ticks})


def lookup(names: Mapping[float, str]) -> str:
    """Return the expression that finds the words of ours for a tick."""
    pairs = ", ".join(f"'{tick}': '{name}'" for tick, name in names.items())
    return f"{{{pairs}}}[datum.value]"


def log_seconds(
    position: type[Position], field: str, title: str | None, words: Words, domain: tuple[float, float]
) -> Position:
    """Return a log axis of durations with ticks in s, min, h and d."""
    ticks, labels = log_ticks(*domain, words)
    axis = alt.Axis(values=ticks, labelExpr=labels, labelOverlap=True)
    scale = alt.Scale(type="log", domain=list(domain), nice=False)
    return position(field, type="quantitative", title=title, scale=scale, axis=axis)


def over_time(groups: Groups, words: Words, *, field: str = "_at", axis: bool = True) -> alt.X:
    """Return the time axis of groups; without labels where another panel below has them."""
    if groups.time == "hour":
        hours = alt.Axis(values=list(range(0, 24, 3)), labels=axis)
        scale = alt.Scale(domain=[-0.6, 23.6], nice=False)
        return alt.X(field, type="quantitative", title=words("axis_hour") if axis else None, scale=scale, axis=hours)
    first, last = groups.frame["_at"].min(), groups.frame["_at"].max()
    span = SPAN[str(groups.time)]
    pad = max(span * 0.6, (last - first) * 0.01)
    ticks, form = _ticks(first, last, str(groups.time))
    return alt.X(
        field,
        type="temporal",
        title=words("axis_week") if groups.time == "week" and axis else None,
        scale=alt.Scale(domain=[_moment(first - pad), _moment(last + pad)], nice=False),
        axis=alt.Axis(values=[_moment(tick) for tick in ticks], labelExpr=form, labels=axis, labelOverlap=True),
    )


def half(groups: Groups) -> Any:
    """Return half the width of a bar on the time axis."""
    return 0.4 if groups.time == "hour" else SPAN[str(groups.time)] * 0.4


def _ticks(first: pd.Timestamp, last: pd.Timestamp, time: str) -> tuple[list[pd.Timestamp], str]:
    """Moments to be labelled, a dozen at most, and how."""
    days = (last - first).days + 1
    if time == "month" or (time != "week" and days > 77):
        starts = list(pd.date_range(first.normalize().replace(day=1), last, freq="MS"))
        shown = [start for start in starts if start >= first - SPAN["day"]]
        return shown[:: math.ceil(max(1, len(shown)) / 8)], _format("%B %Y")
    with_year = first.year != last.year
    dates = _format("%-d %b %Y" if with_year else "%-d %b")
    if time == "week":
        weeks = list(pd.date_range(first, last, freq="7D"))
        return weeks[:: math.ceil(len(weeks) / (8 if with_year else 11))], dates
    if time == "moment" and days <= 2:
        clock = f"hours(datum.value) ? {_format('%H:%M')} : {dates}"
        return list(pd.date_range(first.floor("6h"), last, freq="6h")), clock
    start = first.normalize()
    if days > 22:
        start -= pd.Timedelta(days=start.weekday())
    step = 1 if days <= 11 else 2 if days <= 22 else 7
    return [tick for tick in pd.date_range(start, last, freq=f"{step}D") if tick >= first - SPAN["day"]], dates


def _format(form: str) -> str:
    return f"timeFormat(datum.value, '{form}')"


def _moment(at: pd.Timestamp) -> Any:
    return alt.DateTime(year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=at.minute)
