"""What nobody can do to the admin listener: hold it, fill it, guess its token, or slow callbacks down by it."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from collections import defaultdict
from urllib.parse import urlsplit

import pytest
from serving import serving
from signing import status_body

TOKEN = "an-admin-token-of-more-than-20"
ASK = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
SETTINGS = {
    "SMSANALYTICS_ADMIN_TOKEN": TOKEN,
    "SMSANALYTICS_HEADER_SECONDS": "1",
    "SMSANALYTICS_BODY_SECONDS": "1",
    "SMSANALYTICS_TRUSTED_PROXIES": '["127.0.0.9"]',
}


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("admin") / "data", "--no-maintain", **SETTINGS) as running:
        yield running


def connect(collector, source="127.0.0.1"):
    at = urlsplit(collector.admin)
    return socket.create_connection((at.hostname, at.port), timeout=10, source_address=(source, 0))


def head(method="GET", path="/metrics", token=TOKEN, **more):
    said = {"Host": "x", "Connection": "close", "Authorization": f"Bearer {token}"} | more
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode()


def answer(collector, request, source="127.0.0.1"):
    with connect(collector, source) as link:
        link.sendall(request)
        return read_all(link)


def read_all(link):
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := link.recv(65536):
            found += part
    return found.decode()


def trickled(link, part):
    """Send it again and again until the connection ends; how long that took, and what came back."""
    started, found = time.monotonic(), b""
    link.settimeout(0.1)
    while time.monotonic() - started < 8:
        with contextlib.suppress(TimeoutError):
            try:
                link.sendall(part)
                came = link.recv(65536)
            except ConnectionError:
                break
            found += came
            if not came:
                break
    return time.monotonic() - started, found.decode()


@pytest.mark.parametrize(
    ("begun", "part", "status"),
    [
        pytest.param(b"", b"", "", id="nothing"),
        pytest.param(b"", b"\r\n", "", id="empty-lines"),
        pytest.param(b"GET /readyz HTTP/1.1\r\n", b"X: y\r\n", "408", id="head"),
        pytest.param(ASK, b"\r\n", "200", id="after-an-answer"),
        pytest.param(head("POST", "/sends", **{"Content-Length": "9999"}), b"{", "408", id="body"),
        pytest.param(head("POST", "/sends", "wrong", **{"Content-Length": "9999"}).replace(b"close", b"x"), b"{", "401", id="refused-body"),
    ],
)  # fmt: skip
def test_nobody_holds_a_connection_by_sending_slowly(collector, begun, part, status):
    with connect(collector, "127.0.0.3") as link:
        link.sendall(begun)
        seconds, found = trickled(link, part)
    assert 0.5 < seconds < 5
    assert found[9:12] == status or (begun == b"" and found[9:12] == "408")


def test_a_head_without_end_is_cut_off(collector):
    found = answer(collector, b"GET /readyz HTTP/1.1\r\n" + b"X: " + b"x" * 30_000)
    assert found.startswith("HTTP/1.1 413")


def test_connections_are_bounded_and_served_again_when_others_leave(collector):
    with contextlib.ExitStack() as crowd:
        for _ in range(100):
            crowd.enter_context(connect(collector))
        time.sleep(0.2)
        assert answer(collector, ASK).startswith("HTTP/1.1 503")
        assert collector.post(status_body(1)) == 200
    time.sleep(0.2)
    assert answer(collector, head()).startswith("HTTP/1.1 200")


def test_wrong_tokens_are_bounded_by_address_and_lock_nobody_else_out(collector):
    guesses = [answer(collector, head(token=f"wrong-{number}"), "127.0.0.2")[9:12] for number in range(15)]
    assert guesses == ["401"] * 10 + ["429"] * 5
    assert answer(collector, head(), "127.0.0.2")[9:12] == "429"  # else the answer would tell which one is right
    claimed = head(token="wrong", **{"X-Forwarded-For": "192.0.2.1"})
    assert answer(collector, claimed, "127.0.0.2")[9:12] == "429"
    assert answer(collector, head())[9:12] == "200"
    assert answer(collector, head(**{"X-Forwarded-For": "127.0.0.2"}), "127.0.0.9")[9:12] == "429"
    assert answer(collector, head(Forwarded="for=127.0.0.2"), "127.0.0.9")[9:12] == "429"
    assert answer(collector, head(**{"X-Forwarded-For": "192.0.2.1"}), "127.0.0.9")[9:12] == "200"
    assert answer(collector, ASK.replace(b"Host", b"Connection: close\r\nHost"), "127.0.0.2")[9:12] == "200"
    time.sleep(6.1)
    assert answer(collector, head(), "127.0.0.2")[9:12] == "200"


def test_clients_that_go_away_leave_no_traceback(collector):
    chunked = head("POST", "/sends", **{"Transfer-Encoding": "chunked"}) + b"9\r\nabc"
    half = head("POST", "/sends", **{"Content-Length": "100"}) + b"{"
    for request in (ASK, head(), half, chunked, *[head(path="/readyz")] * 20):
        links = [connect(collector) for _ in range(80)]
        for link in links:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
            link.sendall(request)
        for link in links:  # some of them while they are answered
            link.close()
        time.sleep(0.05)
    time.sleep(1.2)
    assert answer(collector, head())[9:12] == "200"
    log = collector.log.read_text()
    assert not any(word in log for word in ("Traceback", "Exception", "RuntimeError"))


def test_callbacks_are_answered_while_readiness_is_asked_for_without_pause(collector):
    times, answers, came = [], 0, defaultdict(bytes)
    with contextlib.ExitStack() as crowd, selectors.DefaultSelector() as ready:
        for _ in range(50):
            link = crowd.enter_context(connect(collector))
            link.sendall(ASK)
            ready.register(link, selectors.EVENT_READ)
        provider = crowd.enter_context(contextlib.closing(collector.connect()))
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for key, _ in ready.select(0):
                came[key.fd] += key.fileobj.recv(4096)
                if came[key.fd].endswith(b"ready\n"):  # which may come after its head
                    assert came.pop(key.fd).startswith(b"HTTP/1.1 200")
                    key.fileobj.sendall(ASK)
                    answers += 1
            started = time.perf_counter()
            provider.request("POST", "/callback", status_body(len(times)))
            assert provider.getresponse().read() == b"OK"
            times.append(time.perf_counter() - started)
        asked = time.perf_counter()
        assert answer(collector, head(path="/readyz"), "127.0.0.4")[9:12] == "200"
        assert time.perf_counter() - asked < 1
    assert 50 < answers < 300  # a hundred a second, however many ask
    assert sorted(times)[len(times) // 2] < 0.1
