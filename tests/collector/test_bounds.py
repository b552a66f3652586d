"""The bounds of the public listener: whom they count, what they leave out, and what is given back."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clients import BEARER, TOKEN
from programs import need
from serving import serving
from signing import status_body

TESTS = Path(__file__).parents[1]
PROXY = "127.0.0.2"
SETTINGS = {
    "SMSANALYTICS_MAX_CONNECTIONS_PER_ADDRESS": "4",
    "SMSANALYTICS_TRUSTED_PROXIES": f'["{PROXY}"]',
    "SMSANALYTICS_BODY_SECONDS": "60",
}


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("bounds") / "data", "--no-maintain", **SETTINGS) as running:
        yield running


def connect(collector, source):
    at = urlsplit(collector.url)
    return socket.create_connection((at.hostname, at.port), timeout=10, source_address=(source, 0))


def request(body, *headers, length=None):
    size = len(body) if length is None else length
    return (
        "\r\n".join(["POST /callback HTTP/1.1", "Host: x", f"Content-Length: {size}", *headers, "", ""]).encode() + body
    )


def answers(link):
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := link.recv(65536):
            found += part
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", found)]


def asked(collector, source):
    with connect(collector, source) as link:
        link.sendall(request(status_body(1), "Connection: close"))
        return answers(link)


def test_a_trusted_proxy_may_have_as_many_connections_as_there_are(collector):
    with contextlib.ExitStack() as crowd:
        for source in (PROXY, "127.0.0.3"):
            for _ in range(4):
                crowd.enter_context(connect(collector, source)).sendall(b"P")
        collector.accept_all()
        assert asked(collector, PROXY) == [200]
        assert asked(collector, "127.0.0.3") == [429]


def test_what_one_client_sends_ahead_is_bounded(collector):
    with connect(collector, "127.0.0.4") as link:
        link.sendall(b"".join(request(status_body(number)) for number in range(400)))
        found = answers(link)
    assert found == [200] * (len(found) - 1) + [503]
    assert len(found) < 100


def test_half_bodies_have_a_bound_and_give_back_what_they_hold_when_their_clients_are_lost(collector):
    half = request(b"a=" + b"x" * 250_000, length=260_000)
    whole = request(b"a=" + b"x" * 200_000, "Connection: close")
    for _ in range(3):
        with contextlib.ExitStack() as crowd:
            for _ in range(17):
                with contextlib.suppress(ConnectionError):
                    crowd.enter_context(connect(collector, PROXY)).sendall(half)
            time.sleep(0.3)
            with connect(collector, "127.0.0.5") as link, contextlib.suppress(ConnectionError):
                link.sendall(whole)
                assert answers(link) == [503]
        time.sleep(0.3)
        with connect(collector, "127.0.0.5") as link:
            link.sendall(whole)
            assert answers(link) == [400]


def test_a_trusted_proxy_is_known_where_both_families_come_in_by_one_door(tmp_path):
    if not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    with serving(tmp_path / "data", "--no-maintain", "--host", "::", "--admin", "off", **SETTINGS) as running:
        port = urlsplit(running.url).port

        def connected(source):
            return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))

        with contextlib.ExitStack() as crowd:
            for source in (PROXY, "127.0.0.3"):
                for _ in range(4):
                    crowd.enter_context(connected(source)).sendall(b"P")
            time.sleep(0.2)
            for source, status in ((PROXY, 200), ("127.0.0.3", 429)):
                with connected(source) as link:
                    link.sendall(request(status_body(1), "Connection: close"))
                    assert answers(link) == [status]


IN_A_NETWORK = """
ip link set lo up && for last in 1:0:0:0:1 1:0:0:0:2 1:0:0:0:3 1::4 2::1; do
    ip -6 address add fd00:0:0:$last/128 dev lo nodad || exit 99
done
exec "$@"
"""
CANNOT = 99
CALLERS = """
import contextlib, pathlib, re, socket, sys, time
sys.path.insert(0, sys.argv[1])
from serving import serving
from signing import status_body

def connect(source):
    return socket.create_connection(("fd00:0:0:2::1", port), timeout=10, source_address=(f"fd00:0:0:{source}", 0))

settings = {"SMSANALYTICS_MAX_CONNECTIONS_PER_ADDRESS": "3"}
with serving(pathlib.Path(sys.argv[2]), "--no-maintain", "--host", "::", **settings) as running:
    port = int(re.search(r":([0-9]+)/callback", running.url)[1])
    with contextlib.ExitStack() as crowd:
        for source in ("1::1", "1::2", "1::3"):
            crowd.enter_context(connect(source)).sendall(b"P")
        time.sleep(0.2)
        for source in ("1::4", "2::1"):
            with connect(source) as link:
                body = status_body(1)
                link.sendall(b"POST /callback HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
                print(source, link.recv(100)[9:12].decode())
"""


def test_of_ipv6_the_network_of_a_customer_counts_as_one_address(tmp_path):
    unshare = need("unshare", "no network of its own can be made")
    need("ip", "it can have no addresses")
    command = [sys.executable, "-c", CALLERS, str(TESTS), str(tmp_path / "data")]
    done = subprocess.run(
        [unshare, "--map-root-user", "--net", "sh", "-c", IN_A_NETWORK, "sh", *command],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode == CANNOT or "unshare" in done.stderr:
        pytest.skip("no network of its own can be made here")
    assert done.stdout == "1::4 429\n2::1 200\n", done.stderr


def unread(port, peer):
    """What the system holds for a client; None when there is no connection."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if (int(local[-4:], 16), int(remote[-4:], 16)) == (port, peer):
            return int(queues[:8], 16)
    return None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs the connection table of Linux")
def test_a_client_that_reads_no_answers_is_gone_when_its_time_is_over(tmp_path):
    own = {"SMSANALYTICS_HEADER_SECONDS": "1", "SMSANALYTICS_ADMIN_TOKEN": TOKEN}
    with serving(tmp_path / "data", "--no-maintain", **own) as running, socket.socket() as link:
        at = urlsplit(running.admin)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        link.connect((at.hostname, at.port))
        here = (at.port, link.getsockname()[1])
        before, full = -1, 0
        while full < 2:  # the system takes no more, and the collector holds less than makes it stop
            link.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\n{BEARER}\r\n\r\n".encode())
            until = time.monotonic() + 0.2
            while (now := unread(*here)) == before and time.monotonic() < until:
                time.sleep(0.002)
            before, full = now, full + 1 if now == before else 0
        assert unread(*here)
        time.sleep(3)
        started = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - started < 5
