"""The same answers as a careful analyst would get them from pandas and from Polars, without DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from smsanalytics.codes import DELIVERED, FAILED, OPEN, TEST_MODE_ERR
from smsanalytics.metrics.messages import HORIZON

LOADED = ("operator", "sent_at", "first_status_at", "opened_at", "delivered_at", "delivered_code", "failed_code",
          "unknown_code", "type", "hlr", "test_mode")  #: of the roll-up, for both questions  # fmt: skip
READ = ("account", "message_id", "phone", "status", "err", "status_at", "received_at", "type", "operator", "hlr")
KEY = ["account", "message_id", "phone"]
QUANTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
LIMITS = (10, 30, 60)


def load_pandas(paths: Sequence[Path]) -> pd.DataFrame:
    """The messages in memory."""
    return pd.concat([pd.read_parquet(path, columns=list(LOADED)) for path in paths], ignore_index=True)


def load_polars(paths: Sequence[Path]) -> pl.DataFrame:
    """The messages in memory."""
    return pl.read_parquet([*paths], columns=list(LOADED), hive_partitioning=False)


def pandas_from_events(paths: Sequence[Path], as_of: datetime) -> pd.DataFrame:
    """The delivery rate by day and operator, from the files of ``statuses``."""
    events = pd.concat([pd.read_parquet(path, columns=list(READ)) for path in paths], ignore_index=True)
    events["delivered"] = events["status"].isin(DELIVERED)
    events["failed"] = events["status"].isin(FAILED)
    events["unknown"] = ~events["status"].isin([*DELIVERED, *FAILED, *OPEN])
    events["test_mode"] = events["err"] == TEST_MODE_ERR
    messages = events.groupby(KEY, sort=False, dropna=False).agg(
        cohort=("status_at", "min"),
        operator=("operator", "first"),
        type=("type", "first"),
        **{name: (name, "max") for name in ("delivered", "failed", "unknown", "hlr", "test_mode")},
    )
    return _rates(messages, as_of)


def pandas_rate(messages: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The delivery rate by day and operator, from the messages in memory."""
    told = messages[["operator", "type", "hlr", "test_mode"]].assign(
        cohort=messages["sent_at"].fillna(messages["first_status_at"]),
        **{name: messages[f"{name}_code"].notna() for name in ("delivered", "failed", "unknown")},
    )
    return _rates(told, as_of)


