"""What is seen from outside: counters of the hot path, and what the disk tells when somebody asks."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from smsanalytics.store.layout import Layout
from smsanalytics.store.space import Space
from smsanalytics.wire.kind import Kind

SHARED = "PROMETHEUS_MULTIPROC_DIR"  #: names the directory where several workers count together
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
STATUSES = (200, 400, 403, 404, 405, 408, 413, 429, 503)
REASONS = ("address", "malformed", "structure", "signature", "fault")
EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Monitor:
    """
    Counts what a collector does, for `page`.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    space : Space
        Room on its disk.
    accounts : collection of str
        Those there are.
    """

    def __init__(self, layout: Layout, space: Space, accounts: Collection[str]) -> None:
        self._layout, self._space = layout, space
        self._registry = own = CollectorRegistry()
        name = "smsanalytics_"
        accepted = Counter(f"{name}accepted", "Events stored.", ["account", "kind"], registry=own)
        rejected = Counter(f"{name}rejected", "Callbacks refused.", ["account", "reason"], registry=own)
        answers = Counter(f"{name}answers", "Answers on the public listener.", ["status"], registry=own)
        self.request = Histogram(
            f"{name}request_seconds", "From the last byte of a callback to its answer.", buckets=SECONDS, registry=own
        )
        self.sync = Histogram(f"{name}sync_seconds", "Of one write and sync.", buckets=SECONDS, registry=own)
        self.batch = Histogram(f"{name}events_per_sync", "Events in one sync.", buckets=EVENTS, registry=own)
        self.connections = Gauge(
            f"{name}connections", "Open on the public listener.", multiprocess_mode="livesum", registry=own
        )
        self._answers = {status: answers.labels(str(status)) for status in STATUSES}  # all begin at 0, not at 1
        self._accepted = {(one, kind): accepted.labels(one, kind) for one in accounts for kind in Kind}
        self._rejected = {(one, reason): rejected.labels(one, reason) for one in accounts for reason in REASONS}
        seen = Gauge(f"{name}seen", "When.", ["account"], multiprocess_mode="max", registry=own)
        self._seen = {account: seen.labels(account) for account in accounts}
        for one in self._seen.values():
            one.set_to_current_time()  # none came yet: since the collector started

        self._new: defaultdict[Counter, int] = defaultdict(int)  # until `settle`: a sum costs less than its parts
        self._heard: set[str] = set()

    def accept(self, account: str, kind: Kind) -> None:
        """One event is durable."""
        self._accepted[account, kind].inc()  # at once: where several workers count together, it outlives this one
        self._heard.add(account)

    def reject(self, account: str, reason: str) -> None:
        """One callback was refused."""
        self._new[self._rejected[account, reason]] += 1

    def answered(self, status: int) -> None:
        """A request on the public listener got this status."""
        self._new[self._answers[status]] += 1

    def settle(self) -> None:
        """Let `page` and other workers see what was counted; in the thread that counts."""
        for counter, times in self._new.items():
            counter.inc(times)
        for account in self._heard:
            self._seen[account].set_to_current_time()
        self._new.clear()
        self._heard.clear()

    def synced(self, events: int, seconds: float) -> None:
        """So many events became durable in one sync."""
        self.sync.observe(seconds)
        self.batch.observe(events)

    def page(self) -> bytes:
        """All of it in the text format of Prometheus."""
        counted = CollectorRegistry()
        counted.register(_Shown(self._counted()))
        counted.register(_Shown(self._of_the_disk()))
        return generate_latest(counted)

    def _counted(self) -> list[Metric]:
        registry = self._registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        since = GaugeMetricFamily(
            "smsanalytics_seconds_since_callback", "Since the last one, or the start.", labels=["account"]
        )
        shown: list[Metric] = [since]
        for family in registry.collect():
            if family.name != "smsanalytics_seen":
                shown.append(family)
                continue
            for sample in family.samples:
                since.add_metric([sample.labels["account"]], max(0.0, time.time() - sample.value))
        return shown

    def _of_the_disk(self) -> list[Metric]:
        backlog = self._space.backlog()
        figures = {
            "backlog_segments": ("Sealed segments that wait to be published.", backlog.segments),
            "backlog_bytes": ("Their bytes.", backlog.bytes),
            "flush_lag_seconds": ("Age of the oldest of them.", backlog.seconds),
            "flush_seconds": ("Of the last pass that published something.", _last_pass(self._layout)),
            "quarantined": ("Files of lines that a recovery could not read.", self._space.quarantined()),
            "disk_free_bytes": ("Free on the file system of the store.", self._space.free),
            "disk_reserve_bytes": ("Below this callbacks are answered 503.", self._space.reserve),
        }
        return [
            GaugeMetricFamily(f"smsanalytics_{name}", text, value)
            for name, (text, value) in figures.items()
            if value is not None
        ]


class _Shown:
    """Metrics as a registry takes them."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _last_pass(layout: Layout) -> float | None:
    try:
        return float(json.loads(layout.last_pass.read_bytes())["seconds"])
    except (OSError, ValueError, KeyError):
        return None
