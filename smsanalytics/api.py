"""`open_store` and `Store`: one method for each question, a metric applied to a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import pandas as pd

from smsanalytics import metrics
from smsanalytics.errors import StoreError, UnknownName
from smsanalytics.metrics.population import Types, with_attrs
from smsanalytics.metrics.prepare import HORIZON
from smsanalytics.store import records, sheet
from smsanalytics.store.layout import Layout
from smsanalytics.store.schema import COLUMNS, EVENT_TABLES
from smsanalytics.store.tables import Live, Tables, connect

BY = ("day", "hour", "operator", "sender", "type")

Moment = str | date | datetime


def open_store(path: str | Path = "data", *, tz: str = "UTC", horizon: timedelta = HORIZON) -> Store:
    """
    Open a data directory for reading, while the collector may be writing it.

    Parameters
    ----------
    path : str or Path, default "data"
        The directory given to ``smsanalytics serve --data``.
    tz : str, default "UTC"
        Zone of days and hours, and of dates without one.
    horizon : timedelta, default 72 hours
        A message without an outcome that is older than this is stuck, no longer pending.

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


class Store:
    """
    A data directory, read with DuckDB.

    Tables are DuckDB relations: ``.df()`` makes pandas of them, ``.to_arrow_table()`` Arrow, ``.pl()`` Polars. A
    relation is read when it is used; ask for a new one rather than keep it for longer than a minute.

    Attributes
    ----------
    path : Path
        The data directory.
    tz : str
        Zone of calendar columns.
    horizon : timedelta
        Age beyond which a message without an outcome is stuck.
    """

    def __init__(self, path: Path, *, tz: str = "UTC", horizon: timedelta = HORIZON) -> None:
        self.path, self.tz, self.horizon = path, _zone(tz).key, horizon
        layout = Layout(path)
        self._tables = Tables(layout, connect(layout))

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}, tz={self.tz!r})"

    @property
    def as_of(self) -> datetime | None:
        """The newest time of receipt that the messages hold, UTC; None while there is none."""
        return Live.read(self._tables.layout).as_of

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
        """Every key press in a voice menu, once however often it was told; ``signed_by`` is mostly ``none``."""
        return self._distinct("call_events")

    def sends(self) -> duckdb.DuckDBPyRelation:
        """Every send that was told of, once."""
        return self._distinct("sends")

    def confirmation_requests(self) -> duckdb.DuckDBPyRelation:
        """Every request to confirm a number by a call that was told of, once."""
        return self._distinct("confirmation_requests")

    def append_sends(self, frame: Any) -> int:
        """
        Tell the store of messages that were handed to the provider: what then gets no status is missing, not absent.

        All rows are durable as one batch when this returns; telling of a row again changes nothing. The maintenance
        that runs beside a collector publishes them within seconds; without one `smsanalytics maintain` does.

        Parameters
        ----------
        frame : frame of any engine that narwhals reads
            ``message_id`` : as the provider returned it. [1..2147483647]
            ``phone`` : digits, with or without ``+``, or an address.
            ``sent_at`` : a time with its zone, an ISO 8601 text of one, or Unix seconds.
            Optional: ``tag``, ``purpose``, ``sender`` (texts), ``cost``, ``parts`` and ``account``.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        MalformedRecord
            At the first row that is not as it must be; nothing is stored then.
        StoreError
            If they could not be made durable.

        Examples
        --------
        >>> sends = pd.DataFrame({"message_id": [1042], "phone": ["79001230001"], "tag": ["login"]})
        >>> sends["sent_at"] = "2026-11-21T09:59:58+03:00"
        >>> open_store(own_store).append_sends(sends)
        1
        """
        return self._append("send", frame)

    def append_confirmation_requests(self, frame: Any) -> int:
        """
        Tell the store that subscribers were asked to confirm their number by a call.

        As `append_sends` does.

        Parameters
        ----------
        frame : frame of any engine that narwhals reads
            ``phone`` : of who is to call: digits, with or without ``+``.
            ``requested_at`` : a time with its zone, an ISO 8601 text of one, or Unix seconds.
            Optional: ``number_to_call``, ``purpose``, ``request_id`` (texts) and ``account``.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        MalformedRecord
            At the first row that is not as it must be; nothing is stored then.
        StoreError
            If they could not be made durable.

        Examples
        --------
        >>> asked = pd.DataFrame({"phone": ["79001230001"], "requested_at": [pd.Timestamp("2026-11-21T07:00Z")]})
        >>> open_store(own_store).append_confirmation_requests(asked)
        1
        """
        return self._append("confirmation_request", frame)

    def rejected(self) -> duckdb.DuckDBPyRelation:
        """Every callback that was refused, with the reason and its body; secrets are masked."""
        return self._events("rejected")

    def messages(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: str | None = None,
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
        return self._messages(Live.read(self._tables.layout), start, end, tz, as_of)[0]

    def delivery_rate(
        self,
        by: Sequence[str] = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        tz: str | None = None,
        type: Types = None,  # noqa: A002
        as_of: Moment | None = None,
    ) -> pd.DataFrame:
        """
        Share of submitted messages that were delivered, per group: `metrics.delivery_rate` of `messages`.

        Parameters
        ----------
        by : sequence of str
            Any of ``day``, ``hour``, ``operator``, ``sender``, ``type``.
        start, end, tz, as_of
            See `messages`.
        type : int or sequence of int, optional
            See `metrics.delivery_rate`.

        Returns
        -------
        pandas.DataFrame
            The columns of `metrics.delivery_rate`; ``attrs``: ``as_of``, ``timezone``, ``period``, ``denominator``,
            ``excluded_n``.

        Raises
        ------
        UnknownName
            If `by` names something else; the message lists what there is.

        Examples
        --------
        >>> rates = open_store(example_store).delivery_rate(["sender"])
        >>> rates[["sender", "submitted", "delivered", "delivery_rate", "delivery_rate_low"]].round(3)
          sender  submitted  delivered  delivery_rate  delivery_rate_low
        0   SHOP          2          1            0.5              0.095
        """
        by = [by] if isinstance(by, str) else list(by)
        for name in by:
            if name not in BY:
                raise UnknownName.of("column to group by", name, BY)
        live = Live.read(self._tables.layout)
        messages, facts = self._messages(live, start, end, tz, as_of)
        rates = metrics.delivery_rate(messages, by=by, type=type).df()
        if rates.empty:
            facts |= {"denominator": metrics.delivery.DENOMINATOR, "excluded_n": messages.shape[0]}
        return with_attrs(rates, facts)

    def _append(self, kind: str, frame: Any) -> int:
        return records.append(self._tables.layout, records.encode(kind, sheet.of_frame(frame)))

    def _events(self, table: str) -> duckdb.DuckDBPyRelation:
        return self._tables.events(table).select(", ".join(COLUMNS[table]))

    def _distinct(self, table: str) -> duckdb.DuckDBPyRelation:
        return self._tables.distinct(table).select(", ".join(COLUMNS[table]))

    def _messages(
        self, live: Live, start: Moment | None, end: Moment | None, tz: str | None, as_of: Moment | None
    ) -> tuple[duckdb.DuckDBPyRelation, dict[str, object]]:
        """Messages as of one state of the store, and the facts about them."""
        zone = _zone(tz or self.tz)
        moment = _moment(as_of, zone) or live.as_of
        until = moment or datetime(1970, 1, 1, tzinfo=UTC)
        stored = self._tables.messages(live, as_of=until, start=_moment(start, zone), end=_moment(end, zone))
        oldest = self._tables.oldest(live)
        prepared = metrics.prepare(stored, as_of=until, tz=zone.key, horizon=self.horizon, since=oldest)
        return prepared, {"as_of": moment and moment.astimezone(UTC), "timezone": zone.key}


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownName(f"there is no time zone {tz!r}; an example is 'Europe/Moscow'") from None


def _moment(moment: Moment | None, zone: ZoneInfo) -> datetime | None:
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:  # also 12.11.2026, which some would read as December
            raise UnknownName(f"{moment!r} is no date; an example is '2026-11-22'") from None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - its zone follows
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
