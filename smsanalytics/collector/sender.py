"""Who sent a request: the address of the connection, or the one that trusted proxies name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

CUSTOMER = 64  #: bits of an IPv6 address that all addresses of a customer share
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ELEMENT = re.compile(r'(?:[^",]|"[^"]*")++')
_PAIR = re.compile(r'\s*([^\s=",;]+)\s*=\s*("[^"\\]*"|[^\s",;]*)\s*')


def client_of(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: tuple[Network, ...]) -> Address | None:
    """
    Find who sent a request: the last address that is no trusted proxy; None where nobody can be believed.

    A proxy that writes one of ``X-Forwarded-For`` and ``Forwarded`` may pass on the other as its client sent it: where
    both came, they must name the same client.

    Parameters
    ----------
    peer : str
        Address of the connection.
    headers : iterable of (bytes, bytes)
        Names in small letters and values.
    trusted : tuple of Network
        Proxies whose word counts.

    Examples
    --------
    >>> proxies = (ipaddress.ip_network("10.0.0.0/8"),)
    >>> client_of("10.0.0.1", [(b"x-forwarded-for", b"198.51.100.7, 192.0.2.1:80, 10.0.0.2")], proxies)
    IPv4Address('192.0.2.1')
    >>> client_of("10.0.0.1", [(b"forwarded", b'for="[2001:db8::7]:4711";proto=http')], proxies)
    IPv6Address('2001:db8::7')
    >>> client_of("127.0.0.1", [(b"x-forwarded-for", b"198.51.100.7")], proxies) is None
    True
    """
    ways = _ways(headers)
    address = address_of(peer)
    if address is None or not is_among(address, trusted):
        return (
            None if ways and (address is None or address.is_loopback) else address
        )  # of a proxy that the settings do not name
    clients = {_client(hops, trusted) for hops in ways}
    return clients.pop() if len(clients) == 1 else None


def _ways(headers: Iterable[tuple[bytes, bytes]]) -> list[list[str]]:
    """From hop to hop what the next proxy calls it, once from each of the two headers that came."""
    ways: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name == b"x-forwarded-for":
            ways.setdefault(name, []).extend(value.decode("latin-1").split(","))
        elif name == b"forwarded":
            ways.setdefault(name, []).extend(_called(element) for element in _elements(value.decode("latin-1")))
    return [*ways.values()]


def _elements(line: str) -> list[str]:
    """What a line of ``Forwarded`` lists; a quote without end may have swallowed more, so nothing in it is believed."""
    return [""] if line.count('"') % 2 else _ELEMENT.findall(line)


def _called(element: str) -> str:
    """For whom an element of ``Forwarded`` (RFC 7239) is; nobody where it does not say so once, or in a stray quote."""
    pairs = [_PAIR.fullmatch(pair) for pair in element.split(";") if pair.strip()]
    clients = [pair[2] for pair in pairs if pair and pair[1].lower() == "for"]
    return clients[0] if all(pairs) and len(clients) == 1 else ""


def _client(hops: list[str], trusted: tuple[Network, ...]) -> Address | None:
    """The last address on a way that is no trusted proxy."""
    for hop in reversed(hops):
        address = address_of(hop)
        if address is None or not is_among(address, trusted):
            return address
    return None


def is_among(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether an address lies in one of the networks."""
    return any(address in network for network in networks)


def network_of(peer: str) -> str:
    """
    Return what counts as one address: of IPv6 the network of a customer.

    Examples
    --------
    >>> network_of("2001:db8::3"), network_of("192.0.2.1"), network_of("::ffff:192.0.2.1")
    ('2001:db8::/64', '192.0.2.1', '192.0.2.1')
    """
    address = address_of(peer) if ":" in peer else None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, CUSTOMER), strict=False))
    return str(address or peer)


def address_of(hop: str) -> Address | None:
    """
    Find the address in what a proxy writes: alone, with a port, in brackets, in quotes; None for ``unknown``.

    Examples
    --------
    >>> address_of('"[2001:db8::7]:4711"'), address_of("::ffff:192.0.2.1"), address_of("unknown")
    (IPv6Address('2001:db8::7'), IPv4Address('192.0.2.1'), None)
    """
    host = hop.strip('" \t')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
