"""Which checks of the data are beyond their limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

LIMITS = {  # the share up to which nobody need look
    "duplicates": 0.05,
    "conflicting_replays": 0.001,
    "contradictory": 0.005,
    "out_of_order": 0.05,
    "late": 0.02,
    "untimed": 0.05,
    "unknown_codes": 0.005,
    "stale_calls": 0.02,
    "rejected": 0.02,
}
COVERAGE = 0.98  #: of sends, from which on nobody need look


def is_off(row: Mapping[Any, Any]) -> bool | None:
    """
    Whether a row of `metrics.data_health` wants a look; None where there was nothing to count.

    Examples
    --------
    >>> is_off({"check": "coverage", "share": 0.91}), is_off({"check": "late", "share": 0.0})
    (True, False)
    """
    if pd.isna(row["share"]):
        return None
    if row["check"] == "coverage":
        return bool(row["share"] < COVERAGE)
    return bool(row["share"] > LIMITS[row["check"]])
