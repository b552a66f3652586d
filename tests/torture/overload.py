"""
Three times as many callbacks as the collector can take, and nobody waits for an answer before the next is sent.

First its peak: clients that send one after another, of several numbers of connections the best. Then three times that for as
long, on hundreds of connections and with several requests under way on each. At least 80 % of the peak is still acknowledged,
in the short form, which shares its cores with other tests, 30 %, and 60 % for each second of its processor time. What is not taken is answered with 503 or 429, or waits,
or is held back for want of a connection that has room. Rounds are seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import uvloop
from serving import Collector, counting, maintain
from signing import status_body

from torture.link import Link, post
from torture.outcome import Outcome

SHORT, FULL = 2, 30
LEAST = 0.8  #: of the peak
LEAST_OF_SHORT, LEAST_THRIFT = 0.3, 0.6
TIMES = 3
MOST = 60_000  #: callbacks a second for which requests are prepared
LEVELS = (16, 64, 256)  #: connections whose best is the peak
CONNECTIONS, OF_ONE_ADDRESS = 760, 95
UNDER_WAY = 16  #: requests on one connection
TICK = 0.005
REFUSED = (429, 503)
REST_SECONDS = 30.0  #: for the answers to what is under way at the end


@dataclass
class Phase:
    """What happened in a period of load."""

    seconds: float = 0.0
    good: int = 0  #: answered with 200 within the period
    offered: int = 0
    held_back: int = 0
    generator: float = 0.0  #: share of a core
    collector: float = 0.0
    waited: list[float] = field(default_factory=list)  #: of what was answered with 200, then or later [s]

    @property
    def rate(self) -> float:
        """Answered with 200, a second."""
        return self.good / self.seconds

    @property
    def thrift(self) -> float:
        """And for each second of the collector's processor time."""
        return self.rate / max(self.collector, 0.01)


class Load:
    """All connections, and what came of all requests."""

    def __init__(self, collector: Collector) -> None:
        url = urlsplit(collector.url)
        self._where = url.hostname, url.port
        self._pid = collector.process.pid
        self._ids = itertools.count(1)
        self._ready: list[tuple[int, bytes]] = []
        self._phase = Phase()
        self.answers: Counter[int] = Counter()
        self.acknowledged: list[int] = []
        self.last = 0
        self._reopened: list[asyncio.Future[None]] = []

    def prepare(self, requests: int) -> None:
        self._ready = [(number, post(status_body(number))) for number in itertools.islice(self._ids, requests)]

    async def _connect(self, links: list[Link | None], place: int, answered: Callable[..., None]) -> None:
        """Make one of the connections; one that was ended is made anew, until `_rest`."""
        links[place] = None

        def lost(_: Link) -> None:
            if not self._phase.seconds:
                self._reopened.append(asyncio.ensure_future(self._connect(links, place, answered)))

        with contextlib.suppress(OSError):
            _, links[place] = await asyncio.get_running_loop().create_connection(
                functools.partial(Link, answered, lost),
                *self._where,
                local_addr=(f"127.0.2.{place // OF_ONE_ADDRESS + 1}", 0),
            )

    async def closed(self, connections: int, seconds: float) -> Phase:
        """One after another on each connection."""
        self._phase, links = Phase(), [None] * connections
        for place in range(connections):
            await self._connect(links, place, self._next)
        phase = await self._during(seconds, self._begin(links))
        assert self._ready, "all that was prepared was answered: the peak is higher"
        self._ready = []
        await self._rest(links)
        return phase

    async def open(self, rate: float, seconds: float) -> Phase:
        """So many a second, whatever becomes of them."""
        self._phase, links = Phase(), [None] * CONNECTIONS
        for place in range(CONNECTIONS):
            await self._connect(links, place, self._note)
        phase = await self._during(seconds, self._offer(links, rate, seconds))
        await self._rest(links)
        return phase

    async def _begin(self, links: list[Link | None]) -> None:
        for link in links:
            self._send(link)

    async def _offer(self, links: list[Link | None], rate: float, seconds: float) -> None:
        turns = itertools.cycle(range(len(links)))
        started = time.monotonic()
        while (passed := time.monotonic() - started) < seconds and self._ready:
            while self._phase.offered + self._phase.held_back < rate * passed and self._ready:
                link = links[next(turns)]
                if link and link.transport and not link.closing and len(link.waiting) < UNDER_WAY:
                    self._send(link)
                else:
                    self._phase.held_back += 1
            await asyncio.sleep(TICK)

    async def _during(self, seconds: float, load) -> Phase:
        phase = self._phase
        started, own, other = time.monotonic(), time.process_time(), _cpu(self._pid)
        loading = asyncio.ensure_future(load)
        await asyncio.sleep(seconds)
        phase.seconds = time.monotonic() - started  # what comes later is not good
        phase.generator = (time.process_time() - own) / phase.seconds
        phase.collector = (_cpu(self._pid) - other) / phase.seconds
        await loading
        return phase

    async def _rest(self, links: list[Link | None]) -> None:
        for _ in range(int(REST_SECONDS / TICK)):
            if not any(link and link.waiting and link.transport for link in links):
                break
            await asyncio.sleep(TICK)
        for link in links:
            if link and link.transport:
                link.transport.close()
        await asyncio.sleep(0.1)

    def _send(self, link: Link) -> None:
        number, request = self._ready.pop()
        self.last = max(self.last, number)
        self._phase.offered += 1
        link.send(request, (number, time.monotonic()))

    def _note(self, _: Link, token: object, status: int) -> None:
        number, sent = token
        self.answers[status] += 1
        if status == 200:
            self.acknowledged.append(number)
            self._phase.good += not self._phase.seconds
            self._phase.waited.append(time.monotonic() - sent)

    def _next(self, link: Link, token: object, status: int) -> None:
        self._note(link, token, status)
        if self._ready and not link.closing:
            self._send(link)


