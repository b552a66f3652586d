"""Counts for quantiles of latency: by the second only where that can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smsanalytics.metrics.counts import (
    QUANTILES,
    ROWS,
)

TO_THE_SECOND = 60  #: deliveries up to this age are counted by the second, later ones in steps at first [s]
STEPS = ((10, 4), (14, 8))  #: up to so many seconds beyond, by so many, both as powers of two
LAST_STEP = 12


def to_the_second(
    counted: Callable[..., pd.DataFrame], by: Sequence[str], metric: Callable[..., Any], options: Mapping[str, Any]
) -> pd.DataFrame:
    """
    Count messages for `metrics.latency`, by the second only where that can tell.

    Deliveries that took longer are counted by steps at first, since each second would make a group. Those steps in
    which a quantile of theirs lies are counted again: what comes before and after them is the same.
    """
    most = max(options["within"], default=0)
    exact = max([TO_THE_SECOND, *options["within"]])
    age = {"_age_seconds": f"CASE WHEN _age_seconds > {most} THEN {most} ELSE _age_seconds END"}
    step, late = _step(exact), f"_delivery_seconds > {exact}"
    alike: pd.DataFrame = counted(codes=age | {"_delivery_seconds": step})
    group = alike.groupby([*by], dropna=False).ngroup() if by else alike[ROWS] * 0
    quantiles = metric(alike.assign(_group=group), by=["_group"], **options).melt("_group", [*QUANTILES])
    lie = pd.MultiIndex.from_frame(quantiles[["_group", "value"]].dropna().astype("int64"))
    seconds = alike["delivery_seconds"]
    again = (seconds > exact) & pd.MultiIndex.from_arrays([group, seconds]).isin(lie)
    among = Among(
        alike.loc[again, [*by, "delivery_seconds"]].drop_duplicates(), {"delivery_seconds": f"({step})"}, late
    )
    return pd.concat([alike[~again], counted(codes=age, among=among)], ignore_index=True) if again.any() else alike


@dataclass(frozen=True)
class Among:
    """Messages that have in some columns what one of the rows has; `instead` are expressions compared with these."""

    rows: pd.DataFrame
    instead: dict[str, str]
    only: str

    def same(self, made: Mapping[str, str]) -> str:
        """The condition, as SQL, where columns are made so."""
        compared = {name: f"({made[name]})" for name in map(str, self.rows)} | self.instead
        missing = {name for name in self.rows if self.rows[name].isna().all()}  # its type is unknown
        return " AND ".join(
            [self.only]
            + [
                f"{value} IS NULL" if name in missing else f"{value} IS NOT DISTINCT FROM of_{name}"
                for name, value in compared.items()
            ]
        )


def _step(exact: int) -> str:
    """Up to `exact` a second is one; beyond it is in a step of 16, later of 256 and of 4096, named by its first."""
    past = f"(_delivery_seconds - {exact + 1})"
    steps = [f"WHEN {past} < {2**bits} THEN {exact + 1} + ({past} >> {width} << {width})" for bits, width in STEPS]
    last = f"ELSE {exact + 1} + ({past} >> {LAST_STEP} << {LAST_STEP})"
    return f"CASE WHEN _delivery_seconds <= {exact} THEN _delivery_seconds {' '.join(steps)} {last} END"
