"""The provider's field names → our column names. From here on only ours exist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from smsanalytics.wire.kind import Kind
from smsanalytics.wire.percent import unquoted
from smsanalytics.wire.signature import CONTROL

# Ours to theirs; of several spellings the first that came is taken, the others stay in `extra`.
NAMES: dict[Kind, dict[str, tuple[str, ...]]] = {
    Kind.STATUS: {
        "message_id": ("id",),
        "phone": ("phone",),
        "status": ("status",),
        "err": ("err",),
        "status_at": ("ts", "last_timestamp"),  # Unix seconds
        "status_time": ("time", "last_date"),  # text in the account's zone, read where no ts came
        "type": ("type",),
        "parts": ("cnt",),
        "cost": ("cost",),
        "sender": ("sender", "sender_id"),
        "operator": ("operator",),
        "mcc": ("mcc",),
        "mnc": ("mnc",),
        "country": ("country",),
        "region": ("region",),
        "flag": ("flag",),
    },
    Kind.INCOMING: {
        "phone": ("phone",),
        "text": ("mes",),
        "to_number": ("to",),
        "incoming_id": ("id",),
        "sent_at": ("ts",),
        "sent_time": ("time", "sent", "received"),
    },
    Kind.CONFIRMATION: {
        "phone": ("phone",),
        "called_at": ("ts",),
    },
    Kind.CALL: {  # the account says how they are called
        "message_id": (),
        "phone": (),
        "keys": (),
    },
}
HLR_NAMES = frozenset({"cn", "net", "rcn", "rnet"})  #: of countries and networks; in some receipts encoded once more
_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}|\+")
_OURS = {kind: {theirs: ours for ours, many in names.items() for theirs in many} for kind, names in NAMES.items()}
_LEFT_OUT = CONTROL | {"waitcall"}  # say by whom it is signed and which kind it is, and nothing more
_MOST_PLANS, _LONGEST_PLAN = 200, 2000  # so that nobody can fill the memory: of names in one [characters]


class _Plan(NamedTuple):
    """What becomes of the values that come under some names, in their order."""

    known: tuple[tuple[str, int], ...]  # our name, and which of the values
    extra: tuple[tuple[str, int], ...]
    encoded_again: tuple[int, ...]


_PLANS: dict[tuple[Kind, tuple[str, ...]], _Plan] = {}  # a provider sends the same names again and again


def rename(
    kind: Kind, fields: Mapping[str, bytes], *, charset: str, names: Mapping[str, str] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """
    Give fields our names and decode them; what is about the callback, and not of it, is left out.

    Parameters
    ----------
    kind : Kind
        Which table of names applies.
    fields : mapping of str to bytes
        As received.
    charset : str
        Of the values. Bytes that are no text in it become U+FFFD; their hex goes to ``raw_<name>`` in `extra`.
    names : mapping of str to str, optional
        The provider's to ours, in place of that table.

    Returns
    -------
    known : dict of str to str
        Under our column names.
    extra : dict of str to str
        Fields without a column, under their own names.

    Examples
    --------
    >>> rename(Kind.STATUS, {"cnt": b"2", "sender": b"\\xc4\\xee\\xec", "imsi": b"25001"}, charset="cp1251")
    ({'parts': '2', 'sender': 'Дом'}, {'imsi': '25001'})
    """
    plan = _plan_of(kind, tuple(fields)) if names is None else _planned(kind, tuple(fields), names)
    values = list(fields.values())
    for at in plan.encoded_again:
        values[at] = _decoded_again(values[at])
    raw: dict[str, str] = {}
    try:
        texts = _texts(values, charset)
    except UnicodeDecodeError:
        texts = [value.decode(charset, "replace") for value in values]
        raw = {
            f"raw_{name}": values[at].hex()
            for name, at in (*plan.known, *plan.extra)
            if texts[at].encode(charset, "replace") != values[at]
        }
    known = {name: texts[at] for name, at in plan.known}
    return known, {name: texts[at] for name, at in plan.extra} | raw


def _plan_of(kind: Kind, names: tuple[str, ...]) -> _Plan:
    plan = _PLANS.get((kind, names))
    if plan is None:
        plan = _planned(kind, names, _OURS[kind])
        if len(_PLANS) < _MOST_PLANS and sum(map(len, names)) <= _LONGEST_PLAN:
            _PLANS[kind, names] = plan
    return plan


def _planned(kind: Kind, names: tuple[str, ...], ours_of: Mapping[str, str]) -> _Plan:
    known: dict[str, int] = {}
    extra: dict[str, int] = {}
    for at, theirs in enumerate(names):
        ours = ours_of.get(theirs)
        if ours is not None and ours not in known:
            known[ours] = at
        elif theirs not in _LEFT_OUT:
            # what is echoed under a name of ours: `extra` holds under those what did not convert
            extra[f"{theirs}_" if ours is None and theirs in NAMES[kind] else theirs] = at
    again = tuple(at for at, theirs in enumerate(names) if theirs in HLR_NAMES)
    return _Plan(tuple(known.items()), tuple(extra.items()), again)


def _texts(values: list[bytes], charset: str) -> list[str]:
    """Decode values, all at once if none has a line feed."""
    joined = b"\n".join(values)
    texts = joined.decode("ascii" if joined.isascii() else charset).split("\n")
    return texts if len(texts) == len(values) else [value.decode(charset) for value in values]


def _decoded_again(value: bytes) -> bytes:
    return unquoted(value.replace(b"+", b" ")) if _ENCODED.search(value) else value
