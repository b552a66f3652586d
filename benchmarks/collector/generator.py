"""
Sends prepared requests over kept-alive connections, and does as little else as it can.

In a closed loop each connection sends the next request when the last was answered. In an open loop requests are due at
a fixed rate, whatever the server does, and how long one took counts from when it was due.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import uvloop

CONNECTIONS = 64
PATIENCE = 30.0  #: how long the last answers may take [s]
OK = b"HTTP/1.1 200 "
LENGTH = b"content-length:"

Seen = TypeVar("Seen")
Result = TypeVar("Result")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Sent:
    """
    What came of a load.

    Attributes
    ----------
    acknowledged : bytearray
        For each request 1 if it was answered with 200, else 0.
    answers : Counter of str
        How often each status came; ``lost`` where none did.
    count, seconds : int and float
        Answers of 200 within the time that counts, and how long that was.
    busy : float
        Share of that time in which the generator itself worked. [0..1]
    """

    acknowledged: bytearray
    answers: Counter[str]
    count: int
    seconds: float
    busy: float

    @property
    def rate(self) -> float:
        """Answers of 200 in a second."""
        return self.count / self.seconds


@dataclass(frozen=True)
class Punctual(Sent):
    """
    What came of an open loop.

    Attributes
    ----------
    milliseconds : array of float
        From when a request was due to its answer; infinite where none came, or another than 200.
    behind : array of float
        By how much the generator itself was late, in sending the requests that had not to wait for a connection.
    """

    milliseconds: array[float]
    behind: array[float]

    def quantiles(self) -> dict[str, float]:
        """The usual ones. [ms]"""
        ordered = np.sort(np.asarray(self.milliseconds))
        shares = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
        found = {name: ordered[max(0, int(np.ceil(share * len(ordered))) - 1)] for name, share in shares.items()}
        return {name: round(float(value), 3) for name, value in found.items()}


class _Link(asyncio.Protocol):
    """One connection, and the request that is under way on it."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._usual = -1  # length of the answers of 200
        self._held = b""
        self.index = -1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        if len(data) == self._usual and not self._held and data.startswith(OK):
            self._load.answered(self, "200")
        elif (status := self._read(data)) is not None:
            self._load.answered(self, status)

    def _read(self, data: bytes) -> str | None:
        """The status, once the answer is complete."""
        self._held += data
        head, end, body = self._held.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = [line for line in head.lower().split(b"\r\n") if line.startswith(LENGTH)]
        if not lines:
            raise ValueError("an answer came without its length")
        if len(body) < int(lines[0].removeprefix(LENGTH)):
            return None
        if self._held == data and data.startswith(OK):
            self._usual = len(data)
        self._held = b""
        return head[9:12].decode("ascii")

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self)


class _Load:
    """The closed loop."""

    def __init__(self, requests: Sequence[bytes], port: int) -> None:
        self.requests, self.port = requests, port
        self.acknowledged = bytearray(len(requests))
        self.answers: Counter[str] = Counter()
        self.next = self.under_way = self.count = 0
        self.over = False
        self.at_end: Callable[[], None] = lambda: None
        self.done = asyncio.Event()
        self.links: list[_Link] = []

    async def connect(self) -> _Link:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(lambda: _Link(self), "127.0.0.1", self.port)
        self.links.append(link)
        return link

    def free(self, link: _Link) -> None:
        """Give a connection its next request."""
        if self.next == len(self.requests):
            self.finish()
        if self.over:
            if not self.under_way:
                self.done.set()
            return
        self.send(link)

    def send(self, link: _Link) -> None:
        link.index = self.next
        self.next += 1
        self.under_way += 1
        link.write(self.requests[link.index])

    def answered(self, link: _Link, status: str) -> None:
        self.answers[status] += 1
        self.under_way -= 1
        if status == "200":
            self.acknowledged[link.index] = 1
            self.count += 1
        link.index = -1
        self.free(link)

    def lost(self, link: _Link) -> None:
        """Count the request it was lost with, and go on with a new one."""
        if self.done.is_set() or link not in self.links:
            return
        self.links.remove(link)
        if link.index >= 0:
            self.answers["lost"] += 1
            self.under_way -= 1
        self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        self.free(await self.connect())

    def finish(self) -> None:
        """Send no more; what is answered from here on does not count."""
        if not self.over:
            self.over = True
            self.at_end()

    def close(self) -> None:
        links, self.links = self.links, []
        for link in links:
            link.transport.close()


