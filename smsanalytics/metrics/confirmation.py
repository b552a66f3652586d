"""Which confirmation calls came, of those that were asked for?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.metrics.counts import DENOMINATORS, QUANTILES, as_came, grouped, handed_out, names_of, need, only
from smsanalytics.metrics.intervals import with_shares
from smsanalytics.metrics.messages import SINCE, _with_calendar

WINDOW = timedelta(minutes=5)  #: a request that was not confirmed by then has expired
NO_REQUESTS = "none: no confirmation requests are known, calls are only counted"
OUTCOMES = ("confirmed", "expired", "open", "unrequested", "stale")
ATTEMPTS = ("account", "phone", "at", "purpose", "number_to_call", "request_id", "outcome", "seconds_to_confirm")
PERSON = ("account", "phone")


def attempts(
    requests: IntoFrameT,
    confirmations: IntoFrameT,
    *,
    as_of: datetime,
    window: timedelta = WINDOW,
    tz: str | ZoneInfo = "UTC",
    since: datetime = SINCE,
) -> IntoFrameT:
    """
    Match calls to the requests they confirm: one row per request, and one per call that confirms none.

    A call confirms the newest unconfirmed request of its phone that is at most `window` old; it names no request
    itself. A stale call, one whose time is far from its receipt, may be a replay and confirms nothing.

    Parameters
    ----------
    requests : frame of any engine that narwhals reads, one row per request
        With ``account``, ``phone``, ``requested_at``, ``purpose``, ``number_to_call``, ``request_id``.
    confirmations : frame of the same engine, one row per call
        With ``account``, ``phone``, ``called_at``, ``received_at``, ``stale``.
    as_of : datetime with a zone
        The moment at which a request is open or expired.
    window : timedelta, default 5 minutes
        How long a request can be confirmed.
    tz : str or ZoneInfo, default "UTC"
        Zone of the calendar columns.
    since : datetime with a zone, optional
        Nothing is older: spares changes of the zone's offset before.

    Returns
    -------
    frame of the same engine
        ``account``, ``phone``, ``purpose``, ``number_to_call``, ``request_id`` : of the request; the last three are
        missing for a call without one.
        ``at`` : time of the request, else of the call (of its receipt if stale). The calendar columns are of it.
        ``outcome`` : ``confirmed``, ``expired`` or ``open`` (no call yet, and younger than `window`) for a request;
        ``unrequested`` or ``stale`` for a call.
        ``seconds_to_confirm`` : from the request to its call; missing without one. [s]

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Notes
    -----
    Requests and calls of a phone are matched like brackets: a call closes what was opened last. That needs no loop,
    so it is one query on any engine.

    Examples
    --------
    >>> import pandas as pd
    >>> asked = pd.DataFrame({
    ...     "account": "default", "phone": "79001230001", "purpose": "login", "number_to_call": None,
    ...     "request_id": ["a", "b"], "requested_at": pd.to_datetime(["2026-11-21T07:00:00Z", "2026-11-21T07:02:00Z"]),
    ... })
    >>> calls = pd.DataFrame({
    ...     "account": "default", "phone": ["79001230001"], "called_at": pd.to_datetime(["2026-11-21T07:02:31Z"]),
    ...     "received_at": pd.to_datetime(["2026-11-21T07:02:33Z"]), "stale": False,
    ... })
    >>> found = attempts(asked, calls, as_of=pd.Timestamp("2026-11-22", tz="UTC"))
    >>> found.sort_values("request_id")[["request_id", "outcome", "seconds_to_confirm"]]
      request_id    outcome  seconds_to_confirm
    0          a    expired                <NA>
    1          b  confirmed                  31
    """
    asked = need(requests, {*PERSON, "requested_at", "purpose", "number_to_call", "request_id"})
    calls = need(confirmations, {*PERSON, "called_at", "received_at", "stale"})
    nothing = nw.lit(None, dtype=nw.String)
    asked = asked.select(
        *PERSON,
        at=nw.col("requested_at"),
        **{name: nw.col(name).cast(nw.String) for name in ("purpose", "number_to_call", "request_id")},
        _second=nw.col("requested_at").dt.truncate("1s"),
        _step=nw.lit(1),
        _stale=nw.lit(value=False),
    )
    calls = calls.select(
        *PERSON,
        at=nw.when(nw.col("stale")).then(nw.col("received_at")).otherwise(nw.col("called_at")),
        purpose=nothing,
        number_to_call=nothing,
        request_id=nothing,
        _second=nw.col("called_at").dt.truncate("1s"),
        _step=nw.lit(-1),
        _stale=nw.col("stale"),
    )
    events = _matched(nw.concat([asked, calls]))
    events = events.with_columns(
        _seconds=(nw.col("_partner") - nw.col("_second")).dt.total_seconds(),
        _age=(nw.lit(as_of) - nw.col("_second")).dt.total_seconds(),
    )
    is_request, limit = nw.col("_step") == 1, int(window.total_seconds())
    confirms = ~is_request & (nw.col("_seconds") >= -limit).fill_null(value=False)
    events = events.filter(~confirms).with_columns(
        seconds_to_confirm=nw.when(is_request & (nw.col("_seconds") <= limit)).then(nw.col("_seconds"))
    )
    outcome = nw.when(nw.col("_stale")).then(nw.lit("stale")).otherwise(nw.lit("unrequested"))
    waiting = nw.when(nw.col("_age") < limit).then(nw.lit("open")).otherwise(nw.lit("expired"))
    waiting = nw.when(~nw.col("seconds_to_confirm").is_null()).then(nw.lit("confirmed")).otherwise(waiting)
    events = events.with_columns(outcome=nw.when(is_request).then(waiting).otherwise(outcome))
    events = _with_calendar(events.select(*ATTEMPTS), "at", tz, since, as_of)
    return cast("IntoFrameT", as_came(nw.maybe_convert_dtypes(events), requests))


def _matched(events: Any) -> Any:
    """
    Add ``_partner``, the moment of the call that closes a request, and of the request that a call closes.

    A request goes up a step and a call down one; a call that finds nothing open lowers the floor instead, and a stale
    one does not move. On each level above the floor requests and calls then take turns.
    """
    order = ["_second", "_falling", "_tie"]
    ties = [nw.col(name).fill_null("") for name in ("request_id", "purpose", "number_to_call")]
    events = events.with_columns(
        _falling=-nw.col("_step"),  # of a request and a call in one second the request came first
        _tie=nw.concat_str(ties, separator=" "),
        _move=nw.when(nw.col("_stale")).then(0).otherwise(nw.col("_step")),
    )
    events = events.with_columns(_height=nw.col("_move").cum_sum().over(*PERSON, order_by=order).cast(nw.Int64))
    events = events.with_columns(_lowest=nw.col("_height").cum_min().over(*PERSON, order_by=order))
    events = events.with_columns(_floor=nw.when(nw.col("_lowest") < 0).then(nw.col("_lowest")).otherwise(0))
    events = events.with_columns(_before=nw.col("_floor").shift(1).over(*PERSON, order_by=order))
    above, is_request = nw.col("_height") - nw.col("_floor"), nw.col("_step") == 1
    found = ~is_request & ~nw.col("_stale") & (nw.col("_floor") == nw.col("_before").fill_null(0))
    events = events.with_columns(
        _level=nw.when(is_request).then(above).otherwise(nw.when(found).then(above + 1).otherwise(0))
    )
    later = nw.col("_second").shift(-1).over(*PERSON, "_level", order_by=order)
    earlier = nw.col("_second").shift(1).over(*PERSON, "_level", order_by=order)
    closed = nw.col("_step").shift(-1).over(*PERSON, "_level", order_by=order) == -1
    events = events.with_columns(_later=later, _earlier=earlier, _closed=closed)
    return events.with_columns(
        _partner=nw.when(is_request & nw.col("_closed"))
        .then(nw.col("_later"))
        .otherwise(nw.when(found).then(nw.col("_earlier")))
    )


def confirmation_success(attempts: IntoFrameT, *, by: Sequence[str] = ("day",)) -> IntoFrameT:
    """
    Share of confirmation requests that a call confirmed, per group, and how long that took.

    Parameters
    ----------
    attempts : frame of any engine that narwhals reads
        Of `attempts`.
    by : sequence of str, default ``("day",)``
        Of the request, or of a call without one. Missing values form a group of their own; empty for one row over all.

    Returns
    -------
    frame of the same engine, one row per group, sorted by `by`
        ``requests`` : confirmations asked for, the denominator. [requests]
        ``confirmed``, ``expired``, ``open`` : by outcome; they sum to ``requests``. [requests]
        ``confirmation_success`` : confirmed / requests, with ``…_low`` and ``…_high``, the Wilson 95 % interval;
        missing where there was no request. [0..1]
        ``p50``, ``p90``, ``p95``, ``p99`` : quantiles of the seconds to confirm, over ``confirmed``. [s]
        ``matured`` : whether no request is open.
        ``calls`` : all calls, each once; ``stale_calls``, whose time is far from their receipt, and
        ``unrequested_calls``, which confirm no request, are among them. [calls]

        Facts about the whole as in `delivery_rate`; without any request ``denominator`` says so.

    Raises
    ------
    MissingColumns
        If a needed column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> found = pd.DataFrame({
    ...     "outcome": ["confirmed", "expired", "confirmed", "stale"], "seconds_to_confirm": [31, None, 12, None],
    ... })
    >>> confirmation_success(found, by=[])[["requests", "confirmed", "confirmation_success", "p50", "calls"]].round(3)
       requests  confirmed  confirmation_success  p50  calls
    0         3          2                 0.667   12      3
    """
    by = names_of(by)
    frame = only(attempts, {"outcome", "seconds_to_confirm", *by})
    outcome = {name: nw.col("outcome") == name for name in OUTCOMES}
    sums = {
        "requests": outcome["confirmed"] | outcome["expired"] | outcome["open"],
        **{name: outcome[name] for name in ("confirmed", "expired", "open")},
        "calls": outcome["confirmed"] | outcome["unrequested"] | outcome["stale"],
        "stale_calls": outcome["stale"],
        "unrequested_calls": outcome["unrequested"],
    }
    everything = ~nw.col("outcome").is_null()
    groups = grouped(frame, by, everything, sums, n="_attempts", seconds=nw.col("seconds_to_confirm"))
    groups = with_shares(groups, {"confirmation_success": ("confirmed", "requests")})
    groups = groups.with_columns(matured=nw.col("open") == 0, _asked=nw.col("requests").sum())
    rate = [f"confirmation_success{end}" for end in ("", "_low", "_high")]
    columns = [*by, "requests", "confirmed", "expired", "open", *rate, *QUANTILES, "matured"]
    columns += ["calls", "stale_calls", "unrequested_calls"]
    known, unknown = nw.lit(DENOMINATORS["confirmation_success"]), nw.lit(NO_REQUESTS)
    of = nw.when(nw.col("_asked") > 0).then(known).otherwise(unknown)
    return handed_out(groups, attempts, metric="confirmation_success", columns=columns, by=by, of=of)
