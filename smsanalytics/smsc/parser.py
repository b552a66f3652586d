"""Bytes of a request body → the fields of its events, still as bytes: they are what the provider hashed."""

from __future__ import annotations

import functools
import itertools
import json
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from xml.parsers import expat

from smsanalytics.errors import MalformedCallback
from smsanalytics.smsc.fields import THEIRS
from smsanalytics.smsc.percent import unquoted

Fields = dict[str, bytes]
Pairs = tuple[tuple[str, "Node"], ...]  # an object of JSON, an element of XML that has others in it
Node = str | Pairs | list["Node"]

MAX_FIELDS = 200  #: of one event; a real callback has about twenty, and as many more may be echoed
MAX_EVENTS = 1000  #: of one body
MAX_OBJECTS = 3 * MAX_EVENTS  #: of JSON, for an event may hold others
AS_SENT = {name.encode(): name for name in THEIRS}  #: in a form; other names cost three times as much to read
PERCENT = ord("%")  # looked for as a number, which is five times quicker
LONGEST_KEPT = 256  #: of the values that are decoded once for many, so that nobody can fill the memory
MAX_DEPTH = 5  #: of XML elements and JSON values within one another
TOO_MANY = f"more than {MAX_FIELDS} fields came; a callback has about twenty"
TOO_DEEP = "the body is nested too deeply for a callback"
TWICE = "a field came twice; which of the two was meant cannot be told"
OF_AN_EVENT = {"id", "phone", "status", "mes", "waitcall"}  #: any of these marks an object as an event itself


@dataclass(slots=True)
class Body:
    """
    What a body holds.

    Attributes
    ----------
    events : list of dict of str to bytes
        Field name to value, in the order sent. A name in a form that is not ASCII keeps its bytes as ``\\xNN``.
    charset : str or None
        Of the values; None where the body does not say, as a form does not.
    """

    events: list[Fields]
    charset: str | None


def parse(body: bytes, charset: str = "windows-1251") -> Body:
    """
    Tell forms, XML and JSON apart by the first byte, and split them into events.

    White space and a byte order mark of UTF-8 before it are skipped.

    A form is one event. XML and JSON may hold one or several, under any root, and with a level of nesting that is
    flattened; values beside a list of events belong to each of them.

    Parameters
    ----------
    body : bytes
        As received, whatever its content type claims.
    charset : str
        Of XML and JSON that is neither UTF-8 nor says what it is.

    Returns
    -------
    Body

    Raises
    ------
    MalformedCallback
        If the body is empty or broken, too large in number or depth, or has a field of an event twice: what was
        verified must be what is stored, so no rule may choose between two values.

    Examples
    --------
    >>> parse(b"id=1042&phone=79001234567&status=1&sender=%C4%EE%EC").events
    [{'id': b'1042', 'phone': b'79001234567', 'status': b'1', 'sender': b'\\xc4\\xee\\xec'}]
    >>> parse(b'{"id": 1042, "cost": 0.30}').events
    [{'id': b'1042', 'cost': b'0.30'}]
    >>> parse(b"<sms><id>1042</id><status>1</status></sms>").events
    [{'id': b'1042', 'status': b'1'}]
    """
    body = body.lstrip().removeprefix(BOM_UTF8).lstrip()
    if not body.startswith((b"<", b"{", b"[")):
        return Body([_form(body)], None)
    tree = _xml(body, charset) if body.startswith(b"<") else _json(body, charset)
    events = _events(tree)
    if not 0 < len(events) <= MAX_EVENTS:
        raise MalformedCallback(f"the body holds no event, or more than {MAX_EVENTS}")
    try:
        return Body([_unique(pairs) for pairs in events], "utf-8")
    except UnicodeEncodeError:
        raise MalformedCallback("a name or value is no text: it has half of a character") from None


def _unique(pairs: Sequence[tuple[str, str]]) -> Fields:
    if len(pairs) > MAX_FIELDS:
        raise MalformedCallback(TOO_MANY)
    fields = {name: value.encode() for name, value in pairs}
    if len(fields) < len(pairs):
        raise MalformedCallback(TWICE)
    "".join(fields).encode()  # raises if half of a character is in a name
    return fields


