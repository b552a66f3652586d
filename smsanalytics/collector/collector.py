"""What a collecting process owns: its slots of the journal, what it counts, and when it seals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from smsanalytics.collector.monitor import Monitor
from smsanalytics.collector.quota import Quota
from smsanalytics.errors import StoreBusy, StoreError
from smsanalytics.settings import Settings
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.disk import Space
from smsanalytics.storage.group_commit import GroupCommit
from smsanalytics.storage.journal import Journal

SLOTS = 64  #: of which a collector that was given none takes the first that is free
PATIENCE = 5.0  #: how long to wait for a slot that a maintenance is just sealing [s]
WAITING_BYTES, REJECTED_WAITING_BYTES = 32 * 2**20, 2 * 2**20  #: of what waits for the disk

log = logging.getLogger("smsanalytics.collector")


class Collector:
    """
    The journals of one process that collects. Nothing is opened, or written, before `open`.

    Parameters
    ----------
    settings : Settings
        Fit for serving.
    slot : int, optional
        Events go to slot ``w<slot>`` of the journal, refused callbacks to ``r<slot>``; by default the first of them
        that no other process has.
    now : callable
        The journals' clock. [ns]

    Attributes
    ----------
    events, rejected : GroupCommit
        Once it is open: where events, and refused callbacks, go.
    monitor : Monitor
        Counts.
    quota : Quota
        How much of what is refused is kept.
    """

    events: GroupCommit
    rejected: GroupCommit

    def __init__(self, settings: Settings, slot: int | None = None, *, now: Callable[[], int] = time.time_ns) -> None:
        self.settings, self.layout = settings.for_serving(), Layout(settings.data)
        self.space = Space(self.layout, reserve=settings.disk_reserve_bytes, max_backlog=settings.max_backlog_bytes)
        self.monitor = Monitor(self.settings.accounts)
        self.quota = Quota(settings.rejected_bytes_per_day / settings.workers)
        self._slots, self._now = range(SLOTS) if slot is None else range(slot, slot + 1), now
        self._is_open = False
        self._sealing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """
        Take the slots, and seal what was left over in them, unless that is done.

        Raises
        ------
        StoreError
            If the store cannot be written, or other processes have the slots.
        """
        if self._is_open:
            return
        is_new = not self.settings.data.exists()
        try:
            events, rejected = self._journals()
            if is_new:
                self.settings.data.chmod(0o700)  # phones and texts will be in it
        except OSError as error:
            raise StoreError(f"{error.filename or self.settings.data}: {error.strerror}") from None
        check, most, synced = self.space.check, self.settings.max_waiting, self.monitor.synced
        self.events = GroupCommit(events, check=check, synced=synced, max_waiting=most, max_bytes=WAITING_BYTES)
        self.rejected = GroupCommit(rejected, check=check, max_waiting=most, max_bytes=REJECTED_WAITING_BYTES)
        self._is_open = True

    def ensure_open(self) -> None:
        """
        Open it, and seal segments from now on, unless that is done: what an application is mounted in may not do it.

        Raises
        ------
        StoreError
            As `open`.
        """
        if self._sealing is None or self._sealing.done():
            self.open()
            self._sealing = asyncio.create_task(self._seal_regularly())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be open; in the end commit what waits, seal, and let go of the slots."""
        self.ensure_open()
        async with contextlib.AsyncExitStack() as closing:  # from the last to the first, whatever fails
            closing.callback(setattr, self, "_is_open", False)
            closing.push_async_callback(self.rejected.close)
            closing.push_async_callback(self.events.close)
            if self._sealing:
                closing.callback(self._sealing.cancel)
            yield

    def _journals(self) -> tuple[Journal, Journal]:
        for slot in self._slots:
            try:
                events = self._journal(f"w{slot}", patience=PATIENCE if len(self._slots) == 1 else 0.0)
                break
            except StoreBusy:
                if slot == self._slots[-1]:
                    raise
        try:
            return events, self._journal(f"r{slot}", patience=PATIENCE, lazy=True)
        except BaseException:
            events.close()
            raise

    def _journal(self, writer: str, *, patience: float, lazy: bool = False) -> Journal:
        return Journal(
            self.layout,
            writer,
            seconds=self.settings.flush_seconds,
            lazy=lazy,
            allow_network=self.settings.allow_network_journal,
            patience=patience,
            now=self._now,
        )

    async def _seal_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.settings.flush_seconds / 4))
            self.monitor.settle()
            for journal in (self.events, self.rejected):
                try:
                    await journal.seal_if_due()
                except Exception as error:
                    log.error("a segment could not be sealed: %s; it is tried again", type(error).__name__)
