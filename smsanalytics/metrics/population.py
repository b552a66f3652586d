"""Which messages a metric speaks of, and how their groups are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrameT

from smsanalytics.codes import TEST_MODE_ERR, TEXT_TYPES, TYPES
from smsanalytics.errors import MissingColumns, UnknownName

FACTS = ("denominator", "excluded_n", "first_day", "last_day")

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
    if types is not None and not all(isinstance(one, int) for one in ([types] if isinstance(types, int) else types)):
        raise UnknownName.of("message type", types, sorted(TYPES))
    if types is None:
        wanted = nw.col("type").is_null() | nw.col("type").is_in(TEXT_TYPES)
    else:
        wanted = (~nw.col("type").is_null()) & nw.col("type").is_in([types] if isinstance(types, int) else list(types))
    return wanted & (nw.col("err").is_null() | (nw.col("err") != TEST_MODE_ERR))


def need(messages: Any, columns: set[str]) -> Any:
    """
    Read a frame of any engine, if it has the columns.

    Raises
    ------
    MissingColumns
        Naming those it lacks.
    """
    frame = nw.from_native(messages)
    names = frame.collect_schema().names()
    if missing := columns - set(names):
        raise MissingColumns.of(missing, names)
    return frame


def grouped(frame: Any, by: Sequence[str], inside: nw.Expr, sums: dict[str, nw.Expr]) -> Any:
    """
    Sum expressions per group (of one row where `by` is empty), as BIGINT, missing values a group of their own.

    Beside them ``submitted`` and ``excluded_n``, the number of messages inside the population and outside it (the
    latter over all groups), and, where the frame knows days, ``first_day`` and ``last_day`` of those inside.
    """
    sums = {"submitted": inside, **sums, "excluded_n": ~inside}
    numbers = frame.with_columns(**{name: expression.cast(nw.Int64) for name, expression in sums.items()})
    period = {}
    if "day" in frame.collect_schema().names():
        numbers = numbers.with_columns(_day=nw.when(nw.col("submitted") > 0).then(nw.col("day")))
        period = {"first_day": nw.col("_day").min(), "last_day": nw.col("_day").max()}
    totals = [nw.col(name).sum() for name in sums]
    groups = numbers.group_by(*by).agg(*totals, **period) if by else numbers.select(*totals, **period)
    whole = [nw.col("first_day").min(), nw.col("last_day").max()] if period else []
    return groups.with_columns(nw.col(*sums).cast(nw.Int64), *whole).with_columns(
        nw.col("excluded_n").sum().cast(nw.Int64)
    )


def handed_out(result: Any, source: IntoFrameT, *, denominator: str) -> IntoFrameT:
    """Return a result in its own engine; the facts about it are ``attrs`` on pandas, columns elsewhere."""
    native: Any = nw.maybe_reset_index(result.with_columns(denominator=nw.lit(denominator))).to_native()
    if isinstance(native, pd.DataFrame) and isinstance(source, pd.DataFrame):
        facts = {"denominator": denominator, "excluded_n": len(source)}  # where no group is left, all were left out
        native = with_attrs(native, source.attrs | facts)
    return cast("IntoFrameT", native)


def with_attrs(frame: pd.DataFrame, facts: Mapping[Any, object]) -> pd.DataFrame:
    """Move the facts that a metric gave as columns into the ``attrs`` of a pandas frame, and add others."""
    columns = [name for name in FACTS if name in frame.columns]
    found: dict[Any, Any] = frame[columns].iloc[0].to_dict() if len(frame) else {}
    if "first_day" in found:
        found["period"] = (found.pop("first_day"), found.pop("last_day"))
    if "excluded_n" in found:
        found["excluded_n"] = int(found["excluded_n"])
    frame = frame.drop(columns=columns)
    frame.attrs = {**facts, **found}
    return frame