def _rates(messages: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    inside = _inside(messages)
    matured = messages["cohort"] <= as_of - HORIZON
    undecided = ~(messages["delivered"] | messages["failed"] | messages["unknown"])
    counted = pd.DataFrame(
        {
            "day": messages["cohort"].dt.tz_localize(None).dt.floor("D"),
            "operator": messages["operator"],
            "submitted": inside,
            "delivered": inside & messages["delivered"],
            "failed": inside & messages["failed"] & ~messages["delivered"],
            "pending": inside & undecided & ~matured,
            "stuck": inside & undecided & matured,
            "unknown": inside & messages["unknown"] & ~messages["delivered"] & ~messages["failed"],
            "young": inside & ~matured,
        }
    )
    groups = counted.groupby(["day", "operator"], dropna=False).sum().reset_index()
    groups = groups[groups["submitted"] > 0]
    groups["delivery_rate"] = groups["delivered"] / groups["submitted"]
    groups["delivery_rate_final"] = groups["delivered"] / (groups["delivered"] + groups["failed"]).replace(0, np.nan)
    for state in ("failed", "pending", "stuck", "unknown"):
        groups[f"{state}_share"] = groups[state] / groups["submitted"]
    groups["matured"] = groups.pop("young") == 0
    return groups.assign(excluded_n=len(messages) - int(inside.sum()))


def _inside(messages: pd.DataFrame) -> pd.Series[bool]:
    text: pd.Series[bool] = messages["type"].isna() | messages["type"].between(0, 3)
    return text & ~messages["hlr"] & ~messages["test_mode"]


def pandas_latency(messages: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The latency by operator, from the messages in memory."""
    inside = _inside(messages)
    start = messages["sent_at"].fillna(messages["opened_at"]).dt.floor("s")
    seconds = (messages["delivered_at"].dt.floor("s") - start).dt.total_seconds()
    age = (as_of.replace(microsecond=0) - start).dt.total_seconds()
    delivered = inside & messages["delivered_code"].notna()
    counted = {
        "operator": messages["operator"],
        "submitted": inside,
        "n_timed": inside & (seconds >= 0),
        "n_no_start": delivered & start.isna(),
        "n_negative": delivered & (seconds < 0),
    }
    for limit in LIMITS:
        counted[f"n_within_{limit}s"] = inside & (age >= limit)
        counted[f"within_{limit}s"] = counted[f"n_within_{limit}s"] & seconds.between(0, limit)
    groups = pd.DataFrame(counted).groupby("operator", dropna=False).sum()
    for limit in LIMITS:
        groups[f"within_{limit}s"] = groups[f"within_{limit}s"] / groups[f"n_within_{limit}s"]
    timed = seconds[counted["n_timed"]].groupby(messages["operator"], dropna=False)
    for name, percent in QUANTILES.items():
        # "higher" of n - 1 gaps is not the smallest value that reaches a share of n: rank it as the store does
        groups[name] = timed.apply(lambda some, percent=percent: _reaching(some.to_numpy(), percent))
    groups = groups[groups["submitted"] > 0].reset_index()
    return groups.assign(excluded_n=len(messages) - int(inside.sum()))


def _reaching(seconds: np.ndarray[tuple[int], np.dtype[np.float64]], percent: int) -> float:
    place = -(-len(seconds) * percent // 100) - 1
    return float(np.partition(seconds, place)[place])


def polars_rate(messages: pl.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The delivery rate by day and operator, from the messages in memory."""
    inside, matured = _inside_polars(), pl.col("cohort") <= as_of - HORIZON
    delivered, failed, unknown = (pl.col(f"{name}_code").is_not_null() for name in ("delivered", "failed", "unknown"))
    undecided = ~delivered & ~failed & ~unknown
    groups = (
        messages.lazy()
        .with_columns(cohort=pl.coalesce("sent_at", "first_status_at"))
        .group_by(pl.col("cohort").dt.replace_time_zone(None).dt.truncate("1d").alias("day"), "operator")
        .agg(
            submitted=inside.sum(),
            delivered=(inside & delivered).sum(),
            failed=(inside & ~delivered & failed).sum(),
            pending=(inside & undecided & ~matured).sum(),
            stuck=(inside & undecided & matured).sum(),
            unknown=(inside & ~delivered & ~failed & unknown).sum(),
            matured=(inside & ~matured).sum() == 0,
            excluded=(~inside).sum(),
        )
        .with_columns(
            delivery_rate=pl.col("delivered") / pl.col("submitted"),
            delivery_rate_final=pl.when(pl.col("delivered") + pl.col("failed") > 0).then(
                pl.col("delivered") / (pl.col("delivered") + pl.col("failed"))
            ),
            excluded_n=pl.col("excluded").sum().cast(pl.Int64),
            **{
                f"{state}_share": pl.col(state) / pl.col("submitted")
                for state in ("failed", "pending", "stuck", "unknown")
            },
        )
        .filter(pl.col("submitted") > 0)
        .drop("excluded")
        .sort("day", "operator", nulls_last=True)
    )
    return groups.collect().to_pandas()


def polars_latency(messages: pl.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The latency by operator, from the messages in memory."""
    inside, second = _inside_polars(), pl.col("seconds")
    delivered, old = inside & pl.col("delivered_code").is_not_null(), pl.lit(as_of.replace(microsecond=0))
    timed = second.filter(inside & (second >= 0)).sort()
    age = (old - pl.col("start")).dt.total_seconds()
    within = {f"n_within_{limit}s": (inside & (age >= limit)).sum() for limit in LIMITS}
    within |= {
        f"within_{limit}s": (inside & (age >= limit) & second.is_between(0, limit)).sum()
        / (inside & (age >= limit)).sum()
        for limit in LIMITS
    }
    groups = (
        messages.lazy()
        .with_columns(start=pl.coalesce("sent_at", "opened_at").dt.truncate("1s"))
        .with_columns(seconds=(pl.col("delivered_at").dt.truncate("1s") - pl.col("start")).dt.total_seconds())
        .group_by("operator")
        .agg(
            submitted=inside.sum(),
            n_timed=timed.len(),
            n_no_start=(delivered & pl.col("start").is_null()).sum(),
            n_negative=(delivered & (second < 0)).sum(),
            excluded=(~inside).sum(),
            **within,
            **{
                name: timed.get((timed.len().cast(pl.Int64) * percent + 99) // 100 - 1, null_on_oob=True)
                for name, percent in QUANTILES.items()
            },
        )
        .with_columns(excluded_n=pl.col("excluded").sum().cast(pl.Int64))
        .filter(pl.col("submitted") > 0)
        .drop("excluded")
        .sort("operator", nulls_last=True)
    )
    return groups.collect().to_pandas()


def _inside_polars() -> pl.Expr:
    text = pl.col("type").is_null() | pl.col("type").is_between(0, 3)
    return text & ~pl.col("hlr") & ~pl.col("test_mode")


PANDAS: dict[str, Callable[[pd.DataFrame, datetime], pd.DataFrame]] = {
    "rate_by_day_operator": pandas_rate,
    "latency_by_operator": pandas_latency,
}
POLARS: dict[str, Callable[[pl.DataFrame, datetime], pd.DataFrame]] = {
    "rate_by_day_operator": polars_rate,
    "latency_by_operator": polars_latency,
}
