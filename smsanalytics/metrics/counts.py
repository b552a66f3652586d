"""Which messages a metric speaks of, and how their groups are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from numbers import Integral
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from narwhals.typing import IntoFrameT

from smsanalytics.codes import TEST_MODE_ERR, TEXT_TYPES, TYPES
from smsanalytics.errors import ForeignZone, MissingColumns, UnknownName, UsageError

FACTS = ("denominator", "excluded_n", "first_day", "last_day")

DENOMINATORS = {  # metric: what its rates are of
    "delivery_rate": "submitted: all messages of the cohort",
    "latency": "n_timed: delivered messages whose start is known",
    "latency_distribution": "delivered: delivered messages whose start is known",
    "failure_mix": "failed: all failed messages",
    "cost": "parts_per_message: messages with known parts; cost_per_delivered: delivered messages with a known cost",
    "reachability": "checked: all HLR lookups and pings",
    "inbound_volume": "none: counts of incoming messages",
    "reply_rate": "recipients: subscribers to whom a message was delivered",
    "confirmation_success": "requests: all confirmation requests",
    "callback_lag": "n_timed: statuses that say when they happened",
    "data_health": "of: what each check looked at",
}
READS = {  # what a metric needs of messages, beside what it groups by
    "delivery_rate": ("state", "type", "err", "matured"),
    "latency": ("state", "type", "err", "delivery_seconds", "age_seconds"),
    "latency_distribution": ("type", "err", "delivery_seconds"),
    "failure_mix": ("state", "type", "status", "err"),
    "cost": ("account", "state", "type", "err", "parts", "cost"),
    "reachability": ("state", "status", "type", "err"),
}
ROWS, LAST_DAY = "_rows", "_last_day"  #: of a frame that holds alike rows once: how many, and to which day they reach
UTC_NAMES = {"UTC", "Etc/UTC"}
OF_ALL_COUNTED = {"delivery_rate", "latency", "cost", "reachability"}  #: a group is there for whatever is counted
WHOLE_NUMBERS = {"hour", "weekday", "type", "parts", "status", "err"}
DAYS = {"day", "week", "month"}
NAMES = {
    "sender",
    "operator",
    "mcc",
    "mnc",
    "country",
    "region",
    "tag",
    "purpose",
    "number_to_call",
}  #: if empty, missing
CATEGORIES = (nw.Categorical, nw.Enum)
WHOLE_IN_PANDAS = {  #: in which integers may be missing, and stay exact
    pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(),
}  # fmt: skip
QUANTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}

Types = int | Sequence[int] | None


def counted(types: Types = None) -> nw.Expr:
    """
    Whether a message belongs to the population.

    By default text messages: type absent or 0-3. HLR lookups, pings, calls, e-mails and messengers are asked for by
    their type. Messages of an account in test mode (err 200) were never sent and belong to none.

    Raises
    ------
    UnknownName
        If a type is no integer.
    """
    several = types_of(types)
    if several is None:
        wanted = nw.col("type").is_null() | nw.col("type").is_in(TEXT_TYPES)
    else:
        wanted = (~nw.col("type").is_null()) & nw.col("type").is_in(several)
    return wanted & (nw.col("err").is_null() | (nw.col("err") != TEST_MODE_ERR))


def types_of(types: Types) -> list[int] | None:
    """
    The message types as a list; None stands for text messages.

    Raises
    ------
    UnknownName
        If a type is no integer.
    """
    if types is None:
        return None
    several: Any = types if isinstance(types, Iterable) else [types]
    several = [*several]
    if not all(isinstance(one, Integral) and not isinstance(one, bool) for one in several):
        raise UnknownName.of("message type", types, TYPES)
    return [int(one) for one in several]


def counted_only(messages: IntoFrameT, types: Types = None) -> IntoFrameT:
    """Those of the messages that are `counted`."""
    frame: Any = nw.from_native(messages)
    return cast("IntoFrameT", frame.filter(counted(types)).to_native())


def need(messages: Any, columns: set[str]) -> Any:
    """
    Read a frame of any engine, if it has the columns.

    From here on times are in UTC, categories are their values, an empty name is a missing one (see `NAMES`), and
    pandas has its own types, whichever library's the frame came with.

    Raises
    ------
    MissingColumns
        Naming those it lacks.
    ForeignZone
        If its times are in another zone than UTC, and its engine takes a zone for that of the session.
    """
    frame: Any = nw.from_native(messages)
    if frame.implementation.is_pyarrow():
        frame = nw.from_native(_of_arrow(frame.to_native()))
    if frame.implementation.is_pandas():
        frame = nw.maybe_convert_dtypes(nw.from_native(_in_own_types(frame.to_native())))  # integers may be missing
    schema = frame.collect_schema()
    if missing := columns - set(schema.names()):
        raise MissingColumns.of(missing, schema.names())
    zones = {name: kind.time_zone for name, kind in schema.items() if isinstance(kind, nw.Datetime) and kind.time_zone}
    foreign = [name for name, zone in zones.items() if zone not in UTC_NAMES]
    if foreign and not frame.implementation.is_polars():
        raise ForeignZone.of(zones[foreign[0]])
    made = {name: nw.col(name).dt.convert_time_zone("UTC") for name in foreign}
    made |= {name: nw.col(name).cast(nw.String) for name in columns if isinstance(schema[name], CATEGORIES)}
    for name in columns & NAMES:
        if isinstance(schema[name], (nw.String, *CATEGORIES)):
            text = made.get(name, nw.col(name))
            made[name] = nw.when(text != "").then(text)
    return frame.with_columns(**made) if made else frame


def _of_arrow(table: pa.Table) -> pd.DataFrame:
    """An Arrow table in pandas, whatever types of pandas it was made of."""
    plain: pd.DataFrame = table.to_pandas(types_mapper=WHOLE_IN_PANDAS.get, ignore_metadata=True)
    return plain


def _in_own_types(plain: pd.DataFrame) -> pd.DataFrame:
    """A pandas frame without Arrow's types and without categories, its times in UTC."""
    own: dict[str, Any] = {}
    if arrow := [name for name, kind in plain.dtypes.items() if isinstance(kind, pd.ArrowDtype)]:
        read = _of_arrow(pa.Table.from_pandas(plain[arrow], preserve_index=False)).set_axis(plain.index)
        own = {str(name): column for name, column in read.items()}
    for name, column in plain.assign(**own).select_dtypes("category").items():
        values = _in_own_types(column.cat.categories.to_frame(index=False, name=name))[name].convert_dtypes()
        own[str(name)] = values.reindex(column.cat.codes).set_axis(column.index)
    plain = plain.assign(**own)
    zoned: list[str] = [*plain.select_dtypes("datetimetz")]
    return plain.assign(**{name: plain[name].dt.tz_convert("UTC") for name in zoned})


