"""The collector as a part of somebody's application: the examples of the documentation, run by a real server."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from pages import blocks_of
from serving import SECRET, maintain
from signing import status_body

from smsanalytics import open_store

PAGE = Path(__file__).parents[2] / "docs/how-to/run-it-in-your-own-application.md"
FASTAPI, STARLETTE = (block.text for block in blocks_of(PAGE.read_text("utf-8")) if block.language == "py")
NO_LIFESPAN = STARLETTE.replace("    lifespan=sms.router.lifespan_context,\n", "")
assert NO_LIFESPAN != STARLETTE
APPLICATIONS = {"fastapi": FASTAPI, "starlette": STARLETTE, "no-lifespan": NO_LIFESPAN}
UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log"]


class Service:
    """A service that runs in a process of its own; its log is beside its data."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        own = {"SMSANALYTICS_SECRET": SECRET, "SMSANALYTICS_DATA": str(folder / "data")}
        self.log = folder / "log"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                env=os.environ | own | {"SMSANALYTICS_DISK_RESERVE_BYTES": "0"},
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while not self._listens():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        with contextlib.closing(self.connect()) as link:
            link.request(method, path, body)
            answer = link.getresponse()
            return answer.status, answer.read().decode()

    def end(self, number: int = signal.SIGTERM) -> None:
        os.killpg(self.process.pid, number)
        self.process.wait(30)


@contextlib.contextmanager
def service(folder: Path, *command: str):
    running = Service(folder, list(command))
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.end(signal.SIGKILL)


def stored(data: Path) -> list[int]:
    maintain(data)
    return sorted(number for (number,) in open_store(data).statuses().select("message_id").fetchall())


def calling(running: Service, numbers: itertools.count, answers: dict[int, int]) -> None:
    """Call until the service is gone."""
    with contextlib.suppress(OSError, HTTPException), contextlib.closing(running.connect()) as link:
        while True:
            number = next(numbers)
            link.request("POST", "/sms/callback", status_body(number))
            answer = link.getresponse()
            answer.read()
            answers[number] = answer.status


@pytest.mark.parametrize("name", APPLICATIONS)
def test_nothing_is_lost_of_what_a_mounted_collector_acknowledged(tmp_path, name):
    (tmp_path / "shop.py").write_text(APPLICATIONS[name])
    numbers, answers = itertools.count(1), {}
    while len(answers) < 1000:
        with service(tmp_path, *UVICORN, "shop:app") as running:
            callers = [threading.Thread(target=calling, args=[running, numbers, answers]) for _ in range(8)]
            before = len(answers)
            for caller in callers:
                caller.start()
            while len(answers) < before + 500:
                assert running.ask("GET", f"/orders/{before}") == (
                    200,
                    json.dumps({"order": before}, separators=(",", ":")),
                )
                time.sleep(0.01)
            running.end(signal.SIGKILL)
            for caller in callers:
                caller.join()
    assert set(answers.values()) == {200}
    found = stored(tmp_path / "data")
    assert len(found) == len(set(found))
    assert answers.keys() <= set(found)
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_mounted_collector_answers_as_one_of_its_own_and_seals_in_the_end(tmp_path, name):
    (tmp_path / "shop.py").write_text(APPLICATIONS[name])
    with service(tmp_path, *UVICORN, "shop:app") as running:
        assert running.ask("GET", "/sms/healthz") == (200, "OK")
        assert running.ask("POST", "/sms/callback", status_body(1)) == (200, "OK")
        assert running.ask("POST", "/sms//callback/", status_body(2)) == (200, "OK")
        assert running.ask("POST", "/sms/%63allback/default", status_body(3)) == (200, "OK")
        assert running.ask("POST", "/sms/callback", status_body(4, secret="another"))[0] == 403
        assert running.ask("POST", "/sms/callback", b"")[0] == 400
        assert running.ask("GET", "/sms/callback")[0] == 405
        assert running.ask("POST", "/sms/callback", b"a=" + b"x" * 300_000)[0] == 413
        assert running.ask("POST", "/sms/callback/shop", status_body(5))[0] == 404
        assert running.ask("POST", "/callback", status_body(6))[0] == 404
        assert running.ask("GET", "/orders/7")[0] == 200
        running.end()
    assert "Traceback" not in running.log.read_text()
    sealed = list((tmp_path / "data/journal/w0").glob("*.sealed"))
    assert len(sealed) == (name != "no-lifespan")  # whose last segment is sealed by whatever comes next
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stored(tmp_path / "data") == [1, 2, 3]


