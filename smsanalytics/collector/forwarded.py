"""The ways that requests took, as proxies write them into ``X-Forwarded-For`` and ``Forwarded`` (RFC 7239)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_PARAMETER = re.compile(  # possessive: it remembers no place to go back to
    r'\s*+(?:([^\s=",;]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^\s",;]*+))?+\s*+([,;]|\Z)'
)
_PARAMETERS = re.compile(f"(?:{_PARAMETER.pattern})*+")


def ways_in(headers: Iterable[tuple[bytes, bytes]]) -> list[list[str]]:
    """
    Read the way of a request, once from each of the two headers that came.

    Parameters
    ----------
    headers : iterable of (bytes, bytes)
        Names in small letters and values, in order; others than these two are ignored.

    Returns
    -------
    list of list of str
        From hop to hop what the next proxy calls it, never empty; "" where it does not say so, or not clearly.

    Examples
    --------
    >>> ways_in([(b"forwarded", b'for="[2001:db8::7]:4711";proto=http, by=192.0.2.1'), (b"forwarded", b'for="')])
    [['"[2001:db8::7]:4711"', '', '']]
    >>> ways_in([(b"host", b"your.host"), (b"x-forwarded-for", b"198.51.100.7,192.0.2.1:4711")])
    [['198.51.100.7', '192.0.2.1:4711']]
    """
    ways: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name == b"forwarded":
            ways.setdefault(name, []).extend(_elements(value.decode("latin-1")))
        elif name == b"x-forwarded-for":
            ways.setdefault(name, []).extend(value.decode("latin-1").split(","))
    return [*ways.values()]


def address_in(hop: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """
    Find the address in what a proxy writes: alone, with a port, in brackets, in quotes; None for ``unknown``.

    Examples
    --------
    >>> address_in('"[2001:db8::7]:4711"'), address_in("192.0.2.1:4711"), address_in("_hidden")
    (IPv6Address('2001:db8::7'), IPv4Address('192.0.2.1'), None)
    """
    host = hop.strip('" ')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _elements(line: str) -> list[str]:
    """For whom each element of ``Forwarded`` is; a line with junk in it counts as an element that does not say so."""
    if not _PARAMETERS.fullmatch(line):
        return [""]
    elements: list[list[str]] = [[]]
    for name, value, end in _PARAMETER.findall(line):
        if name.lower() == "for":
            elements[-1].append(value)
        if end == ",":
            elements.append([])
    return [clients[0] if len(clients) == 1 else "" for clients in elements]
