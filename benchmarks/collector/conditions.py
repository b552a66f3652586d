"""What a result depends on: the machine, the system, the versions, the commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.collector.disk import Disk
from benchmarks.collector.server import ROOT, Cores

LIBRARIES: tuple[str, ...] = (
    "uvicorn",
    "uvloop",
    "httptools",
    "starlette",
    "fastapi",
    "flask",
    "gunicorn",
    "asyncpg",
    "orjson",
    "duckdb",
)


def commit(benchmark: str = "collector") -> dict[str, object]:
    """Which state of the code was measured, by which benchmark."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "smsanalytics", f"benchmarks/{benchmark}").splitlines()
    return {"commit": git("rev-parse", "--short", "HEAD"), "changed_files": len(changed)}


def conditions(disk: Disk, cores: Cores) -> dict[str, object]:
    """Everything around the code."""
    where = {"core_of_servers": cores.server, "core_of_generator_and_maintenance": cores.generator}
    found = surroundings(LIBRARIES) | where | {"disk": disk.facts()}
    return found | {"versions": {"sqlite": sqlite3.sqlite_version} | found["versions"]}


def surroundings(libraries: Sequence[str]) -> dict[str, Any]:
    """The machine, the system, and which versions of some libraries are installed."""
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores",
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {"python": platform.python_version()} | _versions(libraries),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def _versions(libraries: Sequence[str]) -> dict[str, str]:
    installed = {one.metadata["Name"].lower() for one in importlib.metadata.distributions()}
    return {name: importlib.metadata.version(name) for name in libraries if name in installed}
