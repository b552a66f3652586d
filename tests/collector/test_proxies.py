"""The client is who the proxy names, in every form in which proxies write it, over IPv4 and IPv6."""

from __future__ import annotations

import json
import re
import socket
from urllib.parse import urlsplit

import pytest
from clients import NUMBERS, TOKEN, Link, Listener
from serving import serving
from signing import status_body

SHOP, PROXY = "another-secret", "127.0.0.2"
ALLOWED = {"near": ["192.0.2.0/24", "2001:db8::/32"], "here": ["127.0.0.1"]}
SETTINGS = {
    "SMSANALYTICS_ADMIN_TOKEN": TOKEN,
    "SMSANALYTICS_TRUSTED_PROXIES": json.dumps([PROXY]),
    **{f"SMSANALYTICS_ACCOUNTS__{name}__SECRETS".upper(): json.dumps({"2026": SHOP}) for name in ALLOWED},
    **{f"SMSANALYTICS_ACCOUNTS__{name}__ADDRESSES".upper(): json.dumps(ALLOWED[name]) for name in ALLOWED},
}


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("proxies") / "data", "--no-maintain", **SETTINGS) as running:
        yield running


FORWARDED = [
    (200, "X-Forwarded-For: 192.0.2.7:4711"),
    (200, "X-Forwarded-For: 2001:db8::7"),
    (200, "X-Forwarded-For: [2001:db8::7]"),
    (200, "X-Forwarded-For: [2001:db8::7]:4711"),
    (200, 'X-Forwarded-For: "192.0.2.7:4711"'),
    (200, 'X-Forwarded-For: "[2001:db8::7]:4711"'),
    (200, "X-Forwarded-For: ::ffff:192.0.2.7"),
    (200, "X-Forwarded-For: unknown, 192.0.2.7, 127.0.0.2"),
    (200, "X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 192.0.2.7"),
    (403, "X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 198.51.100.1"),
    (403, "X-Forwarded-For: 192.0.2.7, unknown"),
    (403, "X-Forwarded-For: 198.51.100.1:4711"),
    (403, "X-Forwarded-For: [2001:db9::7]:4711"),
    (403, "X-Forwarded-For: unknown"),
    (200, "Forwarded: for=192.0.2.7;proto=https"),
    (200, 'Forwarded: proto=https; by=203.0.113.4; FOR="192.0.2.7:4711"'),
    (200, 'Forwarded: for="[2001:db8::7]"'),
    (200, 'Forwarded: for="[2001:db8::7]:4711"'),
    (200, "Forwarded: for=198.51.100.1, for=192.0.2.7, for=127.0.0.2"),
    (200, "Forwarded: for=198.51.100.1", "Forwarded: for=192.0.2.7"),
    (403, "Forwarded: for=192.0.2.7, for=198.51.100.1"),
    (403, 'Forwarded: for="[2001:db9::7]:4711"'),
    (403, "Forwarded: For=unknown"),
    (403, "Forwarded: for=192.0.2.7, for=_hidden"),
    (403, "Forwarded: for=192.0.2.7, proto=https"),
    (403, "Forwarded: by=192.0.2.7"),
    (403, "Forwarded: for=192.0.2.7;for=198.51.100.1"),
    (403, 'Forwarded: for="198.51.100.1, for=192.0.2.7"'),
    (200, "X-Forwarded-For: 192.0.2.7:80", 'Forwarded: for="192.0.2.7:4711"'),
    (403, "X-Forwarded-For: 192.0.2.7", "Forwarded: for=198.51.100.1"),
    (403, "X-Forwarded-For: 198.51.100.1", "Forwarded: for=192.0.2.7"),
    (403, "X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.8"),
    (403, "X-Forwarded-For: 192.0.2.7", "Forwarded: for=unknown"),
]  # fmt: skip


