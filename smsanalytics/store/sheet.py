"""Rows that somebody else wrote: a frame, or a file of CSV, Parquet or JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw

from smsanalytics.errors import MalformedRecord, UnknownName
from smsanalytics.store.records import NAME, UNIX, Row, of_json

DELIMITERS = ",;\t"
TIMES = ("sent_at", "requested_at")


def of_frame(frame: Any) -> list[Row]:
    """
    The rows of a frame of any engine that narwhals reads; what is missing is None, whatever the engine calls it.

    Raises
    ------
    MalformedRecord
        If a column holds values of several types.
    """
    lazy = nw.maybe_reset_index(nw.from_native(frame)).lazy()
    try:
        return list(lazy.collect("pyarrow").iter_rows(named=True))
    except (TypeError, ValueError, OverflowError):  # of Arrow, whose text quotes values
        raise MalformedRecord("a column of the frame holds values of several types; make them texts") from None


def of_file(path: Path) -> Iterator[Row]:
    """
    The rows of a file, read by its suffix: ``.csv``, ``.parquet``, and ``.json``, ``.jsonl`` or ``.ndjson``.

    JSON is an object on each line, or one list of them.

    CSV is UTF-8 with a line of names, separated by comma, semicolon or tab; all its values are texts.

    Raises
    ------
    UnknownName
        If the suffix is another.
    MalformedRecord
        If the file is not what its suffix says.
    """
    readers = {".csv": _csv, ".parquet": _parquet, ".json": _json, ".jsonl": _json, ".ndjson": _json}
    if path.suffix.lower() not in readers:
        raise UnknownName.of("kind of file", path.suffix, readers)
    return readers[path.suffix.lower()](path)


def _csv(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            names = [name.strip() for name in next(reader, [])]
            if not names:
                raise MalformedRecord(f"{path} is empty; needed a line of names")
            if len(set(names)) < len(names):
                raise MalformedRecord("a column of the file is there twice")
            for number, values in enumerate(filter(None, reader), start=1):
                if len(values) != len(names):
                    raise MalformedRecord(f"row {number}: needed {len(names)} values, as there are names above them")
                yield dict(zip(names, values, strict=True))
    except (csv.Error, UnicodeDecodeError):
        raise MalformedRecord(f"{path} cannot be read as CSV in UTF-8") from None


def _parquet(path: Path) -> Iterator[Row]:
    try:
        with duckdb.connect() as connection:
            found = connection.execute("SET TimeZone = 'UTC'").execute("FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in found.description or []]
            while batch := found.fetchmany(10_000):
                yield from (dict(zip(names, values, strict=True)) for values in batch)
    except duckdb.Error:
        raise MalformedRecord(f"{path} cannot be read as Parquet") from None


def _json(path: Path) -> Iterator[Row]:
    yield from of_json(path.read_bytes())


def renamed(rows: Iterable[Row], theirs_of: Mapping[str, str]) -> Iterator[Row]:
    """
    Rows with our names in place of theirs.

    Examples
    --------
    >>> list(renamed([{"msisdn": "79001230001", "tag": "login"}], {"phone": "msisdn"}))
    [{'phone': '79001230001', 'tag': 'login'}]
    """
    ours_of = {theirs: ours for ours, theirs in theirs_of.items()}
    for row in rows:
        for ours, theirs in theirs_of.items():
            if theirs not in row:
                raise UnknownName.of("column of the file", theirs, [name for name in row if NAME.fullmatch(name)])
            if ours in row and ours not in ours_of:
                raise MalformedRecord(f"the file has a column {ours} of its own besides the one that is to be it")
        yield {ours_of.get(name, name): value for name, value in row.items()}


def in_zone(rows: Iterable[Row], zone: ZoneInfo) -> Iterator[Row]:
    """
    Rows whose times, where they name no zone, are in this one.

    Examples
    --------
    >>> list(in_zone([{"sent_at": "2026-11-22 12:00"}], ZoneInfo("Europe/Moscow")))[0]["sent_at"].isoformat()
    '2026-11-22T12:00:00+03:00'
    """
    for row in rows:
        yield {name: _with_zone(value, zone) if name in TIMES else value for name, value in row.items()}


def _with_zone(value: object, zone: ZoneInfo) -> object:
    moment = value
    if isinstance(value, str) and not UNIX.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
    return moment.replace(tzinfo=zone) if isinstance(moment, datetime) and moment.tzinfo is None else value
