"""What did it cost?"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.metrics.counts import READS, Types, counted, grouped, handed_out, names_of, only

UNIT = 10_000  #: costs are summed as whole ten-thousandths: sums of floats depend on their order


def cost(messages: IntoFrameT, *, by: Sequence[str] = ("day",), type: Types = None) -> IntoFrameT:  # noqa: A002
    """
    Parts per message and cost per delivered message, for each account: its currency is its own.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        With ``account``, ``state``, ``type``, ``err``, ``parts``, ``cost`` and the columns named in `by`.
    by : sequence of str, default ``("day",)``
        Beside ``account``, which always comes first: amounts of different currencies are never added. Missing values
        form a group of their own.
    type : int or sequence of int, optional
        Message types to count instead of text messages (type absent or 0-3).

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``submitted`` : messages of the cohort. [messages]
        ``n_parts`` : SMS they were made of, where known. [parts]
        ``n_parts_unknown`` : messages without. [messages]
        ``parts_per_message`` : n_parts / (submitted - n_parts_unknown). [parts per message]
        ``cost`` : as first reported, failed messages included. [currency of the account]
        ``n_cost_unknown`` : messages without; they are left out of both sides of what follows. [messages]
        ``n_delivered`` : delivered messages with a known cost. [messages]
        ``cost_per_delivered`` : cost / n_delivered; missing where that is 0. [currency of the account]

        Facts about the whole as in `delivery_rate`.

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({
    ...     "account": "default", "state": ["delivered", "failed", "delivered"], "type": 0, "err": 0,
    ...     "parts": [1, 2, None], "cost": [3.10, 6.20, None],
    ... })
    >>> cost(sent, by=[])[["account", "parts_per_message", "cost", "n_cost_unknown", "cost_per_delivered"]]
       account  parts_per_message  cost  n_cost_unknown  cost_per_delivered
    0  default                1.5   9.3               1                 9.3
    """
    by = ["account", *(name for name in names_of(by) if name != "account")]
    frame = only(messages, {*READS["cost"], *by}, _inside=counted(type))
    inside, paid = nw.col("_inside"), ~nw.col("cost").is_null()
    amount = (nw.col("cost").cast(nw.Float64) * UNIT).round().fill_null(0)
    sums = {
        "n_parts": nw.when(inside).then(nw.col("parts").fill_null(0)).otherwise(0),
        "n_parts_unknown": inside & nw.col("parts").is_null(),
        "_cost": nw.when(inside).then(amount).otherwise(0),
        "n_cost_unknown": inside & ~paid,
        "n_delivered": inside & paid & (nw.col("state") == "delivered"),
    }
    groups = grouped(frame, by, inside, sums)
    counted_parts = nw.col("submitted") - nw.col("n_parts_unknown")
    groups = groups.with_columns(
        parts_per_message=nw.when(counted_parts > 0).then(nw.col("n_parts") / counted_parts.cast(nw.Float64)),
        cost=nw.col("_cost") / float(UNIT),
        cost_per_delivered=nw.when(nw.col("n_delivered") > 0).then(
            nw.col("_cost") / (nw.col("n_delivered").cast(nw.Float64) * UNIT)
        ),
    )
    columns = [*by, "submitted", "n_parts", "n_parts_unknown", "parts_per_message",
               "cost", "n_cost_unknown", "n_delivered", "cost_per_delivered"]  # fmt: skip
    return handed_out(groups, messages, metric="cost", columns=columns, by=by)
