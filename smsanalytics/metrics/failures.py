"""Why did messages fail?"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.metrics.counts import READS, Types, counted, grouped, handed_out, names_of, only
from smsanalytics.metrics.intervals import with_shares

CAUSE = ("status", "err")


def failure_mix(messages: IntoFrameT, *, by: Sequence[str] = (), type: Types = None) -> IntoFrameT:  # noqa: A002
    """
    Which causes the failed messages have: each pair of status and reason, and its share.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        With ``state``, ``type``, ``err``, ``status`` and the columns named in `by`.
    by : sequence of str, default empty
        Beside the cause itself. Missing values form a group of their own.
    type : int or sequence of int, optional
        Message types to count instead of text messages (type absent or 0-3).

    Returns
    -------
    frame of the same engine, one row per group and cause, sorted by `by`, and the commonest cause first
        ``status``, ``err`` : the cause; `codes.STATUSES` and `codes.ERRORS` say what they mean.
        ``n`` : messages that failed so. [messages]
        ``failed`` : all failed messages of the group, the denominator. [messages]
        ``failure_share`` : n / failed, with ``…_low`` and ``…_high``, the Wilson 95 % interval. [0..1]

        Facts about the whole as in `delivery_rate`.

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({
    ...     "state": ["failed", "failed", "failed", "delivered"], "type": 0,
    ...     "status": [20, 20, 3, 1], "err": [1, 1, 6, 0],
    ... })
    >>> failure_mix(sent)[["status", "err", "n", "failed", "failure_share"]].round(3)
       status  err  n  failed  failure_share
    0      20    1  2       3          0.667
    1       3    6  1       3          0.333
    """
    by = [name for name in names_of(by) if name not in CAUSE]
    frame = only(messages, {*READS["failure_mix"], *by}, _inside=counted(type))
    inside = nw.col("_inside")
    failed = inside & (nw.col("state") == "failed")
    groups = grouped(frame, [*by, *CAUSE], inside, {"n": failed})
    groups = groups.filter(nw.col("n") > 0).with_columns(_all=nw.lit(1))
    groups = groups.with_columns(failed=nw.col("n").sum().over(*by, "_all").cast(nw.Int64))
    groups = with_shares(groups, {"failure_share": ("n", "failed")}).with_columns(_rank=-nw.col("n"))
    columns = [*by, *CAUSE, "n", "failed", "failure_share", "failure_share_low", "failure_share_high"]
    order = [*by, "_rank", *CAUSE]
    return handed_out(groups, messages, metric="failure_mix", columns=columns, by=order)
