"""The collector under measurement."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import duckdb

from benchmarks.collector import processes
from benchmarks.collector.server import START_SECONDS, Cores, Server, free_port
from smsanalytics.storage.catalog import Layout

FLUSH_SECONDS = 5.0  #: so that its maintenance works in each round


class Collector(Server):
    """Ours, as a user starts it; its maintenance runs on the core of the generator, and is counted apart."""

    name, title = "collector", "smsanalytics"

    def __init__(self, folder: Path, cores: Cores, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        super().__init__(folder, cores)
        self.flush_seconds, self.admin = flush_seconds, free_port()
        self.data = folder / "data"

    def command(self) -> list[str]:
        """What starts it."""
        listeners = ["--port", str(self.port), "--admin", f"127.0.0.1:{self.admin}"]
        options = ["--data", str(self.data), "--flush-seconds", str(self.flush_seconds), *listeners]
        return [sys.executable, "-m", "smsanalytics", "serve", *options]

    def start(self) -> None:
        """Start it, and put its maintenance where it belongs."""
        super().start()
        deadline = time.monotonic() + START_SECONDS
        while not (beside := self.maintenance()):
            if time.monotonic() > deadline:
                raise RuntimeError("the collector runs without its maintenance")
            time.sleep(0.05)
        for pid in beside:
            processes.pin(pid, self.cores.generator)

    def maintenance(self) -> list[int]:
        """What runs beside it."""
        return [pid for pid in super().processes() if "maintain" in processes.words(pid)]

    def processes(self) -> list[int]:
        """Those that take part in answering."""
        beside = self.maintenance()
        return [pid for pid in super().processes() if pid not in beside]

    def maintenance_seconds(self) -> float:
        """What its maintenance has used of processors. [s]"""
        return sum(map(processes.cpu_seconds, self.maintenance()))

    def resident_bytes(self) -> int:
        """What it holds in memory, without its maintenance. [bytes]"""
        return sum(map(processes.resident_bytes, self.processes()))

    def metric(self, name: str) -> float | None:
        """A number of its metrics page; None if it tells none of that name."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=10) as answer:
                page = answer.read().decode()
        except urllib.error.HTTPError:
            return None
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", page, re.MULTILINE)
        return sum(map(float, found)) if found else None

    def published(self) -> int:
        """How many segments of its journal its maintenance has published."""
        return Layout(self.data).published("w0")

    def stored(self) -> Iterable[int]:
        """The ids it stored, as DuckDB reads them from the Parquet of its store."""
        return in_parquet(self)


class GranianCollector(Server):
    """The same application under granian, a server in Rust; no maintenance runs beside it."""

    name, title = "granian_collector", "smsanalytics under granian"
    needs = ("granian",)

    def __init__(self, folder: Path, cores: Cores) -> None:
        super().__init__(folder, cores)
        self.data = folder / "data"

    def command(self) -> list[str]:
        """What starts it."""
        options = ["--interface", "asgi", "--loop", "uvloop", "--no-ws", "--port", str(self.port)]
        return [sys.executable, "-m", "granian", *options, "--factory", "smsanalytics.collector:create_app"]

    def environment(self) -> dict[str, str]:
        """What it finds in its environment."""
        return super().environment() | {"SMSANALYTICS_DATA": str(self.data)}

    def stored(self) -> Iterable[int]:
        """The ids it stored."""
        return in_parquet(self)


def in_parquet(server: Collector | GranianCollector) -> Iterable[int]:
    """The ids in the store of a server that has ended."""
    maintain = [sys.executable, "-m", "smsanalytics", "maintain", "--data", str(server.data)]
    subprocess.run(maintain, check=True, capture_output=True, cwd=server.folder, env=server.environment())
    with duckdb.connect() as connection:
        files = [str(path) for path in Layout(server.data).live_files("statuses")]
        rows = connection.execute("SELECT message_id FROM read_parquet($1)", [files]).fetchnumpy()
    return map(int, rows["message_id"])
