"""Rows that somebody else wrote: a frame, or a file of CSV, Excel, Parquet or JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw

from smsanalytics.errors import MalformedRecord, UnknownName
from smsanalytics.storage.delimited import Delimited
from smsanalytics.storage.ingest import Line, Row, of_json
from smsanalytics.storage.spelling import Spelling
from smsanalytics.storage.sql_path import exactly
from smsanalytics.storage.workbook import of_workbook

TEXTS = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm")
JSON = (".json", ".jsonl", ".ndjson")


def of_frame(frame: Any) -> Iterator[Line]:
    """
    Read the rows of a frame of any engine that narwhals reads; what is missing is None, whatever the engine calls it.

    Raises
    ------
    MalformedRecord
        If a column holds values of several types.
    """
    lazy = nw.maybe_reset_index(nw.from_native(frame)).lazy()
    try:
        rows = list(lazy.collect("pyarrow").iter_rows(named=True))
    except (TypeError, ValueError, OverflowError):  # of Arrow, whose text quotes values
        raise MalformedRecord("a column of the frame holds values of several types; make them texts") from None
    return _numbered("row", rows)


def of_file(path: Path, spelling: Spelling) -> tuple[Iterator[Line], list[str]]:
    """
    Read the rows of a file by its suffix, and say what had to be guessed.

    ``.csv``, ``.tsv`` and ``.txt`` are texts whose values comma, semicolon or tab part, ``.xlsx`` and ``.xlsm`` Excel
    workbooks; ``.parquet``; and ``.json``, ``.jsonl`` and ``.ndjson`` hold an object on each line, or one list of them.

    Raises
    ------
    UnknownName
        If the suffix is another.
    MalformedRecord
        If the file is not what its suffix says.
    """
    suffix = path.suffix.lower()
    if suffix in TEXTS:
        text = Delimited(path)
        spelling.comma = text.delimiter == ";"  # spreadsheets part by it where a comma is a decimal one
        return spelling.rows(text), text.notices
    if suffix in WORKBOOKS:
        return spelling.rows(of_workbook(path, spelling.is_header)), []
    if suffix == ".parquet":
        return spelling.rows(_numbered("row", _parquet(path))), []
    if suffix in JSON:
        content = path.read_bytes()
        is_list = content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
        return spelling.rows(_numbered("row" if is_list else "line", of_json(content))), []
    raise UnknownName.of("kind of file", path.suffix, (*TEXTS, *WORKBOOKS, *JSON, ".parquet"))


def _numbered(called: str, rows: Iterable[Row]) -> Iterator[Line]:
    return (Line(f"{called} {number}", row) for number, row in enumerate(rows, start=1))


def _parquet(path: Path) -> Iterator[Row]:
    try:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.execute("FROM read_parquet(?, hive_partitioning = false)", [exactly(path)])
            names = [column[0] for column in found.description or []]
            while batch := found.fetchmany(10_000):
                yield from (dict(zip(names, values, strict=True)) for values in batch)
    except duckdb.Error:
        raise MalformedRecord(f"{path} cannot be read as Parquet") from None
