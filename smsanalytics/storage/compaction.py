"""Many small files of events → few large ones: what one holds, each event once, is published under a wider name."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from smsanalytics.errors import StoreError
from smsanalytics.storage.catalog import EventFile, Layout, live
from smsanalytics.storage.publish import write
from smsanalytics.storage.reader import REPEATING, Tables, connect
from smsanalytics.storage.schema import COLUMNS, EVENT_TABLES, HIDDEN, SORTED_BY
from smsanalytics.storage.sql_path import listed, quoted

MEMORY = "500MB"  #: that DuckDB is given for it
CHUNK = 500_000  #: events that are merged at once, so that a large date needs little memory
HOUR = 3600.0  #: how old the oldest file must be before it is merged [s]

log = logging.getLogger("smsanalytics.maintenance")


@dataclass(frozen=True)
class Job:
    """Files of one table, date and writer that are to become one."""

    layout: Layout
    table: str
    day: date
    files: Sequence[EventFile]

    def merge(self, connection: duckdb.DuckDBPyConnection) -> Path:
        """Publish the one, on a connection with `MEMORY`; those it supersedes stay until they are swept."""
        layout, table = self.layout, self.table
        paths = self.paths
        merged = EventFile(self.files[0].writer, self.files[0].first, self.files[-1].last)
        target = layout.event_file(table, self.day, merged)
        tables = Tables(layout, connection)
        tables.of_files(table, paths).create_view("merging")
        by_id = SORTED_BY[table].startswith("message_id")
        ranges = tables.ranges(paths, most=CHUNK) if by_id else ["true"]
        parts = [layout.tmp / f"{table}-part-{number}" for number in range(len(ranges))]
        try:
            for of_ids, part in zip(ranges, parts, strict=True):
                rows = f"{_each_once(table, of_ids)} ORDER BY {SORTED_BY[table]}"
                connection.execute(f"COPY ({rows}) TO {quoted(part)} (FORMAT parquet, COMPRESSION lz4)")
            if tables.receipts(table, parts) != tables.receipts(table, paths):
                raise StoreError(
                    f"merging {len(paths)} files into {target.name} would change how many events there are"
                )
            whole = f"FROM read_parquet({listed(parts)}, hive_partitioning = false)"
            write(connection, whole, layout.tmp / f"{table}-merged", target)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
        log.info("merged %d files into %s/%s", len(self.files), table, target.name)
        return target

    @property
    def paths(self) -> list[Path]:
        """Where they lie."""
        return [self.layout.event_file(self.table, self.day, file) for file in self.files]

    @property
    def written(self) -> float:
        """When the oldest of those that were not merged yet was written. [Unix seconds]"""
        single = [path for path, file in zip(self.paths, self.files, strict=True) if file.first == file.last]
        return min(path.stat().st_mtime for path in single or self.paths)


def jobs(
    layout: Layout, folded: Mapping[str, int], stuck: list[StoreError] | None = None, *, now: float | None = None
) -> Iterator[Job]:
    """
    Tell what is to be merged, of each table, date and writer.

    In the open date those of the past hour become one; when it is over, all of them do. An event that came several
    times is one row, the first received, with the number of times in ``copies``. A crash leaves either the old files
    or, beside them, the one that supersedes them.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    folded : mapping of str to int
        Up to which segment of each writer events are in ``messages``: later ones are left alone.
    stuck : list of StoreError, optional
        Gets the errors of dates whose names contradict one another; without it they are raised.
    now : float, optional
        Instead of the clock's. [Unix seconds]
    """
    now = time.time() if now is None else now
    today = datetime.fromtimestamp(now, UTC).date()
    for table in EVENT_TABLES:
        for day, files in layout.event_files(table).items():
            try:
                counting = live(files)
            except StoreError as error:
                if stuck is None:
                    raise
                stuck.append(error)
                continue
            for _, own in itertools.groupby(counting, lambda file: file.writer):
                done = [file for file in own if file.last <= folded.get(file.writer, 0)]
                chosen = done if day < today else [file for file in done if file.first == file.last]
                job = Job(layout, table, day, chosen)
                if len(chosen) > 1 and now - job.written >= HOUR:
                    yield job


def _each_once(table: str, of_ids: str) -> str:
    """
    Rows that differ in nothing but the time of receipt are one; a repetition that differs otherwise is evidence.

    Where the receipt stands for a time that did not come, or is not believed, it is no difference either.
    """
    columns = COLUMNS[table] | HIDDEN.get(table, {})
    if table not in REPEATING:
        return f"FROM merging WHERE {of_ids}"
    receipts = "flatten(list(list_prepend(received_at, coalesce(repeated_at, []))))"
    made = {
        "received_at": "min(received_at)",
        "copies": "sum(copies)::INTEGER",
        "repeated_at": f"nullif(list_sort({receipts})[2:], [])",
    }
    same = [name for name in columns if name not in made]
    if table == "statuses":
        made["status_at"] = "min(status_at)"
        same[same.index("status_at")] = "CASE time_source WHEN 'received' THEN NULL ELSE status_at END"
    chosen = ", ".join(f"{made.get(name, name)} AS {name}" for name in columns)
    return f"SELECT {chosen} FROM merging WHERE {of_ids} GROUP BY {', '.join(same)}"


def superseded(layout: Layout, *, before: float) -> Iterator[Path]:
    """
    Files of events that a wider one has superseded for so long that no reader can still be about to open them.

    Each wider file is opened, and holds as many receipts as all that it supersedes.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    before : float
        When the wider file must have been written. [Unix seconds]

    Raises
    ------
    StoreError
        If a wider file does not hold what it supersedes; all others were named before.
    """
    lacking = []
    with connect(layout, memory=MEMORY) as connection:
        tables = Tables(layout, connection)
        for table, day, wider_file, files in _covered(layout):
            wider, *covered = (layout.event_file(table, day, file) for file in (wider_file, *files))
            if wider.stat().st_mtime >= before:
                continue
            try:
                held = [layout.event_file(table, day, file) for file in live(files)]  # as if there were no wider one
                whole = tables.receipts(table, [wider]) >= tables.receipts(table, held)
            except StoreError:
                whole = False
            if whole:
                yield from covered
            else:
                lacking.append(wider)
    if lacking:
        raise StoreError(
            f"{lacking[0]} does not hold all events of the files that it supersedes, so these are kept; move it out of "
            "the store, and they count again"
        )


def _covered(layout: Layout) -> Iterator[tuple[str, date, EventFile, list[EventFile]]]:
    """Each file that supersedes others, with its table and date, and these."""
    for table in EVENT_TABLES:
        for day, files in layout.event_files(table).items():
            try:
                counting = live(files)
            except StoreError:
                continue  # the merging says so
            rest = sorted(set(files) - set(counting))
            for wider in counting:
                own = [file for file in rest if file.writer == wider.writer and wider.first <= file.first <= wider.last]
                if own:
                    yield table, day, wider, own