@pytest.mark.parametrize("case", FORWARDED, ids=lambda case: "; ".join(case[1:]))
def test_the_client_is_whom_the_proxy_names(collector, case):
    number, (status, *headers), public = next(NUMBERS), case, Listener("public", collector.base)
    with Link(collector.base, PROXY) as link:
        link.send(public.request(status_body(number, secret=SHOP), *headers, target="/callback/near"))
        public.answers(link, number, status)
        public.goes_on(link)
    with Link(collector.base) as link:  # from elsewhere nobody is believed
        link.send(public.request(status_body(number, secret=SHOP), *headers, target="/callback/near"))
        public.refuses(link, 403)


def test_wrong_tokens_count_for_the_client_whom_the_proxy_names(collector):
    admin = Listener("admin", collector.admin)
    forms = ["X-Forwarded-For: 192.0.2.99:1", "Forwarded: for=192.0.2.99", 'Forwarded: for="192.0.2.99:2";proto=https']
    with Link(admin.base, PROXY) as link:
        for header in [forms[number % 3] for number in range(10)]:
            link.send(admin.request(b"", header, "Authorization: Bearer wrong", known=False))
            admin.refuses(link, 401)
        for status, header in [*((429, form) for form in forms), (400, "Forwarded: for=192.0.2.98")]:
            link.send(admin.request(b"x", header))
            admin.refuses(link, status)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A collector that listens on all addresses of both families, and its port."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    data = tmp_path_factory.mktemp("both") / "data"
    with serving(data, "--no-maintain", "--host", "::", "--admin", "off", **SETTINGS) as running:
        yield running, int(re.search(r":(\d+)/callback", running.url)[1])


@pytest.mark.parametrize(
    ("address", "source", "path", "header", "status"),
    [
        pytest.param("[::1]", "::1", "/callback", "X: y", 200, id="ipv6"),
        pytest.param("127.0.0.1", "127.0.0.1", "/callback", "X: y", 200, id="ipv4"),
        pytest.param("127.0.0.1", "127.0.0.1", "/callback/here", "X: y", 200, id="ipv4-allowed"),
        pytest.param("[::1]", "::1", "/callback/here", "X: y", 403, id="ipv6-not-allowed"),
        pytest.param("127.0.0.1", "127.0.0.3", "/callback/here", "X: y", 403, id="ipv4-not-allowed"),
        pytest.param("127.0.0.1", PROXY, "/callback/near", "X-Forwarded-For: 192.0.2.7", 200, id="proxy"),
        pytest.param("127.0.0.1", PROXY, "/callback/near", 'Forwarded: for="[2001:db8::7]"', 200, id="proxy-forwarded"),
        pytest.param("127.0.0.1", PROXY, "/callback/near", "X-Forwarded-For: 198.51.100.1", 403, id="proxy-of-another"),
        pytest.param("127.0.0.1", "127.0.0.3", "/callback/near", "X-Forwarded-For: 192.0.2.7", 403, id="no-proxy"),
        pytest.param("[::1]", "::1", "/callback/near", "X-Forwarded-For: 192.0.2.7", 403, id="ipv6-no-proxy"),
    ],
)
def test_all_addresses_are_those_of_both_families(both, address, source, path, header, status):
    _, port = both
    public, number = Listener("public", f"http://{address}:{port}"), next(NUMBERS)
    body = status_body(number) if path == "/callback" else status_body(number, secret=SHOP)
    with Link(public.base, source) as link:
        link.send(public.request(body, header, target=path))
        public.answers(link, number, status)
        public.goes_on(link)


def test_the_address_of_all_can_be_pasted(both):
    running, port = both
    assert running.url == f"http://[::]:{port}/callback"
    assert (urlsplit(running.url).hostname, urlsplit(running.url).port) == ("::", port)


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_addresses_are_printed_in_brackets_on_both_listeners(tmp_path, host):
    with serving(tmp_path / "data", "--no-maintain", "--host", host, "--admin", "[::1]:0", **SETTINGS) as running:
        assert re.fullmatch(r"http://\[::1\]:\d+/callback", running.url)
        assert re.fullmatch(r"http://\[::1\]:\d+", running.admin)
        for listener in (Listener("public", running.base), Listener("admin", running.admin)):
            with Link(listener.base, "::1") as link:
                listener.goes_on(link)
