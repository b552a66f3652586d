"""
Refused callbacks in words: an overview, what to do about it, and single ones without what is personal in them.

Everything in a refused body is hostile: what is shown holds no character that a terminal would obey.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from smsanalytics.collector.accounts import Account
from smsanalytics.errors import CallbackRefused
from smsanalytics.ops.replay import EPOCH, Judged, Retried
from smsanalytics.smsc.callback import DEFAULT_CHARSET, Terms
from smsanalytics.smsc.kinds import Kind, kind_of
from smsanalytics.smsc.parser import Fields, parse
from smsanalytics.smsc.signature import CHARSETS, CONTROL

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    "signature": "as not authentic",
    "structure": "for a field that is missing or has not the shape it must have",
    "malformed": "as unreadable",
    "address": "for the address they came from",
    "journal": "because their line of the journal could not be read",
}
KINDS = {
    Kind.STATUS: "a delivery status",
    Kind.INCOMING: "an incoming SMS",
    Kind.CONFIRMATION: "a confirmation call",
    Kind.CALL: "keys pressed in a voice menu",
}
NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,4})?")
BELOW_2_31 = re.compile(r"[0-9]{1,9}|1[0-9]{9}|2[01][0-9]{8}")  #: ids and moments are, phones mostly not
OPEN: Mapping[str, re.Pattern[str]] = {  # fields that say nothing of a person while they look so
    **dict.fromkeys(("status", "err", "type", "cnt", "cost", "flag", "mcc", "mnc", "waitcall", "fmt"), NUMBER),
    **dict.fromkeys(("id", "ts", "last_timestamp"), BELOW_2_31),
    "time": re.compile(r"[0-9]{2,4}[.-][0-9]{2}[.-][0-9]{2,4}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?"),
    "charset": re.compile("|".join(CHARSETS)),
}
PHONES = ("phone", "to")
PHONE = re.compile(r"\+?[0-9]{3,15}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
HEX = re.compile(r"[0-9a-fA-F]{8,40}")
MOST_EVENTS, MOST_FIELDS, LONGEST = 5, 40, 300  #: of one body that are shown, and of one value


@dataclass
class Group:
    """Refused callbacks of one account and reason."""

    account: str
    reason: str
    callbacks: int = 0
    recovered: int = 0
    acceptable: int = 0
    first: int = 0
    last: int = 0
    first_acceptable: int = 0
    remotes: Counter[str] = field(default_factory=Counter)

    @property
    def rest(self) -> int:
        """Those that are neither recovered nor would be accepted now."""
        return self.callbacks - self.recovered - self.acceptable

    def add(self, one: Judged) -> None:
        """Count one more."""
        at = one.refused.received_at
        self.callbacks += 1
        self.recovered += one.recovered
        self.first, self.last = min(self.first or at, at), max(self.last, at)
        self.remotes[one.refused.remote] += 1
        if one.callbacks:
            self.acceptable += 1
            self.first_acceptable = min(self.first_acceptable or at, at)


def grouped(ones: Iterable[Judged]) -> list[Group]:
    """Refused callbacks by account and reason, the most first."""
    groups: dict[tuple[str, str], Group] = {}
    for one in ones:
        key = one.refused.account, one.refused.reason
        groups.setdefault(key, Group(*key)).add(one)
    return sorted(groups.values(), key=lambda group: (-group.callbacks, group.account, group.reason))


def overview(groups: Iterable[Group], zone: ZoneInfo) -> pd.DataFrame:
    """
    One row per group.

    Returns
    -------
    pandas.DataFrame
        ``account``, ``reason`` : whose, and why refused.
        ``callbacks`` : how many; ``recovered`` of them are in the store, ``acceptable`` ones would be accepted now.
        ``first``, ``last`` : times of receipt.
        ``remote``, ``remotes`` : the address most of them came from, and how many there are.
    """
    import pandas as pd

    rows = [
        {
            "account": _harmless(group.account),
            "reason": _harmless(group.reason),
            "callbacks": group.callbacks,
            "recovered": group.recovered,
            "acceptable": group.acceptable,
            "first": local(group.first, zone).isoformat(timespec="seconds"),
            "last": local(group.last, zone).isoformat(timespec="seconds"),
            "remote": _harmless(group.remotes.most_common(1)[0][0]),
            "remotes": len(group.remotes),
        }
        for group in groups
    ]
    columns = ["account", "reason", "callbacks", "recovered", "acceptable", "first", "last", "remote", "remotes"]
    return pd.DataFrame(rows, columns=columns)


def advice(groups: Iterable[Group], zone: ZoneInfo) -> Iterator[str]:
    """What these groups call for, a sentence each."""
    for group in groups:
        of = f"of account {_harmless(group.account)}" if group.account else "of no account"
        why = f"refused {WORDS.get(group.reason, 'for another reason')}"
        if group.acceptable:
            since = f"since {_minute(group.first_acceptable, zone)} and would be accepted now"
            what = f"{_many(group.acceptable)} {of} {_was(group.acceptable)}"
            yield f"{what} {why} {since}: run `smsanalytics rejected retry`"
        if group.rest:
            again = f"the last at {_minute(group.last, zone)}, and would be refused again"
            yield f"{_many(group.rest)} {of} {_was(group.rest)} {why}, {again}: {_next(group)}"


def _next(group: Group) -> str:
    if group.reason == "signature":
        return (
            "forged, or signed with a secret that is not in the settings; to try one, "
            "`smsanalytics rejected retry --dry-run --secret-file FILE`"
        )
    return f"see `smsanalytics rejected show --reason {_harmless(group.reason)}`"


def outcome(retried: Retried, *, dry_run: bool) -> Iterator[str]:
    """What a retry did, or would do."""
    for (account, label), count in sorted(retried.recovered.items()):
        by = f"by the secret {label}" if label else "without a signature"
        yield f"{'would recover' if dry_run else 'recovered'} {_many(count)} of account {account}, accepted {by}"
    if not retried.recovered:
        yield f"there is nothing to recover{'' if not retried.refused else ' by the present settings'}"
    if retried.before:
        yield f"{_many(retried.before)} {_was(retried.before)} recovered before"
    for why, count in retried.refused.most_common():
        yield f"{_many(count)} would be refused again: {_harmless(why)}"


def shown(one: Judged, account: Account | None, zone: ZoneInfo, *, unmasked: bool) -> str:
    """
    One refused callback, for people.

    Parameters
    ----------
    one : Judged
        To be shown.
    account : Account or None
        Whose it was.
    zone : ZoneInfo
        Of its time of receipt.
    unmasked : bool
        Show phones and texts. Control values are never shown: they are what a secret can be guessed by.
    """
    refused = one.refused
    at = f"{local(refused.received_at, zone):%Y-%m-%d %H:%M:%S.%f %z}"
    lines = [f"{at} · account {refused.account or '–'} · {refused.reason} · from {refused.remote or '–'}"]
    lines += [f"    {line}" for line in _body(refused.body, account.terms if account else Terms({}), unmasked=unmasked)]
    if one.recovered:
        lines.append("    recovered: it is in the store")
    elif one.callbacks:
        by = f" by the secret {one.callbacks[0].key}" if one.callbacks[0].key else ""
        lines.append(f"    would be accepted now{by}: run `smsanalytics rejected retry`")
    else:
        lines.append(f"    would be refused again: {one.why}")
    return "\n".join(map(_harmless, lines))


def local(received_at: int, zone: ZoneInfo) -> datetime:
    """A time of receipt, in a zone."""
    return (EPOCH + timedelta(microseconds=received_at)).astimezone(zone)


def _body(body: bytes, terms: Terms, *, unmasked: bool) -> Iterator[str]:
    try:
        found = parse(body, CHARSETS[terms.charset or DEFAULT_CHARSET])
    except CallbackRefused:
        yield f"{_many(len(body), 'byte')} that cannot be read"
        if unmasked:
            yield _shortened(body.decode("utf-8", "backslashreplace"))
        return
    for fields in found.events[:MOST_EVENTS]:
        codec = found.charset or CHARSETS.get(
            terms.charset or fields.get("charset", b"").decode("ascii", "replace"), "cp1251"
        )
        yield f"{_kind(fields, terms)}, {_many(len(body), 'byte')}" if len(found.events) == 1 else _kind(fields, terms)
        told = [_field(name, value, codec, unmasked=unmasked) for name, value in [*fields.items()][:MOST_FIELDS]]
        yield " · ".join([*told, *([f"{len(fields) - MOST_FIELDS} more"] if len(fields) > MOST_FIELDS else [])])
    if len(found.events) > MOST_EVENTS:
        yield f"and {len(found.events) - MOST_EVENTS} more events"


def _kind(fields: Fields, terms: Terms) -> str:
    try:
        return KINDS[kind_of(fields, keys=terms.call_events.keys if terms.call_events else None)]
    except CallbackRefused:
        return "an incoming SMS and a delivery status at once"


def _field(name: str, value: bytes, codec: str, *, unmasked: bool) -> str:
    text = value.decode(codec, "backslashreplace")
    if name in CONTROL:
        return f"{name} {f'{len(text)} hex digits' if HEX.fullmatch(text) else _length(text)}"
    if unmasked:
        return f"{_shortened(name)} {_shortened(text)}"
    shown = name if NAME.fullmatch(name) else f"(a name of {_length(name)})"
    if name in OPEN and OPEN[name].fullmatch(text):
        return f"{shown} {text}"
    if name in PHONES and PHONE.fullmatch(text):
        return f"{shown} {'*' * (len(text) - 2)}{text[-2:]}"
    return f"{shown} {_length(text)}"


def _length(text: str) -> str:
    return _many(len(text), "character")


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({_length(text)})"


def _harmless(text: str) -> str:
    """Without anything that a terminal obeys or that turns the direction of a line."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _many(number: int, what: str = "callback") -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _minute(received_at: int, zone: ZoneInfo) -> str:
    return f"{local(received_at, zone):%Y-%m-%d %H:%M} {zone.key}"
