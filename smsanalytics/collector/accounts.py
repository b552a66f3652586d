"""The accounts a collector serves: where each is reached, from where, and what it demands of a callback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from smsanalytics.collector.sender import Network
from smsanalytics.settings import DEFAULT_ACCOUNT, Settings
from smsanalytics.smsc.call import CallFields
from smsanalytics.smsc.callback import Terms

PATH = "/callback"


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
