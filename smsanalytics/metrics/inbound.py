"""What came in, and who replied?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.metrics.counts import Types, counted, grouped, handed_out, names_of, need, only
from smsanalytics.metrics.intervals import with_shares

REPLY_WINDOW = timedelta(hours=24)
PERSON = ("account", "phone")


def inbound_volume(incoming: IntoFrameT, *, by: Sequence[str] = ("day",)) -> IntoFrameT:
    """
    Incoming messages and the subscribers who sent them, per group.

    Parameters
    ----------
    incoming : frame of any engine that narwhals reads, one row per incoming message
        With ``account``, ``phone`` and the columns named in `by`. A long text may come as several messages: they are
        not joined.
    by : sequence of str, default ``("day",)``
        Missing values form a group of their own; empty for one row over all.

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``incoming`` : messages. [messages]
        ``senders`` : different subscribers among them, of each account. Not to be summed over groups. [subscribers]

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> texts = pd.DataFrame({
    ...     "account": "default", "phone": ["79001230001", "79001230001", "79001230002"], "to_number": "79001230000",
    ... })
    >>> inbound_volume(texts, by=["to_number"])
         to_number  incoming  senders
    0  79001230000         3        2
    """
    by = names_of(by)
    frame = only(incoming, {*PERSON, *by})
    everything = ~nw.col("phone").is_null()
    people = grouped(frame, [*dict.fromkeys([*by, *PERSON])], everything, {}, n="incoming")
    totals = [nw.col("incoming").sum(), nw.col("_one").sum(), *_whole(people)]
    people = people.with_columns(_one=nw.lit(1))
    groups = people.group_by(*by).agg(*totals) if by else people.select(*totals)
    groups = groups.with_columns(
        nw.col("incoming").cast(nw.Int64), senders=nw.col("_one").cast(nw.Int64), excluded_n=nw.lit(0, dtype=nw.Int64)
    ).filter(nw.col("incoming") > 0)
    return handed_out(groups, incoming, metric="inbound_volume", columns=[*by, "incoming", "senders"], by=by)


def reply_rate(
    messages: IntoFrameT,
    incoming: IntoFrameT,
    *,
    by: Sequence[str] = ("day",),
    type: Types = None,  # noqa: A002
    window: timedelta = REPLY_WINDOW,
) -> IntoFrameT:
    """
    Share of the subscribers reached who wrote back within a day, to any of the account's numbers.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        With ``account``, ``message_id``, ``phone``, ``state``, ``type``, ``err``, ``delivered_at``,
        ``delivered_age_seconds``, ``matured`` and the columns named in `by`.
    incoming : frame of the same engine, one row per incoming message
        With ``account``, ``phone``, ``sent_at`` and ``received_at``; the latter counts where the former is missing.
    by : sequence of str, default ``("day",)``
        Of the delivered message. Missing values form a group of their own; empty for one row over all.
    type : int or sequence of int, optional
        Message types to count instead of text messages (type absent or 0-3).
    window : timedelta, default 24 hours
        How long after the delivery a message still counts as a reply; one that comes before it does not.

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``recipients`` : different subscribers to whom a message of the group was delivered. [subscribers]
        ``repliers`` : those among them who wrote within `window` after one of these. [subscribers]
        ``reply_rate`` : repliers / recipients, with ``…_low`` and ``…_high``, the Wilson 95 % interval. [0..1]
        ``matured`` : whether every message of the group was at least as old as the horizon, and every delivery at
        least as old as `window`.

        Facts about the whole as in `delivery_rate`.

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Notes
    -----
    The gateway does not say which message a text answers: somebody who writes anyway counts as a replier.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2026-11-21T07:00:07Z", "2026-11-21T07:00:09Z"])
    >>> sent = pd.DataFrame({
    ...     "account": "default", "message_id": [1, 2], "phone": ["79001230001", "79001230002"],
    ...     "state": "delivered", "type": 0, "err": 0, "delivered_at": at, "matured": True,
    ...     "delivered_age_seconds": 500_000,
    ... })
    >>> texts = pd.DataFrame({
    ...     "account": "default", "phone": ["79001230002"], "sent_at": at[:1] + pd.Timedelta("5min"),
    ...     "received_at": at[:1] + pd.Timedelta("6min"),
    ... })
    >>> reply_rate(sent, texts, by=[])[["recipients", "repliers", "reply_rate"]]
       recipients  repliers  reply_rate
    0           2         1         0.5
    """
    by = names_of(by)
    key = ("account", "message_id", "phone")
    times = {"delivered_at", "delivered_age_seconds", "matured"}
    frame = only(messages, {*key, "state", "type", "err", *times, *by}, _inside=counted(type))
    texts = need(incoming, {*PERSON, "sent_at", "received_at"})
    texts = texts.select(*PERSON, _text_at=nw.coalesce("sent_at", "received_at"))
    inside = nw.col("_inside")
    reached = inside & (nw.col("state") == "delivered") & ~nw.col("delivered_at").is_null()
    answered = (
        frame.filter(reached)
        .select(*key, "delivered_at")
        .join(texts, on=list(PERSON), how="inner")
        .filter(nw.col("_text_at") >= nw.col("delivered_at"))
        .filter(nw.col("_text_at") <= nw.col("delivered_at") + nw.lit(window))
        .select(*key)
        .unique()
        .with_columns(_answered=nw.lit(1))
    )
    frame = frame.join(answered, on=list(key), how="left").with_columns(
        _account=nw.when(reached).then(nw.col("account")), _phone=nw.when(reached).then(nw.col("phone"))
    )
    recent = (nw.col("delivered_age_seconds") < int(window.total_seconds())).fill_null(value=False)
    sums = {
        "_reached": reached,
        "_replied": ~nw.col("_answered").is_null(),
        "_young": reached & (~nw.col("matured") | recent),
    }
    people = grouped(frame, [*by, "_account", "_phone"], inside, sums)
    people = people.with_columns(
        **{name: (nw.col(name) > 0).cast(nw.Int64) for name in ("_reached", "_replied", "_young")}
    )
    totals = [nw.col(name).sum() for name in ("_reached", "_replied", "_young")]
    totals += [*_whole(people), nw.col("excluded_n").max()]
    groups = people.group_by(*by).agg(*totals) if by else people.select(*totals)
    groups = groups.filter(nw.col("_reached") > 0).with_columns(
        recipients=nw.col("_reached").cast(nw.Int64),
        repliers=nw.col("_replied").cast(nw.Int64),
        matured=nw.col("_young") == 0,
    )
    groups = with_shares(groups, {"reply_rate": ("repliers", "recipients")})
    columns = [*by, "recipients", "repliers", "reply_rate", "reply_rate_low", "reply_rate_high", "matured"]
    return handed_out(groups, messages, metric="reply_rate", columns=columns, by=by)


def _whole(frame: Any) -> list[nw.Expr]:
    """The period, where a grouped frame knows it: the same in every row."""
    known = frame.collect_schema().names()
    return [nw.col("first_day").min(), nw.col("last_day").max()] if "first_day" in known else []
