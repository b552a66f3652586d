"""What is seen from outside: what the collector counted, and the state of the disk when somebody asks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from smsanalytics.collector.collector import Collector
from smsanalytics.collector.monitor import SEEN, SHARED
from smsanalytics.storage.catalog import Layout


class Metrics:
    """
    Figures for Prometheus.

    Parameters
    ----------
    collector : Collector
        What its monitor counted is shown once it is settled.
    """

    def __init__(self, collector: Collector) -> None:
        self.monitor, self._layout, self._space = collector.monitor, collector.layout, collector.space
        self._shared = collector.settings.workers > 1 and SHARED in os.environ

    def page(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """As it is at this moment."""
        yield from self._counted()
        yield from self._of_the_disk()

    def _counted(self) -> list[Metric]:
        registry = self.monitor.registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        since = GaugeMetricFamily(
            "smsanalytics_seconds_since_callback", "Since the last one, or the start.", labels=["account"]
        )
        shown: list[Metric] = [since]
        for family in registry.collect():
            if family.name != SEEN:
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
            "maintenance_problems": (
                "Steps of the maintenance that could not be done when they were tried last.",
                len(self._layout.found_problems()),
            ),
            "quarantined": ("Files of lines that a recovery could not read.", self._space.quarantined()),
            "disk_free_bytes": ("Free on the file system of the store.", self._space.free),
            "disk_reserve_bytes": ("Below this callbacks are answered 503.", self._space.reserve),
        }
        return [
            GaugeMetricFamily(f"smsanalytics_{name}", text, value)
            for name, (text, value) in figures.items()
            if value is not None
        ]


def _last_pass(layout: Layout) -> float | None:
    try:
        return float(json.loads(layout.last_pass.read_bytes())["seconds"])
    except (OSError, ValueError, KeyError):
        return None
