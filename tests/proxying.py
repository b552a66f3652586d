"""A real nginx with the example configuration of `deploy/`, on a free port of the loopback interface."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import trustme

EXAMPLE = Path(__file__).parents[1] / "deploy" / "nginx.conf"
AROUND = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log info;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/smsanalytics.conf;
}}
"""


class Nginx:
    """
    Attributes
    ----------
    port : int
        Where it listens with TLS.
    authority : trustme.CA
        Who vouches for it, as ``your.host``.
    logs : Path
        Everything it writes.
    """

    def __init__(self, program: str, folder: Path, upstream: str) -> None:
        self._program, self._folder = program, folder
        self.logs, self.port, self.authority = folder / "logs", _free_port(), trustme.CA()
        self.logs.mkdir(parents=True)
        certificate = self.authority.issue_cert("your.host")
        certificate.private_key_pem.write_to_path(folder / "privkey.pem")
        for number, part in enumerate(certificate.cert_chain_pems):
            part.write_to_path(folder / "fullchain.pem", append=number > 0)
        adapted = EXAMPLE.read_text("utf-8")
        for was, now in (
            ("server 127.0.0.1:8025;", f"server {upstream};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            ("    listen [::]:443 ssl;\n", ""),
            ("/etc/ssl/your.host/", f"{folder}/"),
            ("/var/log/nginx/", f"{self.logs}/"),
        ):
            assert was in adapted, was
            adapted = adapted.replace(was, now)
        (folder / "smsanalytics.conf").write_text(adapted)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))

    @property
    def command(self) -> list[str]:
        return [
            self._program,
            "-p",
            str(self._folder),
            "-e",
            str(self.logs / "start.log"),
            "-c",
            f"{self._folder}/nginx.conf",
        ]

    def check(self) -> str:
        """What it says of its configuration; empty if that is right and leaves nothing to say."""
        done = subprocess.run([*self.command, "-t", "-q"], capture_output=True, text=True)
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def running(self) -> Iterator[Nginx]:
        with (self.logs / "said.log").open("w") as said:
            process = subprocess.Popen(self.command, stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + 30
            while not _answers(self.port):
                assert process.poll() is None, self.written()
                assert time.monotonic() < deadline, self.written()
                time.sleep(0.02)
            yield self
        finally:
            process.terminate()
            process.wait(30)

    def written(self) -> str:
        """All logs, whatever they are called."""
        texts = [path.read_text("utf-8", "replace") for path in sorted(self._folder.rglob("*.log"))]
        return "".join(texts)

    @property
    def access_log(self) -> list[str]:
        return (self.logs / "smsanalytics.log").read_text("utf-8").splitlines()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def pages_of(lines: list[str]) -> list[str]:
    """Which pages the access log names, and with which answer."""
    return [" ".join(re.search(r' (\S*) "([^"]*)" (\d+) ', line).groups()) for line in lines]
