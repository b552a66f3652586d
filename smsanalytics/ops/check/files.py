"""The Parquet files: each can be read to its end, by this version, and holds what its place and its name say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from smsanalytics.errors import StoreError
from smsanalytics.ops.check.finding import Finding, Watch, number_of
from smsanalytics.storage.atomic import is_locked
from smsanalytics.storage.catalog import EventFile, Layout, live
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.publish import DUCKDB_FAILS
from smsanalytics.storage.schema import VERSION
from smsanalytics.storage.sql_path import listed
from smsanalytics.storage.version import newer, version_of

AT_ONCE = 200  #: files in one query
SWEPT_WITHIN = 660.0  #: the grace of a superseded file, and the time a pass may take [s]
LISTINGS = 5  #: so often a partition is listed again, when files of it went meanwhile


class _Gone(Exception):
    """A file that was listed was superseded and swept before it could be opened."""


@dataclass
class Files:
    """
    A look at all files of all tables.

    Attributes
    ----------
    rows, files : int
        Read so far.
    unreadable : set of str
        Tables that cannot be read as a whole.
    """

    layout: Layout
    connection: duckdb.DuckDBPyConnection
    rows: int = 0
    files: int = 0
    unreadable: set[str] = field(default_factory=set)

    def look(self, table: str, watch: Watch) -> Iterator[Finding]:
        """Read every file of a table that counts."""
        days = self._generations() if table == "messages" else self.layout.event_files(table)
        for day in watch(sorted(days), table):
            yield from self._again(table, day)

    def _again(self, table: str, day: date) -> list[Finding]:
        for _ in range(LISTINGS):
            before = self.rows, self.files
            try:
                return list(self._partition(table, day))
            except _Gone:
                self.rows, self.files = before
        directory = self.layout.data / table / f"date={day}"
        return [
            Finding(str(directory), "a file of it is gone each time it is opened", "check again, when less changes")
        ]

    def _partition(self, table: str, day: date) -> Iterator[Finding]:
        if table == "messages":
            generation = self._generations().get(day)
            there = self.layout.message_file(day, generation) if generation is not None else None
            counting = [there] if there and there.exists() else []  # that it is absent is said elsewhere
        else:
            files = self._listed(table, day)
            try:
                counting = [self.layout.event_file(table, day, file) for file in live(files)]
            except StoreError as error:
                self.unreadable.add(table)
                todo = "compare them, and keep one that holds the events of both"
                yield Finding(str(self.layout.data / table / f"date={day}"), str(error), todo)
                counting = [self.layout.event_file(table, day, file) for file in files]
        sound = []
        for path in counting:
            wrong = self._end(table, path)
            if wrong is None:
                sound.append(path)
            else:
                self.unreadable.add(table)
                yield wrong
        for first in range(0, len(sound), AT_ONCE):
            yield from self._read(table, day, sound[first : first + AT_ONCE])

    def _listed(self, table: str, day: date) -> list[EventFile]:
        directory = self.layout.data / table / f"date={day}"
        found = directory.iterdir() if directory.is_dir() else ()
        return [file for path in found if (file := EventFile.parse(path.name))]

    def _generations(self) -> Mapping[date, int]:
        try:
            return Live.read(self.layout).generations
        except StoreError:  # said elsewhere
            return {}

    def _end(self, table: str, path: Path) -> Finding | None:
        """What is wrong with a file, as far as its end tells."""
        try:
            version = version_of(path)
        except FileNotFoundError:
            raise _Gone from None
        except PermissionError:
            return Finding(str(path), "may not be read", f"let uid {os.geteuid()} read it, or check as its owner")
        except OSError as error:
            return Finding(str(path), f"cannot be read: {os.strerror(error.errno or 0)}", _instead(table))
        except StoreError:
            return Finding(str(path), "is no whole Parquet file", _instead(table))
        if version > VERSION:
            found, _, todo = newer(path, version).removeprefix(f"{path} ").partition("; ")
            return Finding(str(path), found, todo)
        return None

    def _read(self, table: str, day: date, paths: Sequence[Path]) -> Iterator[Finding]:
        """Read every value of files; by halves, when one of them cannot be."""
        at = "first_seen_at" if table == "messages" else "received_at"
        source = f"read_parquet({listed(paths)}, hive_partitioning = false, union_by_name = true, filename = true)"
        astray = f"count(*) FILTER ({at}::DATE IS DISTINCT FROM DATE '{day}')"
        query = f"SELECT filename, count(*), {astray}, bit_xor(hash(t)) FROM {source} t GROUP BY filename"
        try:
            found = self.connection.execute(query).fetchall()
        except DUCKDB_FAILS:
            if not all(path.exists() for path in paths):
                raise _Gone from None
            if len(paths) > 1:
                middle = len(paths) // 2
                yield from self._read(table, day, paths[:middle])
                yield from self._read(table, day, paths[middle:])
            else:
                self.unreadable.add(table)
                yield Finding(str(paths[0]), "is damaged: DuckDB cannot read it", _instead(table))
            return
        self.files += len(paths)
        given = {str(path.absolute()): path for path in paths}
        for name, rows, elsewhere, _ in sorted(found):
            self.rows += rows
            if elsewhere:
                what = f"{number_of(elsewhere, 'row')} of {rows:,} have {at} of another date than its directory"
                todo = _instead("messages") if table == "messages" else f"move it to the date of its {at}"
                yield Finding(str(given[name]), what, todo)


def _instead(table: str) -> str:
    if table == "messages":
        return "`smsanalytics maintain --rebuild` makes messages anew from the events"
    return "put it back from a backup, or move it out of the store: while it is there, its table answers nothing"


def superseded(layout: Layout, table: str) -> Iterator[Finding]:
    """Files of events within a wider one that were not swept when it was time."""
    for day, files in layout.event_files(table).items():
        try:
            kept = live(files)
        except StoreError:  # said by `Files`
            continue
        for file in sorted(set(files) - set(kept)):
            wider = next(one for one in kept if one.writer == file.writer and one.first <= file.first <= one.last)
            paths = [layout.event_file(table, day, one) for one in (file, wider)]
            if _overdue(layout, paths):
                yield _unswept(paths[0], f"is superseded by {wider.name}")


def generations(layout: Layout) -> Iterator[Finding]:
    """Generations of messages that nobody counts and that were not swept when it was time."""
    try:
        counting = Live.read(layout).generations
    except StoreError:  # said by `messages`
        return
    for day, there in layout.generations().items():
        for generation in there:
            path = layout.message_file(day, generation)
            if generation != counting.get(day) and _overdue(layout, [path]):
                yield _unswept(path, "is a generation that does not count")


def unfinished(layout: Layout) -> Iterator[Finding]:
    """Files that a maintenance did not finish, while none runs."""
    there = sorted(layout.tmp.iterdir()) if layout.tmp.is_dir() else []
    for path in there:
        if path.is_file() and not is_locked(layout.data) and path.exists():
            yield Finding(
                str(path),
                "is unfinished, and no maintenance runs",
                "`smsanalytics maintain` removes it; a crash leaves such",
            )


def problems(layout: Layout) -> Iterator[Finding]:
    """What the maintenance could not do when it tried last."""
    for problem in layout.found_problems():
        found, _, todo = problem.partition("; ")
        yield Finding(str(layout.problems), f"the maintenance found: {found}", todo or "see the log of the maintenance")


def _overdue(layout: Layout, paths: Sequence[Path]) -> bool:
    """Whether a pass since then should have swept it."""
    try:
        since = max(path.stat().st_mtime for path in paths)
        last = layout.last_pass.stat().st_mtime if layout.last_pass.exists() else 0.0
    except FileNotFoundError:  # swept meanwhile
        return False
    return (time.time() if is_locked(layout.data) else last) > since + SWEPT_WITHIN


def _unswept(path: Path, found: str) -> Finding:
    todo = "it may be removed; if more of them come, see the lines of smsanalytics.maintenance in the log"
    return Finding(str(path), f"{found}, and was not swept", todo)
