"""A process beside the collector, its maintenance or a worker: started, restarted, stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

LAST_PASS_SECONDS = 60.0  #: how long it may take to finish, as the maintenance to publish what was sealed last
SOONEST_RESTART, LATEST_RESTART = 1.0, 60.0

log = logging.getLogger("smsanalytics.collector")


class Child:
    """
    A command that is kept running until `stop`; if it ends, it is started again, ever less eagerly.

    It is asked to stop by the end of its standard input, which it cannot miss, however early that comes, and which
    it sees as well when this process is killed.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; one that finishes its work and ends at the end of its input.
    name : str
        As the log calls it.
    pass_fds : sequence of int
        Open files it gets.
    """

    def __init__(self, command: Sequence[str], name: str, *, pass_fds: Sequence[int] = ()) -> None:
        self._command, self._name, self._pass_fds = command, name, pass_fds
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        pause = SOONEST_RESTART
        while not self._stopping:
            started = time.monotonic()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=asyncio.subprocess.PIPE, pass_fds=self._pass_fds
                )
                ended = f"ended with {await self._process.wait()}"
            except OSError as error:
                ended = f"could not be started: {error.strerror}"
            if self._stopping:
                return
            pause = SOONEST_RESTART if time.monotonic() - started > LATEST_RESTART else min(2 * pause, LATEST_RESTART)
            log.error("%s %s; it is started again in %.0f s", self._name, ended, pause)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ask the command to finish its work and end; end it if it takes too long."""
        self._stopping = True
        if self._process is not None and self._process.stdin is not None and self._process.returncode is None:
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), LAST_PASS_SECONDS)
            except TimeoutError:
                log.error("%s did not end in %.0f s and was killed", self._name, LAST_PASS_SECONDS)
                self._process.kill()
        self._keeping.cancel()
