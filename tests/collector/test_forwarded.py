"""Addresses in every form in which proxies write them."""

from __future__ import annotations

import ipaddress
import time

import pytest

from smsanalytics.collector.sender import client_of

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ('"192.0.2.1:4711"', "192.0.2.1"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ('"[2001:db8::7]:4711"', "2001:db8::7"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("198.51.100.9, 192.0.2.1:4711, 10.1.2.3:80, [fd00::1]:80", "192.0.2.1"),
        ("unknown", None),
        ("192.0.2.1, unknown", None),
        ("_hidden", None),
        ("192.0.2.1:4711:1", None),
        ("", None),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(written, client):
    expected = ipaddress.ip_address(client) if client else None
    assert client_of("10.0.0.1", [(b"x-forwarded-for", written.encode())], PROXIES) == expected


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ('For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ("FOR=[2001:db8:cafe::17]:4711", "2001:db8:cafe::17"),
        ('for="2001:db8:cafe::17"', "2001:db8:cafe::17"),
        ('for=192.0.2.43, for="198.51.100.17:80"', "198.51.100.17"),
        ('for=192.0.2.43,for="198.51.100.17:_port"', "198.51.100.17"),
        ('for="::ffff:192.0.2.1"', "192.0.2.1"),
        (" proto=https ;  for = 192.0.2.43 ; by = 10.0.0.1 ", "192.0.2.43"),
        ("for=198.51.100.9, for=192.0.2.1:4711, for=10.1.2.3:80;by=10.0.0.1, For=[fd00::1]:80", "192.0.2.1"),
        (
            r'for=192.0.2.43;host="a, for=198.51.100.1;b\", for=198.51.100.2"',
            None,
        ),  # no proxy writes that: nobody is believed
        ("for=192.0.2.43;;proto=http;", "192.0.2.43"),
        ("for=192.0.2.43;before=198.51.100.1", "192.0.2.43"),
        ("for=192.0.2.43, for=unknown", None),
        ("for=192.0.2.43, for=_hidden", None),
        ("for=192.0.2.43, for=_hidden:80", None),
        ("for=192.0.2.43, proto=https", None),
        ("for=192.0.2.43,", "192.0.2.43"),
        ("for=192.0.2.43;for=198.51.100.1", None),
        ("for=", None),
        ('for=""', None),
        ("", None),
        ("192.0.2.43", None),
        ("for 192.0.2.43", None),
        ("for=192.0.2.43 198.51.100.1", None),
        ('for="198.51.100.1, for=192.0.2.43', None),
        ('for=198.51.100.1;x=", for="192.0.2.43:80"', None),
        ('for=198.51.100.1;x="\\, for="[2001:db8::1]:80"', None),
        ("for=10.0.0.7", None),
    ],
)
def test_the_standard_header_is_read_in_every_form(written, client):
    expected = ipaddress.ip_address(client) if client else None
    assert client_of("10.0.0.1", [(b"forwarded", written.encode())], PROXIES) == expected


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([(b"forwarded", b"for=198.51.100.1"), (b"forwarded", b"for=192.0.2.1, for=10.0.0.2")], "192.0.2.1"),
        ([(b"forwarded", b'for="198.51.100.1'), (b"forwarded", b'for="192.0.2.1"')], "192.0.2.1"),
        ([(b"forwarded", b'for=198.51.100.1;x="'), (b"forwarded", b'";for=10.0.0.2')], None),
        ([(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"192.0.2.1")], "192.0.2.1"),
        ([(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b'for="192.0.2.1:80"')], "192.0.2.1"),
        ([(b"forwarded", b"for=192.0.2.1, for=10.0.0.2"), (b"x-forwarded-for", b"192.0.2.1")], "192.0.2.1"),
        ([(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"for=198.51.100.1")], None),
        ([(b"forwarded", b"for=192.0.2.1"), (b"x-forwarded-for", b"198.51.100.1")], None),
        ([(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"for=unknown")], None),
        ([(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"")], None),
        ([(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"for=10.0.0.2")], None),
        ([(b"x-forwarded-host", b"198.51.100.1"), (b"host", b"for=198.51.100.1")], None),
        ([], None),
    ],
)
def test_several_lines_are_one_way_and_two_headers_must_agree(lines, client):
    expected = ipaddress.ip_address(client) if client else None
    assert client_of("10.0.0.1", lines, PROXIES) == expected


@pytest.mark.parametrize("header", [(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"for=192.0.2.1")])
def test_nobody_but_a_trusted_proxy_is_believed(header):
    assert client_of("198.51.100.1", [header], PROXIES) == ipaddress.ip_address("198.51.100.1")
    assert client_of("127.0.0.1", [header], PROXIES) is None
    assert client_of("127.0.0.1", [(b"host", b"x")], PROXIES) == ipaddress.ip_address("127.0.0.1")
    assert client_of("", [header], PROXIES) is None


@pytest.mark.parametrize(
    "piece", [b" ", b'"', b"\\", b'"\\', b"a", b"a=", b'a="', b"=", b";", b",", b"for=1,", b'for="a";']
)
def test_a_header_that_is_made_to_be_slow_is_read_in_time(piece):
    started = time.perf_counter()
    client_of("10.0.0.1", [(b"forwarded", piece * (16384 // len(piece)) + b"!")], PROXIES)
    assert time.perf_counter() - started < 0.5
