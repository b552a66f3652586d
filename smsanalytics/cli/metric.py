"""A question asked in the words of the command line."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from smsanalytics.analysis.export import FORMATS
from smsanalytics.analysis.periods import period as days_of
from smsanalytics.analysis.periods import zone_of
from smsanalytics.analysis.store import Store
from smsanalytics.errors import UnknownName
from smsanalytics.metrics.counts import DENOMINATORS

QUESTIONS = tuple(DENOMINATORS)


def answer(
    store: Store,
    name: str,
    *,
    by: str | None = None,
    period: str | None = None,
    start: str | None = None,
    end: str | None = None,
    type: str | None = None,  # noqa: A002
    where: Sequence[str] = (),
    format: str = "table",  # noqa: A002
) -> str | bytes:
    """
    Ask a store, and write the answer down.

    Parameters
    ----------
    store : Store
        Its zone is that of days and periods.
    name : str
        Of a question, with ``-`` or ``_``.
    by : str, optional
        Columns to group by, with commas; empty for one row over all, None for what the question usually goes by.
    period : str, optional
        As in `periods.period`, instead of `start` and `end`.
    start, end : str, optional
        ISO days or moments.
    type : str, optional
        Message types, with commas.
    where : sequence of str
        ``column=value``; an empty value stands for "not reported". Values of the same column are alternatives.
    format : str
        ``table``, ``csv``, ``json`` or ``parquet``.

    Returns
    -------
    str or bytes
        Bytes for Parquet.

    Raises
    ------
    UnknownName
        If a word is not known; the message lists those that are.

    Examples
    --------
    >>> print(answer(store, "delivery-rate", by="operator", where=["sender=SHOP"], format="csv")[:52])
    operator,submitted,delivered,failed,pending,stuck,un
    """
    name = name.replace("-", "_")
    if name not in QUESTIONS:
        raise UnknownName.of("metric", name, QUESTIONS)
    if format not in FORMATS:
        raise UnknownName.of("format", format, FORMATS)
    if period is not None and (start or end):
        raise UnknownName("give a --period, or --from and --to, not both")
    asked: dict[str, Any] = {"start": start, "end": end, "where": _where(where)}
    if period is not None:
        asked["start"], asked["end"] = days_of(period, today=datetime.now(zone_of(store.tz)).date())
    if by is not None:
        asked["by"] = [column.strip() for column in by.split(",") if column.strip()]
    question = getattr(store, name)
    if type is not None:
        if "type" not in inspect.signature(question).parameters:
            raise UnknownName(f"{name} knows no message types")
        asked["type"] = [_type(one) for one in type.split(",")]
    return FORMATS[format](question(**asked))


def _where(pairs: Sequence[str]) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for pair in pairs:
        column, equals, value = pair.partition("=")
        if not equals:
            raise UnknownName(f"--where takes COLUMN=VALUE, such as operator=MTS, not {pair!r}")
        found.setdefault(column, []).append(value or None)
    return found


def _type(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UnknownName(f"a message type is a number such as 4, not {text!r}") from None
