"""What part of a store a question is about: its period, its zone, its rows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, TypedDict, TypeVar, get_args, get_type_hints
from zoneinfo import ZoneInfo

import duckdb

from smsanalytics.analysis.periods import Moment, Zone
from smsanalytics.errors import UnknownName
from smsanalytics.metrics.counts import (
    DENOMINATORS,
    Types,
    names_of,
    types_of,
)
from smsanalytics.metrics.reachability import LOOKUPS
from smsanalytics.storage.reader import moment

TIMES = ("day", "hour", "weekday", "week", "month")
BY_MESSAGE = (*TIMES, "operator", "mcc", "mnc", "country", "sender", "type", "parts", "tag", "account", "status", "err")
BY_STATUS = tuple(name for name in BY_MESSAGE if name != "tag")
BY_INCOMING = (*TIMES, "account", "to_number")
BY_ATTEMPT = (*TIMES, "account", "purpose", "number_to_call")
BY_CALLBACK = (*TIMES, "account")

Relation = duckdb.DuckDBPyRelation
P = ParamSpec("P")
R = TypeVar("R")
By = str | Sequence[str]
Where = Mapping[str, object]

_OPTIONS = re.compile(r"^\*\*options\n    See `\w+`\.\n", re.MULTILINE)


class QueryOptions(TypedDict, total=False):
    """
    The options that every question takes.

    Attributes
    ----------
    start, end : str, date, datetime, pandas.Timestamp or numpy.datetime64, optional
        ``start`` ≤ time < ``end``; ISO dates, in `tz` where they name no zone. The time of a message is when it was
        sent, else when its first status happened.
    tz : str or ZoneInfo, optional
        Zone of calendar columns and dates, instead of the store's.
    where : mapping of str to value or sequence of values, optional
        Keep only rows whose columns have these values, such as ``{"operator": "MTS", "tag": ["login", None]}``; of
        the columns that `by` takes. An empty sender (operator, tag, purpose and so on) is a missing sender, in `by` and
        here. Where nothing is found, or several values are given, a name that no row of the store has is refused with
        the one that was probably meant; not so in a column of more than 1,000 names, or where nothing is reported.
    as_of : str, date or datetime, optional
        Look from an earlier moment, with what had been received by then. By default the newest receipt that the
        messages hold; for questions about callbacks, and `reply_rate`, that of anything but refused callbacks.
    """

    start: Moment | None
    end: Moment | None
    tz: Zone | None
    where: Where | None
    as_of: Moment | None


class MessageOptions(QueryOptions, total=False):
    """
    The options of questions about messages.

    Attributes
    ----------
    type : int or sequence of int, optional
        Message types to count instead of text messages.
    """

    type: Types


def with_options(question: Callable[P, R]) -> Callable[P, R]:
    """Spell out the options of a question in its signature and its docstring, for `help` and for completion."""
    signature = inspect.signature(question)
    *named, rest = signature.parameters.values()
    if rest.kind is not rest.VAR_KEYWORD:
        return question
    [options] = get_args(get_type_hints(question)[rest.name])
    more = [
        rest.replace(name=name, kind=rest.KEYWORD_ONLY, default=None, annotation=annotation.__forward_arg__)
        for name, annotation in options.__annotations__.items()
    ]
    question.__signature__ = signature.replace(parameters=[*named, *more])  # type: ignore[attr-defined]
    described = "".join(map(_described, dict.fromkeys([QueryOptions, options])))
    question.__doc__ = _OPTIONS.sub(lambda _: described, inspect.cleandoc(question.__doc__ or ""))
    return question


@dataclass(frozen=True)
class Query:
    """Which part of the store a question is about, its moments in UTC."""

    start: datetime | None
    end: datetime | None
    zone: ZoneInfo
    where: Mapping[str, Any]
    as_of: datetime | None

    def between(self, relation: Relation, at: str) -> Relation:
        """The rows of a relation whose time is in the period."""
        for bound, compare in ((self.start, ">="), (self.end, "<")):
            if bound is not None:
                relation = relation.filter(f"{at} {compare} {moment(bound)}")
        return relation

    def check(self, available: Sequence[str]) -> Where:
        """What rows are chosen by, if these columns have it all."""
        for name in self.where:
            if name not in available:
                raise UnknownName.of("column to choose by", name, available)
        return self.where

    def facts(self, metric: str, newest: datetime | None, types: Types) -> dict[str, Any]:
        """What an answer says of itself where nothing is counted; `newest` is the moment it looks from by default."""
        start, end = (at and at.astimezone(self.zone) for at in (self.start, self.end))
        as_of = self.as_of or newest
        return {
            "as_of": as_of and as_of.isoformat(),
            "timezone": self.zone.key,
            "where": dict(self.where),
            "type": None if types is LOOKUPS else types_of(types),
            "start": start and start.isoformat(),
            "end": end and end.isoformat(),
            "denominator": DENOMINATORS[metric],
            "excluded_n": 0,
            "period": None,
        }

    @property
    def extent(self) -> tuple[datetime | None, datetime | None, str, datetime | None]:
        """Which part of time it is, in which zone and as of when."""
        return self.start, self.end, self.zone.key, self.as_of

    def is_within(self, other: Query) -> bool:
        """Whether the rows of another slice, from the same moment and in the same zone, hold all of this one."""
        starts = other.start is None or (self.start is not None and self.start >= other.start)
        ends = other.end is None or (self.end is not None and self.end <= other.end)
        return starts and ends and (self.zone, self.as_of) == (other.zone, other.as_of)


def _described(options: type) -> str:
    """What the docstring of some options says of each."""
    return (inspect.getdoc(options) or "").partition("Attributes\n----------\n")[2].rstrip() + "\n"


def known(by: By, available: Sequence[str]) -> list[str]:
    """The columns to group by, if there are such."""
    names = names_of(by)
    for name in names:
        if name not in available:
            raise UnknownName.of("column to group by", name, available)
    return names
