"""What a store can be asked: one method for each question, a metric applied to its tables."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd

from smsanalytics import metrics
from smsanalytics.errors import StoreError, UnknownName, UsageError
from smsanalytics.metrics import health
from smsanalytics.metrics.confirmation import WINDOW
from smsanalytics.metrics.failures import CAUSE
from smsanalytics.metrics.inbound import REPLY_WINDOW
from smsanalytics.metrics.latency import WITHIN, limits_of
from smsanalytics.metrics.population import (
    DENOMINATORS,
    LAST_DAY,
    QUANTILES,
    READS,
    ROWS,
    Types,
    as_json,
    counted_only,
    days_of,
    matching,
    names_of,
    types_of,
    with_attrs,
)
from smsanalytics.metrics.prepare import AGE, CALENDAR, HANDED_OUT, offsets
from smsanalytics.metrics.reachability import LOOKUPS
from smsanalytics.periods import Moment, Zone, moment_of, zone_of
from smsanalytics.store.live import Live
from smsanalytics.store.prepared import DAY, LOCAL, Prepared, codes_of, named, words
from smsanalytics.store.privacy import DIGEST
from smsanalytics.store.schema import CLAIMED_AT, STATUS
from smsanalytics.store.tables import Tables, moment

TIMES = ("day", "hour", "weekday", "week", "month")
BY_MESSAGE = (*TIMES, "operator", "mcc", "mnc", "country", "sender", "type", "parts", "tag", "account", "status", "err")
BY_STATUS = tuple(name for name in BY_MESSAGE if name != "tag")
BY_INCOMING = (*TIMES, "account", "to_number")
BY_ATTEMPT = (*TIMES, "account", "purpose", "number_to_call")
BY_CALLBACK = (*TIMES, "account")

By = str | Sequence[str]
Where = Mapping[str, object]
TO_THE_SECOND = 60  #: so many seconds of a delivery are told apart at once; those beyond are put together at first
STEPS = ((10, 4), (14, 8))  #: up to so many seconds beyond, by so many, both as powers of two
LAST_STEP = 12
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

Relation = duckdb.DuckDBPyRelation
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Slice:
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

    def is_within(self, other: Slice) -> bool:
        """Whether the rows of another slice, from the same moment and in the same zone, hold all of this one."""
        starts = other.start is None or (self.start is not None and self.start >= other.start)
        ends = other.end is None or (self.end is not None and self.end <= other.end)
        return starts and ends and (self.zone, self.as_of) == (other.zone, other.as_of)


def listed_again(question: Callable[P, R]) -> Callable[P, R]:
    """Ask once more, of the files there are then, if one was merged and swept while the question was being answered."""

    @functools.wraps(question)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        with contextlib.suppress(*UNREADABLE):
            return question(*args, **kwargs)
        try:
            return question(*args, **kwargs)
        except UNREADABLE:
            raise StoreError("a file of the store cannot be read; `smsanalytics check` names it") from None

    return asked


class Questions:
    """
    The questions of a `Store`.

    Each returns a pandas frame, one row per group, sorted, with facts in its ``attrs``: ``as_of``, ``timezone``,
    ``period`` (first and last day that is in it; None if there is none), ``denominator`` and ``excluded_n``, the rows
    that are left out by their type or since nothing was really sent; and what was asked: ``where`` (empty if all),
    ``type`` (a list; None for the question's default), ``start`` and ``end``. They are JSON values, moments and days as
    ISO texts, so that frames can be joined and saved with them: ``to_parquet`` keeps them, `pandas.concat` and
    ``merge`` keep them where they are the same in all frames. A period in which nothing happened gives an empty frame
    with the same columns. What they have in common:

    Parameters
    ----------
    by : str or sequence of str
        Columns to group by; an empty list for one row over all.
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

    tz: str
    horizon: timedelta
    _tables: Tables

    @listed_again
    def delivery_rate(
        self,
        by: By = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        type: Types = None,  # noqa: A002
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Share of submitted messages that were delivered: `metrics.delivery_rate` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        start, end, tz, where, as_of
            See `Questions`.
        type : int or sequence of int, optional
            Message types to count instead of text messages.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.delivery_rate`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> rates = store.delivery_rate(["sender"])
        >>> rates[["sender", "submitted", "delivered", "delivery_rate", "delivery_rate_low"]].round(3)
          sender  submitted  delivered  delivery_rate  delivery_rate_low
        0   SHOP          2          1            0.5              0.095
        """
        return self._of_messages(metrics.delivery_rate, by, self._slice(start, end, tz, where, as_of), type=type)

    @listed_again
    def latency(
        self,
        by: By = ("day",),
        *,
        within: int | Sequence[int] = WITHIN,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        type: Types = None,  # noqa: A002
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Seconds from sending to delivery, and the share delivered in time: `metrics.latency` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        start, end, tz, where, as_of
            See `Questions`.
        within : int or sequence of int
            Times to give the share delivered within. [s]
        type : int or sequence of int, optional
            Message types to count instead of text messages.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.latency`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.latency([], within=[10])[["n_timed", "p50", "within_10s", "n_within_10s"]]
           n_timed  p50  within_10s  n_within_10s
        0        1    7         1.0             1
        """
        asked = self._slice(start, end, tz, where, as_of)
        return self._of_messages(metrics.latency, by, asked, type=type, within=limits_of(within))

    @listed_again
    def latency_distribution(
        self,
        by: By = (),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        type: Types = None,  # noqa: A002
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        How many messages took each number of seconds: `metrics.latency_distribution` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        start, end, tz, where, as_of
            See `Questions`.
        type : int or sequence of int, optional
            Message types to count instead of text messages.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.latency_distribution`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.latency_distribution()
           seconds  delivered
        0        7          1
        """
        return self._of_messages(metrics.latency_distribution, by, self._slice(start, end, tz, where, as_of), type=type)

    @listed_again
    def failure_mix(
        self,
        by: By = (),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        type: Types = None,  # noqa: A002
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Which causes the failed messages have: `metrics.failure_mix` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        start, end, tz, where, as_of
            See `Questions`.
        type : int or sequence of int, optional
            Message types to count instead of text messages.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.failure_mix`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.failure_mix()[["status", "err", "n", "failed", "failure_share"]]
           status  err  n  failed  failure_share
        0      20    1  1       1            1.0
        """
        return self._of_messages(metrics.failure_mix, by, self._slice(start, end, tz, where, as_of), type=type)

    @listed_again
    def cost(
        self,
        by: By = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        type: Types = None,  # noqa: A002
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Parts per message and cost per delivered message, for each account: `metrics.cost` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        start, end, tz, where, as_of
            See `Questions`.
        type : int or sequence of int, optional
            Message types to count instead of text messages.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.cost`; ``account`` always comes first.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.cost([])[["account", "submitted", "cost", "cost_per_delivered"]]
           account  submitted  cost  cost_per_delivered
        0  default          2   6.2                 6.2
        """
        return self._of_messages(metrics.cost, by, self._slice(start, end, tz, where, as_of), type=type)

    @listed_again
    def reachability(
        self,
        by: By = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        type: Types = LOOKUPS,  # noqa: A002
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Share of the numbers looked up by HLR or ping that are reachable: `metrics.reachability` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        start, end, tz, where, as_of
            See `Questions`.
        type : int or sequence of int
            HLR lookups (4), pings (5) or, by default, both.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.reachability`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.reachability().empty
        True
        """
        return self._of_messages(metrics.reachability, by, self._slice(start, end, tz, where, as_of), type=type)

    @listed_again
    def inbound_volume(
        self,
        by: By = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Incoming messages and their senders: `metrics.inbound_volume` of `Store.incoming`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_INCOMING`.
        start, end, tz, where, as_of
            See `Questions`.
            The time of an incoming message is when it was sent, else received.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.inbound_volume`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.inbound_volume(["to_number"])
             to_number  incoming  senders
        0  79001230000         1        1
        """
        by, asked = _known(by, BY_INCOMING), self._slice(start, end, tz, where, as_of)
        texts = self._tables.distinct("incoming", as_of=asked.as_of)
        texts = asked.between(texts.select('*, coalesce(sent_at, received_at) AS "at"'), '"at"')
        texts = self._calendar(texts, "at", asked)
        return self._asked(metrics.inbound_volume, by, asked, BY_INCOMING, texts)

    @listed_again
    def reply_rate(
        self,
        by: By = ("day",),
        *,
        window: timedelta = REPLY_WINDOW,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        type: Types = None,  # noqa: A002
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Share of the subscribers reached who wrote back: `metrics.reply_rate` of `Store.messages` and `Store.incoming`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        start, end, tz, where, as_of
            See `Questions`.
        window : timedelta
            How long after the delivery a message still counts as a reply.
        type : int or sequence of int, optional
            Message types to count instead of text messages.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.reply_rate`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.reply_rate([])[["recipients", "repliers", "reply_rate"]]
           recipients  repliers  reply_rate
        0           1         1         1.0
        """
        asked = self._at_its_newest(self._slice(start, end, tz, where, as_of))
        texts = self._tables.distinct("incoming", as_of=asked.as_of)
        by, live = _known(by, BY_MESSAGE), Live.read(self._tables.layout)
        messages = self._messages(live, asked)
        return self._asked(
            metrics.reply_rate, by, asked, BY_MESSAGE, messages, texts, live=live, type=type, window=_checked(window)
        )

    @listed_again
    def confirmation_success(
        self,
        by: By = ("day",),
        *,
        window: timedelta = WINDOW,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Share of confirmation requests that a call confirmed: `metrics.confirmation_success` of `confirmation_attempts`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_ATTEMPT`.
        start, end, tz, where, as_of
            See `Questions`.
        window : timedelta
            How long a request can be confirmed.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.confirmation_success`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.confirmation_success([])[["requests", "confirmed", "confirmation_success", "p50", "calls"]]
           requests  confirmed  confirmation_success  p50  calls
        0         1          1                   1.0   31      1
        """
        by, asked = _known(by, BY_ATTEMPT), self._slice(start, end, tz, where, as_of)
        return self._asked(metrics.confirmation_success, by, asked, BY_ATTEMPT, self._attempts(asked, window))

    @listed_again
    def callback_lag(
        self,
        by: By = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Seconds from a change of status to the receipt of its callback: `metrics.callback_lag` of each status once.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_STATUS`.
        start, end, tz, where, as_of
            See `Questions`.
            The time of a status is that of its receipt.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.callback_lag`.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.callback_lag([])[["n_timed", "n_untimed", "p50"]]
           n_timed  n_untimed    p50
        0        3          0  52193
        """
        by, asked = _known(by, BY_STATUS), self._slice(start, end, tz, where, as_of)
        return self._asked(metrics.callback_lag, by, asked, BY_STATUS, self._received("statuses", asked))

    @listed_again
    def data_health(
        self,
        by: By = (),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        What may be wrong with the data behind the other figures: `metrics.data_health`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_CALLBACK`.
        start, end, tz, where, as_of
            See `Questions`.
            The time of a callback is that of its receipt. Whether a status came out of order, or a callback replays
            another, is seen from all that came before it, also before `start` and beside `where`: counts of two
            periods add up to those of both, and the question reads all statuses and texts from the first on.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.data_health`, one row per check.

        Raises
        ------
        UnknownName
            If a word is not known; the message lists those that are.

        Examples
        --------
        >>> store.data_health().tail(2)
                 check  n  of  share
        8  stale_calls  0   1    0.0
        9     rejected  0   5    0.0
        """
        by, asked = _known(by, BY_CALLBACK), self._at_its_newest(self._slice(start, end, tz, where, as_of))
        messages = self._messages(Live.read(self._tables.layout), asked)
        frames = {}
        for table in ("statuses", "receipts", "incoming", "confirmations", "rejected"):
            frames[table] = matching(self._received(table, asked), asked.check(BY_CALLBACK))
        return self._asked(metrics.data_health, by, asked, BY_CALLBACK, messages, *frames.values(), tz=asked.zone.key)

    def confirmation_attempts(
        self,
        *,
        window: timedelta = WINDOW,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """
        One row per confirmation request, and one per call that confirms none: `metrics.attempts`.

        Parameters
        ----------
        window : timedelta
            How long a request can be confirmed.
        start, end, tz, where, as_of
            See `Questions`.

        Returns
        -------
        duckdb.DuckDBPyRelation
            The columns of `metrics.attempts`.

        Examples
        --------
        >>> store.confirmation_attempts().select("outcome, seconds_to_confirm").fetchall()
        [('confirmed', 31)]
        """
        asked = self._slice(start, end, tz, where, as_of)
        return matching(self._attempts(asked, window), asked.check(BY_ATTEMPT))

    def _slice(
        self, start: Moment | None, end: Moment | None, tz: Zone | None, where: Where | None, as_of: Moment | None
    ) -> Slice:
        zone = zone_of(self.tz if tz is None else tz)
        if not isinstance(where, Mapping | None):
            raise UsageError.needs("where", "a mapping of columns to values such as {'operator': 'MTS'}", where)
        chosen = {name: as_json(value) for name, value in (where or {}).items()}
        first, after = moment_of(start, zone), moment_of(end, zone)
        if first and after and first >= after:
            shown = [f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" for at in (first, after)]
            raise UsageError(f"start {shown[0]} is not before end {shown[1]}; end is the day or moment after the last")
        return Slice(first, after, zone, chosen, moment_of(as_of, zone))

    def _of_messages(self, metric: Callable[..., Any], by: By, asked: Slice, **options: Any) -> pd.DataFrame:
        """Apply a metric to messages of which those that are alike in what it reads are counted before."""
        by, live, name = _known(by, BY_MESSAGE), Live.read(self._tables.layout), metric.__name__
        asked.check(BY_MESSAGE)
        if metric is metrics.failure_mix:
            by = [column for column in by if column not in CAUSE]  # it groups by these itself
        enough = {column: column for column in READS[name]} | ENOUGH.get(name, {}) | {column: column for column in by}
        outermost = None if "day" in by else _outermost(live, asked)
        with_days = "day" not in by and not outermost
        counted = functools.partial(self._alike, live, asked, [*enough.values()], with_days=with_days)
        alike = _to_the_second(counted, by, metric, options) if metric is metrics.latency else counted()
        answer = _plain(metric(alike, by=by, **options), nullable={*by, *QUANTILES, *CAUSE})
        facts = asked.facts(name, live.as_of, options.get("type")) | answer.attrs
        if answer.empty:
            excluded = alike[ROWS].sum() - counted_only(alike, options.get("type"))[ROWS].sum()
            facts["excluded_n"] = int(excluded)
        self._refuse_absent(name, asked, nothing=answer.empty)
        if outermost and not answer.empty:
            facts["period"] = days_of(*self._period(live, asked, outermost, options.get("type")))
        return with_attrs(answer, facts)

    def _alike(
        self,
        live: Live,
        asked: Slice,
        names: Sequence[str],
        *,
        with_days: bool,
        codes: Mapping[str, str] = MappingProxyType({}),
        among: Among | None = None,
    ) -> pd.DataFrame:
        """
        Count messages that have the same in some columns; optionally tell the days they reach from and to.

        `codes` are expressions that replace some codes, and `among` chooses messages: those of `_to_the_second`.
        """
        found, keys, made = self._coded(live, asked, names)
        groups = [f"{codes[key]} AS {key}" if key in codes else key for key in keys]
        days = [f"min({LOCAL}) AS {LOCAL}", f"max({LOCAL}) AS _until"] if with_days else []
        told = {'"day"': LOCAL, LAST_DAY: "_until"} if with_days else {}
        told = {name: f"make_timestamp({at} // {DAY} * {DAY})" for name, at in told.items()}
        if among:
            self._tables.connection.register("among", among.rows.add_prefix("of_"))
            found = f"FROM ({found}) SEMI JOIN among ON {among.same(made)}"
        query = f"SELECT {', '.join([*groups, *days])}, count(*) AS {ROWS} FROM ({found}) GROUP BY ALL"
        alike = self._tables.connection.execute(f"SELECT {named(made | told)}, {ROWS} FROM ({query})").df()
        return alike.rename(columns=lambda name: name.partition("_if_")[0])

    def _period(self, live: Live, asked: Slice, outermost: Sequence[Slice], types: Types) -> tuple[Any, Any]:
        """First and last day on which something is counted: mostly found in the outermost hours of all."""

        def days(part: Slice) -> tuple[Any, Any]:
            alike = counted_only(self._alike(live, part, ["type", "err_if_test"], with_days=True), types)
            return alike["day"].min(), alike[LAST_DAY].max()

        first, last = days(outermost[0])[0], days(outermost[1])[1]
        return days(asked) if pd.isna(first) or pd.isna(last) else (first, last)

    def _asked(
        self,
        metric: Callable[..., Any],
        by: list[str],
        asked: Slice,
        available: Sequence[str],
        frame: Relation,
        *others: Relation,
        live: Live | None = None,
        **options: object,
    ) -> pd.DataFrame:
        """Apply a metric, and put the facts about the answer into its ``attrs``."""
        frame = matching(frame, asked.check(available))
        answer = _typed(metric(frame, *others, by=by, **options), nullable={*by, *QUANTILES, *CAUSE})
        types: Any = options.get("type")
        facts = asked.facts(metric.__name__, asked.as_of or self._newest(live), types)
        if answer.empty:
            kept = counted_only(frame, types).shape[0] if "type" in options else frame.shape[0]
            facts["excluded_n"] = frame.shape[0] - kept
        nothing = answer.empty or (metric is metrics.data_health and not answer[["n", "of"]].to_numpy().any())
        self._refuse_absent(metric.__name__, asked, nothing=nothing)
        return with_attrs(answer, facts)

    def _refuse_absent(self, metric: str, asked: Slice, *, nothing: bool) -> None:
        """Refuse a value that the store has nowhere: looked for where nothing was found or values are several."""
        noun, *tables = SOURCES.get(metric, ("message",))
        for column, value in asked.where.items():
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
            everything = Slice(None, None, zone_of(self.tz), {}, None)
            relations = [Questions._messages(self, Live.read(self._tables.layout), everything)]
        found = set()
        for relation in relations:
            if column in relation.columns:
                found |= {name for (name,) in relation.select(column).distinct().limit(FEW + 1).fetchall() if name}
        return found

    def _at_its_newest(self, asked: Slice) -> Slice:
        """The same, of several tables as of one moment."""
        return asked if asked.as_of else replace(asked, as_of=self._tables.newest())

    def _newest(self, live: Live | None = None) -> datetime | None:
        """The newest receipt of what messages are made of, or of everything."""
        if live is not None:
            return live.as_of
        return self._tables.newest()

    def _messages(self, live: Live, asked: Slice) -> Relation:
        """All columns of the messages of a slice."""
        return self._tables.connection.sql(self._prepared(live, asked).columns([*HANDED_OUT, *CALENDAR, *AGE]))

    def _coded(self, live: Live, asked: Slice, names: Sequence[str]) -> tuple[str, list[str], dict[str, str]]:
        """The messages that are meant, as SQL: with what codes to group by, and how columns are made of these."""
        found = self._prepared(live, asked).coded(names, besides=asked.where)
        found = _matching(self._tables.connection.sql(found), asked.where) if asked.where else found
        return found, codes_of(names), words(names)

    def _prepared(self, live: Live, asked: Slice) -> Prepared:
        until = asked.as_of or live.as_of or EPOCH
        stored = self._tables.messages(live, as_of=until, start=asked.start, end=asked.end)
        days = (at.replace(hour=0, minute=0, second=0, microsecond=0) for at in (self._tables.oldest(live), until))
        first, last = days
        told = offsets(asked.zone, first, last + timedelta(days=2))
        return Prepared(stored, as_of=until, horizon=self.horizon, offsets=told)

    def _received(self, table: str, asked: Slice) -> Relation:
        """
        What was received in a period, seen from all that came before.

        Each event once, but refused callbacks, and ``receipts``: statuses as they came, see `health.replays`.
        """
        if table == "receipts":  # those after the period take no part; a status may be beyond what its column holds
            until = min(filter(None, (asked.as_of, asked.end)), default=None)
            events = self._tables.events("statuses", as_of=until).select(
                f"* REPLACE ({CLAIMED_AT} AS status_at, CASE WHEN {CLAIMED_AT} IS NULL THEN 'received' ELSE 'ts' END "
                f"AS time_source), {STATUS} AS {health.SIGNED_STATUS}"
            )
        else:
            read = self._tables.events if table == "rejected" else self._tables.distinct
            events = read(table, as_of=asked.as_of)
        if table == "incoming":  # a text that is not kept still differs from others
            events = events.select(f"* REPLACE (coalesce(text, extra['{DIGEST}']) AS text)")
        if table in COMPARED:
            events = COMPARED[table](events)
        return self._calendar(asked.between(events, "received_at"), "received_at", asked)

    def _attempts(self, asked: Slice, window: timedelta) -> Relation:
        window = _checked(window)
        tables = [
            self._tables.distinct(table, as_of=asked.as_of) for table in ("confirmation_requests", "confirmations")
        ]
        until = asked.as_of or self._newest() or EPOCH
        found = metrics.attempts(*tables, as_of=until, window=window, tz=asked.zone.key)
        return asked.between(found, '"at"')

    def _calendar(self, events: Relation, at: str, asked: Slice) -> Relation:
        return metrics.with_calendar(events, at, tz=asked.zone.key)


def _matching(relation: Relation, where: Where) -> str:
    return str(matching(relation, where).sql_query())


def _outermost(live: Live, asked: Slice) -> tuple[Slice, Slice] | None:
    """The first and the last hour of a slice, if it is much longer and all of it is as folded."""
    spans = [live.spans.get(day) for day in live.generations]
    known = [span for span in spans if span]
    if not known or len(known) < len(spans) or (asked.as_of and live.as_of and asked.as_of < live.as_of):
        return None
    start = max(filter(None, (asked.start, min(span.first for span in known))))
    end = min(filter(None, (asked.end, max(span.last for span in known) + timedelta(microseconds=1))))
    hour = timedelta(hours=1)
    return (replace(asked, end=start + hour), replace(asked, start=end - hour)) if end - start > 72 * hour else None


def _to_the_second(
    counted: Callable[..., pd.DataFrame], by: Sequence[str], metric: Callable[..., Any], options: Mapping[str, Any]
) -> pd.DataFrame:
    """
    Count messages for `metrics.latency`, by the second only where that can tell.

    Deliveries that took longer are counted by steps at first, since each second would make a group. Those steps in
    which a quantile of theirs lies are counted again: what comes before and after them is the same.
    """
    most = max(options["within"], default=0)
    exact = max([TO_THE_SECOND, *options["within"]])
    age = {"_age_seconds": f"CASE WHEN _age_seconds > {most} THEN {most} ELSE _age_seconds END"}
    step, late = _step(exact), f"_delivery_seconds > {exact}"
    alike: pd.DataFrame = counted(codes=age | {"_delivery_seconds": step})
    group = alike.groupby([*by], dropna=False).ngroup() if by else alike[ROWS] * 0
    quantiles = metric(alike.assign(_group=group), by=["_group"], **options).melt("_group", [*QUANTILES])
    lie = pd.MultiIndex.from_frame(quantiles[["_group", "value"]].dropna().astype("int64"))
    seconds = alike["delivery_seconds"]
    again = (seconds > exact) & pd.MultiIndex.from_arrays([group, seconds]).isin(lie)
    among = Among(
        alike.loc[again, [*by, "delivery_seconds"]].drop_duplicates(), {"delivery_seconds": f"({step})"}, late
    )
    return pd.concat([alike[~again], counted(codes=age, among=among)], ignore_index=True) if again.any() else alike


@dataclass(frozen=True)
class Among:
    """Messages that have in some columns what one of the rows has; `instead` are expressions compared with these."""

    rows: pd.DataFrame
    instead: dict[str, str]
    only: str

    def same(self, made: Mapping[str, str]) -> str:
        """The condition, as SQL, where columns are made so."""
        compared = {name: f"({made[name]})" for name in map(str, self.rows)} | self.instead
        missing = {name for name in self.rows if self.rows[name].isna().all()}  # what type it has is not told
        return " AND ".join(
            [self.only]
            + [
                f"{value} IS NULL" if name in missing else f"{value} IS NOT DISTINCT FROM of_{name}"
                for name, value in compared.items()
            ]
        )


def _step(exact: int) -> str:
    """Up to `exact` a second is one; beyond it is in a step of 16, later of 256 and of 4096, named by its first."""
    past = f"(_delivery_seconds - {exact + 1})"
    steps = [f"WHEN {past} < {2**bits} THEN {exact + 1} + ({past} >> {width} << {width})" for bits, width in STEPS]
    last = f"ELSE {exact + 1} + ({past} >> {LAST_STEP} << {LAST_STEP})"
    return f"CASE WHEN _delivery_seconds <= {exact} THEN _delivery_seconds {' '.join(steps)} {last} END"


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


def _checked(window: timedelta) -> timedelta:
    if not isinstance(window, timedelta):
        raise UsageError.needs("window", "a timedelta such as timedelta(minutes=5)", window)
    return window


def _known(by: By, available: Sequence[str]) -> list[str]:
    names = names_of(by)
    for name in names:
        if name not in available:
            raise UnknownName.of("column to group by", name, available)
    return names
