"""One pass over the store: seal what was left over, publish, fold, merge, sweep."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import math
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from smsanalytics.errors import StoreBusy, StoreError
from smsanalytics.storage import atomic, compaction, journal, state_file
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.compaction import jobs, superseded
from smsanalytics.storage.disk import reason
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.pseudonyms import Privacy
from smsanalytics.storage.publish import DUCKDB_FAILS, EVERYTHING, Flushed, flush
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.retention import PAUSE, expire
from smsanalytics.storage.rollup_update import Watch, fold, unwatched

GRACE_SECONDS = 60.0  #: a reader that has just listed a superseded file may still open it
LONGEST_PAUSE = 300.0  #: and between two folds at most [s]
TIDY_SECONDS = 60.0  #: between two looks for what can be merged or swept
FOLD_SHARE = 0.1  #: of the time, at most, that folding takes: a large store is folded less often
MEMORY = "700MB"  #: of DuckDB, where it publishes and folds

log = logging.getLogger("smsanalytics.maintenance")


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    flushed: list[Flushed]
    folded: bool
    merged: int = 0

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
    told : callable, optional
        Told after each step what is being done, and how much of how much.

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
        told: Watch = unwatched,
    ) -> None:
        self._layout, self._zones, self._told = layout, zones, told
        self._retention, self._privacy, self._patience = retention, privacy, patience
        self._looked = -math.inf  # when for dates that ended, by the monotonic clock
        self._closing = contextlib.ExitStack()
        self._not_before = {"fold": 0.0, "tidy": 0.0}  # by the monotonic clock
        self._problems: dict[str, list[str]] = {}  # by step: why it could not be done when it was tried last

    def __enter__(self) -> Maintenance:
        atomic.make_directory(self._layout.tmp)
        with contextlib.ExitStack() as closing:
            if self._patience:
                closing.enter_context(atomic.locked(self._layout.tmp, "another command that needs this store"))
            locked = atomic.locked(self._layout.data, "maintenance of this store", patience=self._patience)
            self._lock = closing.enter_context(locked)
            for left_over in self._layout.tmp.iterdir():
                if left_over.is_file():
                    left_over.unlink()
            self._remove_dead_backup()
            self._connection = closing.enter_context(connect(self._layout, memory=MEMORY))
            known = {name for (name,) in self._connection.execute("SELECT name FROM pg_timezone_names()").fetchall()}
            self._privacy.prepare(self._connection, self._layout)
            if strange := set(self._zones.values()) - known:
                raise StoreError(f"DuckDB does not know the time zone {min(strange)}; an example is Europe/Moscow")
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def run(self, *, anew: bool = False) -> Pass:
        """
        Do everything there is to do.

        Parameters
        ----------
        anew : bool
            Make ``messages`` from all events, instead of folding new ones into it.

        Raises
        ------
        StoreError
            If the disk, or DuckDB, does not let it, or a newer version wrote a segment. What can be done without it is
            done, the rest by the next pass.
        """
        self._not_before = dict.fromkeys(self._not_before, 0.0)
        return self._guarded(anew=anew)

    def follow(self, stop: threading.Event, *, pause: float = 1.0) -> None:
        """Run again and again; what was sealed before the stop was asked for is still published."""
        while not stop.wait(pause):
            atomic.give_way(self._lock, self._layout.data, self._layout.tmp)
            self._guarded()
        self._not_before["fold"] = 0.0
        self._guarded()

    def _guarded(self, *, anew: bool = False) -> Pass:
        stuck: list[StoreError] = []
        done = self._run(stuck, anew=anew)
        if stuck:
            raise stuck[0]
        return done

    def _run(self, stuck: list[StoreError], *, anew: bool) -> Pass:
        """Do each step, whether or not one before it can be done: what is swept may be what another lacks room for."""
        started = time.monotonic()
        flushed = []
        with self._step("publish", stuck) as failed:
            flushed = [one for writer in self._layout.slots() for one in self._publish(writer, failed)]
        folded, merged = False, 0
        if started >= self._not_before["fold"]:
            with self._step("fold", stuck) as failed, _said(failed):
                folded = self._fold(anew=anew)
        if started >= self._not_before["tidy"]:
            with self._step("tidy", stuck) as failed:
                merged = self._tidy(failed)
        if flushed:
            told = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "seconds": round(time.monotonic() - started, 3)}
            with _said(stuck):
                atomic.replace(self._layout.last_pass, json.dumps(told).encode())
        return Pass(flushed, folded, merged)

    @contextlib.contextmanager
    def _step(self, name: str, stuck: list[StoreError]) -> Iterator[list[StoreError]]:
        """Keep why a step could not be done where the doctor, the check and ``/metrics`` find it."""
        failed: list[StoreError] = []
        yield failed
        stuck += failed
        before = [*itertools.chain(*self._problems.values())]
        self._problems[name] = list(dict.fromkeys(map(str, failed)))
        problems = [*itertools.chain(*self._problems.values())]
        if problems != before or bool(problems) != self._layout.problems.exists():
            with contextlib.suppress(OSError):  # of a full disk: then the log says it
                if problems:
                    atomic.replace(self._layout.problems, state_file.encoded({"problems": problems}))
                else:
                    self._layout.problems.unlink(missing_ok=True)

    def _publish(self, writer: str, stuck: list[StoreError]) -> list[Flushed]:
        """Publish what a writer sealed; an error is this writer's, the others go on."""
        flushed: list[Flushed] = []
        with _said(stuck):
            self._adopt(writer)
            sealed = sum(segment.state == "sealed" for segment in self._layout.segments(writer))
            for one in flush(self._connection, self._layout, writer, self._zones, self._privacy):
                rows = ", ".join(f"{count} {table}" for table, count in one.rows.items() if count)
                log.info("published segment %s-%d: %s", one.writer, one.seq, rows or "nothing")
                if one.unreadable:
                    log.error("%d lines of it could not be read; they are in the table rejected", one.unreadable)
                flushed.append(one)
                self._told(f"publishing segments of {writer}", len(flushed), sealed)
        return flushed

    def _fold(self, *, anew: bool) -> bool:
        started = time.monotonic()
        folded = fold(self._connection, self._layout, anew=anew, told=self._told)
        ended = time.monotonic()
        self._not_before["fold"] = ended + min((ended - started) * (1 / FOLD_SHARE - 1), LONGEST_PAUSE)
        return folded

    def _tidy(self, stuck: list[StoreError]) -> int:
        """Merge what is due, give up what need not be kept, and sweep."""
        merged = 0
        with _said(stuck):
            for job in jobs(self._layout, Live.read(self._layout).folded, stuck):
                with _said(stuck), connect(self._layout, memory=compaction.MEMORY) as connection:
                    job.merge(connection)
                    merged += 1
                self._told("merging files", merged, merged + 1)
        with _said(stuck):
            self._expire()
        with _said(stuck):
            sweep(self._layout)
        self._not_before["tidy"] = time.monotonic() + TIDY_SECONDS
        return merged

    def _remove_dead_backup(self) -> None:
        """Remove what a backup took hold of and did not live to copy: it keeps files that are given up."""
        staged = self._layout.tmp / "backup"
        if staged.is_dir():
            with contextlib.suppress(StoreBusy), atomic.locked(staged, "the place of a backup of this store"):
                shutil.rmtree(staged)

    def _expire(self) -> None:
        if self._retention and time.monotonic() - self._looked >= PAUSE:
            expire(self._layout, self._retention)
            self._looked = time.monotonic()

    def _adopt(self, writer: str) -> None:
        """Seal what a dead collector left open; a living one holds its lock and does so itself."""
        slot = self._layout.slot(writer)
        with contextlib.suppress(StoreBusy), atomic.locked(slot, f"journal slot {writer}"):
            journal.recover(slot)


