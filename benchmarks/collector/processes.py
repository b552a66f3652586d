"""What the system tells of processes: their children, their time, their memory; and on which core they may run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")


def family(root: int) -> list[int]:
    """A process and all that it started."""
    parents = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            parents[int(entry.name)] = int(stat[1])
    found = [root]
    for member in found:  # which grows meanwhile
        found += [pid for pid, parent in parents.items() if parent == member]
    return found


def words(pid: int) -> list[str]:
    """The command line of a process; empty if it is gone."""
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_text("utf-8", "replace").split("\0")
    return []


def cpu_seconds(pid: int) -> float:
    """What a process has used of processors, with its children that are gone. [s]"""
    return sum(map(int, _stat(pid)[11:15])) / TICK


def busy_seconds(cores: Collection[int]) -> float:
    """What all processes, the system itself and other guests of the machine have used of some cores. [s]"""
    used = 0
    for line in (PROC / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, _, _, *others = map(int, ticks[:8])
            used += user + nice + system + sum(others)
    return used / TICK


def resident_bytes(pid: int) -> int:
    """What a process holds in memory. [bytes]"""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def pin(pid: int, core: int) -> None:
    """Let all threads of a process, and what they will start, run on one core only."""
    for thread in (PROC / str(pid) / "task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), {core})


def _stat(pid: int) -> list[str]:
    """The fields of a process after its name; empty if it is gone."""
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return []