def test_several_processes_and_services_share_a_store_and_pages_apart_show_them(tmp_path):
    factory = "smsanalytics.collector:create_app"
    with contextlib.ExitStack() as services:
        apart = services.enter_context(service(tmp_path, *UVICORN, "--factory", "--workers", "2", factory))
        beside = services.enter_context(service(tmp_path, *UVICORN, "--factory", factory))
        pages = services.enter_context(
            service(tmp_path, *UVICORN, "--factory", "smsanalytics.collector:create_admin_app")
        )
        for number in range(1, 41):
            assert (apart, beside)[number % 2].ask("POST", "/callback", status_body(number)) == (200, "OK")
        assert pages.ask("GET", "/readyz") == (200, "ready\n")
        assert "smsanalytics_disk_free_bytes" in pages.ask("GET", "/metrics")[1]
        assert pages.ask("POST", "/callback", status_body(41))[0] == 404
        for running in (apart, beside, pages):
            running.end()
    assert {path.name for path in (tmp_path / "data/journal").iterdir()} >= {"w0", "w1", "w2", "w3"}
    assert stored(tmp_path / "data") == list(range(1, 41))


def test_a_store_that_cannot_be_written_is_answered_503_where_the_lifespan_does_not_say_it(tmp_path):
    (tmp_path / "shop.py").write_text(NO_LIFESPAN)
    (tmp_path / "data").write_text("no directory")
    with service(tmp_path, *UVICORN, "shop:app") as running:
        assert running.ask("POST", "/sms/callback", status_body(1))[0] == 503
        assert running.ask("GET", "/orders/7")[0] == 200
        (tmp_path / "data").unlink()
        assert running.ask("POST", "/sms/callback", status_body(1)) == (200, "OK")
        running.end()
    assert stored(tmp_path / "data") == [1]


def test_another_server_runs_it(tmp_path):
    options = ["--interface", "asgi", "--no-access-log", "--factory", "smsanalytics.collector:create_app"]
    with service(tmp_path, sys.executable, "-m", "granian", *options) as running:
        assert running.ask("GET", "/healthz") == (200, "OK")
        assert running.ask("POST", "//callback/", status_body(1)) == (200, "OK")
        assert running.ask("POST", "/callback", b"a=" + b"x" * 300_000)[0] == 413
        assert running.ask("GET", "/callback")[0] == 405
        running.end()
    assert stored(tmp_path / "data") == [1]


MIDDLEWARE = """
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware

async def unchanged(request, call_next):
    return await call_next(request)

app.add_middleware(BaseHTTPMiddleware, dispatch=unchanged)
"""
SERVERS = {
    "httptools": [*UVICORN, "--http", "httptools"],
    "h11": [*UVICORN, "--http", "h11"],
    "granian": [sys.executable, "-m", "granian", "--interface", "asgi"],
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_client_that_goes_away_is_no_fault_of_the_application_whatever_stands_around_it(tmp_path, server):
    pytest.importorskip(server if server == "granian" else "uvicorn")
    (tmp_path / "shop.py").write_text(STARLETTE + MIDDLEWARE)
    with service(tmp_path, *SERVERS[server], "shop:app") as running:
        with socket.create_connection(("127.0.0.1", running.port)) as link:
            link.sendall(b"POST /sms/callback HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            time.sleep(0.3)
        assert running.ask("POST", "/sms/callback", status_body(1)) == (200, "OK")
        running.end()
    assert "Traceback" not in running.log.read_text()
    assert stored(tmp_path / "data") == [1]


SLOW = """
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

app.add_middleware(GZipMiddleware, minimum_size=1)
app.add_middleware(CORSMiddleware, allow_origins=["*"])
"""


@pytest.mark.parametrize("server", SERVERS)
def test_a_slow_body_has_its_deadline_and_answers_do_not_grow_whatever_stands_around(tmp_path, server):
    (tmp_path / "shop.py").write_text(STARLETTE + MIDDLEWARE + SLOW)
    (tmp_path / "smsanalytics.toml").write_text("body_seconds = 0.5\n")
    with service(tmp_path, *SERVERS[server], "shop:app") as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as link:
            link.sendall(b"POST /sms/callback HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            assert b" 408 " in link.recv(65536).partition(b"\r\n")[0]
        sizes = set()
        for number in range(1, 6):
            with contextlib.closing(running.connect()) as link:
                link.request(
                    "POST", "/sms/callback", status_body(number), {"Origin": "https://x", "Accept-Encoding": "gzip"}
                )
                answer = link.getresponse()
                assert answer.status == 200
                answer.read()
                sizes.add(len(answer.getheaders()))
        assert len(sizes) == 1
        running.end()
    assert "Traceback" not in running.log.read_text()
    assert stored(tmp_path / "data") == [1, 2, 3, 4, 5]


def test_offers_to_upgrade_lose_their_body_under_uvicorn_itself_as_the_page_says(tmp_path):
    """Should uvicorn read it one day, the page and the protocol may lose a word."""
    options = ["--factory", "smsanalytics.collector:create_app"]
    with service(tmp_path, *UVICORN, *options) as running, contextlib.closing(running.connect()) as link:
        link.request("POST", "/callback", status_body(1), {"Connection": "Upgrade", "Upgrade": "h2c"})
        assert link.getresponse().status == 400
