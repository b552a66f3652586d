"""The provider's field names → our column names. From here on only ours exist."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import TypeVar

from smsanalytics.smsc.kinds import Kind
from smsanalytics.smsc.percent import unquoted
from smsanalytics.smsc.signature import CONTROL

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
_OURS = {kind: {theirs: ours for ours, many in names.items() for theirs in many} for kind, names in NAMES.items()}
_LEFT_OUT = CONTROL | {"waitcall"}  # say by whom it is signed and which kind it is, and nothing more
THEIRS = frozenset(itertools.chain(HLR_NAMES, _LEFT_OUT, *_OURS.values()))
Value = TypeVar("Value", str, bytes)


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
    for name in HLR_NAMES:
        if name in fields:
            fields = {**fields, name: unquoted(fields[name].replace(b"+", b" "))}
    ours_of = _OURS[kind] if names is None else names
    raw: dict[str, str] = {}
    try:
        texts = _texts([*fields.values()], charset)
    except UnicodeDecodeError:
        texts = [value.decode(charset, "replace") for value in fields.values()]
        raw = {
            f"raw_{name}": value.hex()
            for placed in _placed(kind, fields.items(), ours_of)
            for name, value in placed.items()
            if value.decode(charset, "replace").encode(charset, "replace") != value
        }
    known, extra = _placed(kind, zip(fields, texts, strict=True), ours_of)
    return known, extra | raw


def _placed(
    kind: Kind, fields: Iterable[tuple[str, Value]], ours_of: Mapping[str, str]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Values under our column names, and those that have none."""
    known: dict[str, Value] = {}
    extra: dict[str, Value] = {}
    for theirs, value in fields:
        ours = ours_of.get(theirs)
        if ours is not None and ours not in known:
            known[ours] = value
        elif theirs not in _LEFT_OUT:
            # what is echoed under a name of ours: `extra` holds under those what did not convert
            extra[f"{theirs}_" if ours is None and theirs in NAMES[kind] else theirs] = value
    return known, extra


def _texts(values: list[bytes], charset: str) -> list[str]:
    """Decode values, all at once if none has a line feed."""
    joined = b"\n".join(values)
    texts = joined.decode("ascii" if joined.isascii() else charset).split("\n")
    return texts if len(texts) == len(values) else [value.decode(charset) for value in values]