def only(messages: Any, columns: set[str], **made: nw.Expr) -> Any:
    """
    Read these columns of a frame of any engine, as `need` does, and its days if it knows them; and make others.

    An engine plans each step of a query anew with all its columns, so those nobody asks for cost time. Rows that stand
    for several are few, and Arrow takes half of the time of pandas for a step on few.
    """
    few = isinstance(messages, pd.DataFrame) and ROWS in messages
    frame = _in_arrow(messages) if few else need(messages, columns)
    known = frame.collect_schema().names()
    return frame.select(*(name for name in known if name in columns or name in ("day", ROWS, LAST_DAY)), **made)


def grouped(
    frame: Any,
    by: Sequence[str],
    inside: nw.Expr,
    sums: Mapping[str, nw.Expr],
    *,
    n: str = "submitted",
    seconds: nw.Expr | None = None,
) -> Any:
    """
    Sum expressions per group (of one row where `by` is empty), as BIGINT, missing values a group of their own.

    Beside them `n` and ``excluded_n``, the number of rows inside the population and outside it (the latter over all
    groups), and, where the frame knows days, ``first_day`` and ``last_day`` of those inside. Groups without a row
    inside are left out.

    With `seconds`, an integer, also ``n_timed``, the rows inside that have it, and their quantiles ``p50`` … ``p99``:
    each the smallest value whose cumulative share reaches it. That is the one form which agrees on all engines.
    """
    sums = {n: inside, **sums}
    if seconds is not None:
        sums["n_timed"] = inside & ~seconds.is_null()
        frame = windowed(frame).with_columns(_seconds=nw.when(inside).then(seconds))
    columns = frame.collect_schema().names()
    times = nw.col(ROWS) if ROWS in columns else 1
    counts = {**sums, "excluded_n": ~inside}
    made = {name: expression.cast(nw.Int64) * times for name, expression in counts.items()}
    totals: list[nw.Expr] = [nw.col(name).sum() for name in counts]
    whole: list[nw.Expr] = [nw.col(*sums).cast(nw.Int64), nw.col("excluded_n").sum().cast(nw.Int64)]
    if "day" in columns:
        last = LAST_DAY if LAST_DAY in columns else "day"
        made |= {"first_day": nw.when(inside).then(nw.col("day")), "last_day": nw.when(inside).then(nw.col(last))}
        totals += [nw.col("first_day").min(), nw.col("last_day").max()]
        whole += [nw.col("first_day").min(), nw.col("last_day").max()]
    numbers = frame.with_columns(**made)
    if seconds is not None:
        numbers = (
            numbers.group_by(*by, "_seconds").agg(*totals).with_columns(nw.col(*counts).cast(nw.Int64), _all=nw.lit(1))
        )
        numbers = numbers.with_columns(
            _reached=nw.col("n_timed").cum_sum().over(*by, "_all", order_by="_seconds"),
            _timed=nw.col("n_timed").sum().over(*by, "_all"),
        )
        numbers = numbers.with_columns(
            **{
                name: nw.when((nw.col("n_timed") > 0) & (nw.col("_reached") * 100 >= nw.col("_timed") * percent)).then(
                    nw.col("_seconds")
                )
                for name, percent in QUANTILES.items()
            }
        )
        totals += [nw.col(name).min() for name in QUANTILES]
    groups = numbers.group_by(*by).agg(*totals) if by else numbers.select(*totals)
    return windowed(groups.with_columns(*whole).filter(nw.col(n) > 0))


