"""An Excel workbook of rows, read with openpyxl."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any

from smsanalytics.errors import MalformedRecord
from smsanalytics.storage.delimited import is_empty, named, row_of
from smsanalytics.storage.ingest import Line


def of_workbook(path: Path, is_header: Callable[[Collection[str]], bool]) -> Iterator[Line]:
    """
    Read the rows of the first sheet that begins with a row of names; each knows its number in Excel.

    Parameters
    ----------
    path : Path
        The file.
    is_header : callable
        Whether names are those of columns.

    Raises
    ------
    MalformedRecord
        If it is no such file, has no such sheet, or openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError:
        raise MalformedRecord(f"{path} needs openpyxl; pip install 'smsanalytics[excel]', or save it as CSV") from None
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # of styles and extensions that openpyxl does not know
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            sheets = [(sheet.title, list(_rows(sheet))) for sheet in book.worksheets]
        except Exception:  # whatever a broken file makes of it; its text may quote values
            raise MalformedRecord(f"{path} cannot be read as an Excel workbook; save it as .xlsx") from None
    for title, rows in sheets:
        if rows and is_header(names := named(rows[0][1], f"sheet {title}, row {rows[0][0]}")):
            for number, values in rows[1:]:
                place = f"row {number}"
                yield Line(place, row_of(names, values, place, whole=False))
            return
    raise MalformedRecord(f"{path}: needed a sheet that begins with a row of names, such as message_id, phone, sent_at")


def _rows(sheet: Any) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows that hold anything, by their numbers."""
    sheet.reset_dimensions()  # some programs write wrong ones
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        values = [_value(cell) for cell in cells]
        if not all(map(is_empty, values)):
            yield number, values


def _value(cell: Any) -> object:
    """What a cell holds; a date that is shown without a time of day has none."""
    value = cell.value
    if isinstance(value, datetime) and value.time() == time() and "h" not in str(cell.number_format).lower():
        return value.date()
    return value
