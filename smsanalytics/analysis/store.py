"""`open_store` and `Store`: the tables of a data directory."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self, Unpack

import duckdb

from smsanalytics.analysis.append import Appender
from smsanalytics.analysis.periods import Moment, Zone, zone_of
from smsanalytics.analysis.queries import Queries
from smsanalytics.analysis.query import BY_MESSAGE, Query, QueryOptions, Relation
from smsanalytics.analysis.sql import EPOCH, listed_again
from smsanalytics.codes import TEST_MODE_ERR
from smsanalytics.errors import StoreError, UnknownName
from smsanalytics.metrics.counts import matching
from smsanalytics.metrics.messages import HORIZON
from smsanalytics.storage.backlog import Waiting, waiting
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.freshness import Freshness, freshness
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.prepared import COHORT, LOCAL, named
from smsanalytics.storage.publish import count
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.schema import COLUMNS, EVENT_TABLES

HELD = 5_000_000  #: messages that a store holds at most


def open_store(path: str | Path = "data", *, tz: Zone = "UTC", horizon: timedelta = HORIZON) -> Store:
    """
    Open a data directory for reading, while the collector may be writing it.

    Parameters
    ----------
    path : str or Path, default "data"
        The directory given to ``smsanalytics serve --data``.
    tz : str or ZoneInfo, default "UTC"
        Zone of days and hours, and of dates without one.
    horizon : timedelta, default 72 hours
        A message without an outcome is stuck at this age, and no longer pending.

    Returns
    -------
    Store

    Raises
    ------
    StoreError
        If no collector ever wrote there.
    UnknownName
        If there is no such zone.

    Examples
    --------
    >>> import smsanalytics as sms
    >>> store = sms.open_store(example_store, tz="Europe/Moscow")
    >>> store.delivery_rate(by=["operator"])[["operator", "submitted", "delivery_rate"]]
      operator  submitted  delivery_rate
    0  Beeline          1            0.0
    1      MTS          1            1.0
    """
    if not any((Path(path) / name).is_dir() for name in ("journal", *EVENT_TABLES)):
        raise StoreError(f"there is no store at {path}; `smsanalytics serve --data {path}` makes one")
    return Store(Path(path), tz=tz, horizon=horizon)


class Store(Queries, Appender):
    """
    A data directory, read with DuckDB; what it can be query is in `Queries`.

    Tables are DuckDB relations: ``.df()`` makes pandas of them, ``.to_arrow_table()`` Arrow, ``.pl()`` Polars. A
    relation is read when it is used; ask for a new one rather than keep it for longer than a minute.

    Attributes
    ----------
    path : Path
        The data directory.
    tz : str
        Zone of calendar columns.
    horizon : timedelta
        Age at which a message without an outcome is stuck.
    """

    def __init__(self, path: Path, *, tz: Zone = "UTC", horizon: timedelta = HORIZON) -> None:
        self.path, self.tz, self.horizon = path, zone_of(tz).key, horizon
        layout = Layout(path)
        self._tables = Tables(layout, connect(layout))

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}, tz={self.tz!r})"

    @property
    def as_of(self) -> datetime | None:
        """The newest time of receipt that the messages hold, UTC; None while there is none."""
        return Live.read(self._tables.layout).as_of

    def freshness(self) -> Freshness:
        """
        Up to when this store knows what came: how far the messages are behind the events, if at all.

        Returns
        -------
        Freshness
            ``newest_receipt`` : of anything that is published, refused callbacks aside, UTC.
            ``as_of`` : the newest receipt that the messages hold, UTC.
            ``complete_at`` : the newest that messages of older dates hold, too.
            ``behind`` : from `as_of` to `newest_receipt`. [timedelta]

        Examples
        --------
        >>> fresh = open_store(example_store).freshness()
        >>> fresh.newest_receipt.isoformat(), fresh.as_of.isoformat(), fresh.behind
        ('2026-11-21T21:30:00+00:00', '2026-11-21T21:30:00+00:00', datetime.timedelta(0))
        """
        return freshness(self._tables)

    def waiting(self) -> Waiting:
        """
        What the collector acknowledged and no answer holds yet, since it is not published.

        Returns
        -------
        Waiting
            ``events``, ``refused`` : how many callbacks and reported rows, and how many refused callbacks.
            ``maintaining`` : whether a maintenance runs, which publishes them.

        Examples
        --------
        >>> store = open_store(example_store)
        >>> store.waiting().events, store.waiting().maintaining
        (0, False)
        """
        return waiting(self._tables.layout)

    def files(self, table: str) -> list[Path]:
        """
        The exact Parquet files of a table, for other tools: each event once, also while files are being merged.

        Parameters
        ----------
        table : str
            ``statuses``, ``incoming``, ``confirmations``, ``call_events``, ``sends``, ``confirmation_requests``,
            ``rejected`` or ``messages``.

        Examples
        --------
        >>> [path.parent.name for path in open_store(example_store).files("statuses")]
        ['date=2026-11-21']
        """
        if table == "messages":
            return Live.read(self._tables.layout).files(self._tables.layout)
        if table not in EVENT_TABLES:
            raise UnknownName.of("table", table, [*EVENT_TABLES, "messages"])
        return self._tables.layout.live_files(table)

    def statuses(self) -> duckdb.DuckDBPyRelation:
        """Every delivery receipt as it came, repetitions included."""
        return self._events("statuses")

    def incoming(self) -> duckdb.DuckDBPyRelation:
        """Every incoming SMS, once however often it was told: ``copies`` says how often."""
        return self._distinct("incoming")

    def confirmations(self) -> duckdb.DuckDBPyRelation:
        """Every call by which a subscriber confirmed a number, once however often it was told."""
        return self._distinct("confirmations")

    def call_events(self) -> duckdb.DuckDBPyRelation:
        """Every key press in a voice menu, once however often it was told; ``signed_by`` is always ``none``."""
        return self._distinct("call_events")

    def sends(self) -> duckdb.DuckDBPyRelation:
        """Every send that was told of, once."""
        return self._distinct("sends")

    def confirmation_requests(self) -> duckdb.DuckDBPyRelation:
        """Every request to confirm a number by a call that was told of, once."""
        return self._distinct("confirmation_requests")

    def rejected(self) -> duckdb.DuckDBPyRelation:
        """Every callback that was refused, with the reason and its body; secrets are masked."""
        return self._events("rejected")

    @listed_again
    def messages(
        self,
        **options: Unpack[QueryOptions],
    ) -> duckdb.DuckDBPyRelation:
        """
        One row per message, with its state as of a moment and its local calendar columns.

        The time of a message is ``sent_at``, else ``first_status_at``.

        Parameters
        ----------
        **options
            See `QueryOptions`.

        Returns
        -------
        duckdb.DuckDBPyRelation
            The columns of `metrics.prepare`.

        Examples
        --------
        >>> store = open_store(example_store)
        >>> store.messages(start="2026-11-21", end="2026-11-22").select("sender, state").order("state").fetchall()
        [('SHOP', 'delivered'), ('SHOP', 'failed')]
        """
        query = self._query(**options)
        messages = self._messages(Live.read(self._tables.layout), query)
        return matching(messages, query.check(BY_MESSAGE))

    def snapshot(self, *, start: Moment | None = None, end: Moment | None = None) -> Store:
        """
        The same store, fast for many questions in a row, and all answered as of one moment.

        Parameters
        ----------
        start, end : str, date or datetime, optional
            The messages of this cohort are held in memory; others are read as before.

        Returns
        -------
        Store
            This one where the cohort has more than 5 million messages: to hold them would take longer than to read
            them for each question.

        Examples
        --------
        >>> snapshot = store.snapshot(start="2026-11-21")
        >>> [snapshot.delivery_rate(by, start="2026-11-21").shape[0] for by in ("operator", "sender", "hour")]
        [2, 1, 2]
        """
        query, live = self._query(start=start, end=end), Live.read(self._tables.layout)
        stored = self._tables.messages(live, as_of=live.as_of or EPOCH, start=query.start, end=query.end)
        return StoreSnapshot(self, start, end) if count(self._tables.connection, stored) <= HELD else self

    def cursor(self) -> Self:
        """The same store for another thread: each answers one question at a time."""
        other = copy.copy(self)
        other._tables = self._tables.beside()
        return other

    @listed_again
    def _events(self, table: str) -> duckdb.DuckDBPyRelation:
        return self._tables.events(table).select(", ".join(COLUMNS[table]))

    @listed_again
    def _distinct(self, table: str) -> duckdb.DuckDBPyRelation:
        return self._tables.distinct(table).select(", ".join(COLUMNS[table]))


class StoreSnapshot(Store):
    """
    A store as it was when this was made, with the messages of a period at hand; see `Store.snapshot`.

    The statuses received in a period, and which call confirmed which request, are found once for all questions, too.

    Attributes
    ----------
    as_of : datetime or None
        The newest time of receipt of anything in it, UTC: the moment that every answer looks from.
    """

    def __init__(self, store: Store, start: Moment | None, end: Moment | None) -> None:
        super().__init__(store.path, tz=store.tz, horizon=store.horizon)
        self._until = self._tables.newest()
        self._kept = self._query(start=start, end=end)
        self._names: dict[object, str] = {}
        self._naming = threading.Lock()
        self._once("messages", lambda: super(StoreSnapshot, self)._messages(Live.read(self._tables.layout), self._kept))

    @property
    def as_of(self) -> datetime | None:
        """The moment that every answer looks from, UTC; None while there is nothing."""
        return self._until

    def _once(self, key: object, make: Callable[[], Relation]) -> Relation:
        with self._naming:
            if key not in self._names:
                name = f"held_{len(self._names)}"
                self._tables.hold(name, make())
                self._names[key] = name
        return self._tables.held(self._names[key])

    def _query(self, **options: Unpack[QueryOptions]) -> Query:
        query = super()._query(**options)
        return query if query.as_of else replace(query, as_of=self._until)

    def _messages(self, live: Live, query: Query) -> Relation:
        if not self._holds(query):
            return super()._messages(live, query)
        return query.between(self._tables.held(self._names["messages"]), COHORT)

    def _coded(self, live: Live, query: Query, names: Sequence[str]) -> tuple[str, list[str], dict[str, str]]:
        if not self._holds(query):
            return super()._coded(live, query, names)
        test_err = f"CASE WHEN err = {TEST_MODE_ERR} THEN err END"
        codes = {f"_{name}": test_err if name == "err_if_test" else name.partition("_if_")[0] for name in names}
        columns = codes | {LOCAL: "epoch_us(day)"}
        found = matching(self._messages(live, query), query.where).sql_query()
        return f"SELECT {named(columns)} FROM ({found})", [*codes], {name: f"_{name}" for name in names}

    def _holds(self, query: Query) -> bool:
        return "messages" in self._names and query.is_within(self._kept)

    def _received(self, table: str, query: Query) -> Relation:
        if table != "statuses":  # the others are query for once or twice
            return super()._received(table, query)
        return self._once((table, *query.extent), lambda: super(StoreSnapshot, self)._received(table, query))

    def _attempts(self, query: Query, window: timedelta) -> Relation:
        return self._once((window, *query.extent), lambda: super(StoreSnapshot, self)._attempts(query, window))