def windowed(frame: Any) -> Any:
    """The frame in an engine that knows windows: Arrow does not, but groups few rows in half of the time of pandas."""
    return nw.maybe_convert_dtypes(nw.from_native(frame.to_pandas())) if frame.implementation.is_pyarrow() else frame


def _in_arrow(few: pd.DataFrame) -> Any:
    """The same frame in Arrow; texts are texts even where all are missing."""
    texts = {name: "str" for name, kind in few.dtypes.items() if kind == "object"}
    return nw.from_native(pa.Table.from_pandas(few.astype(texts)))


def names_of(by: Sequence[str]) -> list[str]:
    """The columns to group by; one may be given as a plain string."""
    if not isinstance(by, Iterable):
        raise UsageError.needs("by", "a column such as 'day' or a list of columns", by)
    return [by] if isinstance(by, str) else list(dict.fromkeys(by))


def handed_out(
    result: Any,
    source: IntoFrameT,
    *,
    metric: str,
    columns: Sequence[str],
    by: Sequence[str],
    of: nw.Expr | None = None,
) -> IntoFrameT:
    """
    Return these columns of a metric's result in its own engine, sorted.

    The facts about it are ``attrs`` on pandas, columns elsewhere; `of` replaces the metric's usual denominator.
    """
    facts = [name for name in FACTS if name in result.collect_schema().names()]
    result = result.sort(*by, nulls_last=True) if by else result
    on_pandas = isinstance(source, pd.DataFrame)
    if of is None and not on_pandas:
        of = nw.lit(DENOMINATORS[metric])
    result = result.select(*columns, *facts, **({} if of is None else {"denominator": of}))
    native: Any = as_came(result, source)
    if isinstance(source, pd.DataFrame):
        left_out: dict[Any, Any] = {"denominator": DENOMINATORS[metric]}
        if metric in OF_ALL_COUNTED:
            left_out["excluded_n"] = len(source)  # where no group is left, all were
        native = with_attrs(native, source.attrs | left_out)
    return cast("IntoFrameT", native)


