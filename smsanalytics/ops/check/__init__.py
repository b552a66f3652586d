"""Looks at everything a store holds, and says of each thing that is wrong what to do; it never writes into it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from smsanalytics.errors import StoreError
from smsanalytics.ops.check import journal, messages
from smsanalytics.ops.check.files import Files, generations, problems, superseded, unfinished
from smsanalytics.ops.check.finding import Finding, Watch, number_of
from smsanalytics.ops.check.recount import Recount
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.disk import reason
from smsanalytics.storage.publish import DUCKDB_FAILS
from smsanalytics.storage.reader import FOLDED, connect
from smsanalytics.storage.schema import EVENT_TABLES
from smsanalytics.storage.sql_path import quoted

__all__ = ["Finding", "Report", "check"]

Look = Callable[[], Iterable[Finding]]

MADE_OF = {*FOLDED, "messages"}  #: what a recount reads
MEMORY = "1GB"  #: of DuckDB; what needs more goes to the system's directory for such files


@dataclass(frozen=True)
class Report:
    """
    What a check found.

    Attributes
    ----------
    findings : list of Finding
        In the order of the looks.
    looked : str
        What was looked at, in a sentence.
    """

    findings: list[Finding]
    looked: str


def check(layout: Layout, *, days: int = 3, seed: int = 0, progress: bool = False) -> Report:
    """
    Look at every file of a store, while whoever writes it goes on.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    days : int
        So many of the messages' days are recounted from the events, the newest among them.
    seed : int
        Of the chance that chooses the others.
    progress : bool
        Show how far it is, on standard error.

    Returns
    -------
    Report

    Raises
    ------
    StoreError
        If there is no store.

    Examples
    --------
    >>> report = check(Layout(example_store))
    >>> report.findings, report.looked
    ([], 'looked at 5 files of 8 rows, and recounted 2026-11-21')
    """
    if not layout.data.is_dir():
        raise StoreError(f"there is no store at {layout.data}; `smsanalytics serve --data {layout.data}` makes one")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    bar = Progress(*columns, console=Console(stderr=True), disable=not progress, transient=True)
    with (
        bar,
        connect(layout, memory=MEMORY) as connection,
        tempfile.TemporaryDirectory(prefix="smsanalytics-") as spill,
    ):
        connection.execute(f"SET temp_directory = {quoted(Path(spill))}")

        def watch(work: Sequence[Any], what: str) -> Iterable[Any]:
            return bar.track(work, description=what)

        files = Files(layout, connection)
        try:
            found = [one for look in _looks(layout, files, watch) for one in _looked(layout, look)]
            broken = any(one.where == str(layout.live_messages) for one in found) or files.unreadable.intersection(
                MADE_OF
            )
            recount = _Recounting(Recount(layout, connection), days, seed, watch)
            found += [] if broken else _looked(layout, recount.look)
        except DUCKDB_FAILS as error:
            raise StoreError(f"the check stopped: {reason(error)}") from None
    read = f"{number_of(files.files, 'file')} of {number_of(files.rows, 'row')}"
    return Report(list(dict.fromkeys(found)), f"looked at {read}, and recounted {recount.said}")


@dataclass
class _Recounting:
    recount: Recount
    number: int
    seed: int
    watch: Watch
    said: str = "nothing, for not all of it can be read"

    def look(self) -> Iterator[Finding]:
        yield from messages.twice(self.recount.layout, self.recount.connection)
        days = self.recount.days(self.number, self.seed)
        for day in self.watch(days, "recount"):
            yield from self.recount.look(day)
        self.said = ", ".join(map(str, days)) or "no day"


def _looks(layout: Layout, files: Files, watch: Watch) -> Iterator[Look]:
    for table in (*EVENT_TABLES, "messages"):
        yield partial(files.look, table, watch)
    for table in EVENT_TABLES:
        yield partial(superseded, layout, table)
    yield partial(generations, layout)
    yield partial(unfinished, layout)
    yield partial(problems, layout)
    yield partial(journal.lines, layout, watch)
    yield partial(journal.settled, partial(journal.sequences, layout))
    yield partial(journal.settled, partial(messages.catalogue, layout))


def _looked(layout: Layout, look: Look) -> list[Finding]:
    """What a look finds; that it may not look is a finding, too."""
    try:
        return list(look())
    except OSError as error:
        why = os.strerror(error.errno or 0)
        todo = f"let uid {os.geteuid()} read it, or check as the user of the collector"
        return [Finding(str(error.filename or layout.data), f"cannot be looked at: {why}", todo)]
