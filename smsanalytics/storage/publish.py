"""Sealed journal segments → Parquet files, strictly in order, each published whole or not at all."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

import duckdb

from smsanalytics.errors import StoreError
from smsanalytics.storage import atomic
from smsanalytics.storage.catalog import EventFile, Layout, SegmentFile, encoded_number
from smsanalytics.storage.journal import DAY, entry, is_whole, line, version_of
from smsanalytics.storage.journal import VERSION as FORMAT
from smsanalytics.storage.pseudonyms import Privacy
from smsanalytics.storage.schema import EVENT_TABLES, JOURNAL, KIND_OF_TABLE, SORTED_BY, TABLE_OF_KIND, VERSION, typed
from smsanalytics.storage.sql_path import listed, quoted

PARQUET = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, KV_METADATA {{smsanalytics: '{VERSION}'}}"
JSON = "format = 'newline_delimited', hive_partitioning = false"

EVERYTHING = Privacy()

DUCKDB_FAILS = (duckdb.Error, UnicodeDecodeError)  # the latter where its error text ends within a character


@dataclass(frozen=True)
class Flushed:
    """What one segment gave: rows by table, and how many lines could not be read."""

    writer: str
    seq: int
    rows: Mapping[str, int]
    unreadable: int


def flush(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    writer: str,
    zones: Mapping[str, str],
    privacy: Privacy = EVERYTHING,
) -> Iterator[Flushed]:
    """
    Publish every sealed segment of a writer, up to the first that is still open, one with each step of the iterator.

    A crash anywhere in it repeats the same names with the same content: what is in the journal is published, whatever
    the file ``published`` says. A segment leaves the journal only after all its tables are there, durably.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        A working connection of `reader.connect`.
    layout : Layout
        Of the data directory.
    writer : str
        The slot.
    zones : mapping of str to str
        Account to the zone of its text times.
    privacy : Privacy
        What is left out; the connection is prepared for it.

    Raises
    ------
    StoreError
        If a segment cannot be read by this version of the program; it and those after it stay where they are.
    """
    for segment in layout.segments(writer):
        if segment.state == "open":
            break
        done = _publish(connection, layout, writer, segment, zones, privacy)
        atomic.replace(layout.slot(writer) / "published", encoded_number(segment.seq))
        (layout.slot(writer) / segment.name).unlink()
        yield done


def _publish(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    writer: str,
    segment: SegmentFile,
    zones: Mapping[str, str],
    privacy: Privacy,
) -> Flushed:
    rows = dict.fromkeys(EVENT_TABLES, 0)
    with _Stage(connection, layout.tmp / f"part-{writer}.jsonl", segment, zones, privacy) as stage:
        stage.fill(layout.slot(writer) / segment.name)
        if stage.unreadable and not privacy.keeps_bodies:  # in `rejected` is nothing of them then
            quarantine = layout.slot(writer) / "quarantine"
            atomic.make_directory(quarantine)
            atomic.replace(quarantine / f"{segment.seq:010}.unreadable.lines", b"".join(stage.unreadable))
        for table in stage.tables:
            rows[table] = count(connection, f"staged_{table}")
            if rows[table]:
                target = layout.event_file(table, segment.date, EventFile(writer, segment.seq, segment.seq))
                staged = f"FROM staged_{table} ORDER BY {SORTED_BY[table]}"
                write(connection, staged, layout.tmp / f"{table}-{writer}", target)
    return Flushed(writer, segment.seq, rows, len(stage.unreadable))


def write(connection: duckdb.DuckDBPyConnection, query: str, unfinished: Path, target: Path) -> None:
    """Run a query into a Parquet file that appears under its name only when it is complete and durable."""
    try:
        connection.execute(f"COPY ({query}) TO {quoted(unfinished)} ({PARQUET})")
        atomic.publish(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


class _Stage:
    """
    The typed rows of one segment, in memory until they are written; hold it with ``with``.

    Attributes
    ----------
    tables : list of str
        Those of which there are lines.
    unreadable : list of bytes
        Lines that became no row of their table; they are staged, raw, as rejected.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
        segment: SegmentFile,
        zones: Mapping[str, str],
        privacy: Privacy,
    ) -> None:
        self._privacy = privacy
        self._connection, self._scratch, self._segment, self._zones = connection, scratch, segment, zones
        self.tables: list[str] = []
        self.unreadable: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for table in ("lines", *(f"staged_{name}" for name in EVENT_TABLES)):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")

    def fill(self, source: Path) -> None:
        """
        Stage the lines of a segment, the unreadable ones as rejected.

        Raises
        ------
        StoreError
            If this version of the program cannot read it, or DuckDB cannot.
        """
        lines = _lines(source)
        whole = [text for text in lines if is_whole(text)]
        if (newest := max(map(version_of, {text[:16] for text in whole}), default=0)) > FORMAT:
            raise StoreError(
                f"journal/{source.parent.name}/{source.name} was written by a newer smsanalytics, in format {newest} "
                f"where this one reads up to {FORMAT}; nothing is lost: the newer one will publish it"
            )
        self.unreadable = [] if len(whole) == len(lines) else [text for text in lines if not is_whole(text)]
        if not self.unreadable and self._readable(source, len(lines)):
            return
        if not self._lines_readable(whole):
            if not self._lines_readable(self._known_good()):
                raise StoreError("DuckDB cannot read a line that is known to be good; nothing was published")
            bad = self._numbers_of_unreadable(whole)
            self.unreadable += [whole[number] for number in sorted(bad)]
            whole = [text for number, text in enumerate(whole) if number not in bad]
        if not self._lines_readable(whole + [_rejected(text, self._segment) for text in self.unreadable]):
            raise StoreError(f"segment {self._segment.name} cannot be read, though each of its lines can")

    def _known_good(self) -> list[bytes]:
        """One line for each account: if these fail, the fault is not in the content."""
        fields = {"message_id": "1", "phone": "79001230000", "status": "1", "status_time": "22.11.2026 12:00:00"}
        noon = (self._segment.date - date(1970, 1, 1)).days * DAY + DAY // 2
        return [
            line(entry(account=account, kind="status", signed_by="", key="", fields=fields, extra={}), noon)
            for account in (*self._zones, "")
        ]

    def _numbers_of_unreadable(self, lines: list[bytes]) -> set[int]:
        """By halving: a poisonous line is rare."""
        found, open_ranges = set(), [(0, len(lines))]
        while open_ranges:
            first, last = open_ranges.pop()
            if first < last and not self._lines_readable(lines[first:last]):
                middle = (first + last) // 2
                if last - first == 1:
                    found.add(first)
                else:
                    open_ranges += [(first, middle), (middle, last)]
        return found

    def _lines_readable(self, lines: list[bytes]) -> bool:
        self._scratch.write_bytes(b"".join(lines))
        try:
            return self._readable(self._scratch, len(lines))
        finally:
            self._scratch.unlink()

    def _readable(self, source: Path, lines: int) -> bool:
        """Stage all lines of a file; tell whether each became a row received on the segment's date."""
        columns = ", ".join(f"{name}: '{sql_type}'" for name, sql_type in JOURNAL.items())
        read = f"read_json({listed([source])}, {JSON}, columns = {{{columns}}})"
        on_date = f"received_at::DATE = DATE '{self._segment.date}'"
        rows = 0
        try:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE lines AS FROM {read}")
            kinds = self._connection.execute("SELECT DISTINCT kind FROM lines").fetchall()
            self.tables = [TABLE_OF_KIND[kind] for (kind,) in kinds if kind in TABLE_OF_KIND]
            for table in self.tables:
                known = f"v BETWEEN 1 AND {FORMAT} AND fields IS NOT NULL"
                of_kind = f"(FROM lines WHERE {known} AND kind = '{KIND_OF_TABLE[table]}')"
                query = self._privacy.applied(table, typed(table, of_kind, self._zones))
                self._connection.execute(f"CREATE OR REPLACE TEMP TABLE staged_{table} AS {query}")
                rows += count(self._connection, f"staged_{table} WHERE {on_date}")
        except DUCKDB_FAILS:
            return False
        return rows == lines


def _lines(source: Path) -> list[bytes]:
    """The lines of a segment, each with its newline, the last one also where it has none."""
    with source.open("rb") as file:
        lines = [text for text in file if text != b"\n"]
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    return lines


def _rejected(text: bytes, segment: SegmentFile) -> bytes:
    """A line that tells of one that cannot be read; received at the start of its date if that does not say when."""
    midnight = (segment.date - date(1970, 1, 1)).days * DAY
    match = re.search(rb'"received_at":([0-9]{16}),', text)
    stamped = int(match[1]) if match else 0
    received_at = stamped if midnight <= stamped < midnight + DAY else midnight
    fields = {"reason": "journal", "remote": "", "body": base64.b64encode(text.rstrip(b"\n")).decode("ascii")}
    return line(entry(account="", kind="rejected", signed_by="none", key="", fields=fields, extra={}), received_at)


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """The number of rows of a relation."""
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()
    return int(rows)
