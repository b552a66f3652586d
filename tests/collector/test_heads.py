"""Whatever came before on a connection, and however it is cut, each request gets its answer."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import socket
import time
from urllib.parse import urlsplit

import duckdb
import pytest
from serving import counting, serving
from signing import status_body

SETTINGS = {
    "SMSANALYTICS_TRUSTED_PROXIES": '["127.0.0.2/32"]',
    "SMSANALYTICS_MAX_BODY_BYTES": "4096",
    "SMSANALYTICS_ACCOUNTS__NEAR__SECRETS": '{"2026": "another-secret"}',
    "SMSANALYTICS_ACCOUNTS__NEAR__ADDRESSES": '["192.0.2.0/24"]',
}
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("heads") / "data", "--no-maintain", **SETTINGS) as running:
        yield running


def request(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(body: bytes) -> bytes:
    head = b"POST /callback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def drawn(draw: random.Random, number: int) -> tuple[bytes, int]:
    """A request, and the answer that it must get."""
    good, near = status_body(number), status_body(number, secret="another-secret")
    within = b"id=1\r\n\r\nPOST /callback HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    return draw.choice(
        [
            (request("/callback", good), 200),
            (request("/callback", good), 200),
            (b"\r\n" + request("/callback/default", good), 200),
            (request("/callback", good, "Expect: nothing"), 200),
            (chunked(good), 200),
            (request("/callback/near", near, "X-Forwarded-For: 192.0.2.7"), 200),
            (request("/callback/near", near, "X-Forwarded-For: 198.51.100.1"), 403),
            (request("/callback", status_body(number, secret="wrong-secret")), 403),
            (request("/callback", within.ljust(len(good), b" ")), 400),
            (request("/callback", b""), 400),
            (request("/elsewhere", good), 404),
            (b"GET /callback HTTP/1.1\r\nHost: x\r\n\r\n", 405),
            (b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        ]
    )


@contextlib.contextmanager
def connected(collector):
    address = urlsplit(collector.url).hostname, urlsplit(collector.url).port
    with socket.create_connection(address, timeout=10, source_address=("127.0.0.2", 0)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield link


def answers(link: socket.socket, parts: list[bytes], count: int) -> list[int]:
    """Send parts one after the other, and read so many answers, or until the connection ends."""
    for part in parts:
        link.sendall(part)
    said = b""
    while len(STATUS.findall(said)) < count and (part := link.recv(65536)):
        said += part
    return [int(status) for status in STATUS.findall(said)]


def cut(draw: random.Random, stream: bytes, at: list[int]) -> list[bytes]:
    """A stream in pieces: where its requests end, somewhere, or both."""
    places = {place for place in at if draw.random() < 0.7}
    if draw.random() < 0.5:
        places |= {draw.randrange(len(stream)) for _ in range(draw.randint(0, 4))}
    ends = sorted({0, *places, len(stream)})
    return [stream[start:end] for start, end in itertools.pairwise(ends)]


def test_whatever_came_before_and_however_it_is_cut_each_request_gets_its_answer(tmp_path):
    draw = random.Random(20261127)
    number, stored = 0, []
    with serving(tmp_path / "data", **SETTINGS) as collector:
        for _ in range(300):
            requests, expected, ends = [], [], [0]
            for _ in range(draw.randint(1, 6)):
                number += 1
                sent, status = drawn(draw, number)
                requests.append(sent)
                expected.append(status)
                ends.append(ends[-1] + len(sent))
                if status == 200 and b"/healthz" not in sent:
                    stored.append(number)
            with connected(collector) as link:
                assert answers(link, cut(draw, b"".join(requests), ends), len(expected)) == expected
        assert collector.stop() == 0
    found = duckdb.sql("SELECT message_id FROM read_parquet($files)", params={"files": counting(tmp_path / "data")})
    assert sorted(row[0] for row in found.fetchall()) == stored


@pytest.mark.parametrize("length", [b"", b"\r\nContent-Length: 0"], ids=["none", "0"])
def test_a_head_that_begins_as_another_is_read_to_its_end(collector, length):
    """A request without a body is complete by its head alone, and so may another begin."""
    whole, body = b"POST /callback HTTP/1.1\r\nHost: x" + length, status_body(800_001)
    rest, expected = (
        (b"\r\nX: y\r\n\r\n", 400) if length else (b"\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body), 200)
    )
    with connected(collector) as link:
        assert answers(link, [whole + b"\r\n\r\n"], 1) == [400]
        link.sendall(whole)
        time.sleep(0.1)
        assert answers(link, [rest, request("/elsewhere", body)], 2) == [expected, 404]


def test_a_connection_ends_where_its_request_says_so(collector):
    for number in (900_001, 900_002):
        with connected(collector) as link:
            assert answers(link, [request("/callback", status_body(number), "Connection: close")], 2) == [200]
