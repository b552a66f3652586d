"""What a result depends on: the machine, the system, the versions, the commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.collector.disk import Disk
from benchmarks.collector.server import ROOT, Cores

LIBRARIES = (
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


def commit() -> dict[str, object]:
    """Which state of the code was measured."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "smsanalytics", "benchmarks/collector").splitlines()
    return {"commit": git("rev-parse", "--short", "HEAD"), "changed_files": len(changed)}


def conditions(disk: Disk, cores: Cores) -> dict[str, object]:
    """Everything around the code."""
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
        "core_of_servers": cores.server,
        "core_of_generator_and_maintenance": cores.generator,
        "disk": disk.facts(),
        "versions": {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version} | _libraries(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def _libraries() -> dict[str, str]:
    installed = {one.metadata["Name"].lower() for one in importlib.metadata.distributions()}
    return {name: importlib.metadata.version(name) for name in LIBRARIES if name in installed}
