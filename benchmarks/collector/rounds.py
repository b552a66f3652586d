"""One round: each server, one after the other, started afresh and driven in the same way."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.collector import generator, processes
from benchmarks.collector.bench import Bench
from benchmarks.collector.callbacks import Callbacks
from benchmarks.collector.disk import Disk
from benchmarks.collector.generator import CONNECTIONS, Sent
from benchmarks.collector.ours import Collector
from benchmarks.collector.server import Server
from benchmarks.collector.tally import Tally

WARM = 2_000  #: requests before anything counts
ROOM = 1.5  #: so many times the requests that the warm server could answer are prepared
COMMON_RATE, COMMON_SECONDS = 500, 3.0  #: of the open loop that every server has, in requests a second

Row = dict[str, Any]


def alternating(
    kinds: Sequence[type[Server]], bench: Bench, *, rounds: int, seconds: float
) -> Iterator[dict[str, Row]]:
    """Measure each server in each round; another one begins each time."""
    for number in range(rounds):
        first = number % max(len(kinds), 1)
        yield {kind.name: measured(kind, bench, seconds) for kind in (*kinds[first:], *kinds[:first])}


def measured(kind: type[Server], bench: Bench, seconds: float) -> Row:
    """
    Start a server, drive it, stop it, count what it stored.

    Returns
    -------
    dict
        ``rate`` : requests answered with 200 in a second, in a closed loop.
        ``cpu_us_per_request`` : of the server's processes.
        ``generator_busy``, ``others_busy`` : share of the time in which the generator worked, and of both cores that
        went to programs that have no part in it. [0..1]
        ``flushes_per_second``, ``events_per_flush`` : of the disk, where the system counts them.
        ``events_per_sync``, ``sync_us`` : what the server itself says, where it does.
        ``p50_ms``, ``p99_ms`` … : at `COMMON_RATE`, from when a request was due.
        ``answers``, ``stored`` : counts.
    """
    tally, callbacks, folder = Tally(), bench.callbacks, bench.folder / kind.name
    with kind(folder, bench.cores) as server:
        warm = _drive(server, callbacks, tally, WARM, 5.0)[0]
        counted = _Counted(server, bench.disk)
        sent, used = _drive(server, callbacks, tally, int(warm.rate * seconds * ROOM) + CONNECTIONS, seconds)
        row: Row = {
            "rate": round(sent.rate, 1),
            "cpu_us_per_request": round(1e6 * used.server / max(sent.count, 1), 1),
            "generator_busy": round(sent.busy, 3),
            "others_busy": round(used.others / sent.seconds / len(bench.cores.all), 3),
        }
        row |= counted.since(sum(sent.acknowledged), sent.seconds)
        posts = callbacks.take(int(COMMON_RATE * min(seconds, COMMON_SECONDS)))
        timed = generator.punctual(server.port, posts.requests, rate=COMMON_RATE)
        tally.add(posts, timed)
        row |= timed.quantiles() | {"answers": dict(warm.answers + sent.answers + timed.answers)}
    row["stored"] = tally.judged(server.stored()) if server.durable else {}
    shutil.rmtree(folder)
    return row


class _Used(NamedTuple):
    """Time of processors: of the server, and of what has no part in it. [s]"""

    server: float
    others: float


def _drive(server: Server, callbacks: Callbacks, tally: Tally, count: int, seconds: float) -> tuple[Sent, _Used]:
    """Send so many requests at most; returns what came of it, and what time of processors it took."""

    def watch() -> _Used:
        own = server.cpu_seconds()
        ours = own + server.maintenance_seconds() + time.process_time()
        return _Used(own, processes.busy_seconds(server.cores.all) - ours)

    posts = callbacks.take(count)
    sent, before, after = generator.closed(server.port, posts.requests, seconds=seconds, watch=watch)
    tally.add(posts, sent)
    return sent, _Used(*(late - early for early, late in zip(before, after, strict=True)))


class _Counted:
    """What the disk and the server count, from one moment on."""

    def __init__(self, server: Server, disk: Disk) -> None:
        self._metric = server.metric if isinstance(server, Collector) else lambda _: None
        self._durable, self._disk = server.durable, disk
        self._before = self._seen()

    def _seen(self) -> list[float | None]:
        own = ("events_per_sync_count", "events_per_sync_sum", "sync_seconds_count", "sync_seconds_sum")
        return [self._disk.flushes(), *(self._metric(f"smsanalytics_{name}") for name in own)]

    def since(self, events: int, seconds: float) -> Row:
        """How much it is since then, for so many events in so many seconds."""
        passed = [
            None if before is None or after is None else after - before
            for before, after in zip(self._before, self._seen(), strict=True)
        ]
        flushes, batches, gathered, syncs, waited = passed
        row: Row = {}
        if flushes is not None and self._durable:
            row |= {"flushes": int(flushes), "flushes_per_second": round(flushes / seconds, 1)}
            row |= {"events_per_flush": round(events / max(flushes, 1), 2), "events": events}
        if batches and gathered is not None:
            row["events_per_sync"] = round(gathered / batches, 2)
        if syncs and waited is not None:
            row |= {"syncs_per_second": round(syncs / seconds, 1), "sync_us": round(1e6 * waited / syncs, 1)}
        return row
