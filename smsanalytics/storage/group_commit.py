"""Group commit: callbacks that arrive together share one write and one sync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from smsanalytics.errors import JournalError
from smsanalytics.storage.journal import Journal

Done = Callable[[JournalError | None], None]


class GroupCommit:
    """
    Puts events into a journal, many callers at a time.

    While one batch is being synced, in a thread of its own, the events that arrive meanwhile form the next.

    Parameters
    ----------
    journal : Journal
        Only this object may write it from now on.
    check : callable
        Raises JournalError if the disk has no room for more; called in the thread of the disk.
    synced : callable, optional
        Called after each sync, and after all that waited for it, with how many events became durable in what seconds.
    max_waiting : int
        Callers that may wait at once.
    max_bytes : int
        And what they have brought. [bytes]
    """

    def __init__(
        self,
        journal: Journal,
        *,
        check: Callable[[], None],
        synced: Callable[[int, float], None] | None = None,
        max_waiting: int,
        max_bytes: int,
    ) -> None:
        self._journal, self._check, self._synced = journal, check, synced
        self._max_waiting, self._max_bytes = max_waiting, max_bytes
        self._events: list[bytes] = []
        self._waiting: list[Done] = []
        self._syncing = self._bytes = self._syncing_bytes = 0
        self._drain: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, "journal")
        self._durable_at = -float("inf")

    def put(self, events: Sequence[bytes], done: Done) -> None:
        """
        Call `done` when all of these events are durable, or with the error if they are not.

        Raises
        ------
        JournalError
            If too many wait already.
        """
        size = sum([len(event) for event in events])
        if len(self._waiting) + self._syncing >= self._max_waiting or (
            self._bytes + self._syncing_bytes + size > self._max_bytes
        ):
            raise JournalError("too many callbacks wait for the disk")
        self._events += events
        self._bytes += size
        self._waiting.append(done)
        if self._drain is None or self._drain.done():  # or cancelled, with the event loop it ran in
            self._drain = asyncio.create_task(self._commit_all())

    async def append(self, events: Sequence[bytes]) -> None:
        """
        Return when all of these events are durable.

        Raises
        ------
        JournalError
            If they are not, or too many wait already.
        """
        durable = asyncio.get_running_loop().create_future()
        self.put(events, lambda failure: None if durable.done() else durable.set_result(failure))
        failure: JournalError | None = await durable
        if failure is not None:
            raise failure

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                events, waiting = self._events, self._waiting
                self._syncing, self._syncing_bytes = len(waiting), self._bytes
                self._events, self._waiting, self._bytes = [], [], 0
                failure = None
                started = time.perf_counter()
                try:
                    await loop.run_in_executor(self._disk, self._write, events)
                except Exception as error:
                    failure = error if isinstance(error, JournalError) else JournalError(type(error).__name__)
                seconds = time.perf_counter() - started
                for done in waiting:
                    done(failure)
                if failure is None:
                    self._durable_at = time.monotonic()
                    if self._synced:
                        self._synced(len(events), seconds)
        finally:
            self._syncing = self._syncing_bytes = 0

    def _write(self, events: Sequence[bytes]) -> None:
        self._check()
        self._journal.write(events)

    async def prove(self, seconds: float) -> None:
        """
        Make sure that a durable write succeeded within the last `seconds`, by one of its own if there was none.

        Raises
        ------
        JournalError
            If it does not succeed, or the disk has no room for more.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._disk, self._check)
        if time.monotonic() - self._durable_at > seconds:
            await loop.run_in_executor(self._disk, self._journal.probe)
            self._durable_at = time.monotonic()

    async def seal_if_due(self) -> None:
        """Hand the current segment over for publishing if it is old enough, also without traffic."""
        await asyncio.get_running_loop().run_in_executor(self._disk, self._journal.seal_if_due)

    async def close(self) -> None:
        """Commit what waits, seal, and let go of the slot."""
        await (self._commit_all() if self._drain is None or self._drain.done() else self._drain)
        await asyncio.get_running_loop().run_in_executor(self._disk, self._journal.close)
        self._disk.shutdown()
