"""Sealed journal segments → Parquet files, strictly in order, each published whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from smsanalytics.store import durable
from smsanalytics.store.layout import EventFile, Layout, SegmentFile
from smsanalytics.store.schema import EVENT_TABLES, JOURNAL, SORTED_BY, TABLE_OF_KIND, VERSION, typed

PARQUET = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, KV_METADATA {{smsanalytics: '{VERSION}'}}"
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Flushed:
    """What one segment gave: rows by table, and how many lines could not be read."""

    writer: str
    seq: int
    rows: Mapping[str, int]
    unreadable: int


def flush(
    connection: duckdb.DuckDBPyConnection, layout: Layout, writer: str, zones: Mapping[str, str]
) -> list[Flushed]:
    """
    Publish every sealed segment of a writer, up to the first that is still open.

    A crash anywhere in it repeats the same names with the same content. A segment leaves the journal only after the
    file ``published`` says, durably, that all its tables are there.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        A working connection of `tables.connect`.
    layout : Layout
        Of the data directory.
    writer : str
        The slot.
    zones : mapping of str to str
        Account to the zone of its text times.
    """
    done = []
    for segment in layout.segments(writer):
        if segment.state == "open":
            break
        if segment.seq > layout.published(writer):
            done.append(_publish(connection, layout, writer, segment, zones))
            durable.replace(layout.slot(writer) / "published", b"%d\n" % segment.seq)
        (layout.slot(writer) / segment.name).unlink()
    return done


def _publish(
    connection: duckdb.DuckDBPyConnection, layout: Layout, writer: str, segment: SegmentFile, zones: Mapping[str, str]
) -> Flushed:
    source = layout.slot(writer) / segment.name
    try:
        _stage(connection, source, zones)
        unreadable = []
    except duckdb.Error:
        unreadable = _stage_what_is_readable(connection, layout, source, segment, zones)
    rows = {}
    for table in EVENT_TABLES:
        rows[table] = _count(connection, f"staged_{table}")
        if rows[table]:
            target = layout.event_file(table, segment.date, EventFile(writer, segment.seq, segment.seq))
            write(
                connection, f"FROM staged_{table} ORDER BY {SORTED_BY[table]}", layout.tmp / f"{table}-{writer}", target
            )
    return Flushed(writer, segment.seq, rows, len(unreadable))


def write(connection: duckdb.DuckDBPyConnection, query: str, unfinished: Path, target: Path) -> None:
    """Run a query into a Parquet file that appears under its name only when it is complete and durable."""
    try:
        connection.execute(f"COPY ({query}) TO {quoted(unfinished)} ({PARQUET})")
        durable.publish(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def quoted(path: Path) -> str:
    """A path as SQL text."""
    return "'" + str(path).replace("'", "''") + "'"


class _NotAllLines(duckdb.Error):
    """A line became no row of any table."""


def _stage(connection: duckdb.DuckDBPyConnection, source: Path, zones: Mapping[str, str]) -> None:
    """Make the typed rows of a segment in memory; raise duckdb.Error if that fails for any line of it."""
    columns = ", ".join(f"{name}: '{sql_type}'" for name, sql_type in JOURNAL.items())
    read = f"read_json({quoted(source)}, format = 'newline_delimited', columns = {{{columns}}})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE lines AS FROM {read} WHERE v = 1 AND fields IS NOT NULL")
    for kind, table in TABLE_OF_KIND.items():
        of_kind = f"(FROM lines WHERE kind = '{kind}')"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE staged_{table} AS {typed(table, of_kind, zones)}")
        bad = _count(connection, f"staged_{table} WHERE received_at IS NULL")
        if bad:
            raise _NotAllLines("a line has no time of receipt")
    if sum(_count(connection, f"staged_{table}") for table in EVENT_TABLES) != source.read_bytes().count(b"\n"):
        raise _NotAllLines("a line is of no known kind")


def _stage_what_is_readable(
    connection: duckdb.DuckDBPyConnection, layout: Layout, source: Path, segment: SegmentFile, zones: Mapping[str, str]
) -> list[bytes]:
    """Stage the good lines of a segment as usual, and the bad ones, raw, as rejected."""
    part = layout.tmp / f"part-{source.name}.jsonl"

    def fails(lines: list[bytes]) -> bool:
        part.write_bytes(b"".join(lines))
        try:
            _stage(connection, part, zones)
        except duckdb.Error:
            return True
        return False

    def unreadable(lines: list[bytes]) -> set[int]:
        """Numbers of the lines that fail, by halving."""
        found, open_ranges = set(), [(0, len(lines))]
        while open_ranges:
            first, last = open_ranges.pop()
            if first < last and fails(lines[first:last]):
                middle = (first + last) // 2
                if last - first == 1:
                    found.add(first)
                else:
                    open_ranges += [(first, middle), (middle, last)]
        return found

    try:
        lines = [text + b"\n" for text in source.read_bytes().split(b"\n") if text]
        bad = unreadable(lines)
        part.write_bytes(b"".join(text for number, text in enumerate(lines) if number not in bad))
        _stage(connection, part, zones)
    finally:
        part.unlink(missing_ok=True)
    raw = [lines[number] for number in sorted(bad)]
    for text in raw:
        connection.execute(
            "INSERT INTO staged_rejected VALUES ('', make_timestamptz(?), 'journal', '', ?)",
            [_received_at(text, segment), text.rstrip(b"\n")],
        )
    return raw


def _received_at(text: bytes, segment: SegmentFile) -> int:
    """When a line that cannot be read was received, in microseconds; the start of its date if it does not say."""
    midnight = (segment.date - date(1970, 1, 1)).days * DAY
    match = re.search(rb'"received_at":([0-9]{16}),', text)
    stamped = int(match[1]) if match else 0
    return stamped if midnight <= stamped < midnight + DAY else midnight


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0
