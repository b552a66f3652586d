"""A TOML file, and the line of each of its settings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smsanalytics.errors import SettingsError
from smsanalytics.settings import text
from smsanalytics.settings.given import Given, Keys

PLACE = re.compile(r"(?P<words>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)
MEANINGS = {  # beginning of what the parser says: what was expected
    "Invalid value": 'a value is needed here: "text" in quotes, a number, true, false, or a list in [ ]',
    "Invalid statement": "a line is NAME = VALUE, a [table] or a # comment",
    "Invalid initial character for a key part": "a name is made of a-z, 0-9, - and _, or stands in quotes",
    "Expected '=' after a key": "an equals sign is needed between a name and its value",
    "Expected newline or end of document": "the line should end here; text needs quotes around all of it",
    "Unescaped '\\'": "inside \"text\" a \\ begins an escape; 'text' in single quotes may have it, such as a path",
    "Invalid hex value": "inside \"text\" a \\ begins an escape; 'text' in single quotes may have it, such as a path",
    "Illegal character '\\n'": "the closing quote is missing on this line",
    "Unterminated string": "the closing quote is missing",
    "Unclosed array": "the closing ] of a list is missing",
    "Unclosed inline table": "the closing } of a table is missing",
    "Cannot overwrite a value": "this is set already further up; keep one of the two",
    "Cannot declare": "this table is there already further up; make one table of the two",
}
TYPOGRAPHIC = "“”„«»‘’"


def read(path: Path) -> Given:
    """
    The settings of a file.

    Raises
    ------
    SettingsError
        If it cannot be read or is no TOML, with line, column, and what was expected there.

    Examples
    --------
    >>> file = getfixture("tmp_path") / "smsanalytics.toml"
    >>> _ = file.write_text('port = 8025')
    >>> read(file).values
    {'port': 8025}
    """
    content = text.read(path)
    try:
        values = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}, {_in_words(str(error), content)}") from None
    lines = {keys: line for line, keys in _lines(content)}
    return Given(values, {keys: f"{path}, line {line}: {'.'.join(map(str, keys))}" for keys, line in lines.items()})


def _lines(content: str) -> Iterator[tuple[int, Keys]]:
    """The first line of each statement, with the keys it sets; a statement is as many lines as parse by themselves."""
    table: Keys = ()
    statement, begun = "", 1
    for number, line in enumerate(content.replace("\r\n", "\n").split("\n"), 1):
        statement += line + "\n"
        try:
            found = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        keys = list(_keys(found))
        if statement.lstrip().startswith("["):
            table = keys[-1]
            yield begun, table
        else:
            yield from ((begun, (*table, *inner)) for inner in keys)
        statement, begun = "", number + 1


def _keys(values: Any) -> Iterator[Keys]:
    """The keys of every table within, an outer table first."""
    for key, value in values.items() if isinstance(values, dict) else ():
        yield (key,)
        yield from ((key, *inner) for inner in _keys(value))


def _in_words(error: str, content: str) -> str:
    found = PLACE.fullmatch(error)
    lines = content.replace("\r\n", "\n").split("\n")
    if not found or not found["line"]:
        line, column = len(lines), len(lines[-1]) + 1
    else:
        line, column = int(found["line"]), int(found["column"])
    words = found["words"] if found else error
    meant = next((meaning for start, meaning in MEANINGS.items() if words.startswith(start)), words)
    if words == "Invalid value" and content.rstrip().endswith((",", "[")) and line == len(lines):
        meant = MEANINGS["Unclosed array"]
    sign = lines[line - 1][column - 1 : column] if line <= len(lines) else ""
    if sign in TYPOGRAPHIC and sign:
        meant = 'this is a typographic quote; a straight " is needed'
    elif sign and not sign.isascii() and not sign.isprintable():
        meant = f"here is an invisible sign, U+{ord(sign):04X}; delete it"
    return f"line {line}, column {column}: {meant}"
