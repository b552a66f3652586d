"""The provider's field names → our column names. From here on only ours exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from smsanalytics.wire.kind import Kind
from smsanalytics.wire.percent import unquoted

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
_CONTROL_OF_KIND = {"waitcall"}  # says which kind it is, and nothing more


def rename(
    kind: Kind,
    fields: Mapping[str, bytes],
    *,
    charset: str,
    drop: Iterable[str] = (),
    names: Mapping[str, str] | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """
    Give fields our names and decode them.

    Parameters
    ----------
    kind : Kind
        Which table of names applies.
    fields : mapping of str to bytes
        As received.
    charset : str
        Of the values. Bytes that are no text in it become U+FFFD; their hex goes to ``raw_<name>`` in `extra`.
    drop : iterable of str
        Names to leave out.
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
    ours_of = _OURS[kind] if names is None else names
    unwanted = {*drop, *_CONTROL_OF_KIND}
    known: dict[str, str] = {}
    extra: dict[str, str] = {}
    raw: dict[str, str] = {}
    for theirs, value in fields.items():
        if theirs in unwanted:
            continue
        if theirs in HLR_NAMES and _ENCODED.search(value):
            value = unquoted(value.replace(b"+", b" "))
        ours = ours_of.get(theirs)
        home, name = (extra, theirs) if ours is None or ours in known else (known, ours)
        if home is extra and theirs in NAMES[kind] and theirs not in ours_of:
            name = f"{theirs}_"  # echoed under a name of ours: what `extra` holds under those is what did not convert
        try:
            home[name] = value.decode("ascii" if value.isascii() else charset)
        except UnicodeDecodeError:
            home[name] = value.decode(charset, "replace")
            raw[f"raw_{name}"] = value.hex()
    return known, extra | raw