def run(folder: Path, rounds: int) -> Outcome:
    outcome = Outcome()
    collector = Collector(folder / "data", "--no-maintain")
    load = Load(collector)
    try:
        peak, over = uvloop.run(_load(load, rounds))
        if code := collector.stop():
            outcome.wrong.append(f"the collector ended with {code}")
    finally:
        collector.kill()
    maintain(collector.data)
    counted = f"SELECT message_id, sum(copies) FROM read_parquet({counting(collector.data)}) GROUP BY 1"
    stored = dict(duckdb.sql(counted).fetchall())
    outcome.rounds = peak.offered + over.offered + over.held_back
    outcome.acknowledged = len(load.acknowledged)
    outcome.missing = sum(number not in stored for number in load.acknowledged)
    outcome.twice = sum(times > 1 for times in stored.values())
    outcome.forged = sum(number > load.last for number in stored)
    outcome.unintended = sum(count for status, count in load.answers.items() if status >= 500 and status not in REFUSED)
    if strange := set(load.answers) - {200, *REFUSED}:
        outcome.wrong.append(f"answered {sorted(strange)}")
    thrifty = rounds != SHORT or over.thrift >= LEAST_THRIFT * peak.thrift
    if not thrifty or over.rate < (LEAST_OF_SHORT if rounds == SHORT else LEAST) * peak.rate:
        outcome.wrong.append(
            f"of {peak.rate:.0f} callbacks a second only {over.rate:.0f} were acknowledged under overload"
        )
    outcome.note = _note(load, peak, over)
    return outcome


async def _load(load: Load, seconds: int) -> tuple[Phase, Phase]:
    peak = Phase(1.0, collector=1.0)
    for level in LEVELS:
        load.prepare(MOST * max(1, seconds // 3))
        peak = max(peak, await load.closed(level, max(1.0, seconds / 3)), key=lambda phase: phase.rate)
    load.prepare(int(TIMES * peak.rate * seconds) + 1000)
    return peak, await load.open(TIMES * peak.rate, seconds)


def _note(load: Load, peak: Phase, over: Phase) -> str:
    waited = sorted(over.waited)
    tried = (over.offered + over.held_back) / over.seconds
    refused = sum(load.answers[status] for status in REFUSED)
    return "; ".join(
        [
            f"peak {peak.rate:.0f}/s",
            f"of {tried:.0f}/s ({tried / peak.rate:.1f} ×) {over.rate:.0f}/s acknowledged ({over.rate / peak.rate:.0%})",
            f"{refused} refused, {over.held_back} held back",
            f"p99 {waited[int(0.99 * len(waited))]:.2f} s" if waited else "none was acknowledged",
            f"of a core: generator {over.generator:.0%} (peak {peak.generator:.0%}), "
            f"collector {over.collector:.0%} ({peak.collector:.0%})",
        ]
    )


def _cpu(pid: int) -> float:
    """Seconds of a core that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
