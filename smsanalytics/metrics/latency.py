"""How long did it take?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.errors import UnknownName
from smsanalytics.metrics.counts import QUANTILES, READS, Types, counted, grouped, handed_out, names_of, only
from smsanalytics.metrics.intervals import with_shares

WITHIN = (10, 30, 60)  #: seconds that a login code, an alert and a campaign are judged by


def latency(
    messages: IntoFrameT,
    *,
    by: Sequence[str] = ("day",),
    type: Types = None,  # noqa: A002
    within: int | Sequence[int] = WITHIN,
) -> IntoFrameT:
    """
    Seconds from sending to delivery: their quantiles, and the share of messages delivered in time.

    The quantiles speak of delivered messages alone, so a bad day can look fast; ``within_…`` speaks of all that were
    submitted, so what never arrives counts against it.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        With ``state``, ``type``, ``err``, ``delivery_seconds``, ``age_seconds`` and the columns named in `by`.
    by : sequence of str, default ``("day",)``
        Missing values form a group of their own; empty for one row over all.
    type : int or sequence of int, optional
        Message types to count instead of text messages (type absent or 0-3).
    within : int or sequence of int, default ``(10, 30, 60)``
        Times to give the share delivered within. [s]

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``submitted`` : messages of the cohort. [messages]
        ``n_timed`` : delivered, with a start (``sent_at``, else the first open status). [messages]
        ``n_no_start``, ``n_negative`` : delivered, but without a start, or before it: they have no time. [messages]
        ``p50``, ``p90``, ``p95``, ``p99`` : the smallest whole second by which that share of ``n_timed`` was delivered;
        missing where there is none. [s]
        ``n_within_10s`` : messages with a start at least 10 s ago, whatever became of them. [messages]
        ``within_10s`` : share of these delivered within 10 s, with ``…_low`` and ``…_high``, the Wilson 95 % interval;
        one with a negative time is not among the delivered. Times and ages are in whole seconds, see `prepare`, so
        these are deliveries of up to 10.99 real seconds. [0..1]

        Facts about the whole as in `delivery_rate`; ``denominator`` is that of the quantiles.

    Raises
    ------
    MissingColumns
        If a needed column is absent.
    UnknownName
        If a time of `within` is no positive integer.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({
    ...     "state": ["delivered"] * 4 + ["failed"], "type": 0, "err": 0,
    ...     "delivery_seconds": [3, 4, 8, 95, None], "age_seconds": 3600,
    ... })
    >>> latency(sent, by=[], within=[10])[["n_timed", "p50", "p90", "within_10s", "n_within_10s"]]
       n_timed  p50  p90  within_10s  n_within_10s
    0        4    4   95         0.6             5
    """
    by, within = names_of(by), limits_of(within)
    frame = only(messages, {*READS["latency"], *by}, _inside=counted(type))
    inside, started, seconds = nw.col("_inside"), ~nw.col("age_seconds").is_null(), nw.col("delivery_seconds")
    delivered = inside & (nw.col("state") == "delivered")
    sums = {
        "n_no_start": delivered & ~started,
        "n_negative": delivered & started & seconds.is_null(),
    }
    for limit in within:
        old = inside & started & (nw.col("age_seconds") >= limit).fill_null(value=False)
        sums[f"n_within_{limit}s"] = old
        sums[f"_within_{limit}s"] = old & (seconds <= limit).fill_null(value=False)
    groups = grouped(frame, by, inside, sums, seconds=seconds)
    shares = {f"within_{limit}s": (f"_within_{limit}s", f"n_within_{limit}s") for limit in within}
    order = [*by, "submitted", "n_timed", "n_no_start", "n_negative", *QUANTILES]
    for limit in within:
        order += [f"within_{limit}s", f"within_{limit}s_low", f"within_{limit}s_high", f"n_within_{limit}s"]
    result = with_shares(groups, shares) if shares else groups
    return handed_out(result, messages, metric="latency", columns=order, by=by)


def limits_of(within: int | Sequence[int]) -> list[int]:
    """The times to give the share delivered within, as a list of positive whole seconds."""
    several: list[Any] = [*within] if isinstance(within, Iterable) and not isinstance(within, str) else [within]
    for limit in several:
        if isinstance(limit, bool) or not isinstance(limit, Integral) or limit <= 0:
            raise UnknownName(f"within takes whole seconds such as 10, not {limit!r}")
    return [int(limit) for limit in several]


def latency_distribution(
    messages: IntoFrameT,
    *,
    by: Sequence[str] = (),
    type: Types = None,  # noqa: A002
) -> IntoFrameT:
    """
    How many messages took each number of seconds: what the quantiles of `latency` are read from.

    Parameters
    ----------
    messages, type
        As in `latency`.
    by : sequence of str, default empty
        Missing values form a group of their own.

    Returns
    -------
    frame of the same engine, one row per group and second that occurred, sorted
        ``seconds`` : from sending to delivery. [s]
        ``delivered`` : messages that took so long. [messages]

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({"type": 0, "err": 0, "delivery_seconds": [3, 4, 4, None]})
    >>> latency_distribution(sent)
       seconds  delivered
    0        3          1
    1        4          2
    """
    by = names_of(by)
    frame = only(messages, {*READS["latency_distribution"], *by}, _inside=counted(type))
    frame = frame.with_columns(seconds=nw.col("delivery_seconds"))
    groups = grouped(frame, [*by, "seconds"], nw.col("_inside"), {}, n="delivered")
    groups = groups.filter(~nw.col("seconds").is_null())
    return handed_out(
        groups,
        messages,
        metric="latency_distribution",
        columns=[*by, "seconds", "delivered"],
        by=[*by, "seconds"],
    )


def callback_lag(statuses: IntoFrameT, *, by: Sequence[str] = ("day",)) -> IntoFrameT:
    """
    Seconds from a change of status to the receipt of its callback: the health of the pipeline, not of delivery.

    Parameters
    ----------
    statuses : frame of any engine that narwhals reads, one row per status
        With ``status_at``, ``received_at``, ``time_source`` and the columns named in `by`. Each status once:
        repetitions would count as late.
    by : sequence of str, default ``("day",)``
        Of the receipt. Missing values form a group of their own; empty for one row over all.

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``n_timed`` : statuses that say when they happened. [statuses]
        ``n_untimed`` : those that do not, or not believably; they have no lag. [statuses]
        ``n_negative`` : received before they happened, by the provider's clock. [statuses]
        ``p50``, ``p90``, ``p95``, ``p99`` : quantiles of the lag over ``n_timed``, in whole seconds. [s]

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2026-11-21T07:00:00Z", "2026-11-21T07:00:07Z"])
    >>> statuses = pd.DataFrame({"status_at": at, "received_at": at + pd.Timedelta("2s"), "time_source": "ts"})
    >>> callback_lag(statuses, by=[])[["n_timed", "n_untimed", "p50", "p99"]]
       n_timed  n_untimed  p50  p99
    0        2          0    2    2
    """
    by = names_of(by)
    frame = only(statuses, {"status_at", "received_at", "time_source", *by})
    timed = nw.col("time_source") != "received"
    between = (nw.col("received_at").dt.truncate("1s") - nw.col("status_at").dt.truncate("1s")).dt.total_seconds()
    frame = nw.maybe_convert_dtypes(frame.with_columns(_lag=nw.when(timed).then(between)))
    lag, everything = nw.col("_lag"), ~nw.col("received_at").is_null()
    sums = {"n_untimed": ~timed, "n_negative": (lag < 0).fill_null(value=False)}
    groups = grouped(frame, by, everything, sums, n="_statuses", seconds=lag)
    order = [*by, "n_timed", "n_untimed", "n_negative", *QUANTILES]
    return handed_out(groups, statuses, metric="callback_lag", columns=order, by=by)
