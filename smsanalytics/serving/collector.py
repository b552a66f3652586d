"""One collecting process: its journals, its door, its pages and its maintenance, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence

from smsanalytics.collector.callbacks import Callbacks
from smsanalytics.collector.door import Door
from smsanalytics.collector.monitor import Monitor
from smsanalytics.collector.quota import Quota
from smsanalytics.serving.admin import Admin
from smsanalytics.serving.child import Child
from smsanalytics.serving.metrics import Metrics
from smsanalytics.settings import Settings
from smsanalytics.store.commit import GroupCommit
from smsanalytics.store.journal import Journal
from smsanalytics.store.layout import Layout
from smsanalytics.store.space import Space

PATIENCE = 5.0  #: how long to wait for a slot that a maintenance is just sealing [s]
WAITING_BYTES, REJECTED_WAITING_BYTES = 32 * 2**20, 2 * 2**20  #: of what waits for the disk

log = logging.getLogger("smsanalytics.collector")


class Collector:
    """
    Everything of one process that collects; the slots of its journals are its own from here on.

    Parameters
    ----------
    settings : Settings
        Fit for serving.
    number : int
        Which of the workers it is: events go to slot ``w<number>``, refused callbacks to ``r<number>``.
    now : callable
        The journals' clock. [ns]

    Raises
    ------
    StoreError
        If the store cannot be written, or another process has a slot.

    Attributes
    ----------
    door : Door
        The public listener.
    admin : Admin
        The pages of the other one.
    """

    def __init__(self, settings: Settings, number: int = 0, *, now: Callable[[], int] = time.time_ns) -> None:
        layout = Layout(settings.data)

        def journal(writer: str, *, lazy: bool) -> Journal:
            return Journal(
                layout,
                writer,
                seconds=settings.flush_seconds,
                lazy=lazy,
                allow_network=settings.allow_network_journal,
                patience=PATIENCE,
                now=now,
            )

        space = Space(layout, reserve=settings.disk_reserve_bytes, max_backlog=settings.max_backlog_bytes)
        monitor = Monitor(settings.accounts)

        self._events = GroupCommit(
            journal(f"w{number}", lazy=False),
            check=space.check,
            synced=monitor.synced,
            max_waiting=settings.max_waiting,
            max_bytes=WAITING_BYTES,
        )
        self._rejected = GroupCommit(
            journal(f"r{number}", lazy=True),
            check=space.check,
            max_waiting=settings.max_waiting,
            max_bytes=REJECTED_WAITING_BYTES,
        )
        self._seconds = settings.flush_seconds
        quota = Quota(settings.rejected_bytes_per_day / settings.workers)
        self.door = Door(settings, Callbacks(self._events, self._rejected, quota, monitor), monitor)
        self.admin = Admin(settings, self._events, Metrics(monitor, layout, space))

    @contextlib.asynccontextmanager
    async def running(self, *listeners: socket.socket, maintain: Sequence[str] | None = None) -> AsyncIterator[None]:
        """
        Collect; in the end answer what is under way, seal, and let go of the slots.

        Parameters
        ----------
        *listeners : socket
            Where the provider calls.
        maintain : sequence of str, optional
            Command of a maintenance to run beside it, which publishes what was sealed last.
        """
        async with contextlib.AsyncExitStack() as closing:  # from the last to the first, whatever fails
            if maintain:
                closing.push_async_callback(Child(maintain, "the maintenance").stop)
            closing.push_async_callback(self._rejected.close)
            closing.push_async_callback(self._events.close)
            closing.callback(asyncio.create_task(self._seal_regularly()).cancel)
            closing.push_async_callback(self.door.close)
            for listener in listeners:
                await self.door.open(listener)
            yield

    async def _seal_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._seconds / 4))
            for journal in (self._events, self._rejected):
                try:
                    await journal.seal_if_due()
                except Exception as error:
                    log.error("a segment could not be sealed: %s; it is tried again", type(error).__name__)
