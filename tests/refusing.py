"""Stores full of refused callbacks, and the recovery of what is in them."""

from __future__ import annotations

from pathlib import Path

from receiving import Receiver, published
from signing import SECRET

from smsanalytics.collector.accounts import Account
from smsanalytics.collector.sender import Network
from smsanalytics.ops.replay import Retried, Span, judged, retry
from smsanalytics.smsc.callback import Terms
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.rejected import Rejected


def account_of(terms: Terms, *networks: Network) -> Account:
    return Account("default", terms, networks)


WRONG = {"secrets": {"2026": "another-secret-that-is-wrong"}}
RIGHT = {"default": account_of(Terms({"2026": SECRET.encode()}))}
NOON = 1_795_348_800  # 2026-11-22 12:00 UTC
EVERYTHING = Span()


def refused(data: Path, *posts: bytes, at: int = NOON, status: int = 403, **account: object) -> Path:
    """A store of these, one a second, all of them refused."""
    with Receiver(data, default=WRONG | account) as collector:
        collector.remote = "192.0.2.1"
        for second, body in enumerate(posts):
            assert collector.post(body, at=at + second) == status
    return data


def recover(data: Path, accounts: dict[str, Account] = RIGHT, span: Span = EVERYTHING) -> Retried:
    """And publish."""
    done = retry(Layout(data), accounts, span)
    published(data)
    return done


def looked_at(data: Path, accounts: dict[str, Account] = RIGHT, span: Span = EVERYTHING, **how: bool) -> list:
    with Rejected(Layout(data)) as rejected:
        return list(judged(rejected, accounts, span, **how))
