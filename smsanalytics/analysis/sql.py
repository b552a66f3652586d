"""Plans a question: which rows are read from DuckDB, how they are counted, and what the answer says of itself."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Unpack, cast

import duckdb
import pandas as pd

from smsanalytics import metrics
from smsanalytics.analysis.latency_buckets import Among, to_the_second
from smsanalytics.analysis.periods import moment_of, zone_of
from smsanalytics.analysis.query import (
    BY_MESSAGE,
    By,
    MessageOptions,
    P,
    Query,
    QueryOptions,
    R,
    Relation,
    Where,
    known,
    with_options,
)
from smsanalytics.errors import StoreError, UnknownName, UsageError
from smsanalytics.metrics import health
from smsanalytics.metrics.counts import (
    LAST_DAY,
    QUANTILES,
    READS,
    ROWS,
    Types,
    as_json,
    counted_only,
    days_of,
    matching,
    with_attrs,
)
from smsanalytics.metrics.failures import CAUSE
from smsanalytics.metrics.messages import AGE, CALENDAR, HANDED_OUT, offsets
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.prepared import DAY, LOCAL, Prepared, codes_of, named, words
from smsanalytics.storage.pseudonyms import DIGEST
from smsanalytics.storage.reader import Tables
from smsanalytics.storage.schema import CLAIMED_AT, STATUS

_IF_TEST = {"err": "err_if_test"}  # it tells only who was in test mode
_IF_DELIVERED = {"state": "state_if_delivered", **_IF_TEST}
ENOUGH = {  #: what of a column a metric reads, by its name in `prepared.WORDS`
    "delivery_rate": _IF_TEST,
    "latency": _IF_DELIVERED,
    "latency_distribution": _IF_TEST,
    "failure_mix": {column: f"{column}_if_failed" for column in ("state", *CAUSE)},
    "cost": _IF_DELIVERED,
}
COMPARED = {  #: how events are compared with those that came before, by what `data_health` calls them
    "statuses": health.in_order,
    "receipts": health.replays,
    "incoming": health.replayed_texts,
}
NAMED = {"operator", "mcc", "mnc", "country", "sender", "tag", "account", "purpose"}  #: of what the values are known
FEW = 1000  #: a column with more values is not searched for the one that was meant
SOURCES = {  #: what is counted, where it is no message, and its tables
    "inbound_volume": ("incoming message", "incoming"),
    "confirmation_success": ("confirmation request or call", "confirmation_requests", "confirmations"),
    "callback_lag": ("status", "statuses"),
    "data_health": ("callback", "statuses", "incoming", "confirmations", "rejected"),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

UNREADABLE = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)  # of a damaged file


def listed_again(question: Callable[P, R]) -> Callable[P, R]:
    """Ask once more, of the files there are then, if one was merged and swept while the question was being answered."""

    @functools.wraps(question)
    def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        signature.bind(*args, **kwargs)  # a wrong name is refused here, and not by what is called inside
        with contextlib.suppress(*UNREADABLE):
            return question(*args, **kwargs)
        try:
            return question(*args, **kwargs)
        except UNREADABLE:
            raise StoreError("a file of the store cannot be read; `smsanalytics check` names it") from None

    spelled_out = with_options(answer)
    signature = inspect.signature(spelled_out)
    return spelled_out


class Planner:
    """Answers queries of the tables of a store."""

    tz: str
    horizon: timedelta
    _tables: Tables

    def _query(self, **options: Unpack[QueryOptions]) -> Query:
        tz, where = options.get("tz"), options.get("where")
        zone = zone_of(self.tz if tz is None else tz)
        if not isinstance(where, Mapping | None):
            raise UsageError.needs("where", "a mapping of columns to values such as {'operator': 'MTS'}", where)
        chosen = {name: as_json(value) for name, value in (where or {}).items()}
        first, after = moment_of(options.get("start"), zone), moment_of(options.get("end"), zone)
        if first and after and first >= after:
            shown = [f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" for at in (first, after)]
            raise UsageError(f"start {shown[0]} is not before end {shown[1]}; end is the day or moment after the last")
        return Query(first, after, zone, chosen, moment_of(options.get("as_of"), zone))

    def _of_messages(self, metric: Callable[..., Any], by: By, asked: MessageOptions, **options: Any) -> pd.DataFrame:
        """Apply a metric to messages of which those that are alike in what it reads are counted before."""
        query, options["type"] = self._query(**without_type(asked)), asked.get("type")
        by, live, name = known(by, BY_MESSAGE), Live.read(self._tables.layout), metric.__name__
        query.check(BY_MESSAGE)
        if metric is metrics.failure_mix:
            by = [column for column in by if column not in CAUSE]  # it groups by these itself
        enough = {column: column for column in READS[name]} | ENOUGH.get(name, {}) | {column: column for column in by}
        outermost = None if "day" in by else _outermost(live, query)
        with_days = "day" not in by and not outermost
        counted = functools.partial(self._alike, live, query, [*enough.values()], with_days=with_days)
        alike = to_the_second(counted, by, metric, options) if metric is metrics.latency else counted()
        answer = _plain(metric(alike, by=by, **options), nullable={*by, *QUANTILES, *CAUSE})
        facts = query.facts(name, live.as_of, options.get("type")) | answer.attrs
        if answer.empty:
            excluded = alike[ROWS].sum() - counted_only(alike, options.get("type"))[ROWS].sum()
            facts["excluded_n"] = int(excluded)
        self._refuse_absent(name, query, nothing=answer.empty)
        if outermost and not answer.empty:
            facts["period"] = days_of(*self._period(live, query, outermost, options.get("type")))
        return with_attrs(answer, facts)

    def _alike(
        self,
        live: Live,
        query: Query,
        names: Sequence[str],
        *,
        with_days: bool,
        codes: Mapping[str, str] = MappingProxyType({}),
        among: Among | None = None,
    ) -> pd.DataFrame:
        """
        Count messages that have the same in some columns; optionally with the first and last day of each group.

        `codes` are expressions that replace some codes, and `among` chooses messages: those of `to_the_second`.
        """
        found, keys, made = self._coded(live, query, names)
        groups = [f"{codes[key]} AS {key}" if key in codes else key for key in keys]
        days = [f"min({LOCAL}) AS {LOCAL}", f"max({LOCAL}) AS _until"] if with_days else []
        bounds = {'"day"': LOCAL, LAST_DAY: "_until"} if with_days else {}
        bounds = {name: f"make_timestamp({at} // {DAY} * {DAY})" for name, at in bounds.items()}
        if among:
            self._tables.connection.register("among", among.rows.add_prefix("of_"))
            found = f"FROM ({found}) SEMI JOIN among ON {among.same(made)}"
        counts = f"SELECT {', '.join([*groups, *days])}, count(*) AS {ROWS} FROM ({found}) GROUP BY ALL"
        alike = self._tables.connection.execute(f"SELECT {named(made | bounds)}, {ROWS} FROM ({counts})").df()
        return alike.rename(columns=lambda name: name.partition("_if_")[0])

    def _period(self, live: Live, query: Query, outermost: Sequence[Query], types: Types) -> tuple[Any, Any]:
        """First and last day on which something is counted: mostly found in the outermost hours of all."""

        def days(part: Query) -> tuple[Any, Any]:
            alike = counted_only(self._alike(live, part, ["type", "err_if_test"], with_days=True), types)
            return alike["day"].min(), alike[LAST_DAY].max()

        first, last = days(outermost[0])[0], days(outermost[1])[1]
        return days(query) if pd.isna(first) or pd.isna(last) else (first, last)

    def _asked(
        self,
        metric: Callable[..., Any],
        by: list[str],
        query: Query,
        available: Sequence[str],
        frame: Relation,
        *others: Relation,
        live: Live | None = None,
        **options: object,
    ) -> pd.DataFrame:
        """Apply a metric, and put the facts about the answer into its ``attrs``."""
        frame = matching(frame, query.check(available))
        answer = _typed(metric(frame, *others, by=by, **options), nullable={*by, *QUANTILES, *CAUSE})
        types: Any = options.get("type")
        facts = query.facts(metric.__name__, query.as_of or self._newest(live), types)
        if answer.empty:
            kept = counted_only(frame, types).shape[0] if "type" in options else frame.shape[0]
            facts["excluded_n"] = frame.shape[0] - kept
        nothing = answer.empty or (metric is metrics.data_health and not answer[["n", "of"]].to_numpy().any())
        self._refuse_absent(metric.__name__, query, nothing=nothing)
        return with_attrs(answer, facts)

    def _refuse_absent(self, metric: str, query: Query, *, nothing: bool) -> None:
        """Refuse a value that the store has nowhere: looked for where nothing was found or values are several."""
        noun, *tables = SOURCES.get(metric, ("message",))
        for column, value in query.where.items():
            several: list[Any] = value if isinstance(value, list) else [value]
            wanted = [str(one) for one in several if one not in (None, "")]
            if column not in NAMED or not wanted or not (nothing or len(wanted) > 1):
                continue
            found = self._names_in(column, tables)
            absent = [value for value in wanted if value not in found]
            if absent and 0 < len(found) <= FEW:
                raise UnknownName.of_value(noun, column, absent[0], found)

    def _names_in(self, column: str, tables: Sequence[str]) -> set[str]:
        """The values of a column in all of some tables, or in all messages; no more than are needed to call it many."""
        relations = [self._tables.events(table) for table in tables]
        if not tables:
            everything = Query(None, None, zone_of(self.tz), {}, None)
            relations = [Planner._messages(self, Live.read(self._tables.layout), everything)]
        found = set()
        for relation in relations:
            if column in relation.columns:
                found |= {name for (name,) in relation.select(column).distinct().limit(FEW + 1).fetchall() if name}
        return found

    def _at_its_newest(self, query: Query) -> Query:
        """The same, of several tables as of one moment."""
        return query if query.as_of else replace(query, as_of=self._tables.newest())

    def _newest(self, live: Live | None = None) -> datetime | None:
        """The newest receipt of what messages are made of, or of everything."""
        if live is not None:
            return live.as_of
        return self._tables.newest()

    def _messages(self, live: Live, query: Query) -> Relation:
        """All columns of the messages of a slice."""
        return self._tables.connection.sql(self._prepared(live, query).columns([*HANDED_OUT, *CALENDAR, *AGE]))

    def _coded(self, live: Live, query: Query, names: Sequence[str]) -> tuple[str, list[str], dict[str, str]]:
        """The messages that are meant, as SQL: with what codes to group by, and how columns are made of these."""
        found = self._prepared(live, query).coded(names, besides=query.where)
        found = _matching(self._tables.connection.sql(found), query.where) if query.where else found
        return found, codes_of(names), words(names)

    def _prepared(self, live: Live, query: Query) -> Prepared:
        until = query.as_of or live.as_of or EPOCH
        stored = self._tables.messages(live, as_of=until, start=query.start, end=query.end)
        days = (at.replace(hour=0, minute=0, second=0, microsecond=0) for at in (self._tables.oldest(live), until))
        first, last = days
        utc_offsets = offsets(query.zone, first, last + timedelta(days=2))
        return Prepared(stored, as_of=until, horizon=self.horizon, offsets=utc_offsets)

    def _received(self, table: str, query: Query) -> Relation:
        """
        What was received in a period, seen from all that came before.

        Each event once, but refused callbacks, and ``receipts``: statuses as they came, see `health.replays`.
        """
        if table == "receipts":  # those after the period take no part; a status may be beyond what its column holds
            until = min(filter(None, (query.as_of, query.end)), default=None)
            events = self._tables.events("statuses", as_of=until).select(
                f"* REPLACE ({CLAIMED_AT} AS status_at, CASE WHEN {CLAIMED_AT} IS NULL THEN 'received' ELSE 'ts' END "
                f"AS time_source), {STATUS} AS {health.SIGNED_STATUS}"
            )
        else:
            read = self._tables.events if table == "rejected" else self._tables.distinct
            events = read(table, as_of=query.as_of)
        if table == "incoming":  # a text that is not kept still differs from others
            events = events.select(f"* REPLACE (coalesce(text, extra['{DIGEST}']) AS text)")
        if table in COMPARED:
            events = COMPARED[table](events)
        return self._calendar(query.between(events, "received_at"), "received_at", query)

    def _attempts(self, query: Query, window: timedelta) -> Relation:
        window = checked(window)
        tables = [
            self._tables.distinct(table, as_of=query.as_of) for table in ("confirmation_requests", "confirmations")
        ]
        until = query.as_of or self._newest() or EPOCH
        found = metrics.attempts(*tables, as_of=until, window=window, tz=query.zone.key)
        return query.between(found, '"at"')

    def _calendar(self, events: Relation, at: str, query: Query) -> Relation:
        return metrics.with_calendar(events, at, tz=query.zone.key)


def without_type(options: MessageOptions) -> QueryOptions:
    """The options that say which part of the store it is."""
    return cast("QueryOptions", {name: value for name, value in options.items() if name != "type"})


def _matching(relation: Relation, where: Where) -> str:
    return str(matching(relation, where).sql_query())


def _outermost(live: Live, query: Query) -> tuple[Query, Query] | None:
    """The first and the last hour of a slice, if it is much longer and all of it is as folded."""
    spans = [live.spans.get(day) for day in live.generations]
    known = [span for span in spans if span]
    if not known or len(known) < len(spans) or (query.as_of and live.as_of and query.as_of < live.as_of):
        return None
    start = max(filter(None, (query.start, min(span.first for span in known))))
    end = min(filter(None, (query.end, max(span.last for span in known) + timedelta(microseconds=1))))
    hour = timedelta(hours=1)
    return (replace(query, end=start + hour), replace(query, start=end - hour)) if end - start > 72 * hour else None


def _plain(answer: pd.DataFrame, nullable: Collection[str]) -> pd.DataFrame:
    """The same types as `_typed` gives."""
    for name, kind in answer.dtypes.items():
        if pd.api.types.is_bool_dtype(kind):
            wanted = "bool"
        elif pd.api.types.is_integer_dtype(kind):
            wanted = "Int64" if name in nullable else "int64"
        elif pd.api.types.is_float_dtype(kind):
            wanted = "float64"
        else:
            wanted = str(kind) if pd.api.types.is_datetime64_any_dtype(kind) else "str"
        if kind != wanted:
            answer[name] = answer[name].astype(pd.api.types.pandas_dtype(wanted))
    return answer


def _typed(answer: Relation, nullable: Collection[str]) -> pd.DataFrame:
    """A frame whose types are those of its columns, whatever is in it: text, whole number, share, time."""
    frame: pd.DataFrame = answer.df()
    for name, kind in zip(answer.columns, map(str, answer.types), strict=True):
        if kind == "VARCHAR":
            frame[name] = frame[name].astype("str")
        elif kind in ("SMALLINT", "INTEGER", "BIGINT"):
            frame[name] = frame[name].astype("Int64" if name in nullable else "int64")
        elif kind == "BOOLEAN":
            frame[name] = frame[name].astype("bool")
    return frame


def checked(window: timedelta) -> timedelta:
    """The window, if it is a time."""
    if not isinstance(window, timedelta):
        raise UsageError.needs("window", "a timedelta such as timedelta(minutes=5)", window)
    return window
