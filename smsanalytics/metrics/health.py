"""Can the figures be believed?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.codes import DELIVERED, FAILED, OPEN
from smsanalytics.metrics.population import handed_out, names_of, need
from smsanalytics.metrics.prepare import CALENDAR, SINCE, _with_calendar

LATE = timedelta(hours=1)
CHECKS = ("coverage", "duplicates", "conflicting_replays", "contradictory", "out_of_order", "late", "untimed",
          "unknown_codes", "stale_calls", "rejected")  # fmt: skip
BY = ("account", *CALENDAR)
SIGNED = ("account", "message_id", "phone", "status")
SIGNED_OF_TEXT = ("account", "phone", "to_number", "text")
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
    tz: str = "UTC",
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
        With the columns of `Store.statuses`; where it also has ``hlr``, that counts among the unsigned fields.
    rejected : frame of the same engine, one row per refused callback
        With ``received_at`` and ``account``.
    by : sequence of str, default empty
        Any of ``account``, ``day``, ``hour``, ``weekday``, ``week``, ``month``: of the cohort for what is counted in
        messages, of the receipt for what is counted in callbacks.
    tz : str, default "UTC"
        Zone of the calendar columns of the receipt.
    since, until : datetime with a zone, optional
        Everything was received between them: spares changes of the zone's offset elsewhere.

        Calendar columns that the frames have already are taken as they are.

    Returns
    -------
    frame of the same engine, one row per group and check, sorted by `by` and in this order
        ``check`` : its name.
        ``n``, ``of`` : how many, of how many the check looked at.
        ``share`` : n / of; missing where that is 0. [0..1]

        ``coverage`` : sends that got a status, of those older than the horizon. The one check that should be high.
        ``duplicates`` : repeated callbacks, of all that were accepted.
        ``conflicting_replays`` : statuses whose signed part had come before with other unsigned fields, and incoming
        SMS whose signed part had come before under the same id with another time; of all.
        ``contradictory`` : messages reported both delivered and failed, of all.
        ``out_of_order`` : statuses that came after a later one of their message, of all.
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
    status = need(statuses, {*SIGNED, *events, "status_at", "time_source", "copies"})
    came_as = need(receipts, {*SIGNED, *UNSIGNED, *events, "status_at", "time_source"})
    texts = need(incoming, {*SIGNED_OF_TEXT, "incoming_id", *events, "copies"})
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
        "conflicting_replays": (_conflicts(received(_variants(came_as)), texts), nw.col("_again"), None),
        "contradictory": (message, nw.col("contradictory"), None),
        "out_of_order": (_ordered(unique), nw.col("_behind"), None),
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


def _variants(receipts: Any) -> Any:
    """Each signed part with each set of unsigned fields it came with, and whether another had come before."""
    said = nw.when(nw.col("time_source") != "received").then(nw.col("status_at"))
    unsigned = [*UNSIGNED, *({"hlr"} & {*receipts.collect_schema().names()})]
    variants = receipts.with_columns(_said=said, _one=nw.lit(1))
    variants = variants.group_by(*SIGNED, *unsigned, "_said").agg(nw.col("received_at").min(), nw.col("_one").max())
    number = nw.col("_one").cum_sum().over(*SIGNED, order_by="received_at")
    return variants.with_columns(_again=number > 1)


def _conflicts(variants: Any, texts: Any) -> Any:
    """Those of statuses, and each text (once) with whether it had come before under its id: with another time then."""
    number = nw.col("_one").cum_sum().over(*SIGNED_OF_TEXT, "incoming_id", order_by="received_at")
    again = (number > 1) & ~nw.col("incoming_id").is_null()
    texts = texts.with_columns(_one=nw.lit(1)).with_columns(_again=again)
    return nw.concat([frame.select(*BY, "_again") for frame in (variants, texts)])


def _ordered(unique: Any) -> Any:
    """Each status, and whether a later one of its message had been received before it."""
    latest = nw.col("status_at").cum_max().over("account", "message_id", "phone", order_by=["received_at", "status_at"])
    return unique.with_columns(_behind=latest > nw.col("status_at"))


def _row(place: int, check: str, frame: Any, n: nw.Expr, of: nw.Expr | None, by: Sequence[str]) -> Any:
    numbers = frame.with_columns(n=n.cast(nw.Int64), of=(nw.lit(1) if of is None else of).cast(nw.Int64))
    numbers = numbers.with_columns(first_day=nw.col("day"), last_day=nw.col("day"))
    totals = [nw.col("n", "of").sum(), nw.col("first_day").min(), nw.col("last_day").max()]
    rows = numbers.group_by(*by).agg(*totals) if by else numbers.select(*totals)
    counts = {name: nw.col(name).fill_null(0).cast(nw.Int64) for name in ("n", "of")}
    return rows.select(*by, "first_day", "last_day", check=nw.lit(check), _place=nw.lit(place), **counts)
