"""Which kind of callback it is, and the shape its signed fields must have."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Mapping
from enum import StrEnum

from smsanalytics.errors import MisshapenCallback


class Kind(StrEnum):
    """What a callback tells of."""

    STATUS = "status"  #: a delivery receipt, HLR and ping results included
    INCOMING = "incoming"  #: a text from a subscriber; the text may be empty
    CONFIRMATION = "confirmation"  #: a subscriber called the number shown to them
    CALL = "call"  #: keys pressed in a voice menu; told only where the account says how the field is called


SIGNED: dict[Kind, tuple[str, ...]] = {
    # hashed in this order, joined by ":" with the secret last. Source: protocol section 3.1
    Kind.STATUS: ("id", "phone", "status"),
    Kind.INCOMING: ("phone", "mes", "to"),
    Kind.CONFIRMATION: ("phone", "ts"),
    Kind.CALL: (),  # not documented; see call.py
}

_ADDRESS = rb"[^\x00-\x20:@\x7f]{1,64}@[^\x00-\x20:@\x7f]{1,255}"
_NUMBER = rb"\+?[0-9]{7,15}"
SHAPES = {
    "id": re.compile(rb"[0-9]{1,10}"),
    "phone": re.compile(_NUMBER + rb"|" + _ADDRESS),
    "status": re.compile(rb"-?[0-9]{1,3}"),
    "ts": re.compile(rb"[0-9]{9,10}"),
    "to": re.compile(rb"\+?[0-9]{3,15}"),
    "mes": re.compile(rb".*", re.DOTALL),
    "keys": re.compile(rb"[0-9*#]{1,32}"),  # of a voice menu, under whatever name they come
}
NEEDED = {
    "id": "1 to 10 digits",
    "phone": "7 to 15 digits or an e-mail address",
    "status": "1 to 3 digits, with a minus or without",
    "ts": "9 or 10 digits",
    "to": "3 to 15 digits",
    "keys": "1 to 32 of 0-9, * and #",
}
RECIPIENT = re.compile(_NUMBER + rb"|" + _ADDRESS + rb"|[@#][0-9A-Za-z_.-]{1,64}")  #: in a messenger too
SENDER = re.compile(rb"[0-9A-Za-z+._-]{1,15}")  #: a short code or a name, where the kind is certain without it
SHORTEST_TO = 4  #: digits of a receiving number that no status can be
LARGEST_ID = 2**31 - 1


def kind_of(fields: Container[str], *, keys: str | None = None) -> Kind:
    """
    Tell the kinds apart by presence, in the provider's order: ``mes``, then ``waitcall``, else a status.

    What is none of them, and has the field that holds the keys pressed in a voice menu, is a call.

    Presence, not truth: an empty text arrives as ``mes=""``.

    Parameters
    ----------
    fields : container of str
        The names that came.
    keys : str, optional
        How the account says that field is called; without it no call is told.

    Returns
    -------
    Kind

    Raises
    ------
    MisshapenCallback
        If ``mes`` and ``status`` came together: one hash would then fit both readings.

    Examples
    --------
    >>> kind_of({"phone": b"79001234567", "mes": b"", "to": b"79001230000"})
    <Kind.INCOMING: 'incoming'>
    """
    if "mes" in fields:
        if "status" in fields:
            raise MisshapenCallback("fields mes and status came together; a callback is one or the other")
        return Kind.INCOMING
    if "waitcall" in fields:
        return Kind.CONFIRMATION
    return Kind.CALL if keys is not None and keys in fields and "status" not in fields else Kind.STATUS


def check_shape(kind: Kind, fields: Mapping[str, bytes], *, inbound_numbers: Collection[bytes] = ()) -> None:
    """
    Refuse a callback whose signed fields lack the shape they must have.

    The hash joins three values with ":" and nothing says where one ends, so a captured status is also a valid
    incoming text with other borders [1]_. The shapes leave one reading.

    A status may be of a recipient in a messenger, ``@name`` or ``#id``. An incoming SMS may be from a short code or a
    name, such as ``900`` or ``MTC.Info``, where ``to`` is a number of the account and longer than a status can be: then
    its signed text fits no other kind.

    Parameters
    ----------
    kind : Kind
        As told by `kind_of`.
    fields : mapping of str to bytes
        As received.
    inbound_numbers : collection of bytes
        The account's receiving numbers in digits; where given, ``to`` must be among them.

    Raises
    ------
    MisshapenCallback
        If a signed field is absent, or has another shape.

    References
    ----------
    .. [1] "What the provider's signature does not protect" in the README.

    Examples
    --------
    >>> check_shape(Kind.STATUS, {"id": b"1042", "phone": b"79001234567", "status": b"-1"})
    >>> check_shape(Kind.INCOMING, {"phone": b"1042", "mes": b"79001234567", "to": b"1"})
    Traceback (most recent call last):
    smsanalytics.errors.MisshapenCallback: field phone of a callback of kind incoming needs 7 to 15 digits or an ...
    """
    for name in SIGNED[kind]:
        value = fields.get(name)
        shape = RECIPIENT if kind is Kind.STATUS and name == "phone" else SHAPES[name]
        if value is None:
            raise MisshapenCallback(f"field {name} did not come; it is signed in a callback of kind {kind}")
        if not shape.fullmatch(value) and not (
            kind is Kind.INCOMING and name == "phone" and _is_sender(fields, inbound_numbers)
        ):
            raise MisshapenCallback(_refusal(kind, name, value, inbound_numbers))
    if kind is Kind.STATUS and int(fields["id"]) > LARGEST_ID:
        raise MisshapenCallback("field id is larger than the provider's ids can be (2^31 - 1)")
    if kind is Kind.INCOMING and inbound_numbers and fields["to"].lstrip(b"+") not in inbound_numbers:
        raise MisshapenCallback("field to is none of the account's inbound_numbers")


def _is_sender(fields: Mapping[str, bytes], inbound_numbers: Collection[bytes]) -> bool:
    """Whether an incoming SMS is certainly that, and from a short code or a name."""
    to = fields.get("to", b"").lstrip(b"+")
    return len(to) >= SHORTEST_TO and to in inbound_numbers and bool(SENDER.fullmatch(fields["phone"]))


def _refusal(kind: Kind, name: str, value: bytes, inbound_numbers: Collection[bytes]) -> str:
    """What was needed, without what came."""
    refusal = f"field {name} of a callback of kind {kind} needs {NEEDED[name]}"
    if kind is Kind.STATUS and name == "phone":
        return f"{refusal}, or an @name or #id of a messenger"
    if kind is Kind.INCOMING and name == "phone" and SENDER.fullmatch(value):
        if inbound_numbers:
            return f"{refusal}; short codes and names may write to inbound_numbers of 4 or more digits only"
        return f"{refusal}; for senders that are short codes or names, set inbound_numbers of the account"
    return refusal