@contextlib.contextmanager
def _said(stuck: list[StoreError]) -> Iterator[None]:
    """Note why a step cannot be done, and go on."""
    try:
        yield
    except StoreError as error:
        stuck.append(error)
    except (OSError, *DUCKDB_FAILS) as error:
        stuck.append(StoreError(f"maintenance stopped: {reason(error)}"))


def sweep(layout: Layout, *, now: float | None = None) -> list[Path]:
    """
    Delete files that stopped counting so long ago that no reader can still be about to open them.

    What replaces them is opened and counted before.

    Raises
    ------
    StoreError
        If it is not whole; then nothing that it replaces is deleted.
    """
    old = (time.time() if now is None else now) - GRACE_SECONDS
    swept: list[Path] = []
    stuck: list[StoreError] = []
    for stale in (_stale_messages(layout, before=old), superseded(layout, before=old)):
        with _said(stuck):
            for path in stale:
                path.unlink()
                swept.append(path)
    if stuck:
        raise stuck[0]
    return swept


def _stale_messages(layout: Layout, *, before: float) -> Iterator[Path]:
    """Generations of messages that do not count, where those that do are whole."""
    if not layout.live_messages.exists():
        return
    counting = Live.read(layout)
    stale = [
        path
        for day, generations in layout.generations().items()
        for generation in generations
        if generation != counting.generations.get(day)
        and (path := layout.message_file(day, generation)).exists()
        and path.stat().st_mtime < before
    ]
    if stale:
        with connect(layout, memory=MEMORY) as connection:
            Tables(layout, connection).require_whole(counting)
    yield from stale
