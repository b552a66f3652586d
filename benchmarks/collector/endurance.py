"""The collector for longer: punctual at a steady rate while its maintenance publishes, and of steady memory."""

from __future__ import annotations

import shutil
from typing import Any

from benchmarks.collector import generator
from benchmarks.collector.bench import Bench
from benchmarks.collector.ours import Collector
from benchmarks.collector.rounds import WARM
from benchmarks.collector.tally import Tally

LONG_FLUSH_SECONDS = 30.0
CHUNK = 50_000  #: callbacks that are prepared at once, and after which memory is first read


def open_loop(bench: Bench, *, rate: int, seconds: float) -> dict[str, Any]:
    """
    Callbacks at a steady rate, for so long that the maintenance publishes several times meanwhile.

    Returns
    -------
    dict
        ``p50_ms``, ``p99_ms`` … : from when a callback was due.
        ``generator_behind_p99_ms`` : of that, what the generator itself came late.
        ``flushes`` : how often the maintenance published meanwhile.
    """
    tally, callbacks, folder = Tally(), bench.callbacks, bench.folder / "open-loop"
    with Collector(folder, bench.cores, flush_seconds=min(LONG_FLUSH_SECONDS, seconds / 4)) as server:
        warm = callbacks.take(WARM)
        tally.add(warm, generator.closed(server.port, warm.requests, seconds=5.0, watch=lambda: None)[0])
        posts = callbacks.take(int(rate * seconds))
        used, beside = server.cpu_seconds(), server.maintenance_seconds()
        sent = generator.punctual(server.port, posts.requests, rate=rate)
        used, beside = server.cpu_seconds() - used, server.maintenance_seconds() - beside
        tally.add(posts, sent)
        flushes = server.published()
    behind = sorted(sent.behind)
    row = {
        "rate": rate,
        "seconds": round(sent.seconds, 1),
        "flush_seconds": server.flush_seconds,
        "flushes": flushes,
        **sent.quantiles(),
        "generator_behind_p99_ms": round(behind[int(0.99 * len(behind))], 3) if behind else None,
        "cpu_us_per_request": round(1e6 * used / len(posts.requests), 1),
        "maintenance_us_per_request": round(1e6 * beside / len(posts.requests), 1),
        "answers": dict(sent.answers),
        "stored": tally.judged(server.stored()),
    }
    shutil.rmtree(folder)
    return row


def memory(bench: Bench, *, count: int) -> dict[str, Any]:
    """
    So many callbacks as fast as they are taken, and what the collector holds in memory after them.

    Returns
    -------
    dict
        ``asked`` : how many.
        ``resident_mib`` : for numbers of callbacks what it held after them. [MiB]
        ``ratio`` : the last of them over the first.
    """
    tally, callbacks, folder, resident = Tally(), bench.callbacks, bench.folder / "memory", {}
    with Collector(folder, bench.cores) as server:
        while tally.count < count:
            posts = callbacks.take(min(CHUNK, count - tally.count))
            sent, _, _ = generator.closed(server.port, posts.requests, seconds=600.0, watch=lambda: None)
            tally.add(posts, sent)
            if not sent.count:
                break  # the tally will tell
            resident[tally.count] = round(server.resident_bytes() / 2**20, 1)
    held = list(resident.values())
    ratio = round(held[-1] / held[0], 3) if held else None
    row = {"asked": count, "resident_mib": resident, "ratio": ratio, "stored": tally.judged(server.stored())}
    shutil.rmtree(folder)
    return row
