"""The processes of a collector, which are a group."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path


def members(group: int) -> list[int]:
    """The processes of a group, as far as they live."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(int(path.name)) == group:
                found.append(int(path.name))
    return sorted(found)


def halt(group: int) -> None:
    """Stop all of them where they stand; what the kernel is doing for one of them it still does."""
    os.killpg(group, signal.SIGSTOP)
    while set(_states(group)) - set("TDZ"):
        time.sleep(0.001)


def _states(group: int) -> Iterator[str]:
    """Of each thread: R runs, T is stopped, D is within the kernel."""
    for pid in members(group):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
                yield thread.read_text().rpartition(")")[2].split()[0]
