"""`open_store` and `Store`: the tables of a data directory."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import duckdb

from smsanalytics.codes import TEST_MODE_ERR
from smsanalytics.errors import StoreError, UnknownName
from smsanalytics.metrics.population import matching
from smsanalytics.metrics.prepare import HORIZON
from smsanalytics.numbering import Numbering, Phones
from smsanalytics.periods import Moment, Zone, zone_of
from smsanalytics.questions import BY_MESSAGE, EPOCH, Questions, Relation, Slice, Where, listed_again
from smsanalytics.store import records, sheet
from smsanalytics.store.flush import count
from smsanalytics.store.freshness import Freshness, freshness
from smsanalytics.store.layout import Layout
from smsanalytics.store.live import Live
from smsanalytics.store.prepared import COHORT, LOCAL, named
from smsanalytics.store.schema import COLUMNS, EVENT_TABLES
from smsanalytics.store.spelling import PYTHON, Ambiguous, Spelling
from smsanalytics.store.tables import Tables, connect
from smsanalytics.store.waiting import Waiting, waiting

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


class Store(Questions):
    """
    A data directory, read with DuckDB; what it can be asked is in `Questions`.

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

    def append_sends(
        self,
        frame: Any,
        *,
        tz: Zone | None = None,
        ambiguous: Ambiguous | None = None,
        strict: bool = False,
        numbering: Numbering | None = None,
    ) -> int:
        """
        Report messages that were handed to the provider: what then gets no status is missing, not absent.

        All rows are durable as one batch when this returns; to report a row again changes nothing. The maintenance
        that runs beside a collector publishes them within seconds; without one `smsanalytics maintain` does.

        The frame may be as it was read from a sheet: ``Message ID`` is `message_id`, texts may be
        ``22.11.2026 12:00``, ``3,10`` or ``+7 (900) 123-00-01``.

        Parameters
        ----------
        frame : frame of any engine that narwhals reads
            ``message_id`` : as the provider returned it. [1..2147483647]
            ``phone`` : digits, with or without ``+``, an e-mail address, or an ``@name`` or ``#id`` of a messenger.
            ``sent_at`` : a time with its zone, an ISO 8601 text of one, or Unix seconds; with `tz` also without zone.
            Optional: ``tag``, ``purpose``, ``sender`` (texts), ``cost``, ``parts`` and ``account``.
        tz : str, optional
            Zone of times without one; else they are refused.
        ambiguous : "earlier" or "later", optional
            Which moment a time is that comes twice, or never, when clocks are changed; else it is refused.
        strict : bool, default False
            Refuse columns that are not needed, instead of leaving them out with a warning.
        numbering : Numbering, optional
            How national numbers become international ones; without it they are stored as they are, with a warning.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        MalformedRecord
            At the first row that is not as it must be; nothing is stored then.
        UnknownName
            If there is no such zone.
        StoreError
            If they could not be made durable.

        Examples
        --------
        >>> import pandas as pd
        >>> import smsanalytics as sms
        >>> sends = pd.DataFrame({"message_id": [1042], "phone": ["79001230001"], "tag": ["login"]})
        >>> sends["sent_at"] = "2026-11-21T09:59:58+03:00"
        >>> open_store(own_store).append_sends(sends)
        1
        >>> sends = sends.assign(phone="8 900 123-00-01", sent_at="21.11.2026 9:59")
        >>> open_store(own_store).append_sends(sends, tz="Europe/Moscow", numbering=sms.Numbering("7", "8"))
        1
        """
        return self._append("send", frame, tz, ambiguous, strict, numbering)

    def append_confirmation_requests(
        self,
        frame: Any,
        *,
        tz: Zone | None = None,
        ambiguous: Ambiguous | None = None,
        strict: bool = False,
        numbering: Numbering | None = None,
    ) -> int:
        """
        Report that subscribers were asked to confirm their number by a call.

        As `append_sends` does.

        Parameters
        ----------
        frame : frame of any engine that narwhals reads
            ``phone`` : of who is to call: digits, with or without ``+``.
            ``requested_at`` : a time with its zone, an ISO 8601 text of one, or Unix seconds.
            Optional: ``number_to_call``, ``purpose``, ``request_id`` (texts) and ``account``.
        tz, ambiguous, strict, numbering
            As of `append_sends`.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        MalformedRecord
            At the first row that is not as it must be; nothing is stored then.
        UnknownName
            If there is no such zone.
        StoreError
            If they could not be made durable.

        Examples
        --------
        >>> import pandas as pd
        >>> asked = pd.DataFrame({"phone": ["79001230001"], "requested_at": [pd.Timestamp("2026-11-21T07:00Z")]})
        >>> open_store(own_store).append_confirmation_requests(asked)
        1
        """
        return self._append("confirmation_request", frame, tz, ambiguous, strict, numbering)

    def rejected(self) -> duckdb.DuckDBPyRelation:
        """Every callback that was refused, with the reason and its body; secrets are masked."""
        return self._events("rejected")

    @listed_again
    def messages(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: Zone | None = None,
        where: Where | None = None,
        as_of: Moment | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """
        One row per message, with its state as of a moment and its local calendar columns.

        Parameters
        ----------
        start, end : str, date or datetime, optional
            Cohort: ``start`` ≤ ``sent_at`` (else ``first_status_at``) < ``end``. Without a zone they are in `tz`.
        tz : str, optional
            Another zone than the store's.
        where : mapping of str to value or sequence of values, optional
            Keep only messages whose columns have these values; see `Questions`.
        as_of : str, date or datetime, optional
            The moment to look from, in `tz` where it names no zone; by default when the newest callback was received,
            never the wall clock.

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
        asked = self._slice(start, end, tz, where, as_of)
        messages = self._messages(Live.read(self._tables.layout), asked)
        return matching(messages, asked.check(BY_MESSAGE))

    def held(self, *, start: Moment | None = None, end: Moment | None = None) -> Store:
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
        >>> held = store.held(start="2026-11-21")
        >>> [held.delivery_rate(by, start="2026-11-21").shape[0] for by in ("operator", "sender", "hour")]
        [2, 1, 2]
        """
        asked, live = self._slice(start, end, None, None, None), Live.read(self._tables.layout)
        stored = self._tables.messages(live, as_of=live.as_of or EPOCH, start=asked.start, end=asked.end)
        return Held(self, start, end) if count(self._tables.connection, stored) <= HELD else self

    def beside(self) -> Self:
        """The same store for another thread: each answers one question at a time."""
        other = copy.copy(self)
        other._tables = self._tables.beside()
        return other

    def _append(
        self,
        kind: str,
        frame: Any,
        tz: Zone | None,
        ambiguous: Ambiguous | None,
        strict: bool,
        numbering: Numbering | None,
    ) -> int:
        zone = None if tz is None else zone_of(tz)
        spelling = Spelling(kind, PYTHON, zone=zone, ambiguous=ambiguous, strict=strict)
        phones = Phones(every=numbering)
        events = records.encode(kind, spelling.rows(sheet.of_frame(frame)), phones=phones)
        for notice in (*spelling.notices(), *phones.undone("give numbering=sms.Numbering('7', '8')")):
            warnings.warn(notice, UserWarning, stacklevel=3)
        return records.append(self._tables.layout, events)

    @listed_again
    def _events(self, table: str) -> duckdb.DuckDBPyRelation:
        return self._tables.events(table).select(", ".join(COLUMNS[table]))

    @listed_again
    def _distinct(self, table: str) -> duckdb.DuckDBPyRelation:
        return self._tables.distinct(table).select(", ".join(COLUMNS[table]))


class Held(Store):
    """
    A store as it was when this was made, with the messages of a period at hand; see `Store.held`.

    The statuses received in a period, and which call confirmed which request, are found once for all questions, too.

    Attributes
    ----------
    as_of : datetime or None
        The newest time of receipt of anything in it, UTC: the moment that every answer looks from.
    """

    def __init__(self, store: Store, start: Moment | None, end: Moment | None) -> None:
        super().__init__(store.path, tz=store.tz, horizon=store.horizon)
        self._until = self._tables.newest()
        self._kept = self._slice(start, end, None, None, None)
        self._names: dict[object, str] = {}
        self._naming = threading.Lock()
        self._once("messages", lambda: super(Held, self)._messages(Live.read(self._tables.layout), self._kept))

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

    def _slice(
        self, start: Moment | None, end: Moment | None, tz: Zone | None, where: Where | None, as_of: Moment | None
    ) -> Slice:
        asked = super()._slice(start, end, tz, where, as_of)
        return asked if asked.as_of else replace(asked, as_of=self._until)

    def _messages(self, live: Live, asked: Slice) -> Relation:
        if not self._holds(asked):
            return super()._messages(live, asked)
        return asked.between(self._tables.held(self._names["messages"]), COHORT)

    def _coded(self, live: Live, asked: Slice, names: Sequence[str]) -> tuple[str, list[str], dict[str, str]]:
        if not self._holds(asked):
            return super()._coded(live, asked, names)
        test_err = f"CASE WHEN err = {TEST_MODE_ERR} THEN err END"
        codes = {f"_{name}": test_err if name == "err_if_test" else name.partition("_if_")[0] for name in names}
        columns = codes | {LOCAL: "epoch_us(day)"}
        found = matching(self._messages(live, asked), asked.where).sql_query()
        return f"SELECT {named(columns)} FROM ({found})", [*codes], {name: f"_{name}" for name in names}

    def _holds(self, asked: Slice) -> bool:
        return "messages" in self._names and asked.is_within(self._kept)

    def _received(self, table: str, asked: Slice) -> Relation:
        if table != "statuses":  # the others are asked for once or twice
            return super()._received(table, asked)
        return self._once((table, *asked.extent), lambda: super(Held, self)._received(table, asked))

    def _attempts(self, asked: Slice, window: timedelta) -> Relation:
        return self._once((window, *asked.extent), lambda: super(Held, self)._attempts(asked, window))
