"""
Refused callbacks judged again, by the settings of today; those that are accepted now go into the store after all.

They keep their time of receipt: they count on the day they came, as late as they came.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from smsanalytics.collector.accounts import Account
from smsanalytics.collector.sender import client_of, is_among
from smsanalytics.errors import CallbackRefused, SettingsError
from smsanalytics.settings import ALPHABET
from smsanalytics.smsc.callback import Callback, Terms, read
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import DAY, Journal, entry, in_batch
from smsanalytics.storage.rejected import UNREADABLE, WRITER, Key, Refused, Rejected, key_of

PATIENCE = 10.0  #: how long to wait for another that recovers [s]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MASKED = b"***"  #: what a secret of that time became


def with_secret(account: Account, label: str, secret: str) -> Account:
    """
    An account with one more secret.

    Raises
    ------
    SettingsError
        If it is none, or the label is in use.
    """
    if not ALPHABET.fullmatch(secret):
        raise SettingsError("the file holds no secret: letters, digits, minus and underscore, on one line")
    if label in account.terms.secrets:
        raise SettingsError(f"the settings have a secret {label} already; choose another --label")
    return replace(account, terms=replace(account.terms, secrets={**account.terms.secrets, label: secret.encode()}))


@dataclass(frozen=True)
class Span:
    """Which refused callbacks are meant: all those of which everything that is given holds."""

    account: str | None = None
    reason: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def includes(self, refused: Refused) -> bool:
        """Whether one is meant."""
        at = EPOCH + timedelta(microseconds=refused.received_at)
        return (
            self.account in (None, refused.account)
            and self.reason in (None, refused.reason)
            and (self.start is None or self.start <= at)
            and (self.end is None or at < self.end)
        )

    def touches(self, day: date) -> bool:
        """Whether any that was received on that UTC date may be."""
        return (self.start is None or self.start.astimezone(UTC).date() <= day) and (
            self.end is None or day <= self.end.astimezone(UTC).date()
        )


@dataclass(frozen=True)
class Judged:
    """
    A refused callback, and what would become of it today.

    Attributes
    ----------
    refused : Refused
        As it is kept.
    callbacks : list of Callback
        What it tells of that is not in the store; empty if it would be refused again.
    why : str
        In words why it would be; empty if not.
    recovered : bool
        Whether all it tells of is in the store, by whatever secret it was accepted.
    """

    refused: Refused
    callbacks: list[Callback] = field(repr=False)
    why: str
    recovered: bool

    def entries(self) -> list[bytes]:
        """What can be recovered, for the journal."""
        return [
            entry(
                account=self.refused.account,
                kind=one.kind,
                signed_by=one.signed_by,
                key=one.key,
                fields=one.fields,
                extra=one.extra,
            )
            for one in self.callbacks
        ]


def judge(refused: Refused, account: Account | None, there: set[Key], gone: Collection[str] = ()) -> Judged:
    """
    Judge a refused callback by what its account is today.

    Parameters
    ----------
    refused : Refused
        As it is kept.
    account : Account or None
        Whose it was, as it is today; None if there is none that can verify it.
    there : set of Key
        What is recovered of its date.
    gone : collection of str, optional
        The kinds of which its date is given up: they would be removed again.
    """
    callbacks, why = _read(refused, account)
    told = [one for one in callbacks if one.kind not in gone]
    if callbacks and not told:
        why = "what came on its date is no longer kept: retention gave it up"
    if why and refused.reason != UNREADABLE:  # perhaps a secret that is gone accepted it
        with contextlib.suppress(CallbackRefused):
            told = read(refused.body, replace(account.terms if account else Terms({}), secrets={}))
    missing = [one for one in told if key_of(refused.account, refused.received_at, one.kind, one.fields) not in there]
    return Judged(refused, [] if why else missing, why, recovered=bool(told) and not missing)


def _read(refused: Refused, account: Account | None) -> tuple[list[Callback], str]:
    if refused.reason == UNREADABLE:
        return [], "it is no callback but a line of the journal that could not be read"
    if account is None:
        return [], "its account is not in the settings, or has no secret there"
    sender = client_of(refused.remote, (), ())
    if account.networks and not (sender and is_among(sender, account.networks)):
        return [], "it came from an address that is not among the account's addresses"
    try:
        return read(refused.body, account.terms), ""
    except CallbackRefused as error:
        masked = "; a secret in it was masked when it was kept, so it cannot be recovered"
        return [], f"{error}{masked if MASKED in refused.body else ''}"


def judged(
    rejected: Rejected, accounts: Mapping[str, Account], span: Span, *, newest_first: bool = False
) -> Iterator[Judged]:
    """Judge the refused callbacks that are meant, in order of receipt."""
    for day in sorted(filter(span.touches, rejected.days()), reverse=newest_first):
        refused, there, gone = rejected.on(day), rejected.recovered(day), rejected.given_up(day)
        for one in reversed(refused) if newest_first else refused:
            if span.includes(one):
                yield judge(one, accounts.get(one.account), there, gone)


@dataclass
class Retried:
    """
    What became of refused callbacks that were tried again.

    Attributes
    ----------
    recovered : Counter of (account, label)
        Those that are accepted now, by the secret that made their hash.
    events : int
        How many events they tell of.
    before : int
        Those that were recovered before.
    refused : Counter of str
        The others, by what is wrong with them.
    """

    recovered: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: int = 0
    before: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def count(self, one: Judged) -> None:
        """Count one."""
        if one.recovered:
            self.before += 1
        elif one.callbacks:
            self.recovered[one.refused.account, one.callbacks[0].key] += 1
            self.events += len(one.callbacks)
        else:
            self.refused[one.why] += 1


def rehearse(layout: Layout, accounts: Mapping[str, Account], span: Span) -> Retried:
    """Tell what `retry` would do."""
    told = Retried()
    with Rejected(layout) as rejected:
        for one in judged(rejected, accounts, span):
            told.count(one)
    return told


def retry(layout: Layout, accounts: Mapping[str, Account], span: Span, *, allow_network: bool = False) -> Retried:
    """
    Put what is accepted now into the journal, with the time it was received, ready to be published.

    What was received on one UTC date is durable together or not at all, and what is there already is left alone: so
    it may be killed, and run again.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    accounts : mapping of str to Account
        By name, as they are today.
    span : Span
        Which are meant.
    allow_network : bool
        Accept a network file system for the journal.

    Raises
    ------
    StoreBusy
        If another has been recovering for too long.
    JournalError
        If they could not be made durable; earlier dates are then.
    """
    told = Retried()
    with Rejected(layout) as rejected:
        journal = Journal(layout, WRITER, patience=PATIENCE, allow_network=allow_network)
        with contextlib.closing(journal):  # and nobody else recovers meanwhile
            ones = judged(rejected, accounts, span)
            for _, of_one_day in itertools.groupby(ones, key=lambda one: one.refused.received_at // DAY):
                events: list[bytes] = []
                times: list[int] = []
                for one in of_one_day:
                    told.count(one)
                    events += one.entries()
                    times += [one.refused.received_at] * len(one.callbacks)
                if events:
                    journal.write(in_batch(events), times)
    return told
