"""How a figure has changed since the period before, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd

from smsanalytics.metrics.intervals import difference

NOTHING = float("nan")


@dataclass(frozen=True)
class Change:
    """
    A change.

    Attributes
    ----------
    value : float
        Now less before, or, if `relative`, in parts of before; NaN if there is nothing to compare with.
    low, high : float
        The 95 % interval of the change of a share; NaN for counts and times, which are no samples.
    good : int
        1 if more is better, -1 if less is, 0 if neither.
    relative : bool
        Whether it is in parts of before.
    """

    value: float = NOTHING
    low: float = NOTHING
    high: float = NOTHING
    good: int = 0
    relative: bool = False

    @property
    def known(self) -> bool:
        """Whether there is something to compare with."""
        return not isnan(self.value)

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out "no change"."""
        return self.low > 0 or self.high < 0

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, or neither: only where chance does not explain it."""
        if not self.certain or not self.good:
            return ""
        return "better" if (self.value > 0) == (self.good > 0) else "worse"


def of_share(
    now: Mapping[Any, Any], before: Mapping[Any, Any], count: str, of: str, *, good: int = 1, may_come: str = ""
) -> Change:
    """
    Compare shares of two rows.

    Parameters
    ----------
    now, before : mapping of str to number
        Rows of a metric; an empty one for nothing.
    count, of : str
        The columns that the share is made of.
    good : int
        As of `Change`.
    may_come : str, optional
        A column with those that may yet count: the interval covers that none of them does, and that all do.

    Returns
    -------
    Change

    Examples
    --------
    >>> week = {"submitted": 1000, "delivered": 900, "pending": 80}
    >>> change = of_share(week, {"submitted": 1000, "delivered": 950}, "delivered", "submitted", may_come="pending")
    >>> round(change.value, 3), change.verdict  # it may still be made up for
    (-0.05, '')
    """
    n, n_before, is_now, was = _whole(now, of), _whole(before, of), _whole(now, count), _whole(before, count)
    open_now, open_before = (_whole(row, may_come) if may_come else 0 for row in (now, before))
    value, low, _ = difference(is_now, n, was, n_before)
    if open_now or open_before:
        _, low, _ = difference(is_now, n, was + open_before, n_before)
    _, _, high = difference(is_now + open_now, n, was, n_before)
    return Change(value, low, high, good)


def of_amount(now: float | None, before: float | None) -> Change:
    """Compare amounts: the change in parts of the one before."""
    if now is None or before is None or pd.isna(now) or pd.isna(before) or not before:
        return Change()
    return Change(float(now) / float(before) - 1, relative=True)


def _whole(row: Mapping[Any, Any], name: str) -> int:
    value = row.get(name, 0)
    return 0 if pd.isna(value) else int(value)
