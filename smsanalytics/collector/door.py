"""The public listener: who may come in, how many at once, and until when each must have said what it wants."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections import Counter
from email.utils import formatdate

from smsanalytics.collector.accounts import is_among, network_of, routes_of
from smsanalytics.collector.answer import BUSY, TOO_MANY, Answer
from smsanalytics.collector.callbacks import Callbacks
from smsanalytics.collector.connection import Connection, Head
from smsanalytics.collector.monitor import Monitor
from smsanalytics.settings import Settings

DRAIN_SECONDS = 10.0  #: how long requests under way may take after a stop was asked for
LAST_CALLS_SECONDS = 0.5  #: within which who was let in last may still say what it wants, and is served
LARGE_BODIES = 4 * 2**20  #: what all bodies that are larger than a callback may hold, unfinished [bytes]
SENT_AWAY = 200  #: connections at once that get an answer though they may not come in
SWEEP_SECONDS = 0.25
HEADS, LONGEST_HEAD = 1000, 1000  #: so many heads are known again, none of them longer [count, bytes]


class Door:
    """
    Opens connections, and ends those that are overdue.

    Parameters
    ----------
    settings : Settings
        Their limits.
    callbacks : Callbacks
        Where bodies go.
    monitor : Monitor
        Counts connections and answers.

    Attributes
    ----------
    date : bytes
        The header, as of this second.
    heads : dict of bytes to Head
        What came before and need not be parsed again, for all but the length is the same in each callback.
    """

    def __init__(self, settings: Settings, callbacks: Callbacks, monitor: Monitor) -> None:
        self.settings, self.callbacks, self.monitor = settings, callbacks, monitor
        self.routes = routes_of(settings)
        self.closing = False
        self.date = b""
        self.heads: dict[bytes, Head] = {}
        self._open: dict[Connection, str] = {}
        self._of_network: Counter[str] = Counter()
        self._sent_away: set[Connection] = set()
        self._large = 0
        self._ready: list[Connection] = []
        self._servers: list[asyncio.Server] = []
        self._sweeping: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()

    async def open(self, listener: socket.socket) -> None:
        """Answer what comes in at a listening socket."""
        self.tick()
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: Connection(self), sock=listener, backlog=2048))
        self._sweeping = self._sweeping or asyncio.create_task(self._sweep())

    def enter(self, connection: Connection, peer: str) -> Answer | None:
        """Let a connection in, or say why not."""
        network = "" if self._is_trusted(peer) else network_of(peer)
        full = len(self._open) >= self.settings.max_connections
        crowded = network and self._of_network[network] >= self.settings.max_connections_per_address
        if full or crowded:
            if len(self._sent_away) < SENT_AWAY:
                self._sent_away.add(connection)
            else:
                connection.abort()
            return TOO_MANY if crowded else BUSY
        self._open[connection] = network
        self._of_network[network] += 1
        self.monitor.connections.set(len(self._open))
        return None

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._sent_away.discard(connection)
        network = self._open.pop(connection, None)
        if network is not None:
            self._of_network[network] -= 1
            if not self._of_network[network]:
                del self._of_network[network]
            self.monitor.connections.set(len(self._open))
            if not self._open:
                self._empty.set()

    def hold(self, size: int) -> bool:
        """Take so many bytes for a large body; or give them back, if negative. False if there are not so many."""
        if size > 0 and self._large + size > LARGE_BODIES:
            return False
        self._large += size
        return True

    def remember(self, head: bytes, said: Head) -> None:
        """Know a head again, and none of the others when there are too many."""
        if len(head) <= LONGEST_HEAD:
            if len(self.heads) >= HEADS:
                self.heads.clear()
            self.heads[head] = said

    def take(self, connection: Connection) -> None:
        """Take its body soon, in one go with those of all that have one now, which costs less than one by one."""
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._take_all)
        self._ready.append(connection)

    def _take_all(self) -> None:
        ready, self._ready = self._ready, []
        for connection in ready:
            connection.take()

    def tick(self) -> None:
        """Look at the clock."""
        self.monitor.settle()
        self.date = f"date: {formatdate(time.time(), usegmt=True)}\r\n".encode()
        now = time.monotonic()
        for connection in [one for one in (*self._open, *self._sent_away) if one.deadline < now]:
            connection.overdue()

    async def close(self) -> None:
        """Let nobody in, answer what is under way, and return when all have left or their time is over."""
        for server in self._servers:
            server.close()
        await asyncio.sleep(LAST_CALLS_SECONDS)
        self.closing = True
        for connection in list(self._open):
            connection.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._open:
                    self._empty.clear()
                    await self._empty.wait()
        for connection in (*self._open, *self._sent_away):
            connection.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.tick()

    def _is_trusted(self, peer: str) -> bool:
        try:
            return is_among(ipaddress.ip_address(peer), self.settings.trusted_proxies)
        except ValueError:
            return False
