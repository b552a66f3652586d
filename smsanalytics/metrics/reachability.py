"""Can the numbers be reached?"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.codes import HLR_TYPE, PING_TYPE
from smsanalytics.metrics.counts import READS, Types, counted, grouped, handed_out, names_of, only
from smsanalytics.metrics.intervals import with_shares

LOOKUPS = (HLR_TYPE, PING_TYPE)
ANSWERED = (1, 2)


def reachability(
    messages: IntoFrameT,
    *,
    by: Sequence[str] = ("day",),
    type: Types = LOOKUPS,  # noqa: A002
) -> IntoFrameT:
    """
    Share of the numbers looked up by HLR or ping that are reachable.

    Of a lookup, status 1 or 2 says only that there is an answer; the answer is its reason: ``err`` 0 is reachable, any
    other is not, and none at all means that the answer is still to come.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        With ``state``, ``status``, ``type``, ``err`` and the columns named in `by`.
    by : sequence of str, default ``("day",)``
        Missing values form a group of their own; empty for one row over all.
    type : int or sequence of int, default ``(4, 5)``
        HLR lookups and pings, or one of them.

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``checked`` : lookups of the cohort, the denominator. [lookups]
        ``reachable``, ``unreachable``, ``pending``, ``unknown`` : by answer; they sum to ``checked``. [lookups]
        ``reachability`` : reachable / checked, with ``…_low`` and ``…_high``, the Wilson 95 % interval. [0..1]

        Facts about the whole as in `delivery_rate`.

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> lookups = pd.DataFrame({
    ...     "state": ["delivered", "delivered", "delivered", "failed"], "status": [1, 1, 1, 20],
    ...     "type": 4, "err": pd.array([0, 1, None, 6], dtype="Int64"),
    ... })
    >>> reachability(lookups, by=[])[["checked", "reachable", "unreachable", "pending", "reachability"]]
       checked  reachable  unreachable  pending  reachability
    0        4          1            2        1          0.25
    """
    by = names_of(by)
    frame = only(messages, {*READS["reachability"], *by}, _inside=counted(type))
    inside, state, err = nw.col("_inside"), nw.col("state"), nw.col("err")
    answered = (state == "delivered") & nw.col("status").is_in(ANSWERED).fill_null(value=False)
    waiting = (answered & err.is_null()) | state.is_in(["pending", "stuck"])
    reachable = answered & (err == 0).fill_null(value=False)
    unknown = state == "unknown"
    sums = {
        "reachable": inside & reachable,
        "unreachable": inside & ~reachable & ~waiting & ~unknown,
        "pending": inside & waiting,
        "unknown": inside & unknown,
    }
    groups = grouped(frame, by, inside, sums, n="checked")
    groups = with_shares(groups, {"reachability": ("reachable", "checked")})
    columns = [*by, "checked", *sums, "reachability", "reachability_low", "reachability_high"]
    return handed_out(groups, messages, metric="reachability", columns=columns, by=by)
