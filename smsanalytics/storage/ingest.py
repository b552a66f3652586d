"""
What others tell of, sends and confirmation requests: rows → events of the journal.

Strict: a row that is not as it must be refuses all of them. What a message says is where it is, the field and what was
needed, never the value.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from smsanalytics.codes.numbering import Phones
from smsanalytics.errors import MalformedRecord
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry, in_batch

WRITER = "i0"  #: the slot of what does not come over HTTP
PATIENCE = 10.0  #: how long to wait for another that writes it [s]
LONGEST_TEXT = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FROM, UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

ACCOUNT = re.compile(r"[a-z0-9_-]{1,32}")
NAME = re.compile(
    r"[A-Za-z_ -]{1,40}"
)  #: what may be shown of an unknown name: a file without names begins with values
PHONE = re.compile(
    r"\+?[0-9]{7,15}|[^\x00-\x20:@\x7f]{1,64}@[^\x00-\x20:@\x7f]{1,255}|[@#][0-9A-Za-z_.-]{1,64}"
)  #: a number, an e-mail address, or who it is in a messenger
NUMBER_TO_CALL = re.compile(r"\+?[0-9]{3,15}")
WHOLE = re.compile(r"[0-9]{1,10}")
MONEY = re.compile(r"[0-9]{1,8}(\.[0-9]{1,4})?")
AMOUNT = re.compile(r"[0-9]{1,8}\.[0-9]{5,60}")  #: as a computer says 3.3, if it made it of 3 × 1.1
STEP = Decimal("0.0001")
UNIX = re.compile(r"[0-9]{9,10}(\.[0-9]{1,9})?")

Row = Mapping[str, object]


class Line(NamedTuple):
    """A row, and how the place where it stands is called: ``line 3`` of a file, ``row 3`` of a frame."""

    place: str
    row: Row


Reader = Callable[[object], str | None]  # the text for the journal; None where a value is not what is needed


def _text(value: object) -> str | None:
    """A text, or a whole number as one: the phones of a frame are often numbers."""
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        value = int(value)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        return None
    return None if any("\ud800" <= character <= "\udfff" for character in text) else text


def _shaped(shape: re.Pattern[str]) -> Reader:
    def read(value: object) -> str | None:
        text = _text(value)
        return text if text is not None and shape.fullmatch(text) else None

    return read


def _whole(value: object) -> str | None:
    text = _shaped(WHOLE)(value)
    return text if text is not None and 0 < int(text) < 2**31 else None


def _digits(value: object) -> str | None:
    text = _shaped(NUMBER_TO_CALL)(value)
    return None if text is None else text.removeprefix("+")


def _money(value: object) -> str | None:
    if isinstance(value, float | Decimal):
        value = f"{Decimal(str(value)):f}"
    text = _text(value)
    if text is None or not re.fullmatch(r"[0-9.]+", text):
        return None
    text = _rounded(text) if AMOUNT.fullmatch(text) else text
    text = text.rstrip("0").removesuffix(".") if "." in text else text
    return text if MONEY.fullmatch(text) else None


def _rounded(text: str) -> str:
    """
    Round to four decimals what is off by no more than the error of a computed float, and nothing else.

    Examples
    --------
    >>> _rounded("3.3000000000000003"), _rounded("1.23456")
    ('3.3000', '1.23456')
    """
    value = Decimal(text)
    rounded = value.quantize(STEP)
    error = Decimal("1e-9") + value * Decimal("1e-14")
    return str(rounded) if abs(value - rounded) <= error else text


def _microseconds(value: object) -> str | None:
    moment = _moment(value)
    if moment is None or not FROM <= moment < UNTIL:
        return None
    return str((moment - EPOCH) // timedelta(microseconds=1))


def _moment(value: object) -> datetime | None:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, str) and UNIX.fullmatch(value):
        return EPOCH + timedelta(microseconds=int(Decimal(value) * 10**6))
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC) if isinstance(moment, datetime) and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Field:
    """What a field must be, in words and as the function that reads it."""

    needed: str
    read: Reader
    required: bool = False


TIME = "a time with its zone from 2000 to 2100, such as 2026-11-22T12:00:00+03:00, or Unix seconds"
TEXT = Field(f"a text of up to {LONGEST_TEXT} characters", _text)
PHONE_NUMBER = Field(
    "a number of 7 to 15 digits, an e-mail address, or an @name or #id of a messenger", _shaped(PHONE), required=True
)
OF_ACCOUNT = Field("the name of an account: 1 to 32 of a-z, 0-9, - and _", _shaped(ACCOUNT))
FIELDS: dict[str, dict[str, Field]] = {  # by kind of the journal
    "send": {
        "account": OF_ACCOUNT,
        "message_id": Field("a whole number from 1 to 2147483647", _whole, required=True),
        "phone": PHONE_NUMBER,
        "sent_at": Field(TIME, _microseconds, required=True),
        "tag": TEXT,
        "purpose": TEXT,
        "cost": Field("an amount with up to 8 digits and 4 decimals, such as 3.10", _money),
        "parts": Field("a whole number from 1 to 2147483647", _whole),
        "sender": TEXT,
    },
    "confirmation_request": {
        "account": OF_ACCOUNT,
        "phone": PHONE_NUMBER,
        "requested_at": Field(TIME, _microseconds, required=True),
        "number_to_call": Field("a number of 3 to 15 digits", _digits),
        "purpose": TEXT,
        "request_id": TEXT,
    },
}


def encode(
    kind: str,
    rows: Iterable[Row | Line],
    *,
    account: str = "default",
    source: str = "api",
    accounts: Collection[str] | None = None,
    called: str = "row",
    phones: Phones | None = None,
) -> list[bytes]:
    """
    Check rows and encode them as one batch for `Journal.write`.

    Parameters
    ----------
    kind : str
        ``send`` or ``confirmation_request``.
    rows : iterable of mapping of str to object, or of Line
        Of the fields in `FIELDS`. None, NaN and an empty text count as "not given".
    account : str
        Of rows that name none.
    source : str
        Where sends were reported: ``api``, ``http`` or ``import``.
    accounts : collection of str, optional
        Those there are; without it any name will do.
    called : str
        What a row is called in an error that knows no place of its own.
    phones : Phones, optional
        Makes national numbers international, and counts them.

    Raises
    ------
    MalformedRecord
        At the first row that is not as it must be: where it is, the column, and what was needed.

    Examples
    --------
    >>> encode("send", [{"message_id": 1042, "phone": "+79001230001", "sent_at": "2026-11-22T12:00:00+03:00"}])
    [b'"account":"default","kind":"send",..."sent_at":"1795338000000000","source":"api"},"extra":{}']
    >>> encode("send", [{"message_id": 1042, "phone": "79001230001", "sent_at": "2026-11-22 12:00"}])
    Traceback (most recent call last):
    smsanalytics.errors.MalformedRecord: row 1, column sent_at: needed a time with its zone from 2000 to 2100, ...
    """
    events, phones = [], phones or Phones()
    for number, given in enumerate(rows, start=1):
        place, row = given if isinstance(given, Line) else (f"{called} {number}", given)
        fields = _read(place, row, FIELDS[kind])
        of = fields.pop("account", account)
        if not ACCOUNT.fullmatch(of) or (accounts is not None and of not in accounts):
            there = f"; there are {', '.join(sorted(accounts))}" if accounts else ""
            raise at(place, "account", f"needed an account of the settings{there}")
        fields["phone"] = phones.of(of, fields["phone"])
        if kind == "send":
            fields["source"] = source
        events.append(entry(account=of, kind=kind, signed_by="none", key="", fields=fields, extra={}))
    return in_batch(events)


def at(place: str, column: str, needed: str) -> MalformedRecord:
    """Say of a value where it is and what was needed there, but not what it is."""
    return MalformedRecord(f"{place}, column {column}: {needed}")


def _read(place: str, row: Row, known: Mapping[str, Field]) -> dict[str, str]:
    for name in row:
        if name not in known:
            what = f"column {name!r}" if NAME.fullmatch(str(name)) else "column of that name"  # it may be a value
            raise MalformedRecord(f"{place}: there is no {what}; there are {', '.join(known)}")
    texts = {}
    for name, field in known.items():
        value = row.get(name)
        if value is None or value == "" or value != value:  # NaN
            if field.required:
                raise at(place, name, f"needed {field.needed}; it is not given")
            continue
        text = field.read(value)
        if text is None:
            raise at(place, name, f"needed {field.needed}")
        texts[name] = text
    return texts


def of_json(text: bytes) -> Iterable[Row]:
    """
    Read one list of JSON objects, or JSON lines.

    Raises
    ------
    MalformedRecord
        If it is neither.
    """
    if not text.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        yield from of_lines(text)
        return
    try:
        rows = _objects(text)
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list):
        raise MalformedRecord("the file begins like a list of JSON and is none, in UTF-8")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise MalformedRecord(f"row {number}: needed a JSON object")
        yield row


def of_lines(text: bytes) -> Iterable[Row]:
    """
    Read JSON lines: one object on each line.

    Raises
    ------
    MalformedRecord
        At the first line that holds no object, or one with a key twice.

    Examples
    --------
    >>> list(of_lines(b'{"message_id": 1042, "cost": 3.10}\\n'))
    [{'message_id': 1042, 'cost': '3.10'}]
    """
    lines = text.rstrip().split(b"\n") if text.strip() else []
    for number, line in enumerate(lines, start=1):
        try:
            row = _objects(line)
        except MalformedRecord as twice:
            raise MalformedRecord(f"line {number}: {twice}") from None
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise MalformedRecord(f"line {number}: needed one JSON object on each line, in UTF-8")
        yield row


def _objects(text: bytes) -> object:
    decoded = text.decode("utf-8-sig")
    return json.loads(decoded, object_pairs_hook=_unique, parse_float=str, parse_constant=_refuse)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise MalformedRecord("a field came twice; which of the two was meant cannot be told")
    return row


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def append(layout: Layout, events: list[bytes], *, allow_network: bool = False) -> int:
    """
    Make encoded events durable as one batch and hand them over for publishing; returns how many they are.

    Raises
    ------
    StoreBusy
        If another process has been writing this way for too long.
    JournalError
        If they could not be made durable; none of them counts then.
    """
    if events:
        writer = Journal(layout, WRITER, patience=PATIENCE, allow_network=allow_network)
        with contextlib.closing(writer):
            writer.write(events)
    return len(events)