class _Timed(_Load):
    """The open loop."""

    def __init__(self, requests: Sequence[bytes], port: int, rate: float) -> None:
        super().__init__(requests, port)
        self.every = 1 / rate
        self.start = 0.0
        self.idle: deque[_Link] = deque()  # the one that rested longest is the next: none rests until it is closed
        self.milliseconds = array("d", [float("inf")]) * len(requests)
        self.behind = array("d")

    def free(self, link: _Link) -> None:
        if self.next < len(self.requests) and self.start + self.next * self.every <= time.perf_counter():
            self.send(link)
        else:
            self.idle.append(link)
            if self.next == len(self.requests) and not self.under_way:
                self.done.set()

    def answered(self, link: _Link, status: str) -> None:
        if status == "200":
            late = time.perf_counter() - self.start - link.index * self.every
            self.milliseconds[link.index] = 1000 * late
        super().answered(link, status)

    def lost(self, link: _Link) -> None:
        if link in self.idle:
            self.idle.remove(link)
        super().lost(link)

    def tick(self) -> None:
        """Send what is due, as far as there are connections."""
        now = time.perf_counter()
        while self.idle and self.next < len(self.requests) and self.start + self.next * self.every <= now:
            self.behind.append(1000 * (now - self.start - self.next * self.every))
            self.send(self.idle.popleft())


def closed(
    port: int,
    requests: Sequence[bytes],
    *,
    seconds: float,
    watch: Callable[[], Seen],
    connections: int = CONNECTIONS,
) -> tuple[Sent, Seen, Seen]:
    """
    Send as fast as a server answers, for a time or until there are no more requests.

    Returns
    -------
    Sent, and what `watch` saw when it began and when the time was over
    """

    async def run() -> tuple[Sent, Seen, Seen]:
        load = _Load(requests, port)
        for _ in range(connections):
            await load.connect()
        before, start, worked = watch(), time.perf_counter(), time.process_time()
        at_end: list[tuple[int, float, float, Seen]] = []
        load.at_end = lambda: at_end.append(
            (load.count, time.perf_counter() - start, time.process_time() - worked, watch())
        )
        asyncio.get_running_loop().call_later(seconds, load.finish)
        for link in load.links[:]:
            load.free(link)
        await _patiently(load, seconds)
        [(count, taken, worked, after)] = at_end
        return Sent(load.acknowledged, load.answers, count, taken, worked / taken), before, after

    return _alone(run)


def punctual(port: int, requests: Sequence[bytes], *, rate: float, connections: int = CONNECTIONS) -> Punctual:
    """Send requests when they are due, so many in a second, and wait for the last answer."""

    async def run() -> Punctual:
        load = _Timed(requests, port, rate)
        for _ in range(connections):
            load.idle.append(await load.connect())
        load.start, worked = time.perf_counter() + load.every, time.process_time()
        with _ticking(load.every, load.tick):
            await _patiently(load, len(requests) / rate)
        taken = time.perf_counter() - load.start
        busy = (time.process_time() - worked) / taken
        return Punctual(load.acknowledged, load.answers, load.count, taken, busy, load.milliseconds, load.behind)

    return _alone(run)


async def _patiently(load: _Load, seconds: float) -> None:
    """Wait for the last answer; what has none in the end is lost."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(load.done.wait(), seconds + PATIENCE)
    load.answers["lost"] += load.under_way
    load.answers = +load.answers  # without what is 0
    load.close()


def _alone(run: Callable[[], Coroutine[None, None, Result]]) -> Result:
    """Run it without the collector of garbage, which would look at every request again and again."""
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run())
    finally:
        gc.enable()


@contextlib.contextmanager
def _ticking(every: float, tick: Callable[[], None]) -> Iterator[None]:
    """Call `tick` every so many seconds, by a clock of the system: those of the event loop know whole milliseconds."""
    clock = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK)
    whole, nanoseconds = divmod(round(every * 1e9), 10**9)
    setting = (ctypes.c_long * 4)(whole, nanoseconds, whole, nanoseconds)  # interval, and when first
    if clock < 0 or _libc.timerfd_settime(clock, 0, setting, None):
        raise OSError(ctypes.get_errno(), "no clock of the system")

    def elapsed() -> None:
        os.read(clock, 8)
        tick()

    loop = asyncio.get_running_loop()
    loop.add_reader(clock, elapsed)
    try:
        yield
    finally:
        loop.remove_reader(clock)
        os.close(clock)