def _form(body: bytes) -> Fields:
    if body.count(b"&") >= MAX_FIELDS:
        raise MalformedCallback(TOO_MANY)
    pairs = [pair.partition(b"=") for pair in body.rstrip(b"\r\n").replace(b"+", b" ").split(b"&") if pair]
    if not pairs:
        raise MalformedCallback("the body is empty; a callback is a form of name=value pairs, XML or JSON")
    fields = {
        AS_SENT.get(name) or _name(name): _value(value) if PERCENT in value else value for name, _, value in pairs
    }
    if len(fields) < len(pairs):
        raise MalformedCallback(TWICE)
    return fields


def _name(encoded: bytes) -> str:
    return unquoted(encoded).decode("ascii", "backslashreplace")


def _value(encoded: bytes) -> bytes:
    return _kept(encoded) if len(encoded) <= LONGEST_KEPT else unquoted(encoded)


_kept = functools.lru_cache(1024)(unquoted)  # operators and countries come again and again


def _json(body: bytes, charset: str) -> Node:
    """JSON with its numbers as they were written, and both of two equal keys."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode(charset, "replace")
    objects = itertools.count(1)

    def counted(pairs: list[tuple[str, object]]) -> tuple[tuple[str, object], ...]:
        if next(objects) > MAX_OBJECTS or len(pairs) > MAX_EVENTS + MAX_FIELDS:
            raise MalformedCallback(f"more than {MAX_FIELDS} fields or {MAX_OBJECTS} objects came")
        return tuple(pairs)

    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=counted)
    except MalformedCallback:
        raise
    except (ValueError, RecursionError):
        raise MalformedCallback("the body begins like JSON and is none") from None
    return _node(value, 0)


def _node(value: object, depth: int) -> Node:
    """A value with its words as texts, unless it is nested too deeply."""
    if depth > MAX_DEPTH:
        raise MalformedCallback(TOO_DEEP)
    if isinstance(value, tuple):
        return tuple((name, _node(inner, depth + 1)) for name, inner in value)
    if isinstance(value, list):
        return [_node(inner, depth + 1) for inner in value]
    if isinstance(value, str):
        return value
    return {None: "", True: "true", False: "false"}[value]  # type: ignore[index]


def _xml(body: bytes, charset: str) -> Node:
    """XML as nested pairs of names and texts; entities and document types are refused."""
    try:
        body.decode("utf-8")
        encoding = None
    except UnicodeDecodeError:
        encoding = None if b"encoding=" in body[:200] else charset
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    open_elements: list[tuple[str, list[tuple[str, Node]], list[str]]] = [("", [], [])]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > MAX_DEPTH:
            raise MalformedCallback(TOO_DEEP)
        open_elements.append((name, list(attributes.items()), []))

    def end(_: str) -> None:
        name, pairs, texts = open_elements.pop()
        text = "".join(texts)
        if pairs and text.strip():  # attributes beside a text
            pairs.append((name, text))
        around = open_elements[-1][1]
        around.append((name, tuple(pairs) or text))
        if len(around) > MAX_EVENTS + MAX_FIELDS:
            raise MalformedCallback(f"more than {MAX_FIELDS} fields or {MAX_EVENTS} events came")

    def doctype(*_: object) -> None:
        raise MalformedCallback("a document type came; a callback has none")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: open_elements[-1][2].append(text)
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except MalformedCallback:
        raise
    except (expat.ExpatError, ValueError, LookupError):
        raise MalformedCallback("the body begins like XML and is none") from None
    return tuple(open_elements[0][1])


def _events(node: Node) -> list[list[tuple[str, str]]]:
    """The events of a tree, whatever it is rooted in."""
    if isinstance(node, list):
        return [event for inner in node for event in _events(inner)]
    if isinstance(node, str):
        raise MalformedCallback("the body holds a value where an event was expected")
    own = [(name, value) for name, value in node if isinstance(value, str)]
    nested = [value for _, value in node if not isinstance(value, str)]
    if not nested:
        return [own] if own else []
    inner = [event for value in nested for event in _events(value)]
    if OF_AN_EVENT & {name for name, _ in own}:
        return [own + [pair for event in inner for pair in event]]
    return [own + event for event in inner]
