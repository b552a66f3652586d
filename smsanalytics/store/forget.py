"""
A number is taken out of every file of a store.

Files are written aside and renamed over the old ones, events before messages, so that nothing can make again what is
gone; each file is old or new, so an interrupted run is finished by another. No number is named in anything it says.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote_plus

import duckdb

from smsanalytics.errors import MalformedRecord, StoreBusy, StoreError
from smsanalytics.store import durable
from smsanalytics.store.flush import DUCKDB_FAILS, quoted, write
from smsanalytics.store.layout import Layout
from smsanalytics.store.maintenance import Maintenance
from smsanalytics.store.privacy import Privacy
from smsanalytics.store.records import PHONE
from smsanalytics.store.schema import EVENT_TABLES
from smsanalytics.store.space import reason
from smsanalytics.store.tables import connect

STRUCK = "***"  #: stands where somebody else's text named the number
BETWEEN = "[\\s\u00a0\u2009\u202f().\\-\u2010-\u2014/]{0,4}"  #: digits, where a person writes them
BETWEEN_AS_HEX = "(?:20|a0|96|97|c2a0|28|29|2e|2d|2f|e280(?:89|af|9[0-4])){0,4}"  #: the same as bytes of some charset
SAFE_LENGTH = 10  #: digits from which on a longer number that holds them is struck as well
RUSSIAN = re.compile(r"[78][0-9]{10}")
MOBILE = re.compile(r"9[0-9]{9}")  #: the same without what is dialled before it
BODY = re.compile(r'\\?"body\\?":\\?"([A-Za-z0-9+/=]+)')
SENDER = re.compile(r"[0-9A-Za-z+._-]{1,15}")  #: as the wire lets them through
NEVER = r"[^\s\S]"  #: finds nothing
SPILLED = re.compile(r"duckdb_temp_([0-9]+)_")
ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Number:
    """
    A number in all the ways in which a store may hold it.

    Attributes
    ----------
    phones : tuple of str
        What a column of phones may hold.
    pattern : str
        Finds it in a text.
    hexed : str
        Finds it in hex of bytes, as texts are kept that cannot be read.
    """

    phones: tuple[str, ...] = field(repr=False)
    pattern: str = field(repr=False)
    hexed: str = field(repr=False)

    @classmethod
    def of(cls, phone: str, privacy: Privacy) -> Self:
        """
        Read a number as people write it.

        Raises
        ------
        MalformedRecord
            If it is neither a number of 7 to 15 digits, nor an address, nor a short code or name of a sender.

        Examples
        --------
        >>> number = Number.of("8 (900) 123-00-01", Privacy())
        >>> number.phones
        ('79001230001', '89001230001', '9001230001')
        >>> number
        Number()
        >>> number.mentioned(b"phone=%2B79001230001&mes=hello"), number.mentioned(b"phone=79001230002")
        (True, False)
        """
        text = phone if re.search("[@#]", phone) else re.sub(r"[ ().-]", "", phone)
        if not PHONE.fullmatch(text):
            return cls._of_sender(phone, privacy)
        text = text.lower().removeprefix("+")
        if MOBILE.fullmatch(text):
            text = f"7{text}"
        named = "@" in text or text.startswith("#")
        if named:
            phones, core, pattern = [text], text, f"(?i){re.escape(text)}"
            if text.startswith(("@", "#")):  # of a messenger, and no part of an e-mail address
                pattern = rf"(?i)\B{re.escape(text)}\b"
        else:
            phones = [f"{first}{text[1:]}" for first in ("7", "8", "")] if RUSSIAN.fullmatch(text) else [text]
            core = text[1:] if len(phones) > 1 else text
            digits = BETWEEN.join(core)
            pattern = rf"(\+?[78]{BETWEEN})?{digits}" if len(phones) > 1 else rf"\+?{digits}"
            if len(core) < SAFE_LENGTH:
                pattern = rf"\b{pattern}\b"
        tokens = [privacy.pseudonym(one) for one in phones] if privacy.key else []
        if tokens:
            pattern = "|".join([pattern, *tokens])
        hexed = [char.encode().hex() for char in core]
        return cls((*phones, *tokens), pattern, ("" if named else BETWEEN_AS_HEX).join(hexed))

    @classmethod
    def _of_sender(cls, name: str, privacy: Privacy) -> Self:
        """A short code or a name: it goes as a sender only, for in a text ``900`` is any number."""
        if not SENDER.fullmatch(name):
            raise MalformedRecord(
                "needed a number of 7 to 15 digits, an address, an @name or #id of a messenger, "
                "or a short code or name that incoming SMS are from"
            )
        phone = name.lower()
        phone = phone.removeprefix("+") if phone.removeprefix("+").isdigit() else phone
        tokens = [privacy.pseudonym(phone)] if privacy.key else []
        as_field = rf'\bphone(?:=|"\s*:\s*"?|>)\+?(?i:{re.escape(phone)})(?:[^0-9A-Za-z+._-]|$)'
        return cls((phone, *tokens), "|".join([as_field, *tokens]), NEVER)

    def is_among(self, numbers: Collection[str]) -> bool:
        """Whether it is one of some numbers."""
        return not set(self.phones).isdisjoint(numbers)

    def mentioned(self, content: bytes) -> bool:
        """Whether it is in something as received, in whatever encoding it came."""
        return any(re.search(self.pattern, form) or re.search(self.hexed, form.lower()) for form in _forms(content))


def _forms(content: bytes) -> Iterator[str]:
    """What a body or a line of the journal says, as it is and decoded."""
    for charset in ("cp1251", "utf-8"):
        raw = content.decode(charset, "replace").replace("\0", "")  # digits have them in UTF-16
        plain = ESCAPED.sub(lambda match: chr(int(match[1], 16)), html.unescape(raw))
        yield from (raw, plain, unquote_plus(plain), unquote_plus(unquote_plus(plain)))
    for match in BODY.finditer(raw):
        with contextlib.suppress(binascii.Error):
            yield from _forms(base64.b64decode(match[1]))


@dataclass
class Forgotten:
    """What went, by table, and what is left."""

    rows: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    files: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    left: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether no file holds it any more."""
        return not self.left

    def told(self) -> list[str]:
        """In sentences."""
        gone = [f"{table}: {self.rows[table]} rows of {self.files[table]} files" for table in sorted(self.rows)]
        return [*(gone or ["no file held it"]), *self.left]


