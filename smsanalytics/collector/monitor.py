"""What the hot path counts, to be seen from outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from smsanalytics.smsc.kinds import Kind

SHARED = "PROMETHEUS_MULTIPROC_DIR"  #: names the directory where several workers count together
SEEN = "smsanalytics_seen"  #: the gauge of when; what is shown is how long ago that is
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
STATUSES = (200, 400, 403, 404, 405, 408, 413, 429, 503)
REASONS = ("address", "malformed", "structure", "signature", "fault")
EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Monitor:
    """
    Counts what a collector does.

    Parameters
    ----------
    accounts : collection of str
        Those there are.

    Attributes
    ----------
    registry : CollectorRegistry
        Of Prometheus; it has what was counted up to the last `settle`.
    """

    def __init__(self, accounts: Collection[str]) -> None:
        self.registry = own = CollectorRegistry()
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
        self._accepted = {(name, kind): accepted.labels(name, kind) for name in accounts for kind in Kind}
        self._rejected = {(name, reason): rejected.labels(name, reason) for name in accounts for reason in REASONS}
        seen = Gauge(SEEN, "When the last callback came.", ["account"], multiprocess_mode="max", registry=own)
        self._seen = {account: seen.labels(account) for account in accounts}
        for gauge in self._seen.values():
            gauge.set_to_current_time()  # none came yet: since the collector started

        self._new: defaultdict[Counter, int] = defaultdict(int)  # until `settle`: a sum costs less than its parts
        self._heard: set[str] = set()

    def accept(self, account: str, kind: Kind) -> None:
        """An event is durable."""
        self._new[self._accepted[account, kind]] += 1
        self._heard.add(account)

    def reject(self, account: str, reason: str) -> None:
        """A callback was refused."""
        self._new[self._rejected[account, reason]] += 1

    def answered(self, status: int) -> None:
        """A request on the public listener got this status."""
        self._new[self._answers[status]] += 1

    def settle(self) -> None:
        """Let others see what was counted; in the thread that counts."""
        for counter, times in self._new.items():
            counter.inc(times)
        for account in self._heard:
            self._seen[account].set_to_current_time()
        self._new.clear()
        self._heard.clear()

    def synced(self, events: int, seconds: float) -> None:
        """So many events became durable in one sync."""
        self.settle()  # where several workers count together, what was counted outlives this process
        self.sync.observe(seconds)
        self.batch.observe(events)
