"""The accounts a collector serves: where each is reached, from where, and what it demands of a callback."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.types import Scope

from smsanalytics.collector.forwarded import address_in, ways_in
from smsanalytics.settings import DEFAULT_ACCOUNT, Settings
from smsanalytics.wire.call import CallFields
from smsanalytics.wire.callback import Terms

PATH = "/callback"
CUSTOMER = 64  #: bits of an IPv6 address that all addresses of a customer share
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Account:
    """
    One account.

    Attributes
    ----------
    name : str
        As in the settings.
    terms : Terms
        What its callbacks must be.
    networks : tuple of Network
        From where they may come; empty for anywhere.
    """

    name: str
    terms: Terms
    networks: tuple[Network, ...]


def routes_of(settings: Settings) -> dict[str, Account]:
    """
    Path to account. One that has a token is found under no path without it.

    Examples
    --------
    >>> routes_of(Settings(accounts={"default": {}, "shop": {"path_token": "a-token-of-20-letters"}})).keys()
    dict_keys(['/callback/default', '/callback', '/callback/shop/a-token-of-20-letters'])
    """
    routes: dict[str, Account] = {}
    for name, terms in terms_of(settings).items():
        own = settings.accounts[name]
        account = Account(name, terms, own.addresses)
        token = f"/{own.path_token.get_secret_value()}" if own.path_token else ""
        routes[f"{PATH}/{name}{token}"] = account
        if name == DEFAULT_ACCOUNT and not token:
            routes[PATH] = account
    return routes


def path_of(scope: Scope) -> str:
    """
    The path below where an application is mounted, without the spellings that clients and proxies make of it.

    Examples
    --------
    >>> path_of({"path": "/sms//callback/", "root_path": "/sms"})
    '/callback'
    """
    path: str = scope["path"]
    if (root := scope.get("root_path", "")) and path.startswith(f"{root}/"):
        path = path[len(root) :]
    if path.endswith("/") or "//" in path:
        path = "/" + "/".join(filter(None, path.split("/")))
    return path


def terms_of(settings: Settings) -> Mapping[str, Terms]:
    """What each account demands of a callback."""
    return {
        name: Terms(
            secrets={label: secret.get_secret_value().encode() for label, secret in account.secrets.items()},
            algorithms=account.algorithms,
            charset=account.charset,
            inbound_numbers=frozenset(number.encode() for number in account.inbound_numbers),
            call_events=CallFields(**account.call_events.model_dump()) if account.call_events else None,
        )
        for name, account in settings.accounts.items()
    }


def client_of(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: tuple[Network, ...]) -> Address | None:
    """
    Tell who sent a request: the last address that is no trusted proxy; None where nobody can be believed.

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
    ways = ways_in(headers)
    address = address_in(peer)
    if address is None or not is_among(address, trusted):
        return None if ways and (address is None or address.is_loopback) else address  # of a proxy nobody told of
    clients = {_client(way, trusted) for way in ways}
    return clients.pop() if len(clients) == 1 else None


def _client(hops: list[str], trusted: tuple[Network, ...]) -> Address | None:
    """The last address on a way that is no trusted proxy."""
    for hop in reversed(hops):
        address = address_in(hop)
        if address is None or not is_among(address, trusted):
            return address
    return None


def is_among(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether an address lies in one of the networks."""
    return any(address in network for network in networks)


def network_of(peer: str) -> str:
    """
    Tell what counts as one address: of IPv6 the network of a customer.

    Examples
    --------
    >>> network_of("2001:db8::3"), network_of("192.0.2.1"), network_of("::ffff:192.0.2.1")
    ('2001:db8::/64', '192.0.2.1', '192.0.2.1')
    """
    address = address_in(peer) if ":" in peer else None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, CUSTOMER), strict=False))
    return str(address or peer)
