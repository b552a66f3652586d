"""Can the figures be believed?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.codes import DELIVERED, FAILED, OPEN
from smsanalytics.metrics.counts import as_came, handed_out, names_of, need
from smsanalytics.metrics.messages import CALENDAR, SINCE, _with_calendar

LATE = timedelta(hours=1)
CHECKS = ("coverage", "duplicates", "conflicting_replays", "contradictory", "out_of_order", "late", "untimed",
          "unknown_codes", "stale_calls", "rejected")  # fmt: skip
BY = ("account", *CALENDAR)
MESSAGE = ("account", "message_id", "phone")
SIGNED_OF_TEXT = ("account", "phone", "to_number", "text")
SIGNED_STATUS = "signed_status"  #: as text, where a frame has it: a status may be beyond the range of its column
UNSIGNED = ("err", "type", "parts", "cost", "sender", "operator", "mcc", "mnc", "country", "region", "flag")


def data_health(
    messages: IntoFrameT,
    statuses: IntoFrameT,
    receipts: IntoFrameT,
    incoming: IntoFrameT,
    confirmations: IntoFrameT,
    rejected: IntoFrameT,
    *,
    by: Sequence[str] = (),
    tz: str | ZoneInfo = "UTC",
    since: datetime = SINCE,
    until: datetime | None = None,
) -> IntoFrameT:
    """
    What may be wrong with the data behind the other figures, one row per check.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        Of `prepare`.
    statuses, incoming, confirmations : frames of the same engine, one row per event, as first received
        With ``copies``, ``received_at``, ``account`` and their own columns.
    receipts : frame of the same engine, one row per status callback, repetitions included
        With the columns of `Store.statuses`; where it also has ``hlr``, that counts among the unsigned fields, and
        where it has ``signed_status``, the status as text, that counts instead of ``status``.
    rejected : frame of the same engine, one row per refused callback
        With ``received_at`` and ``account``.
    by : sequence of str, default empty
        Any of ``account``, ``day``, ``hour``, ``weekday``, ``week``, ``month``: of the cohort for what is counted in
        messages, of the receipt for what is counted in callbacks.
    tz : str or ZoneInfo, default "UTC"
        Zone of the calendar columns of the receipt.
    since, until : datetime with a zone, optional
        Everything was received between them: spares changes of the zone's offset elsewhere.

        Calendar columns that the frames have already are taken as they are. So is what `in_order`, `replays` and
        `replayed_texts` make of statuses, receipts and incoming messages: to count a part of them only, compare all
        of them first, then choose the rows.

    Returns
    -------
    frame of the same engine, one row per group and check, sorted by `by` and in this order
        ``check`` : its name.
        ``n``, ``of`` : how many, of how many the check looked at. With `by`, a group of which a check has nothing to
        look at (``of`` would be 0) has no row for it.
        ``share`` : n / of; missing where that is 0. [0..1]

        ``coverage`` : sends that got a status, of those at least as old as the horizon. The one check that should be
        high.
        ``duplicates`` : repeated callbacks, of all that were accepted.
        ``conflicting_replays`` : statuses whose signed part had come before with other unsigned fields, and incoming
        SMS whose signed part had come before under the same id with another time; of all.
        ``contradictory`` : messages reported both delivered and failed, of all.
        ``out_of_order`` : statuses that came after a later status of their message, of all.
        ``late`` : statuses received more than an hour after they happened, of those that say when.
        ``untimed`` : statuses that do not say when they happened, or not believably, of all.
        ``unknown_codes`` : statuses that tell neither of a delivery, nor of a failure, nor that it is open, of all.
        ``stale_calls`` : confirmation calls whose time is far from their receipt, of all.
        ``rejected`` : refused callbacks, of all that came.

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import smsanalytics as sms
    >>> health = sms.open_store(example_store).data_health()
    >>> health[["check", "n", "of"]].head(3)
                     check  n  of
    0             coverage  0   0
    1           duplicates  0   5
    2  conflicting_replays  0   4
    """
    by = names_of(by)
    events = {"received_at", "account"}
    message = need(messages, {"sent_at", "first_status_at", "matured", "contradictory", "day", *by})
    status = need(_compared(statuses, "behind", in_order), {"status", *events, "status_at", "time_source", "copies"})
    variants = need(_compared(receipts, "replay", replays), events)
    texts = need(_compared(incoming, "replay", replayed_texts), {*events, "copies"})
    calls = need(confirmations, {*events, "copies"})
    until = until or datetime.now(SINCE.tzinfo) + timedelta(days=1)

    def received(frame: Any) -> Any:
        known = "day" in frame.collect_schema().names()
        return frame if known else _with_calendar(frame, "received_at", tz, since, until)

    refused = received(need(rejected, events))
    sent = message.filter(~nw.col("sent_at").is_null() & nw.col("matured"))
    unique = received(status)
    texts, calls = received(texts), received(calls)
    callbacks = [frame.select(*BY, "copies") for frame in (unique, texts, calls)]
    accepted = nw.concat([*callbacks])
    came = nw.concat([
        accepted.select(*BY, "copies", _refused=nw.lit(0)),
        refused.select(*BY, copies=nw.lit(1), _refused=nw.lit(1)),
    ])  # fmt: skip
    timed = unique.filter(nw.col("time_source") != "received")
    lag = nw.col("received_at") - nw.col("status_at")
    known = (~nw.col("status").is_null()) & nw.col("status").is_in([*DELIVERED, *FAILED, *OPEN]).fill_null(value=False)
    parts = {
        "coverage": (sent, ~nw.col("first_status_at").is_null(), None),
        "duplicates": (accepted, nw.col("copies") - 1, nw.col("copies")),
        "conflicting_replays": (_all_replays(received(variants), texts), nw.col("replay"), None),
        "contradictory": (message, nw.col("contradictory"), None),
        "out_of_order": (unique, nw.col("behind"), None),
        "late": (timed, lag > nw.lit(LATE), None),
        "untimed": (unique, nw.col("time_source") == "received", None),
        "unknown_codes": (unique, ~known, None),
        "stale_calls": (calls, nw.col("stale"), None),
        "rejected": (came, nw.col("_refused"), nw.col("copies")),
    }
    rows = nw.concat([_row(place, check, *parts[check], by) for place, check in enumerate(CHECKS)])
    share = nw.when(nw.col("of") > 0).then(nw.col("n") / nw.col("of").cast(nw.Float64))
    whole = [nw.col("first_day").min(), nw.col("last_day").max()]
    rows = rows.with_columns(*whole, share=share)
    columns = [*by, "check", "n", "of", "share"]
    return handed_out(rows, messages, metric="data_health", columns=columns, by=[*by, "_place"])


def _compared(frame: Any, column: str, compare: Callable[[Any], Any]) -> Any:
    return frame if column in nw.from_native(frame).collect_schema().names() else compare(frame)


def in_order(statuses: IntoFrameT) -> IntoFrameT:
    """
    Add ``behind`` to statuses, each once: whether a later status of the message had been received before it.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2026-11-21T07:00:07Z", "2026-11-21T07:00:00Z"])
    >>> came = pd.DataFrame({"account": "default", "message_id": 1, "phone": "79001230001", "status_at": at})
    >>> in_order(came.assign(received_at=at[0] + pd.to_timedelta([1, 2], "s")))["behind"].tolist()
    [False, True]
    """
    frame = need(statuses, {*MESSAGE, "received_at", "status_at"})
    latest = nw.col("status_at").cum_max().over(*MESSAGE, order_by=["received_at", "status_at"])
    return cast("IntoFrameT", as_came(frame.with_columns(behind=latest > nw.col("status_at")), statuses))


def replays(receipts: IntoFrameT) -> IntoFrameT:
    """
    Find each signed part of a status with each set of unsigned fields it came with, as first received.

    ``replay`` is whether the same signed part had come with other unsigned fields before.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2026-11-21T07:00:00Z", "2026-11-21T07:00:00Z"])
    >>> came = pd.DataFrame({"account": "default", "message_id": 1, "phone": "79001230001", "status": 1,
    ...     **dict.fromkeys(UNSIGNED), "cost": [3.1, 9.9], "status_at": at, "time_source": "ts"})
    >>> replays(came.assign(received_at=at + pd.to_timedelta([1, 2], "s"))).sort_values("cost")["replay"].tolist()
    [False, True]
    """
    frame = need(receipts, {*MESSAGE, "status", *UNSIGNED, "received_at", "status_at", "time_source"})
    names = frame.collect_schema().names()
    signed = [*MESSAGE, SIGNED_STATUS if SIGNED_STATUS in names else "status"]
    unsigned = [*UNSIGNED, *(name for name in ("hlr",) if name in names), "_said"]
    said = nw.when(nw.col("time_source") != "received").then(nw.col("status_at"))
    variants = frame.with_columns(_said=said, _one=nw.lit(1)).group_by(*signed, *unsigned)
    variants = variants.agg(nw.col("received_at").min(), nw.col("_one").max())
    number = nw.col("_one").cum_sum().over(*signed, order_by="received_at")
    return cast("IntoFrameT", as_came(variants.with_columns(replay=number > 1).drop("_said", "_one"), receipts))


def replayed_texts(incoming: IntoFrameT) -> IntoFrameT:
    """
    Add ``replay`` to incoming messages, each once: whether the signed part had come under the same id before.

    It came with another time then, or it would be the same message.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2026-11-21T07:00:01Z", "2026-11-21T07:00:02Z"])
    >>> texts = pd.DataFrame({"account": "default", "phone": "79001230001", "to_number": "79001230000", "text": "Yes",
    ...     "incoming_id": 7, "received_at": at})
    >>> replayed_texts(texts)["replay"].tolist()
    [False, True]
    """
    frame = need(incoming, {*SIGNED_OF_TEXT, "incoming_id", "received_at"})
    number = nw.col("_one").cum_sum().over(*SIGNED_OF_TEXT, "incoming_id", order_by="received_at")
    again = (number > 1) & ~nw.col("incoming_id").is_null()
    return cast(
        "IntoFrameT", as_came(frame.with_columns(_one=nw.lit(1)).with_columns(replay=again).drop("_one"), incoming)
    )


def _all_replays(variants: Any, texts: Any) -> Any:
    return nw.concat([frame.select(*BY, "replay") for frame in (variants, texts)])


def _row(place: int, check: str, frame: Any, n: nw.Expr, of: nw.Expr | None, by: Sequence[str]) -> Any:
    numbers = frame.with_columns(n=n.cast(nw.Int64), of=(nw.lit(1) if of is None else of).cast(nw.Int64))
    numbers = numbers.with_columns(first_day=nw.col("day"), last_day=nw.col("day"))
    totals = [nw.col("n", "of").sum(), nw.col("first_day").min(), nw.col("last_day").max()]
    rows = numbers.group_by(*by).agg(*totals) if by else numbers.select(*totals)
    counts = {name: nw.col(name).fill_null(0).cast(nw.Int64) for name in ("n", "of")}
    return rows.select(*by, "first_day", "last_day", check=nw.lit(check), _place=nw.lit(place), **counts)
