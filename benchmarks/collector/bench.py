"""What all measurements of a run share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.collector.callbacks import Callbacks
from benchmarks.collector.disk import Disk
from benchmarks.collector.server import Cores


@dataclass(frozen=True)
class Bench:
    """Where servers store, on which disk; on which cores what runs; and what is sent."""

    folder: Path
    disk: Disk
    cores: Cores
    callbacks: Callbacks = field(default_factory=Callbacks)
