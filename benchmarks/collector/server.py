"""A server under measurement: how it is started on its core, watched, and stopped."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from benchmarks.collector import processes
from benchmarks.collector.callbacks import SECRET

ROOT = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS = 60.0, 120.0


@dataclass(frozen=True)
class Cores:
    """Where what runs; the same core twice if there is but one."""

    server: int
    generator: int

    @classmethod
    def found(cls) -> Cores:
        """The first and the last of those that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[-1])

    @property
    def all(self) -> set[int]:
        """Both of them."""
        return {self.server, self.generator}


class Server:
    """
    One of the servers, running on its core while the `with` lasts.

    Parameters
    ----------
    folder : Path
        Where it may store; of its own.
    cores : Cores
        Where what runs.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    durable: ClassVar[bool] = True  #: whether 200 means that the disk has it
    needs: ClassVar[tuple[str, ...]] = ()  #: modules

    def __init__(self, folder: Path, cores: Cores) -> None:
        self.folder, self.cores, self.port = folder, cores, free_port()
        self._started: list[subprocess.Popen[bytes]] = []

    @classmethod
    def lacks(cls, folder: Path) -> str:
        """What this machine lacks to run it with its data in a folder; empty if nothing."""
        missing = [module for module in cls.needs if importlib.util.find_spec(module) is None]
        return f"not installed: {', '.join(missing)}" if missing else ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What it finds in its environment: what is in this one, but no settings, and some of ours."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMSANALYTICS_")}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        own = {"PYTHONPATH": path, "SMSANALYTICS_SECRET": SECRET, "BENCH_SECRET": SECRET}
        return inherited | own | {"BENCH_FOLDER": str(self.folder)}

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self.launch(self.command(), self.port)

    def launch(self, command: list[str], port: int, user: str | None = None) -> None:
        """Start a process on the core of the servers, and return when it takes connections."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=self.environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                user=user,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {self.cores.server}),
            )
        self._started.append(process)
        deadline = time.monotonic() + START_SECONDS
        while not _takes_connections(port):
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text("utf-8", "replace")
                raise RuntimeError(f"{self.name} did not start:\n{said}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask what was started to end, the last first; end it if it does not."""
        while self._started:
            process = self._started.pop()
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def processes(self) -> list[int]:
        """Those that take part in answering."""
        return [pid for process in self._started for pid in processes.family(process.pid)]

    def cpu_seconds(self) -> float:
        """What they have used of processors. [s]"""
        return sum(map(processes.cpu_seconds, self.processes()))

    def maintenance_seconds(self) -> float:
        """What a process beside them has used of processors. [s]"""
        return 0.0

    def stored(self) -> Iterable[int]:
        """The ids it stored; asked when it has ended."""
        return ()


class Uvicorn(Server):
    """An ASGI application, under uvicorn with httptools and uvloop, without a log of accesses."""

    module: ClassVar[str]

    def command(self) -> list[str]:
        """What starts it."""
        application = f"benchmarks.collector.served.{self.module}:application"
        options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", application, "--port", str(self.port), *options]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _takes_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
