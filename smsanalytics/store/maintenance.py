"""One pass over the store: seal what was left over, publish, fold, sweep."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import duckdb

from smsanalytics.errors import StoreBusy, StoreError
from smsanalytics.store import durable, journal
from smsanalytics.store.flush import DUCKDB_FAILS, EVERYTHING, Flushed, flush, write
from smsanalytics.store.layout import Layout
from smsanalytics.store.privacy import Privacy
from smsanalytics.store.retention import PAUSE, expire
from smsanalytics.store.schema import SORTED_BY
from smsanalytics.store.tables import FOLDED, Live, Tables, connect

GRACE_SECONDS = 60.0  #: a reader that has just listed a superseded file may still open it

log = logging.getLogger("smsanalytics.maintenance")


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    flushed: list[Flushed]
    folded: bool

    @property
    def rows(self) -> dict[str, int]:
        """Rows published, by table."""
        tables = {table for one in self.flushed for table in one.rows}
        return {table: sum(one.rows.get(table, 0) for one in self.flushed) for table in sorted(tables)}

    @property
    def unreadable(self) -> int:
        """Lines that could not be read and went to ``rejected``."""
        return sum(one.unreadable for one in self.flushed)


class Maintenance:
    """
    The one process that publishes and folds; hold it with ``with``.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    zones : mapping of str to str
        Account to the zone of its text times.
    retention : mapping of str to int, optional
        For how long tables are kept; those without a number for ever. [days]
    privacy : Privacy, optional
        What of callbacks is stored.
    patience : float
        How long to wait until the maintenance that runs makes way; with 0 it is not asked to. [s]

    Raises
    ------
    StoreBusy
        If another maintenance works on this store.
    StoreError
        If a zone cannot be worked with.
    """

    def __init__(
        self,
        layout: Layout,
        zones: Mapping[str, str],
        *,
        retention: Mapping[str, int] = MappingProxyType({}),
        privacy: Privacy = EVERYTHING,
        patience: float = 0.0,
    ) -> None:
        self._layout, self._zones = layout, zones
        self._retention, self._privacy, self._patience = retention, privacy, patience
        self._looked = -math.inf  # when for dates that ended, by the monotonic clock
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Maintenance:
        durable.make_directory(self._layout.tmp)
        with contextlib.ExitStack() as closing:
            if self._patience:
                closing.enter_context(durable.locked(self._layout.tmp, "another command that needs this store"))
            locked = durable.locked(self._layout.data, "maintenance of this store", patience=self._patience)
            self._lock = closing.enter_context(locked)
            for left_over in self._layout.tmp.iterdir():
                if left_over.is_file():
                    left_over.unlink()
            self._connection = closing.enter_context(connect(self._layout))
            known = {name for (name,) in self._connection.execute("SELECT name FROM pg_timezone_names()").fetchall()}
            self._privacy.prepare(self._connection, self._layout)
            if strange := set(self._zones.values()) - known:
                raise StoreError(f"DuckDB does not know the time zone {min(strange)}; an example is Europe/Moscow")
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def run(self) -> Pass:
        """
        Do everything there is to do.

        Raises
        ------
        StoreError
            If the disk, or DuckDB, does not let it, or a newer version wrote a segment. What can be done without it is
            done, the rest by the next pass.
        """
        try:
            return self._run()
        except OSError as error:
            raise StoreError(f"maintenance stopped: {os.strerror(error.errno or errno.EIO)}") from None
        except DUCKDB_FAILS as error:  # its text may quote values
            raise StoreError(f"maintenance stopped: {type(error).__name__} in DuckDB") from None

    def _run(self) -> Pass:
        flushed: list[Flushed] = []
        stuck: list[StoreError] = []
        started = time.monotonic()
        for writer in self._layout.slots():
            self._adopt(writer)
            try:
                for one in flush(self._connection, self._layout, writer, self._zones, self._privacy):
                    rows = ", ".join(f"{count} {table}" for table, count in one.rows.items() if count)
                    log.info("published segment %s-%d: %s", one.writer, one.seq, rows or "nothing")
                    if one.unreadable:
                        log.error("%d lines of it could not be read; they are in the table rejected", one.unreadable)
                    flushed.append(one)
            except StoreError as error:  # of this writer; the others go on
                stuck.append(error)
        folded = fold(self._connection, self._layout)
        self._expire()
        sweep(self._layout)
        if flushed:
            told = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "seconds": round(time.monotonic() - started, 3)}
            durable.replace(self._layout.last_pass, json.dumps(told).encode())
        if stuck:
            raise stuck[0]
        return Pass(flushed, folded)

    def follow(self, stop: threading.Event, *, pause: float = 1.0) -> None:
        """Run again and again; what was sealed before the stop was asked for is still published."""
        stopping = False
        while not stopping:
            stopping = stop.wait(pause)
            durable.give_way(self._lock, self._layout.data, self._layout.tmp)
            self.run()

    def _expire(self) -> None:
        if self._retention and time.monotonic() - self._looked >= PAUSE:
            expire(self._layout, self._retention)
            self._looked = time.monotonic()

    def _adopt(self, writer: str) -> None:
        """Seal what a dead collector left open; a living one holds its lock and does so itself."""
        slot = self._layout.slot(writer)
        with contextlib.suppress(StoreBusy), durable.locked(slot, f"journal slot {writer}"):
            journal.recover(slot)


def fold(connection: duckdb.DuckDBPyConnection, layout: Layout) -> bool:
    """
    Bring ``messages`` up to everything published; tell whether there was anything new.

    All dates are written anew under new names, and replacing ``live.json`` commits them: a reader sees a fold whole
    or not at all, and a crash only repeats it.
    """
    try:
        live = Live.read(layout)
    except StoreError:
        live = Live({}, {}, None)
    there = [file for table in FOLDED for files in layout.event_files(table).values() for file in files]
    writers = {*layout.slots(), *(file.writer for file in there)}  # also those whose journal is gone
    published = {writer: layout.published(writer) for writer in sorted(writers)}
    if not any(published[file.writer] >= file.last > live.folded.get(file.writer, 0) for file in there):
        return False
    tables = Tables(layout, connection)
    events = [tables.events(table, published=published) for table in FOLDED]
    connection.execute("DROP TABLE IF EXISTS folding")
    tables.folded(*events).create("folding")
    newest = max((at for table in events for (at,) in table.max("received_at").fetchall() if at), default=None)
    used = [generation for generations in layout.generations().values() for generation in generations]
    generation = 1 + max([*used, *live.generations.values()], default=0)
    dates = [day for (day,) in connection.execute("SELECT DISTINCT first_seen_at::DATE FROM folding").fetchall()]
    for day in sorted(dates):
        query = f"FROM folding WHERE first_seen_at::DATE = DATE '{day}' ORDER BY {SORTED_BY['messages']}"
        write(connection, query, layout.tmp / "messages", layout.message_file(day, generation))
    connection.execute("DROP TABLE folding")
    for day, superseded in live.generations.items():
        with contextlib.suppress(FileNotFoundError):
            os.utime(layout.message_file(day, superseded))  # its grace period begins now
    as_of = newest.astimezone(UTC) if newest else None
    durable.make_directory(layout.messages)
    durable.replace(layout.live_messages, Live(dict.fromkeys(dates, generation), published, as_of).encoded())
    log.info("folded up to %s", ", ".join(f"{writer}-{seq}" for writer, seq in published.items()))
    return True


def sweep(layout: Layout, *, now: float | None = None) -> list[Path]:
    """Delete message files that stopped counting so long ago that no reader can still be about to open them."""
    counting = Live.read(layout).generations
    old = (time.time() if now is None else now) - GRACE_SECONDS
    swept = [
        path
        for day, generations in layout.generations().items()
        for generation in generations
        if generation != counting.get(day)
        and (path := layout.message_file(day, generation)).exists()
        and path.stat().st_mtime < old
    ]
    for path in swept:
        path.unlink()
    return swept
