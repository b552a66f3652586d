"""The tables as DuckDB relations, each event once, whether or not there is a file yet."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from smsanalytics.errors import StoreError
from smsanalytics.storage import rollup, version
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.manifest import Live, Span
from smsanalytics.storage.prepared import COHORT
from smsanalytics.storage.publish import DUCKDB_FAILS
from smsanalytics.storage.schema import COLUMNS, EVENT_TABLES, HIDDEN, IDENTITY, MESSAGES, VERSION
from smsanalytics.storage.sql_path import listed

FOLDED = ("statuses", "sends")  #: the tables that make messages
BY_EVENTS_SINCE = 3  #: version of the schema from which messages lie on the date of their first event
REPEATING = tuple(table for table, columns in HIDDEN.items() if "repeated_at" in columns)
AHEAD = timedelta(hours=1)  #: of the clock, that a receipt may be: one further ahead is a mistake and no present


def connect(layout: Layout, *, memory: str = "4GB", threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """
    Open a DuckDB that reads and writes files only, in UTC, within a memory limit.

    It spills into the data directory, or, where that may not be written, into the system's directory for such files.
    """
    spill = (
        layout.tmp if os.access(layout.tmp, os.W_OK) else Path(tempfile.gettempdir()) / f"smsanalytics-{os.getuid()}"
    )
    settings: dict[str, Any] = {
        "memory_limit": memory,
        "temp_directory": str((spill / "spill").absolute()),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads:
        settings["threads"] = threads
    return _in_utc(duckdb.connect(config=settings))


def _in_utc(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET TimeZone = 'UTC'")
    [(drawn,)] = connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()
    if drawn:  # into the figures; in a notebook without widgets it is off, and not to be touched
        connection.execute("SET enable_progress_bar = false")
    return connection


def moment(at: datetime) -> str:
    """A moment as SQL text."""
    return f"TIMESTAMPTZ '{at.astimezone(UTC).isoformat()}'"


@dataclass(frozen=True)
class Tables:
    """Reads the tables of one data directory on one connection."""

    layout: Layout
    connection: duckdb.DuckDBPyConnection

    def events(
        self, table: str, *, published: Mapping[str, int] | None = None, as_of: datetime | None = None
    ) -> duckdb.DuckDBPyRelation:
        """
        All events of a table as they came.

        `published` limits them to segments up to a number for each writer, `as_of` to those received by a moment.
        """
        found = self.of_files(table, self.layout.live_files(table, published=published, until=as_of))
        if as_of is None:
            return found
        found = found.filter(f"received_at <= {moment(as_of)}")
        if table not in REPEATING:
            return found
        by_then = f"list_filter(repeated_at, lambda receipt: receipt <= {moment(as_of)})"
        copies = f"copies - coalesce(len(repeated_at) - len({by_then}), 0)::INTEGER"
        return found.select(f"* REPLACE ({copies} AS copies, {by_then} AS repeated_at)")

    def of_files(self, table: str, files: Sequence[Path]) -> duckdb.DuckDBPyRelation:
        """The events in some files of a table, as they came."""
        return self.parquet(files, COLUMNS[table] | HIDDEN.get(table, {}))

    def of_messages(self, files: Sequence[Path]) -> duckdb.DuckDBPyRelation:
        """The messages in some files, as folded."""
        return self.connection.sql(_of_messages(files))

    def rows(self, files: Sequence[Path]) -> int:
        """How many rows files have, from what they tell of themselves."""
        if not files:
            return 0
        told = f"SELECT sum(num_rows) FROM parquet_file_metadata({listed(files)})"
        [(rows,)] = self.connection.execute(told).fetchall()
        return int(rows)

    def receipts(self, table: str, files: Sequence[Path]) -> int:
        """
        How many receipts the events in files of a table stand for.

        Raises
        ------
        StoreError
            If a file cannot be read to its end.
        """
        counted = "sum(copies)" if table in REPEATING else "count(*)"
        try:
            [(number,)] = self.of_files(table, files).aggregate(f"coalesce({counted}, 0)::BIGINT").fetchall()
        except DUCKDB_FAILS:
            raise StoreError(f"a file of {table} cannot be read; `smsanalytics check` names it") from None
        return int(number)

    def span(self, path: Path) -> Span | None:
        """What the messages in a file reach over; None where it holds none."""
        [(rows, first, last, until, untimed)] = self.connection.execute(f"""
            SELECT count(*), min({COHORT}), max({COHORT}), max({rollup.LAST_SEEN}), count(*) FILTER (untimed)
            FROM read_parquet({listed([path])}, hive_partitioning = false)""").fetchall()
        return Span(first, last, until, rows, untimed) if rows else None

    def require_whole(self, live: Live) -> None:
        """
        Open every file of messages that counts, and compare how many messages are in it.

        Raises
        ------
        StoreError
            If one is absent, not whole, or holds another number than ``live.json`` says.
        """
        for day, span in live.spans.items():
            path = self.layout.message_file(day, live.generations[day])
            try:
                rows = self.rows([path])
            except DUCKDB_FAILS:
                rows = None
            if rows != span.rows:
                found = "is gone or not whole" if rows is None else f"holds {rows:,} messages, not {span.rows:,}"
                raise StoreError(f"{path} {found}; `smsanalytics maintain --rebuild` makes messages again")

    def ranges(self, files: Sequence[Path], *, most: int) -> list[str]:
        """Conditions that part the rows of files by ``message_id``, in order, so that about so many fulfil each."""
        parts = -(-self.rows(files) // most)
        if parts <= 1:
            return ["true"]
        shares = [part / parts for part in range(1, parts)]
        ids = f"SELECT message_id FROM read_parquet({listed(files)})"
        [(found,)] = self.connection.execute(f"SELECT approx_quantile(message_id, {shares}) FROM ({ids})").fetchall()
        bounds = sorted(set(found or []))
        inner = [f"message_id >= {low} AND message_id < {high}" for low, high in itertools.pairwise(bounds)]
        last = f"message_id >= {bounds[-1]} OR message_id IS NULL" if bounds else "true"
        return [*(f"message_id < {bound}" for bound in bounds[:1]), *inner, last]

    def newest_of(self, table: str, files: Sequence[Path], *, until: datetime) -> datetime | None:
        """The newest receipt in some files of a table, UTC; receipts after a moment are those of a wrong clock."""
        by_then = f"<= {moment(until)}"
        newest = f"max(received_at) FILTER (received_at {by_then})"
        if table in REPEATING:
            repeated = f"list_filter(repeated_at, lambda receipt: receipt {by_then})"
            newest = f"greatest({newest}, max(list_max({repeated})))"
        [(at,)] = self.of_files(table, files).aggregate(newest).fetchall()
        return at.astimezone(UTC) if at else None

    def distinct(
        self, table: str, *, as_of: datetime | None = None, published: Mapping[str, int] | None = None
    ) -> duckdb.DuckDBPyRelation:
        """
        The events of a table, each once: of those with the same `schema.IDENTITY` the one received first.

        Parameters
        ----------
        table : str
            One of those in `schema.IDENTITY`.
        as_of : datetime, optional
            Nothing received later is in it.
        published : dict of str to int, optional
            Up to a segment of each writer.

        Returns
        -------
        duckdb.DuckDBPyRelation
            The columns of `events`; ``copies``, where there is one, is the sum of theirs.
        """
        events = self.events(table, published=published, as_of=as_of)
        same = f"PARTITION BY {', '.join(IDENTITY[table])}"
        copies = f"REPLACE ((sum(copies) OVER ({same}))::INTEGER AS copies)" if "copies" in events.columns else ""
        plain = [name for name, kind in COLUMNS[table].items() if name != "received_at" and not kind.startswith("MAP")]
        order = ", ".join(["received_at", *plain])  # of copies received in one moment it is always the same
        told = events.select(f"* {copies}, row_number() OVER ({same} ORDER BY {order}) AS telling")
        return told.filter("telling = 1").select("* EXCLUDE (telling)")

    def newest(self, *, until: datetime | None = None) -> datetime | None:
        """The newest receipt of anything but refused callbacks, UTC; by default the clock bounds what is believed."""
        files = {table: self.layout.live_files(table) for table in EVENT_TABLES if table != "rejected"}
        until = until or datetime.now(UTC) + AHEAD
        found = [at for table, paths in files.items() if (at := self.newest_of(table, paths, until=until))]
        if folded := Live.read(self.layout).as_of:  # what it was folded from may be given up, or forgotten
            found.append(folded)
        return max(found, default=None)

    def messages(
        self, live: Live, *, as_of: datetime, start: datetime | None = None, end: datetime | None = None
    ) -> str:
        """
        One row per message of a cohort, as folded; computed anew from events for a moment before the fold's; as SQL.

        Parameters
        ----------
        live : Live
            What counts.
        as_of : datetime
            Nothing received later is in it.
        start, end : datetime, optional
            Of the cohort: ``start`` ≤ time sent, else of the first status, < ``end``.
        """
        kept_from = self.layout.kept_from()
        if live.as_of is not None and as_of < live.as_of:
            statuses, sends = (self.events(table, published=live.ahead, as_of=as_of) for table in FOLDED)
            given_up = self.given_up(live)
            seen = [f"(FROM {given_up} WHERE received_at <= {moment(as_of)})"] if given_up else []
            found = self.folded(statuses, sends, *map(rollup.rows_of_messages, seen))
        else:
            found = _of_messages(live.files(self.layout, start=start, end=end))
        if "messages" in kept_from:
            found = f"FROM ({found}) WHERE first_seen_at >= TIMESTAMPTZ '{kept_from['messages']} 00:00:00+00'"
        bounds = [f"{COHORT} {compare} {moment(bound)}" for bound, compare in ((start, ">="), (end, "<")) if bound]
        return f"(SELECT * FROM ({found}) WHERE {' AND '.join(bounds or ['true'])})"

    def beside(self) -> Tables:
        """The same tables for another thread, with what is `held`."""
        return Tables(self.layout, _in_utc(self.connection.cursor()))

    def hold(self, name: str, relation: duckdb.DuckDBPyRelation) -> None:
        """Compute the rows of a relation once: in memory, or, beyond its limit, where the connection spills."""
        relation.create(name)

    def held(self, name: str) -> duckdb.DuckDBPyRelation:
        """What was put by under a name."""
        return self.connection.table(name)

    def oldest(self, live: Live) -> datetime:
        """A moment before which no message was sent and no status reported: none is believed that is 30 days late."""
        first = min(live.generations, default=date(1970, 2, 1))
        return datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=31)

    def folded(self, statuses: duckdb.DuckDBPyRelation, sends: duckdb.DuckDBPyRelation, *others: str) -> str:
        """One row per message, computed from all events, and from rows that were folded before, as SQL."""
        events, key = f"({statuses.sql_query()})", ", ".join(rollup.KEY)
        untimed = f"(SELECT DISTINCT {key} FROM {events} WHERE time_source = 'received')"
        timed = f"(FROM {events} ANTI JOIN {untimed} USING ({key}))"
        others = (*others, rollup.rows_of_sends(f"({sends.sql_query()})"))
        resolved = rollup.timed_by_first_copies(f"(FROM {events} SEMI JOIN {untimed} USING ({key}))")
        rows = rollup.clustered(rollup.rows_of_statuses(timed), rollup.rows_of_statuses(resolved), *others)
        return rollup.stored(f"({rows})")

    def given_up(self, live: Live) -> str | None:
        """
        The messages that cannot be made of events again, for some of these may be given up by their age; as SQL.

        None where all events are kept.
        """
        kept_from = self.layout.kept_from()
        until = max((kept_from[table] for table in FOLDED if table in kept_from), default=None)
        if until is None:
            return None
        files = [self.layout.message_file(day, number) for day, number in live.generations.items()]
        return f"(FROM ({_of_messages(files)}) WHERE received_at < TIMESTAMPTZ '{until} 00:00:00+00')"

    def parquet(self, files: Sequence[Path], columns: Mapping[str, str]) -> duckdb.DuckDBPyRelation:
        """The rows of files with these columns and types; one that a file lacks is NULL."""
        return self.connection.sql(_of_parquet(files, columns))


def _of_messages(files: Sequence[Path]) -> str:
    """Messages as they are stored, whichever version wrote them."""
    versions = version.require_readable(files)
    older = {path: None for path in files if versions.get(path, VERSION) < BY_EVENTS_SINCE}
    if not older:
        return _of_parquet(files, MESSAGES)
    newer = _of_parquet([path for path in files if path not in older], MESSAGES)
    return f"({newer}) UNION ALL {rollup.of_older_schema(f'({_of_parquet([*older], MESSAGES)})')}"


def _of_parquet(files: Sequence[Path], columns: Mapping[str, str]) -> str:
    wanted = ", ".join(f"CAST({name} AS {sql_type}) AS {name}" for name, sql_type in columns.items())
    empty = ", ".join(f"CAST(NULL AS {sql_type}) AS {name}" for name, sql_type in columns.items())
    nothing = f"SELECT {empty} WHERE false"  # it has the columns that older files lack
    if not files:
        return nothing
    version.require_readable(files)
    source = f"read_parquet({listed(files)}, hive_partitioning = false, union_by_name = true)"
    return f"SELECT {wanted} FROM ({nothing} UNION ALL BY NAME FROM {source})"
