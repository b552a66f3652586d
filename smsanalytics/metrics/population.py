"""Which messages a metric speaks of, and how their groups are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrameT

from smsanalytics.codes import TEST_MODE_ERR, TEXT_TYPES
from smsanalytics.errors import MissingColumns

Types = int | Sequence[int] | None


def counted(types: Types = None) -> nw.Expr:
    """
    Whether a message belongs to the population.

    By default text messages: type absent or 0-3. HLR lookups, pings, calls, e-mails and messengers are asked for by
    their type. Messages of an account in test mode (err 200) were never sent and belong to none.
    """
    if types is None:
        wanted = nw.col("type").is_null() | nw.col("type").is_in(TEXT_TYPES)
    else:
        wanted = (~nw.col("type").is_null()) & nw.col("type").is_in([types] if isinstance(types, int) else list(types))
    return wanted & (nw.col("err").is_null() | (nw.col("err") != TEST_MODE_ERR))


def need(frame: Any, columns: set[str]) -> None:
    """
    Check that a frame has columns.

    Raises
    ------
    MissingColumns
        Naming those it lacks.
    """
    names = frame.collect_schema().names()
    if missing := columns - set(names):
        raise MissingColumns.of(missing, names)


def grouped(frame: Any, by: Sequence[str], sums: dict[str, nw.Expr]) -> Any:
    """Sum expressions per group (of one row where `by` is empty), as BIGINT, missing values a group of their own."""
    numbers = frame.with_columns(**{name: expression.cast(nw.Int64) for name, expression in sums.items()})
    totals = [nw.col(name).sum() for name in sums]
    groups = numbers.group_by(*by).agg(*totals) if by else numbers.select(*totals)
    return groups.with_columns(nw.col(*sums).cast(nw.Int64))


def handed_out(result: Any, source: IntoFrameT, **facts: str) -> IntoFrameT:
    """
    Return a result in its own engine, with the facts about it.

    On pandas they are ``attrs``, and so is ``excluded_n``; on other engines they are columns.
    """
    native = nw.maybe_reset_index(result).to_native()
    if isinstance(native, pd.DataFrame):
        source_attrs = source.attrs if isinstance(source, pd.DataFrame) else {}
        return with_attrs(native, **source_attrs, **facts)  # type: ignore[return-value]
    columns = {name: nw.lit(value) for name, value in facts.items()}
    return nw.from_native(native).with_columns(**columns).to_native()  # type: ignore[no-any-return]


def with_attrs(frame: pd.DataFrame, **facts: object) -> pd.DataFrame:
    """Move facts that are the same in every row of a pandas frame into its ``attrs``, and add others."""
    constants = [name for name in ("denominator", "excluded_n") if name in frame.columns]
    found = {name: frame[name].iloc[0] for name in constants if len(frame)}
    frame = frame.drop(columns=constants)
    frame.attrs = facts | {name: value.item() if hasattr(value, "item") else value for name, value in found.items()}
    return frame
