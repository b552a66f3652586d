"""Group commit: callbacks that arrive together share one write and one sync."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from smsanalytics.errors import JournalError
from smsanalytics.store.journal import Journal


class GroupCommit:
    """
    Puts events into a journal, many callers at a time.

    While one batch is being synced, in a thread of its own, the events that arrive meanwhile form the next.

    Parameters
    ----------
    journal : Journal
        Only this object may write it from now on.
    max_waiting : int
        Callers that may wait at once.
    """

    def __init__(self, journal: Journal, *, max_waiting: int) -> None:
        self._journal = journal
        self._max_waiting = max_waiting
        self._events: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._syncing = 0
        self._drain: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, "journal")

    async def append(self, events: Sequence[bytes]) -> None:
        """
        Return when all of these events are durable.

        Raises
        ------
        JournalError
            If they are not, or too many wait already.
        """
        if len(self._waiting) + self._syncing >= self._max_waiting:
            raise JournalError("too many callbacks wait for the disk")
        durable = asyncio.get_running_loop().create_future()
        self._events += events
        self._waiting.append(durable)
        if self._drain is None:
            self._drain = asyncio.create_task(self._commit_all())
        await durable

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            events, waiting = self._events, self._waiting
            self._events, self._waiting, self._syncing = [], [], len(waiting)
            try:
                await loop.run_in_executor(self._disk, self._journal.write, events)
            except Exception as error:
                failure = error if isinstance(error, JournalError) else JournalError(type(error).__name__)
                _answer(waiting, failure)
            else:
                _answer(waiting, None)
        self._syncing = 0
        self._drain = None

    async def seal_if_due(self) -> None:
        """Hand the current segment over for publishing if it is old enough, also without traffic."""
        await asyncio.get_running_loop().run_in_executor(self._disk, self._journal.seal_if_due)

    async def close(self) -> None:
        """Commit what waits, seal, and let go of the slot."""
        if self._drain is not None:
            await self._drain
        await asyncio.get_running_loop().run_in_executor(self._disk, self._journal.close)
        self._disk.shutdown()


def _answer(waiting: Sequence[asyncio.Future[None]], failure: JournalError | None) -> None:
    for durable in waiting:
        if durable.done():
            continue  # the client went away
        if failure is None:
            durable.set_result(None)
        else:
            durable.set_exception(failure)
