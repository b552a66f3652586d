"""Every answer of the README's table, from a real collector that is given a reason for it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from programs import need
from serving import Collector, serving
from signing import md5_of, status_body

README = Path(__file__).parents[2] / "README.md"
TABLE = re.findall(r"^\| `(\d{3})` \| (.+?) \|", README.read_text("utf-8"), re.MULTILINE)
TOKEN = "a-path-token-of-20-letters"
SETTINGS = {
    "SMSANALYTICS_MAX_BODY_BYTES": "4096",
    "SMSANALYTICS_HEADER_SECONDS": "0.5",
    "SMSANALYTICS_BODY_SECONDS": "0.5",
    "SMSANALYTICS_MAX_CONNECTIONS_PER_ADDRESS": "8",
    "SMSANALYTICS_TRUSTED_PROXIES": '["127.0.0.2/32"]',
    "SMSANALYTICS_ACCOUNTS__SHOP__SECRETS": '{"2026": "another-secret"}',
    "SMSANALYTICS_ACCOUNTS__SHOP__PATH_TOKEN": TOKEN,
    "SMSANALYTICS_ACCOUNTS__NEAR__SECRETS": '{"2026": "another-secret"}',
    "SMSANALYTICS_ACCOUNTS__NEAR__ADDRESSES": '["192.0.2.0/24"]',
}


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("answers") / "data", "--no-maintain", **SETTINGS) as running:
        yield running


class Answer:
    def __init__(self, text: bytes) -> None:
        self.head, _, self.body = text.decode().partition("\r\n\r\n")
        self.status = int(self.head.split(" ", 2)[1]) if self.head else 0
        self.headers = dict(line.lower().split(": ", 1) for line in self.head.split("\r\n")[1:])


def raw(collector, *parts: bytes, pause: float = 0.0, source: str = "127.0.0.1") -> Answer:
    """Send bytes, and read until the connection ends or nothing more comes."""
    address = urlsplit(collector.url).hostname, urlsplit(collector.url).port
    with socket.create_connection(address, timeout=10, source_address=(source, 0)) as link:
        for part in parts:
            with contextlib.suppress(ConnectionError):
                link.sendall(part)
            time.sleep(pause)
        answer = b""
        while part := link.recv(65536):
            answer += part
    return Answer(answer)


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


SHOP = status_body(1, secret="another-secret")
UNFINISHED = b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nid=1"
CASES = [  # answer, words it must say, what is sent
    (200, "OK", [post("/callback", status_body(1))]),
    (200, "OK", [post("/callback/", status_body(1))]),
    (200, "OK", [post("/callback/default?md5=x", status_body(1))]),
    (200, "OK", [post(f"/callback/shop/{TOKEN}", SHOP)]),
    (200, "OK", [post("/callback/near", SHOP, "X-Forwarded-For: 198.51.100.1, 192.0.2.7")], "127.0.0.2"),
    (200, "OK", [post("/callback/near", SHOP, "Forwarded: for=198.51.100.1, For=\"192.0.2.7:4711\";proto=https")], "127.0.0.2"),
    (200, "OK", [b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]),
    (200, "", [b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]),
    (200, "OK", [b"POST /callback HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(status_body(1)), status_body(1)]),
    (200, "OK", [post("/callback", b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
                 + b"%x\r\n%s\r\n0\r\n\r\n" % (len(status_body(1)), status_body(1))]),
    (400, "a field is missing", [post("/callback", b"id=1")]),
    (400, "a field is missing", [post("/callback", b"")]),
    (400, "not HTTP", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"]),
    (400, "not HTTP", [b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nid"]),
    (400, "not HTTP", [b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"]),
    (400, "not HTTP", [b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]),
    (403, "check that the secret", [post("/callback", status_body(1, secret="wrong"))]),
    (403, "check that the secret", [post("/callback?md5=" + md5_of(1, "79001230001", 1), b"id=1&phone=79001230001&status=1")]),
    (403, "check addresses", [post("/callback/near", SHOP)]),
    (403, "check addresses", [post("/callback/near", SHOP, "X-Forwarded-For: 192.0.2.7")]),
    (403, "check addresses", [post("/callback/near", SHOP, "X-Forwarded-For: 192.0.2.7, 198.51.100.1")], "127.0.0.2"),
    (403, "check addresses", [post("/callback/near", SHOP, "Forwarded: for=192.0.2.7")]),
    (403, "check addresses", [post("/callback/near", SHOP, "Forwarded: for=192.0.2.7", "X-Forwarded-For: 198.51.100.1")], "127.0.0.2"),
    (403, "check addresses", [post("/callback/near", SHOP, "X-Forwarded-For: 192.0.2.7", "Forwarded: for=198.51.100.1")], "127.0.0.2"),
    (403, "check addresses", [post("/callback/near", SHOP)], "127.0.0.2"),
    (403, "check addresses", [post("/callback/near", b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
                              + b"%x\r\n%s\r\n0\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n" % (len(SHOP), SHOP)], "127.0.0.2"),
    (404, "check account and token", [post("/callback/nobody", status_body(1))]),
    (404, "check account and token", [post("/callback/shop", SHOP)]),
    (404, "check account and token", [post(f"/callback/shop/{TOKEN[:-1]}", SHOP)]),
    (404, "check account and token", [post("/callbacks", status_body(1))]),
    (404, "check account and token", [b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]),
    (404, "check account and token", [b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]),
    (405, "by POST", [b"GET /callback HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]),
    (405, "by POST", [post("/callback", status_body(1)).replace(b"POST", b"PUT", 1)]),
    (405, "by GET", [post("/healthz", b"")]),
    (408, "too long to arrive", [b"POST /callback HTTP/1.1\r\nHost: x\r\n"]),
    (408, "too long to arrive", [UNFINISHED]),
    (413, "too large", [post("/callback", b"a=" + b"x" * 4096)]),
    (413, "too large", [b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n"]),
    (413, "too large", [b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"0" * 5000 + b"9\r\n\r\n"]),
    (413, "too large", [b"POST /callback HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 50_000 + b"\r\n"]),
    (413, "too large", [b"POST /callback HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n"]),
    (413, "too large", [b"POST /callback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n%s\r\n" % (b"x" * 1024) * 5]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{CASES.index(case)}")
def test_what_is_sent_gets_its_answer(collector, case):
    status, words, parts, *source = case
    answer = raw(collector, *parts, source=source[0] if source else "127.0.0.1")
    assert (answer.status, words in answer.body) == (status, True)
    assert "79001" not in answer.body
    assert answer.headers["connection"] == "close"
    assert status != 405 or answer.headers["allow"] in ("post", "get, head")


def test_too_many_connections_of_one_address_are_answered_429(collector):
    address = urlsplit(collector.url).hostname, urlsplit(collector.url).port
    with contextlib.ExitStack() as links:
        for _ in range(8):
            links.enter_context(socket.create_connection(address, timeout=10)).sendall(b"P")
        collector.accept_all()
        answer = raw(collector, post("/callback", status_body(1)))
        assert (answer.status, answer.headers["retry-after"]) == (429, "30")
        assert "max_connections_per_address" in answer.body
        assert raw(collector, post("/callback", status_body(1)), source="127.0.0.3").status == 200
    time.sleep(0.1)
    assert collector.post(status_body(1)) == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("DISK_RESERVE_BYTES", str(2**60), id="disk"),
        pytest.param("MAX_BACKLOG_BYTES", "0", id="backlog"),
        pytest.param("MAX_CONNECTIONS", "1", id="connections"),
    ],
)
def test_what_there_is_no_room_for_is_answered_503_and_told_once(tmp_path, name, value):
    with serving(tmp_path / "data", "--no-maintain", **{f"SMSANALYTICS_{name}": value}) as running:
        if name == "MAX_BACKLOG_BYTES":
            slot = running.data / "journal" / "w9"
            slot.mkdir()
            (slot / "0000000001.2026-11-24.sealed").write_bytes(b"{}\n")
            time.sleep(1.1)
        with socket.create_connection((urlsplit(running.url).hostname, urlsplit(running.url).port)) as link:
            link.sendall(b"P")
            time.sleep(0.1)
            for _ in range(20):
                answer = raw(running, post("/callback", status_body(1)))
                assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        said = [json.loads(line)["message"] for line in running.log.read_text().splitlines()]
        assert len([message for message in said if "503" in message]) == (name != "MAX_CONNECTIONS")
        assert running.stop() == 0
        assert not list((running.data / "journal").glob("w0/*.sealed"))


def test_who_finds_too_many_waiting_for_a_slow_disk_is_answered_503(tmp_path):
    strace = need("strace", "no disk can be slowed down")
    slow = [strace, "-f", "-qq", "-o", os.devnull, "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=400000"]
    collector = Collector(tmp_path / "data", "--no-maintain", prefix=slow, SMSANALYTICS_MAX_WAITING="2")
    try:
        with ThreadPoolExecutor(8) as callers:
            told = list(callers.map(lambda number: raw(collector, post("/callback", status_body(number))), range(1, 9)))
        refused = [answer for answer in told if answer.status == 503]
        assert {answer.status for answer in told} == {200, 503}
        assert {answer.headers["retry-after"] for answer in refused} == {"30"}
        assert raw(collector, post("/callback", status_body(9))).status == 200
        assert collector.interrupt() == 0
    finally:
        collector.kill()
    lines = b"".join(path.read_bytes() for path in (tmp_path / "data" / "journal").glob("w0/*.sealed"))
    assert lines.count(b"\n") == len(told) - len(refused) + 1


def test_who_was_let_in_last_is_served_and_who_says_nothing_is_sent_away(tmp_path):
    with serving(tmp_path / "data", "--no-maintain") as running:
        address = urlsplit(running.url).hostname, urlsplit(running.url).port
        with (
            socket.create_connection(address, timeout=10) as late,
            socket.create_connection(address, timeout=10) as mute,
        ):
            running.accept_all("127.0.0.1")
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.25)  # by now it has begun to stop
            late.sendall(post("/callback", status_body(1)))
            assert Answer(late.recv(65536)).status == 200
            assert mute.recv(65536) == b""
        assert running.process.wait(10) == 0
    assert len(list((tmp_path / "data" / "journal").glob("w0/*.sealed"))) == 1


def test_a_stop_answers_what_is_under_way_and_ends_with_0(tmp_path):
    with serving(tmp_path / "data", "--no-maintain") as running:
        found: list[Answer] = []
        waiting = threading.Thread(target=lambda: found.append(raw(running, UNFINISHED)))
        waiting.start()
        time.sleep(0.2)
        started = time.monotonic()
        assert running.stop() == 0
        waiting.join()
        assert time.monotonic() - started < 5
    assert (found[0].status, found[0].headers["retry-after"]) == (503, "30")


def test_a_stop_answers_half_a_request_behind_one_that_waits_for_the_disk(tmp_path):
    strace = need("strace", "no disk can be slowed down")
    slow = [
        strace,
        "-f",
        "-qq",
        "-o",
        os.devnull,
        "-e",
        "trace=fdatasync",
        "-e",
        "inject=fdatasync:delay_enter=2500000",
    ]
    collector = Collector(tmp_path / "data", "--no-maintain", prefix=slow)
    try:
        waiting = post("/callback", status_body(1)).replace(b"Connection: close\r\n", b"")
        with (
            ThreadPoolExecutor(1) as callers,
            socket.create_connection(
                (urlsplit(collector.url).hostname, urlsplit(collector.url).port), timeout=20
            ) as link,
        ):
            link.sendall(waiting + b"POST /call")
            time.sleep(0.2)
            stopped = callers.submit(collector.interrupt)
            said = b""
            while part := link.recv(65536):
                said += part
            assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"200", b"503"]
            assert stopped.result() == 0
    finally:
        collector.kill()


def test_the_table_of_the_readme_has_every_answer_and_no_other():
    tried = {str(case[0]) for case in CASES} | {"429", "503"}
    assert {status for status, _ in TABLE} == tried


def test_requests_sent_ahead_are_answered_in_their_order(collector):
    bodies = [status_body(1), status_body(1, secret="wrong"), b"id=1", status_body(2)]
    ahead = [post("/callback", body).replace(b"Connection: close\r\n", b"") for body in bodies[:-1]]
    address = urlsplit(collector.url).hostname, urlsplit(collector.url).port
    with socket.create_connection(address, timeout=10) as link:
        link.sendall(b"".join([*ahead, post("/callback", bodies[-1])]))
        said = b""
        while part := link.recv(65536):
            said += part
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"200", b"403", b"400", b"200"]


def test_a_client_that_says_no_more_is_still_answered(collector):
    address = urlsplit(collector.url).hostname, urlsplit(collector.url).port
    with socket.create_connection(address, timeout=10) as link:
        link.sendall(post("/callback", status_body(1)).replace(b"Connection: close\r\n", b""))
        link.shutdown(socket.SHUT_WR)
        assert link.recv(65536).startswith(b"HTTP/1.1 200")
        assert link.recv(65536) == b""


def test_an_idle_connection_is_kept_and_then_closed_without_a_word(tmp_path):
    with serving(tmp_path / "data", "--no-maintain", SMSANALYTICS_IDLE_SECONDS="1") as running:
        address = urlsplit(running.url).hostname, urlsplit(running.url).port
        with socket.create_connection(address, timeout=10) as link:
            for _ in range(2):
                link.sendall(post("/callback", status_body(1)).replace(b"Connection: close\r\n", b""))
                assert link.recv(65536).startswith(b"HTTP/1.1 200")
            started = time.monotonic()
            assert link.recv(65536) == b""
            assert 0.7 < time.monotonic() - started < 5


def test_a_client_that_waits_to_be_told_is_told_to_go_on(collector):
    address = urlsplit(collector.url).hostname, urlsplit(collector.url).port
    with socket.create_connection(address, timeout=10) as link:
        head, _, body = post("/callback", status_body(1), "Expect: 100-continue").partition(b"\r\n\r\n")
        link.sendall(head + b"\r\n\r\n")
        assert link.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(body)
        assert link.recv(65536).startswith(b"HTTP/1.1 200")