def as_came(frame: Any, source: Any) -> Any:
    """The native frame, of the engine that `source` is of."""
    frame = nw.maybe_reset_index(frame)
    arrow = isinstance(frame, nw.DataFrame) and nw.from_native(source).implementation.is_pyarrow()
    return frame.to_arrow() if arrow else frame.to_native()


def matching(frame: IntoFrameT, where: Mapping[str, object]) -> IntoFrameT:
    """
    Keep the rows whose columns have the wanted values.

    Parameters
    ----------
    frame : frame of any engine that narwhals reads
    where : mapping of str to value or sequence of values
        Column to what it may be; None stands for "not reported", and so does an empty text of `NAMES`.

    Raises
    ------
    MissingColumns
        If there is no such column.
    UnknownName
        If a value cannot be one of its column.

    Examples
    --------
    >>> sent = pd.DataFrame({"sender": ["SHOP", "BANK", None], "parts": [1, 2, 1]})
    >>> matching(sent, {"sender": ["SHOP", "BANK"], "parts": "1"})
      sender  parts
    0   SHOP      1
    """
    if not where:
        return frame
    found = need(frame, set(where))
    for name, wanted in where.items():
        alternatives = as_json(wanted)
        alternatives = alternatives if isinstance(alternatives, list) else [alternatives]
        values = [None if name in NAMES and one == "" else one for one in alternatives]
        known = [_value(name, one) for one in values if one is not None]
        fits = nw.col(name).is_in(known).fill_null(value=False) if known else nw.col(name) != nw.col(name)
        found = found.filter(fits | nw.col(name).is_null() if None in values else fits)
    return cast("IntoFrameT", as_came(found, frame))


def as_json(value: Any) -> Any:
    """
    A value as JSON holds it: several as a list, a time as ISO text, a missing value as None.

    Examples
    --------
    >>> as_json([np.int64(4), float("nan"), date(2026, 11, 21), ("MTS", None)])
    [4, None, '2026-11-21', ['MTS', None]]
    """
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, Iterable):
        return [as_json(one) for one in value]
    if pd.isna(value):
        return None
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (bool, int, float)) else str(value)


def _value(name: str, value: Any) -> Any:
    try:
        if name in WHOLE_NUMBERS:
            if isinstance(value, bool) or int(value) != (value if not isinstance(value, str) else int(value)):
                raise ValueError
            return int(value)
        if name in DAYS:
            text = str(value)
            return datetime.fromisoformat(f"{text}-01" if len(text) == len("2026-11") else text).replace(tzinfo=None)
    except (ValueError, TypeError):
        raise UnknownName(f"{value!r} is no {name}") from None
    return str(value)


def with_attrs(frame: pd.DataFrame, facts: Mapping[Any, object]) -> pd.DataFrame:
    """Move the facts that a metric gave as columns into the ``attrs`` of a pandas frame, as JSON, and add others."""
    columns = [name for name in FACTS if name in frame.columns]
    found: dict[Any, Any] = {name: frame[name].iloc[0] for name in columns} if len(frame) else {}
    if "first_day" in found:
        found["period"] = days_of(found.pop("first_day"), found.pop("last_day"))
    if "excluded_n" in found:
        found["excluded_n"] = int(found["excluded_n"])
    frame = frame.drop(columns=columns)
    frame.attrs = {**facts, **found}
    return frame


def days_of(first: Any, last: Any) -> list[str] | None:
    """The first and the last day as ISO dates; None where there is none."""
    return None if pd.isna(first) or pd.isna(last) else [f"{day:%Y-%m-%d}" for day in (first, last)]
