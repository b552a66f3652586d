"""What share of the messages arrived?"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.metrics.counts import READS, Types, counted, grouped, handed_out, names_of, only
from smsanalytics.metrics.intervals import with_shares

STATES = ("delivered", "failed", "pending", "stuck", "unknown")
RATES = {  # share: its numerator and denominator
    "delivery_rate": ("delivered", "submitted"),
    "delivery_rate_final": ("delivered", "_final"),
    **{f"{state}_share": (state, "submitted") for state in STATES if state != "delivered"},
}


def delivery_rate(messages: IntoFrameT, *, by: Sequence[str] = ("day",), type: Types = None) -> IntoFrameT:  # noqa: A002
    """
    Share of submitted messages that were delivered, per group.

    Pending messages count as submitted and not as delivered: a young cohort looks worse than it will end, and
    ``matured`` says so. ``delivery_rate_final`` leaves out what is not decided, and ends too high where failures are
    reported late.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        With ``state``, ``type``, ``err``, ``matured`` and the columns named in `by`; others are ignored.
    by : sequence of str, default ``("day",)``
        Missing values form a group of their own; empty for one row over all.
    type : int or sequence of int, optional
        Message types to count instead of text messages (type absent or 0-3).

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``submitted`` : messages of the cohort, the denominator. [messages]
        ``delivered``, ``failed``, ``pending``, ``stuck``, ``unknown`` : by state; they sum to ``submitted``. [messages]
        ``delivery_rate`` : delivered / submitted. [0..1]
        ``delivery_rate_final`` : delivered / (delivered + failed); missing where that is 0. [0..1]
        ``failed_share``, ``pending_share``, ``stuck_share``, ``unknown_share`` : of submitted. [0..1]
        ``…_low``, ``…_high`` : Wilson 95 % interval of each of these. [0..1]
        ``matured`` : whether every message of the group was at least as old as the horizon.

        Facts about the whole: ``denominator``; ``excluded_n``, messages left out (of another type, or in test mode);
        where the frame has ``day``, the first and the last. On pandas they are ``attrs`` (the days as ``period``),
        elsewhere columns (``first_day``, ``last_day``).

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    References
    ----------
    The denominator is what was submitted, as at the large gateways; see "What the figures mean" in the README.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({
    ...     "operator": ["MTS", "MTS", "Beeline", "MTS"],
    ...     "state": ["delivered", "failed", "pending", "delivered"],
    ...     "type": [0, 0, 0, 4], "err": [0, 1, None, 0], "matured": True,
    ... })
    >>> rates = delivery_rate(sent, by=["operator"])
    >>> rates[["operator", "submitted", "delivered", "pending", "delivery_rate"]]
      operator  submitted  delivered  pending  delivery_rate
    0  Beeline          1          0        1            0.0
    1      MTS          2          1        0            0.5
    >>> rates.attrs
    {'denominator': 'submitted: all messages of the cohort', 'excluded_n': 1}
    """
    by = names_of(by)
    frame = only(messages, {*READS["delivery_rate"], *by}, _inside=counted(type))
    inside = nw.col("_inside")
    sums = {state: inside & (nw.col("state") == state) for state in STATES}
    groups = grouped(frame, by, inside, {**sums, "_young": inside & ~nw.col("matured")})
    groups = groups.with_columns(_final=nw.col("delivered") + nw.col("failed"), matured=nw.col("_young") == 0)
    rates = [f"{name}{end}" for name in RATES for end in ("", "_low", "_high")]
    columns = [*by, "submitted", *STATES, *rates, "matured"]
    return handed_out(with_shares(groups, RATES), messages, metric="delivery_rate", columns=columns, by=by)
