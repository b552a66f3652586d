"""What a store can be asked: one method for each question, a metric applied to its tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Unpack

import duckdb
import pandas as pd

from smsanalytics import metrics
from smsanalytics.analysis.query import (
    BY_ATTEMPT,
    BY_CALLBACK,
    BY_INCOMING,
    BY_MESSAGE,
    BY_STATUS,
    By,
    MessageOptions,
    QueryOptions,
    known,
    with_options,
)
from smsanalytics.analysis.sql import Planner, checked, listed_again, without_type
from smsanalytics.metrics.confirmation import WINDOW
from smsanalytics.metrics.counts import (
    Types,
    matching,
)
from smsanalytics.metrics.inbound import REPLY_WINDOW
from smsanalytics.metrics.latency import WITHIN, limits_of
from smsanalytics.metrics.reachability import LOOKUPS
from smsanalytics.storage.manifest import Live


class Queries(Planner):
    """
    The questions of a `Store`.

    Each returns a pandas frame, one row per group, sorted, with facts in its ``attrs``: ``as_of``, ``timezone``,
    ``period`` (first and last day that is in it; None if there is none), ``denominator`` and ``excluded_n``, the rows
    that are left out by their type or since nothing was really sent; and what was asked: ``where`` (empty if all),
    ``type`` (a list; None for the question's default), ``start`` and ``end``. They are JSON values, moments and days as
    ISO texts, so that frames can be joined and saved with them: ``to_parquet`` keeps them, `pandas.concat` and
    ``merge`` keep them where they are the same in all frames. A period in which nothing happened gives an empty frame
    with the same columns.
    """

    @listed_again
    def delivery_rate(self, by: By = ("day",), **options: Unpack[MessageOptions]) -> pd.DataFrame:
        """
        Share of submitted messages that were delivered: `metrics.delivery_rate` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        **options
            See `MessageOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.delivery_rate`.

        Examples
        --------
        >>> rates = store.delivery_rate(["sender"])
        >>> rates[["sender", "submitted", "delivered", "delivery_rate", "delivery_rate_low"]].round(3)
          sender  submitted  delivered  delivery_rate  delivery_rate_low
        0   SHOP          2          1            0.5              0.095
        """
        return self._of_messages(metrics.delivery_rate, by, options)

    @listed_again
    def latency(
        self,
        by: By = ("day",),
        *,
        within: int | Sequence[int] = WITHIN,
        **options: Unpack[MessageOptions],
    ) -> pd.DataFrame:
        """
        Seconds from sending to delivery, and the share delivered in time: `metrics.latency` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        within : int or sequence of int
            Times to give the share delivered within. [s]
        **options
            See `MessageOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.latency`.

        Examples
        --------
        >>> store.latency([], within=[10])[["n_timed", "p50", "within_10s", "n_within_10s"]]
           n_timed  p50  within_10s  n_within_10s
        0        1    7         1.0             1
        """
        return self._of_messages(metrics.latency, by, options, within=limits_of(within))

    @listed_again
    def latency_distribution(self, by: By = (), **options: Unpack[MessageOptions]) -> pd.DataFrame:
        """
        How many messages took each number of seconds: `metrics.latency_distribution` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        **options
            See `MessageOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.latency_distribution`.

        Examples
        --------
        >>> store.latency_distribution()
           seconds  delivered
        0        7          1
        """
        return self._of_messages(metrics.latency_distribution, by, options)

    @listed_again
    def failure_mix(self, by: By = (), **options: Unpack[MessageOptions]) -> pd.DataFrame:
        """
        Which causes the failed messages have: `metrics.failure_mix` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        **options
            See `MessageOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.failure_mix`.

        Examples
        --------
        >>> store.failure_mix()[["status", "err", "n", "failed", "failure_share"]]
           status  err  n  failed  failure_share
        0      20    1  1       1            1.0
        """
        return self._of_messages(metrics.failure_mix, by, options)

    @listed_again
    def cost(self, by: By = ("day",), **options: Unpack[MessageOptions]) -> pd.DataFrame:
        """
        Parts per message and cost per delivered message, for each account: `metrics.cost` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        **options
            See `MessageOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.cost`; ``account`` always comes first.

        Examples
        --------
        >>> store.cost([])[["account", "submitted", "cost", "cost_per_delivered"]]
           account  submitted  cost  cost_per_delivered
        0  default          2   6.2                 6.2
        """
        return self._of_messages(metrics.cost, by, options)

    @listed_again
    def reachability(
        self,
        by: By = ("day",),
        *,
        type: Types = LOOKUPS,  # noqa: A002
        **options: Unpack[QueryOptions],
    ) -> pd.DataFrame:
        """
        Share of the numbers looked up by HLR or ping that are reachable: `metrics.reachability` of `Store.messages`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        **options
            See `QueryOptions`.
        type : int or sequence of int
            HLR lookups (4), pings (5) or, by default, both.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.reachability`.

        Examples
        --------
        >>> store.reachability().empty
        True
        """
        return self._of_messages(metrics.reachability, by, {**options, "type": type})

    @listed_again
    def inbound_volume(self, by: By = ("day",), **options: Unpack[QueryOptions]) -> pd.DataFrame:
        """
        Incoming messages and their senders: `metrics.inbound_volume` of `Store.incoming`.

        The time of an incoming message is when it was sent, else received.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_INCOMING`.
        **options
            See `QueryOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.inbound_volume`.

        Examples
        --------
        >>> store.inbound_volume(["to_number"])
             to_number  incoming  senders
        0  79001230000         1        1
        """
        by, query = known(by, BY_INCOMING), self._query(**options)
        texts = self._tables.distinct("incoming", as_of=query.as_of)
        texts = query.between(texts.select('*, coalesce(sent_at, received_at) AS "at"'), '"at"')
        texts = self._calendar(texts, "at", query)
        return self._asked(metrics.inbound_volume, by, query, BY_INCOMING, texts)

    @listed_again
    def reply_rate(
        self,
        by: By = ("day",),
        *,
        window: timedelta = REPLY_WINDOW,
        **options: Unpack[MessageOptions],
    ) -> pd.DataFrame:
        """
        Share of the subscribers reached who wrote back: `metrics.reply_rate` of `Store.messages` and `Store.incoming`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_MESSAGE`.
        window : timedelta
            How long after the delivery a message still counts as a reply.
        **options
            See `MessageOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.reply_rate`.

        Examples
        --------
        >>> store.reply_rate([])[["recipients", "repliers", "reply_rate"]]
           recipients  repliers  reply_rate
        0           1         1         1.0
        """
        query = self._at_its_newest(self._query(**without_type(options)))
        texts = self._tables.distinct("incoming", as_of=query.as_of)
        by, live = known(by, BY_MESSAGE), Live.read(self._tables.layout)
        messages = self._messages(live, query)
        return self._asked(
            metrics.reply_rate,
            by,
            query,
            BY_MESSAGE,
            messages,
            texts,
            live=live,
            type=options.get("type"),
            window=checked(window),
        )

    @listed_again
    def confirmation_success(
        self,
        by: By = ("day",),
        *,
        window: timedelta = WINDOW,
        **options: Unpack[QueryOptions],
    ) -> pd.DataFrame:
        """
        Share of confirmation requests that a call confirmed: `metrics.confirmation_success` of `confirmation_attempts`.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_ATTEMPT`.
        **options
            See `QueryOptions`.
        window : timedelta
            How long a request can be confirmed.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.confirmation_success`.

        Examples
        --------
        >>> store.confirmation_success([])[["requests", "confirmed", "confirmation_success", "p50", "calls"]]
           requests  confirmed  confirmation_success  p50  calls
        0         1          1                   1.0   31      1
        """
        by, query = known(by, BY_ATTEMPT), self._query(**options)
        return self._asked(metrics.confirmation_success, by, query, BY_ATTEMPT, self._attempts(query, window))

    @listed_again
    def callback_lag(self, by: By = ("day",), **options: Unpack[QueryOptions]) -> pd.DataFrame:
        """
        Seconds from a change of status to the receipt of its callback: `metrics.callback_lag` of each status once.

        The time of a status is that of its receipt.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_STATUS`.
        **options
            See `QueryOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.callback_lag`.

        Examples
        --------
        >>> store.callback_lag([])[["n_timed", "n_untimed", "p50"]]
           n_timed  n_untimed    p50
        0        3          0  52193
        """
        by, query = known(by, BY_STATUS), self._query(**options)
        return self._asked(metrics.callback_lag, by, query, BY_STATUS, self._received("statuses", query))

    @listed_again
    def data_health(self, by: By = (), **options: Unpack[QueryOptions]) -> pd.DataFrame:
        """
        What may be wrong with the data behind the other figures: `metrics.data_health`.

        The time of a callback is that of its receipt. Whether a status came out of order, or a callback replays
        another, is seen from all that came before it, also before `start` and beside `where`: counts of two
        periods add up to those of both, and the question reads all statuses and texts from the first on.

        Parameters
        ----------
        by : str or sequence of str
            Any of the columns in `BY_CALLBACK`.
        **options
            See `QueryOptions`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.data_health`, one row per check.

        Examples
        --------
        >>> store.data_health().tail(2)
                 check  n  of  share
        8  stale_calls  0   1    0.0
        9     rejected  0   5    0.0
        """
        by, query = known(by, BY_CALLBACK), self._at_its_newest(self._query(**options))
        messages = self._messages(Live.read(self._tables.layout), query)
        frames = {}
        for table in ("statuses", "receipts", "incoming", "confirmations", "rejected"):
            frames[table] = matching(self._received(table, query), query.check(BY_CALLBACK))
        return self._asked(metrics.data_health, by, query, BY_CALLBACK, messages, *frames.values(), tz=query.zone.key)

    @with_options
    def confirmation_attempts(
        self,
        *,
        window: timedelta = WINDOW,
        **options: Unpack[QueryOptions],
    ) -> duckdb.DuckDBPyRelation:
        """
        One row per confirmation request, and one per call that confirms none: `metrics.attempts`.

        Parameters
        ----------
        window : timedelta
            How long a request can be confirmed.
        **options
            See `QueryOptions`.

        Returns
        -------
        duckdb.DuckDBPyRelation
            The columns of `metrics.attempts`.

        Examples
        --------
        >>> store.confirmation_attempts().select("outcome, seconds_to_confirm").fetchall()
        [('confirmed', 31)]
        """
        query = self._query(**options)
        return matching(self._attempts(query, window), query.check(BY_ATTEMPT))