def forget_in(layout: Layout, maintenance: Maintenance, number: Number) -> Forgotten:
    """
    Take a number out of every file of a store.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    maintenance : Maintenance
        Of it, held.
    number : Number
        Whose.

    Returns
    -------
    Forgotten
        Not complete while a collector has it in an open segment, or where a file cannot be read.

    Raises
    ------
    StoreError
        If the disk, or DuckDB, does not let it; what is done is done, and another run does the rest.
    """
    done = Forgotten()
    try:
        maintenance.run()
    except StoreError as error:  # what cannot be published is dealt with where it lies
        done.left.append(f"not everything could be published: {error}")
    try:
        for path in sorted(layout.journal.glob("*/*.sealed")) + sorted(layout.journal.glob("*/quarantine/*")):
            _rewrite_lines(path, number, done)
        _empty(layout.tmp)
        with connect(layout) as connection:
            rewriting = _Rewriting(connection, layout, number, done)
            for path in sorted(layout.data.rglob("*.parquet"), key=lambda path: ("messages" in path.parts, path)):
                rewriting.rewrite(path)
        done.left += _left(layout, number)
    except (OSError, *DUCKDB_FAILS) as error:
        raise StoreError(f"forgetting stopped: {reason(error)}; run it again") from None
    return done


def _rewrite_lines(path: Path, number: Number, done: Forgotten) -> None:
    """Take lines out of a file of the journal that nobody writes any more."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not number.mentioned(line)]
    if len(kept) == len(lines):
        return
    done.rows["journal"] += len(lines) - len(kept)
    done.files["journal"] += 1
    if kept or path.suffix == ".sealed":
        durable.replace(path, b"".join(kept))
    else:
        path.unlink()
        durable.sync_directory(path.parent)


def _empty(directory: Path) -> None:
    """Remove what is unfinished, of whomever: the lock is held. What a reader that lives has spilled is its own."""
    for path in directory.rglob("*"):
        spilled = SPILLED.match(path.name)
        if not path.is_dir() and not (spilled and Path(f"/proc/{spilled[1]}").exists()):
            path.unlink(missing_ok=True)


def _left(layout: Layout, number: Number) -> Iterator[str]:
    """What files other than tables still hold."""
    for path in sorted(layout.data.rglob("*")):
        if path.suffix == ".parquet" or path.is_dir():
            continue
        with contextlib.suppress(FileNotFoundError):  # sealed meanwhile, perhaps: then it is found under that name
            if number.mentioned(path.read_bytes()):
                name = path.relative_to(layout.data)
                if path.suffix in (".open", ".sealed") and _is_collecting(path.parent):
                    yield f"{name} holds it, which a collector is writing; run this again when it is published"
                else:
                    yield f"{name} holds it, and is no file of the store: remove it"


def _is_collecting(slot: Path) -> bool:
    try:
        with durable.locked(slot, "slot"):
            return False
    except StoreBusy:
        return True


class _Rewriting:
    """Writes Parquet files anew, without a number."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, layout: Layout, number: Number, done: Forgotten) -> None:
        self._connection, self._layout, self._number, self._done = connection, layout, number, done
        connection.execute("SET VARIABLE phones = ?::VARCHAR[]", [list(number.phones)])
        connection.execute("SET VARIABLE pattern = ?::VARCHAR", [number.pattern])
        connection.execute("SET VARIABLE hexed = ?::VARCHAR", [number.hexed])

    def rewrite(self, path: Path) -> None:
        """Write one file anew under its name, if it holds the number."""
        try:
            source = f"read_parquet({quoted(path)}, hive_partitioning = false, file_row_number = true)"
            columns = self._connection.execute(f"DESCRIBE FROM {source}").fetchall()
            gone, struck = self._conditions({name: kind for name, kind, *_ in columns}, source)
            held = " OR ".join([gone, *(f"{old} IS DISTINCT FROM {new}" for old, new in struck.items())])
            row = self._connection.execute(f"SELECT count(*) FROM {source} WHERE {held}").fetchone()
        except (duckdb.IOException, duckdb.InvalidInputException):
            if path.exists():
                self._done.left.append(
                    f"{path.relative_to(self._layout.data)} cannot be read; move it out of the store"
                )
            return
        if not row or not row[0]:
            return
        replaced = ", ".join(f"{new} AS {old}" for old, new in struck.items())
        stays = f"SELECT * EXCLUDE (file_row_number) {f'REPLACE ({replaced})' if replaced else ''} FROM {source}"
        write(self._connection, f"{stays} WHERE NOT ({gone})", self._layout.tmp / "forgetting", path)
        table = path.relative_to(self._layout.data).parts[0]
        table = table if table in (*EVENT_TABLES, "messages") else "other"
        self._done.rows[table] += int(row[0])
        self._done.files[table] += 1

    def _conditions(self, columns: dict[str, str], source: str) -> tuple[str, dict[str, str]]:
        """Which rows go, and what becomes of the columns of those that stay."""
        gone = ["false"]
        if "phone" in columns:
            gone.append("coalesce(list_contains(getvariable('phones'), phone), false)")
        for name, kind in columns.items():
            if kind == "BLOB":
                gone.append(f"list_contains({self._rows_that_mention(name, source)}::BIGINT[], file_row_number)")
        made: dict[str, Callable[[str], str]] = {"VARCHAR": _struck, "MAP(VARCHAR, VARCHAR)": _struck_map}
        struck = {
            f'"{name}"': made[kind](f'"{name}"')
            for name, kind in columns.items()
            if kind in made and name not in ("phone", "account")
        }
        return f"({' OR '.join(gone)})", struck

    def _rows_that_mention(self, name: str, source: str) -> list[int]:
        found: list[int] = []
        bodies = self._connection.execute(f'SELECT file_row_number, "{name}" FROM {source} WHERE "{name}" IS NOT NULL')
        while several := bodies.fetchmany(1000):
            found += [row for row, body in several if self._number.mentioned(body)]
        return found


def _struck(text: str) -> str:
    return f"regexp_replace({text}, getvariable('pattern'), '{STRUCK}', 'g')"


def _struck_map(column: str) -> str:
    """Entries named by the number, or that hold it as hex, go; in others it is struck."""
    stays = """NOT regexp_matches(one.key, getvariable('pattern'))
        AND NOT regexp_matches(lower(coalesce(one.value, '')), getvariable('hexed'))"""
    value = _struck("one.value")
    entries = f"list_filter(map_entries({column}), lambda one: {stays})"
    return f"map_from_entries(list_transform({entries}, lambda one: {{'key': one.key, 'value': {value}}}))"
