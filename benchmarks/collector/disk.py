"""The disk under the benchmark: what it is, how long a sync takes, and whether syncs reach it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from smsanalytics.storage.journal import file_system

IN_MEMORY = {"tmpfs", "ramfs", "devtmpfs"}
SYNCS = 300
FASTEST = 5e-6  #: no disk, nor memory that outlives a power cut behind a bus, is faster [s]
PROBE = """
import os, sys, time
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for _ in range(int(sys.argv[2])):
    os.write(descriptor, b"0123456789abcdef" * 256)
    start = time.perf_counter()
    os.fdatasync(descriptor)
    print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Disk:
    """
    The disk that holds a folder.

    Attributes
    ----------
    kind : str
        Its file system.
    device : str
        Its name in the system, and what the system knows of it.
    sync_seconds : list of float
        How long syncs of 4 KiB took, appended to a file by a process in the environment of the servers; sorted.
    counts : bool
        Whether the system counts the flushes that reach it.
    """

    folder: Path
    kind: str
    device: str
    sync_seconds: list[float]
    counts: bool

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """Look at it, and time its syncs."""
        before = _flushes(folder)
        command = [sys.executable, "-c", PROBE, str(folder / "probe"), str(SYNCS)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        (folder / "probe").unlink()
        after = _flushes(folder)
        counts = before is not None and after is not None and after - before >= SYNCS
        return cls(folder, file_system(folder), _device(folder), sorted(map(float, told.split())), counts)

    @property
    def syncs(self) -> bool:
        """Whether a sync takes as long as one must."""
        return self.sync_seconds[SYNCS // 2] >= FASTEST

    def flushes(self) -> int | None:
        """How often it was flushed since the system started; None if that is not counted."""
        return _flushes(self.folder) if self.counts else None

    def facts(self) -> dict[str, object]:
        """As they stand in the results."""
        quantiles = {"median": 0.5, "p99": 0.99}
        times = {name: round(1e6 * self.sync_seconds[int(share * SYNCS)], 1) for name, share in quantiles.items()}
        return {
            "file_system": self.kind,
            "device": self.device,
            "raw_sync_us": times["median"],
            "raw_sync_p99_us": times["p99"],
            "counts_flushes": self.counts,
        }


def in_memory(folder: Path) -> bool:
    """Whether a folder would not outlive a power cut."""
    return file_system(folder) in IN_MEMORY


def _block(folder: Path) -> Path | None:
    """Where the system tells of the whole disk that holds a folder."""
    number = os.stat(folder).st_dev  # noqa: PTH116
    found = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not found.exists():
        return None
    found = found.resolve()
    return found.parent if (found / "partition").exists() else found


def _flushes(folder: Path) -> int | None:
    block = _block(folder)
    fields = (block / "stat").read_text().split() if block else []
    return int(fields[15]) if len(fields) > 15 else None


def _device(folder: Path) -> str:
    block = _block(folder)
    if block is None:
        return "unknown"
    told = [block / name for name in ("device/model", "queue/write_cache")]
    return ", ".join([block.name, *(path.read_text().strip() for path in told if path.exists())])
