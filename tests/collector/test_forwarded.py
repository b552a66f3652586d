"""Addresses in every form in which proxies write them."""

from __future__ import annotations

import ipaddress

import pytest

from smsanalytics.collector.accounts import client_of

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
    assert client_of("10.0.0.1", [written.encode()], PROXIES) == expected
