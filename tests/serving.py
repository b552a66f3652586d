"""A real collector in a process of its own, on a free port of the loopback interface."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from smsanalytics import open_store

SECRET = "s3cret_Key-1"
START_SECONDS = 30.0
HANDING_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
said = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": os.environ.get("SOCKETS", "1")}
os.execvpe(sys.argv[2], sys.argv[2:], os.environ | said)
"""


class Collector:
    def __init__(
        self,
        data: Path,
        *options: str,
        prefix: Sequence[str] = (),
        held: socket.socket | None = None,
        **environment: str,
    ) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.log = data.parent / "collector.log"
        self._lines = self.log.open("a")
        start = self.log.stat().st_size
        if held:  # as systemd hands over what it listens on
            prefix = [sys.executable, "-c", HANDING_OVER, str(held.fileno()), *prefix]
        command = [*prefix, sys.executable, "-m", "smsanalytics", "serve", "--data", str(data), "--port", "0", *options]
        self.process = subprocess.Popen(
            command,
            env=os.environ | {"SMSANALYTICS_SECRET": SECRET, "SMSANALYTICS_DISK_RESERVE_BYTES": "0"} | environment,
            cwd=data.parent,
            stdout=self._lines,
            stderr=self._lines,
            start_new_session=True,  # a process group of its own, which can be killed whole
            pass_fds=[held.fileno()] if held else [],
        )
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"listening on ([^\s\"]+)", self.log.read_text()[start:])):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._lines.close()
                raise AssertionError(f"the collector did not start:\n{self.log.read_text()[start:]}")
            time.sleep(0.02)
        self.url = found[1]
        admin = re.search(r"admin on ([^\s\"]+)", self.log.read_text()[start:])
        self.admin = admin[1] if admin else ""

    @property
    def base(self) -> str:
        return self.url.removesuffix("/callback")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)

    def post(self, body: bytes, path: str = "/callback") -> int:
        with contextlib.closing(self.connect()) as link:
            link.request("POST", path, body)
            response = link.getresponse()
            response.read()
            return response.status

    def accept_all(self, source: str = "127.0.0.9") -> None:
        """Wait until every connection made before is accepted: a collector of one worker accepts them in order."""
        address = urlsplit(self.url).hostname, urlsplit(self.url).port
        with socket.create_connection(address, timeout=30, source_address=(source, 0)) as link:
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert link.recv(100).startswith(b"HTTP/1.1 200")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._lines.close()
        return code

    def interrupt(self) -> int:
        """Stop it when it runs under another program: tell the collector itself, and wait for that program."""
        pids = subprocess.run(
            ["pgrep", "-g", str(self.process.pid), "-f", f"^{re.escape(sys.executable)} -m smsanalytics serve"],
            capture_output=True,
            text=True,
        ).stdout.split()
        for pid in pids:
            os.kill(int(pid), signal.SIGTERM)
        code = self.process.wait(60)
        self._lines.close()
        return code

    def kill(self) -> None:
        """Everything at once, without a word of warning: as a power cut, as far as processes are concerned."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        self._lines.close()


@contextlib.contextmanager
def serving(data: Path, *options: str, **environment: str) -> Iterator[Collector]:
    collector = Collector(data, *options, **environment)
    try:
        yield collector
    finally:
        collector.kill()


def maintain(data: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "smsanalytics", "maintain", "--data", str(data)],
        capture_output=True,
        text=True,
        cwd=data.parent,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def counting(data: Path, table: str = "statuses") -> list[str]:
    """The files that count: beside them lies for a minute longer what an ended hour was merged of."""
    return [str(path) for path in open_store(data).files(table)]
