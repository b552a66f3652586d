"""A text file of rows: a line of names, then values that comma, semicolon or tab part, as spreadsheets save them."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from smsanalytics.errors import MalformedRecord
from smsanalytics.storage.ingest import Line

DELIMITERS = ",;\t"
SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  #: a first line by which a spreadsheet says what parts its values
UNNAMED = ""  #: name of the values of all columns that have none
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SAVE_AS = 'in Excel, save it as "CSV UTF-8" or as .xlsx'


class Delimited:
    """
    A text file of rows.

    Parameters
    ----------
    path : Path
        The file: UTF-8, UTF-16 with its mark, or else windows-1251.

    Raises
    ------
    MalformedRecord
        If it is no text.

    Attributes
    ----------
    delimiter : str
        What parts its values.
    notices : list of str
        What was guessed.
    """

    def __init__(self, path: Path) -> None:
        self.notices: list[str] = []
        text = self._decoded(path).removeprefix("\ufeff")
        first, rest = _first_line(text)
        separator = SEPARATOR.fullmatch(first)
        self._skipped = 1 if separator else 0
        self._text = rest if separator else text
        self.delimiter = separator[1] if separator else max(DELIMITERS, key=_first_line(text.lstrip("\r\n"))[0].count)
        self._path = path

    def __iter__(self) -> Iterator[Line]:
        """Read its rows; each knows its line, as an editor counts."""
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=self.delimiter, strict=True)
        names: list[str] | None = None
        number = self._skipped + 1
        try:
            for values in reader:
                if any(map(str.strip, values)):
                    if names is None:
                        names = named(values, f"line {number}")
                    else:
                        yield Line(f"line {number}", row_of(names, values, f"line {number}", whole=True))
                number = self._skipped + reader.line_num + 1
        except csv.Error:
            raise MalformedRecord(f"line {number}: needed quotes in pairs, around a whole value; {SAVE_AS}") from None
        if names is None:
            raise MalformedRecord(f"{self._path} is empty; needed a line of names, such as message_id,phone,sent_at")

    def _decoded(self, path: Path) -> str:
        content = path.read_bytes()
        marked = next((charset for mark, charset in MARKS.items() if content.startswith(mark)), None)
        for charset in (marked,) if marked else ("utf-8", "windows-1251"):
            try:
                text = content.decode(charset)
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                if charset == "windows-1251":
                    self.notices.append(f"{path} is no UTF-8, so it was read as windows-1251")
                return text
        raise MalformedRecord(f"{path} cannot be read; needed text in UTF-8, UTF-16 or windows-1251; {SAVE_AS}")


def _first_line(text: str) -> tuple[str, str]:
    end = re.search(r"\r\n|\r|\n", text)
    return (text[: end.start()], text[end.end() :]) if end else (text, "")


def named(names: Sequence[object], place: str) -> list[str]:
    """
    Read a line of names; the last have one.

    Raises
    ------
    MalformedRecord
        If two columns have the same.

    Examples
    --------
    >>> named([" phone", None, "tag ", "", None], "line 1")
    ['phone', '', 'tag']
    """
    texts = ["" if name is None else str(name).strip() for name in names]
    while not texts[-1]:
        texts.pop()
    given = [text for text in texts if text]
    if len(set(given)) < len(given):
        raise MalformedRecord(f"{place}: needed a name of its own for each column, and found a name twice")
    return texts


def row_of(names: Sequence[str], values: Sequence[object], place: str, *, whole: bool) -> dict[str, object]:
    """
    Put names to values; those of columns without a name stand under `UNNAMED`.

    Parameters
    ----------
    names, values : sequence
        Of the columns; values that are empty may go on beyond the names.
    place : str
        What the row is called in an error.
    whole : bool
        Refuse fewer values than names.

    Raises
    ------
    MalformedRecord
        If there are more values, or fewer, than names.
    """
    beyond = any(not is_empty(value) for value in values[len(names) :])
    if beyond or (whole and len(values) < len(names)):
        raise MalformedRecord(
            f"{place}: needed {len(names)} values, as there are names above them, and found {len(values)}; "
            "put quotes around a value that holds the separator"
        )
    named_values = zip(names, itertools.chain(values, itertools.repeat(None)), strict=False)
    return {name: value for name, value in named_values if name or not is_empty(value)}


def is_empty(value: object) -> bool:
    """Whether a cell holds nothing, or nothing but blanks."""
    return value is None or (isinstance(value, str) and not value.strip())
