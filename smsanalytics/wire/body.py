"""Bytes of a request body → the fields of its events, still as bytes: they are what the provider hashed."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from smsanalytics.errors import MalformedCallback

Fields = dict[str, bytes]

MAX_FIELDS = 200  #: a real callback has about twenty, and as many more may be echoed from the handler address


def parse(body: bytes) -> list[Fields]:
    """
    Split a body into events; a form body is one event.

    Parameters
    ----------
    body : bytes
        As received, in whatever charset: nothing is decoded but the form's own ``%XX`` and ``+``.

    Returns
    -------
    list of dict of str to bytes
        Field name to value, in the order sent. A name that is not ASCII keeps its bytes as ``\\xNN``.

    Raises
    ------
    MalformedCallback
        If the body is empty, has more than `MAX_FIELDS` fields, or has a field twice: what was verified
        must be what is stored, so no rule may choose between two values.

    Examples
    --------
    >>> parse(b"id=1042&phone=79001234567&status=1&sender=%C4%EE%EC")
    [{'id': b'1042', 'phone': b'79001234567', 'status': b'1', 'sender': b'\\xc4\\xee\\xec'}]
    """
    if body.count(b"&") >= MAX_FIELDS:
        raise MalformedCallback(f"more than {MAX_FIELDS} fields came; a callback has about twenty")
    pairs = [pair for pair in body.strip(b"\r\n").split(b"&") if pair]
    if not pairs:
        raise MalformedCallback("the body is empty; a callback is a form of name=value pairs")
    fields: Fields = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        word = _plain(name).decode("ascii", "backslashreplace")
        if word in fields:
            raise MalformedCallback("a field came twice; which of the two was meant cannot be told")
        fields[word] = _plain(value)
    return [fields]


def _plain(encoded: bytes) -> bytes:
    return unquote_to_bytes(encoded.replace(b"+", b" ")) if b"%" in encoded or b"+" in encoded else encoded
