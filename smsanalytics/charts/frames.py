"""A metric's frame made ready to be drawn: which columns group it, over which time it runs, what is known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import narwhals as nw
import pandas as pd

from smsanalytics.charts.words import Words
from smsanalytics.errors import MissingColumns

ORDERED = ("day", "hour", "weekday", "week", "month", "parts")
ADDED = ("first_day", "last_day", "denominator", "excluded_n")  # facts that are columns on other engines


@dataclass(frozen=True)
class Groups:
    """
    Groups to be drawn.

    Attributes
    ----------
    frame : pandas.DataFrame
        With ``_group`` (the group in words, time left out), ``_order`` (its place) and, over time, ``_at`` and
        ``_label`` (the time in words).
    by : list of str
        The group columns; the account only if there are several, or nothing else.
    time : str or None
        What runs along the time axis: ``moment`` (day and hour), ``day``, ``hour``, ``week`` or ``month``.
    others : list of str
        The group columns beside it.
    facts : mapping
        What is known about the whole.
    timeless : int
        Groups without a time, which a time axis has no place for.
    """

    frame: pd.DataFrame
    by: list[str]
    time: str | None
    others: list[str]
    facts: Mapping[str, Any]
    timeless: int = 0

    @property
    def calendar(self) -> bool:
        """Whether time runs on, other than over the hours of a day."""
        return self.time not in (None, "hour")

    def series(self) -> list[str]:
        """Return the groups in words, in their order."""
        return list(dict.fromkeys(self.frame.sort_values("_order", kind="stable")["_group"]))

    def largest(self, size: str, number: int) -> tuple[Groups, int]:
        """Keep the groups with the largest sum of a column; also return how many there were."""
        sums = self.frame.groupby("_group")[size].sum().nlargest(number)
        count = self.frame["_group"].nunique()
        if count <= number:
            return self, count
        return replace(self, frame=self.frame[self.frame["_group"].isin(sums.index)].copy()), count

    def of(self, group: str) -> Groups:
        """Keep one group."""
        return replace(self, frame=self.frame[self.frame["_group"] == group].copy())

    def heading(self, words: Words) -> str:
        """Return what the groups are, time left out."""
        return ", ".join(words.column(name) for name in self.others)

    def tooltip(self, words: Words) -> list[alt.Tooltip]:
        """Return time and group, as far as there are any."""
        heading = words.column("day" if self.time == "moment" else self.time or "")
        time = [alt.Tooltip("_label:N", title=heading)] if self.time else []
        return [*time, *([alt.Tooltip("_group:N", title=self.heading(words))] if self.others else [])]


def read(native: Any, words: Words, first: str, needed: Sequence[str]) -> Groups:
    """
    Read a frame of a metric.

    Parameters
    ----------
    native : frame of any engine
        Group columns first.
    words : Words
        Of the chart's language.
    first : str
        The first column that does not group.
    needed : sequence of str
        The columns to be drawn; numbers, unless they are texts or truths.

    Raises
    ------
    MissingColumns
        If one is absent.
    """
    read = nw.from_native(native)
    frame = (read.collect("pandas") if isinstance(read, nw.LazyFrame) else read).to_pandas().copy()
    attrs = native.attrs if isinstance(native, pd.DataFrame) else _added(frame)
    facts = {str(name): fact for name, fact in attrs.items()}
    frame.attrs = {}
    if missing := {first, *needed} - set(frame.columns):
        raise MissingColumns.of(missing, map(str, frame.columns))
    by = [str(name) for name in frame.columns[: list(frame.columns).index(first)]]
    for name in frame.columns[len(by) :]:
        if name == "matured":
            frame[name] = frame[name].fillna(False).astype(bool)
        elif name != "check" and name not in ADDED:
            frame[name] = pd.to_numeric(frame[name]).astype("float64")
    return _placed(frame.reset_index(drop=True), by, facts, words)


def _added(frame: pd.DataFrame) -> Mapping[Any, Any]:
    """The facts that are columns on other engines."""
    if "first_day" not in frame or frame.empty:
        return {}
    return {"period": [frame["first_day"].iloc[0], frame["last_day"].iloc[0]]}


def _placed(frame: pd.DataFrame, by: list[str], facts: Mapping[str, Any], words: Words) -> Groups:
    """Put each group into words and into its place."""
    if len(by) > 1 and "account" in by and frame["account"].nunique(dropna=False) == 1:
        facts = {**facts, "account": words.value("account", frame["account"].iloc[0])}
        by = [name for name in by if name != "account"]
    time: str | None = next((name for name in ("day", "hour", "week", "month") if name in by), None)
    taken = {"day", "hour"} if time == "day" else {time}
    others = [name for name in by if name not in taken]
    timeless = int(frame[[name for name in by if name in taken]].isna().any(axis=1).sum())
    if timeless:
        frame = frame.dropna(subset=[name for name in by if name in taken])
    if time == "hour":
        frame["_at"] = frame["hour"].astype("float64")
        frame["_label"] = [words.value("hour", hour) for hour in frame["hour"]]
    elif time:
        frame["_at"] = pd.to_datetime(frame[time])
        frame["_label"] = [words.value(time, at) for at in frame[time]]
    if time == "day" and "hour" in by:
        time = "moment"
        frame["_at"] += pd.to_timedelta(frame["hour"].astype("int64"), unit="h")
        frame["_label"] += [f" {words.value('hour', hour)}" for hour in frame["hour"]]
    rows = frame[others].to_dict("records") if others else [{}] * len(frame)
    frame["_group"] = [" · ".join(words.value(name, row[name]) for name in others) or words("all") for row in rows]
    natural = bool(others) and all(name in ORDERED for name in others)
    ranks = frame[others].apply(lambda column: column.rank(method="dense", na_option="bottom")) if natural else None
    frame["_order"] = 0.0 if ranks is None else ranks.to_numpy() @ [1000.0**-place for place in range(len(others))]
    return Groups(frame, by, time, others, facts, timeless)
