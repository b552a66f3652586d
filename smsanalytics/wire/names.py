"""The provider's field names → our column names. From here on only ours exist."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

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
    drop: Container[str] = (),
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
    drop : container of str
        Names to leave out, none of them one of ours.
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
    if not HLR_NAMES.isdisjoint(fields):
        fields = {name: _decoded_again(value) if name in HLR_NAMES else value for name, value in fields.items()}
    known: dict[str, str] = {}
    extra: dict[str, str] = {}
    raw: dict[str, str] = {}
    for theirs, text in zip(fields, _texts(list(fields.values()), charset), strict=True):
        ours = ours_of.get(theirs)
        home, name = known, ours or theirs
        if ours is None or ours in known:
            if theirs in drop or theirs in _CONTROL_OF_KIND:
                continue
            # what is echoed under a name of ours: `extra` holds under those what did not convert
            home, name = extra, f"{theirs}_" if ours is None and theirs in NAMES[kind] else theirs
        if text is None:
            text = fields[theirs].decode(charset, "replace")
            raw[f"raw_{name}"] = fields[theirs].hex()
        home[name] = text
    return known, extra | raw


def _texts(values: list[bytes], charset: str) -> list[str | None]:
    """Decode values, all at once if none has a line feed; None for bytes that are no text."""
    joined = b"\n".join(values)
    try:
        texts: list[str | None] = [*joined.decode("ascii" if joined.isascii() else charset).split("\n")]
    except UnicodeDecodeError:
        texts = []
    return texts if len(texts) == len(values) else [_text(value, charset) for value in values]


def _text(value: bytes, charset: str) -> str | None:
    try:
        return value.decode("ascii" if value.isascii() else charset)
    except UnicodeDecodeError:
        return None


def _decoded_again(value: bytes) -> bytes:
    return unquoted(value.replace(b"+", b" ")) if _ENCODED.search(value) else value
