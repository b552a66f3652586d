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
SHAPES = {
    "id": re.compile(rb"[0-9]{1,10}"),
    "phone": re.compile(rb"\+?[0-9]{7,15}|" + _ADDRESS),
    "status": re.compile(rb"-?[0-9]{1,3}"),
    "ts": re.compile(rb"[0-9]{9,10}"),
    "to": re.compile(rb"\+?[0-9]{3,15}"),
    "mes": re.compile(rb".*", re.DOTALL),
    "keys": re.compile(rb"[0-9*#]{1,32}"),  # of a voice menu, under whatever name they come
}
LARGEST_ID = 2**31 - 1
_FITS = {kind: tuple((name, SHAPES[name].fullmatch) for name in names) for kind, names in SIGNED.items()}


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

    Parameters
    ----------
    kind : Kind
        As told by `kind_of`.
    fields : mapping of str to bytes
        As received.
    inbound_numbers : collection of bytes
        The account's receiving numbers in digits; where given, ``to`` must be one of them.

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
    smsanalytics.errors.MisshapenCallback: field phone lacks the shape it must have in a callback of kind incoming
    """
    for name, fits in _FITS[kind]:
        value = fields.get(name)
        if value is None:
            raise MisshapenCallback(f"field {name} did not come; it is signed in a callback of kind {kind}")
        if not fits(value):
            raise MisshapenCallback(f"field {name} lacks the shape it must have in a callback of kind {kind}")
    if kind is Kind.STATUS and int(fields["id"]) > LARGEST_ID:
        raise MisshapenCallback("field id is larger than the provider's ids can be (2^31 - 1)")
    if kind is Kind.INCOMING and inbound_numbers and fields["to"].lstrip(b"+") not in inbound_numbers:
        raise MisshapenCallback("field to is none of the account's inbound_numbers")
