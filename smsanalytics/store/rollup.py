"""
Events → one row per message: a fold in which every column is a `min` or a `max`.

So folding an event twice, late, or in any order gives the same row. Written for frames of any lazy engine.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import narwhals as nw

from smsanalytics.codes import DELIVERED, FAILED, NO_STATUS, OPEN, TEST_MODE_ERR

KEY = ("account", "message_id", "phone")
TERMS, PRICE = ("type", "sender"), ("parts", "cost")  #: each pair travels together
NETWORK = ("mcc", "mnc", "operator", "country", "region")
SEPARATOR = "\x1f"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MERGE = {
    "first_seen_at": "min",
    "sent_at": "min",
    "first_status_at": "min",
    "last_status_at": "max",
    "opened_at": "min",
    "accepted_at": "min",
    "delivered_at": "min",
    "read_at": "min",
    "clicked_at": "min",
    "failed_at": "max",
    "delivered_code": "max",
    "failed_code": "max",
    "unknown_code": "max",
    "open_code": "max",
    "hlr": "max",
    "test_mode": "max",
    "terms": "min",
    "price": "min",
    "network": "min",
    "tag": "min",
}
SENDS_YIELD = 5 * 10**15  #: µs added to the receipt of what a send says: it counts where no callback says any

STORED_TYPES = {"type": nw.Int16(), "parts": nw.Int32(), "cost": nw.Decimal(12, 4)}

Frame = nw.LazyFrame[Any]


def rows_of(events: Frame) -> Frame:
    """
    Turn each status into a row that `merge` can fold: one event is a message of which nothing else is known.

    The latest status of each class is one integer, ``seconds·2^24 + (status + 128)·2^16 + (err + 1, or 0)``, so that
    its `max` keeps time, status and err together. Values that travel together are one text that begins with the time
    of receipt, so that its `min` is the earliest report: they are unsigned, and a later one must not overwrite it.
    """
    status = nw.col("status").fill_null(NO_STATUS)
    at = nw.col("status_at")
    code = (_since_epoch(at).dt.total_seconds().cast(nw.Int64) * 2**24) + (status.cast(nw.Int64) + 128) * 2**16
    code = code + nw.when(nw.col("err").is_null()).then(0).otherwise(nw.col("err").cast(nw.Int64) + 1)
    never = nw.lit(None, dtype=nw.Datetime("us", "UTC"))
    return events.filter(~nw.col("message_id").is_null()).select(
        *KEY,
        first_seen_at=nw.col("received_at"),
        sent_at=never,
        first_status_at=at,
        last_status_at=at,
        opened_at=nw.when(status.is_in(OPEN)).then(at),
        accepted_at=nw.when(status == 0).then(at),
        delivered_at=nw.when(status.is_in(DELIVERED)).then(at),
        read_at=nw.when(status.is_in([2, 4])).then(at),
        clicked_at=nw.when(status == 4).then(at),
        failed_at=nw.when(status.is_in(FAILED)).then(at),
        delivered_code=nw.when(status.is_in(DELIVERED)).then(code),
        failed_code=nw.when(status.is_in(FAILED)).then(code),
        unknown_code=nw.when(~status.is_in([*DELIVERED, *FAILED, *OPEN])).then(code),
        open_code=nw.when(status.is_in(OPEN)).then(code),
        hlr=nw.col("hlr"),
        test_mode=(nw.col("err") == TEST_MODE_ERR).fill_null(value=False),
        terms=_together(TERMS),
        price=_together(PRICE),
        network=_together(NETWORK),
        tag=nw.lit(None, dtype=nw.String),
    )


def rows_of_sends(sends: Frame) -> Frame:
    """Turn each send into a row that `merge` can fold: a message without any callback yet."""
    never, nothing, no = nw.lit(None, dtype=nw.Datetime("us", "UTC")), nw.lit(None, dtype=nw.Int64), nw.lit(value=False)
    known = {
        "first_seen_at": nw.col("sent_at"),
        "sent_at": nw.col("sent_at"),
        "hlr": no,
        "test_mode": no,
        "terms": _together(TERMS, later=SENDS_YIELD),
        "price": _together(PRICE, later=SENDS_YIELD),
        "network": nw.lit(None, dtype=nw.String),
        "tag": nw.col("tag"),
    }
    unknown = {name: nothing if name.endswith("_code") else never for name in MERGE if name not in known}
    columns = known | unknown
    return sends.with_columns(type=nw.lit(None, dtype=nw.Int16)).select(*KEY, **{name: columns[name] for name in MERGE})


def merge(rows: Frame) -> Frame:
    """Fold rows of the same message into one, whether they come from events or from earlier folds."""
    return rows.group_by(*KEY).agg(
        **{name: nw.col(name).min() if how == "min" else nw.col(name).max() for name, how in MERGE.items()}
    )


def split(rows: Frame) -> Frame:
    """Give values that travelled together their own columns; their ``…_at`` serve the next fold."""
    return rows.with_columns(**_apart("terms", TERMS), **_apart("price", PRICE), **_apart("network", NETWORK))


def _since_epoch(at: nw.Expr) -> nw.Expr:
    return at - nw.lit(EPOCH)


def _together(names: tuple[str, ...], *, later: int = 0) -> nw.Expr:
    texts = [nw.col(name).cast(nw.String).fill_null("").str.replace_all(SEPARATOR, " ", literal=True) for name in names]
    at = _since_epoch(nw.col("received_at")).dt.total_microseconds() + later
    received = at.cast(nw.String).str.zfill(16)
    some = ~nw.all_horizontal(*(text == "" for text in texts), ignore_nulls=False)
    return nw.when(some).then(nw.concat_str([received, *texts], separator=SEPARATOR))


def _apart(together: str, names: tuple[str, ...]) -> dict[str, nw.Expr]:
    parts = nw.col(together).str.split(SEPARATOR)
    columns = {}
    for place, name in enumerate(names, start=1):
        text = parts.list.get(place)
        columns[name] = nw.when(text != "").then(text)
        if name in STORED_TYPES:
            columns[name] = columns[name].cast(STORED_TYPES[name])
    return {f"{together}_at": parts.list.get(0).cast(nw.Int64), **columns}
