"""
A number is taken out of every file of a store.

Files are written aside and renamed over the old ones, events before messages, so that nothing can make again what is
gone; each file is old or new, so an interrupted run is finished by another. No number is named in anything it says.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from smsanalytics.errors import StoreBusy, StoreError
from smsanalytics.storage import atomic
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.disk import reason
from smsanalytics.storage.journal import is_whole, line
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.number import STRUCK, Number
from smsanalytics.storage.publish import DUCKDB_FAILS, write
from smsanalytics.storage.reader import Tables, connect
from smsanalytics.storage.schema import COLUMNS, EVENT_TABLES, TABLE_OF_KIND
from smsanalytics.storage.sql_path import listed

SPILLED = re.compile(r"duckdb_temp_([0-9]+)_")
LINES = {".open", ".sealed", ".lines"}  #: files of the journal
MAP = pa.map_(pa.string(), pa.string())
TYPES = {"VARCHAR": pa.string(), "MAP(VARCHAR, VARCHAR)": MAP}  #: of columns in which it is struck out


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
            live = _live(layout, done)
            counting = {*live.files(layout)}
            for path in sorted(
                layout.data.rglob("*.parquet"), key=lambda path: (layout.messages in path.parents, path)
            ):
                if path not in counting:
                    rewriting.rewrite(path, path)
            _rewrite_messages(layout, live, rewriting)
        done.left += _left(layout, number)
    except (OSError, *DUCKDB_FAILS) as error:
        raise StoreError(f"forgetting stopped: {reason(error)}; run it again") from None
    return done


def _live(layout: Layout, done: Forgotten) -> Live:
    """Which messages count; where that cannot be read, all files of messages are written where they lie."""
    try:
        return Live.read(layout)
    except StoreError as error:
        done.left.append(str(error))
        return Live()


def _rewrite_messages(layout: Layout, live: Live, rewriting: _Rewriting) -> None:
    """Write the messages that count as new generations without the number, and commit them as a fold does."""
    generations, spans = dict(live.generations), dict(live.spans)
    number = 1 + max((one for found in layout.generations().values() for one in found), default=0)
    replaced = []
    for day, generation in live.generations.items():
        old, new = layout.message_file(day, generation), layout.message_file(day, number)
        if not rewriting.rewrite(old, new):
            continue
        replaced.append(old)
        if span := rewriting.tables.span(new):
            generations[day], spans[day] = number, span
        else:
            generations.pop(day)
            spans.pop(day, None)
    if replaced:
        atomic.replace(layout.live_messages, replace(live, generations=generations, spans=spans).encoded())
        for path in replaced:
            path.unlink()
            atomic.sync_directory(path.parent)


def _rewrite_lines(path: Path, number: Number, done: Forgotten) -> None:
    """Take the number out of a file of the journal that nobody writes any more: other subscribers' events stay."""
    lines = path.read_bytes().splitlines(keepends=True)
    written = [_without(number, text) if number.mentioned(text) else text for text in lines]
    if written == lines:
        return
    done.rows["journal"] += sum(old != new for old, new in zip(lines, written, strict=True))
    done.files["journal"] += 1
    if any(written) or path.suffix == ".sealed":
        atomic.replace(path, b"".join(written))
    else:
        path.unlink()
        atomic.sync_directory(path.parent)


def _without(number: Number, text: bytes) -> bytes:
    """A line of the journal after the number was struck out; nothing if it is of that number, or cannot be read."""
    if not is_whole(text):
        return b""
    event = orjson.loads(text)
    table, fields = TABLE_OF_KIND.get(event["kind"]), event["fields"]
    phone = fields.get("phone", "").lower().removeprefix("+")
    if table in (None, "rejected") or number.is_among([phone]):
        return b""
    texts = [name for name, kind in COLUMNS[table].items() if kind == "VARCHAR" and name not in ("phone", "account")]
    for name in fields.keys() & set(texts):
        fields[name] = number.struck(fields[name]) or STRUCK
    for name, value in list(event["extra"].items()):
        struck = number.struck(value) if number.struck(name) == name else None
        if struck is None:
            del event["extra"][name]
        else:
            event["extra"][name] = struck
    version, received_at, _ = (event.pop(name) for name in ("v", "received_at", "crc"))
    return line(orjson.dumps(event)[1:-1], received_at, version)


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
            content = path.read_bytes()
            if any(map(number.mentioned, content.splitlines() if path.suffix in LINES else [content])):
                name = path.relative_to(layout.data)
                if path.suffix in (".open", ".sealed") and _is_collecting(path.parent):
                    yield f"{name} holds it, which a collector is writing; run this again when it is published"
                else:
                    yield f"{name} holds it, and is no file of the store: remove it"


def _is_collecting(slot: Path) -> bool:
    try:
        with atomic.locked(slot, "slot"):
            return False
    except StoreBusy:
        return True


class _Rewriting:
    """Writes Parquet files anew, without a number."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, layout: Layout, number: Number, done: Forgotten) -> None:
        self.tables = Tables(layout, connection)
        self._connection, self._layout, self._number, self._done = connection, layout, number, done
        self._struck = functools.lru_cache(10_000)(number.struck)
        connection.execute("SET VARIABLE phones = ?::VARCHAR[]", [list(number.phones)])
        connection.execute("SET VARIABLE core = ?::VARCHAR", [number.core])
        connection.execute("SET VARIABLE candidate = ?::VARCHAR", [number.candidate])

    def rewrite(self, path: Path, target: Path) -> bool:
        """Write what a file holds without the number as another, which may have its name, if it holds it at all."""
        source = f"read_parquet({listed([path])}, hive_partitioning = false, file_row_number = true)"
        try:
            columns = {name: kind for name, kind, *_ in self._connection.execute(f"DESCRIBE FROM {source}").fetchall()}
            gone = self._gone(columns, source)
            changed = {
                name: found
                for name, kind in columns.items()
                if kind in TYPES and name not in ("phone", "account") and (found := self._changed(name, kind, source))
            }
        except (duckdb.IOException, duckdb.InvalidInputException):
            if path.exists():
                self._done.left.append(
                    f"{path.relative_to(self._layout.data)} cannot be read; move it out of the store"
                )
            return False
        rows = gone.union(*changed.values())
        if not rows:
            return False
        self._write(target, source, gone, {name: (TYPES[columns[name]], found) for name, found in changed.items()})
        table = path.relative_to(self._layout.data).parts[0]
        table = table if table in (*EVENT_TABLES, "messages") else "other"
        self._done.rows[table] += len(rows)
        self._done.files[table] += 1
        return True

    def _write(
        self, target: Path, source: str, gone: set[int], changed: dict[str, tuple[pa.DataType, dict[int, Any]]]
    ) -> None:
        self._connection.register("gone", pa.table({"row": pa.array(sorted(gone), pa.int64())}))
        joins, new = [], []
        for number, (name, (kind, found)) in enumerate(changed.items()):
            made = {"row": pa.array(list(found), pa.int64()), "made": pa.array(list(found.values()), kind)}
            self._connection.register(f"new_{number}", pa.table(made))
            joins.append(f"LEFT JOIN new_{number} ON new_{number}.row = file_row_number")
            new.append(f'CASE WHEN new_{number}.row IS NULL THEN "{name}" ELSE new_{number}.made END AS "{name}"')
        replaced = f"REPLACE ({', '.join(new)})" if new else ""
        stays = f"""SELECT source.* EXCLUDE (file_row_number) {replaced} FROM {source} AS source {" ".join(joins)}
            WHERE file_row_number NOT IN (SELECT row FROM gone) ORDER BY file_row_number"""
        write(self._connection, stays, self._layout.tmp / "forgetting", target)

    def _gone(self, columns: dict[str, str], source: str) -> set[int]:
        """Rows of the number itself, and those with bytes that mention it."""
        gone: set[int] = set()
        if "phone" in columns:
            own = f"SELECT file_row_number FROM {source} WHERE list_contains(getvariable('phones'), phone)"
            gone.update(row for (row,) in self._connection.execute(own).fetchall())
        for name, kind in columns.items():
            if kind == "BLOB":
                gone.update(row for row, body in self._values(name, source) if self._number.mentioned(body))
        return gone

    def _changed(self, name: str, kind: str, source: str) -> dict[int, Any]:
        """Rows in whose text or map the number is struck out, and what that becomes."""
        joined = f"""array_to_string(map_keys("{name}") || map_values("{name}"), ' ')"""
        text = f'"{name}"' if kind == "VARCHAR" else joined
        held = "lower(held)" if self._number.is_named else "regexp_replace(held, '[^0-9]', '', 'g')"
        may = f"contains({held}, getvariable('core')) OR regexp_matches(held, getvariable('candidate'))"
        made = self._struck_text if kind == "VARCHAR" else self._struck_map
        found = self._values(name, f"(SELECT *, {text} AS held FROM {source})", f"AND ({may})")
        return {row: new for row, old in found if (new := made(old)) != old}

    def _values(self, name: str, source: str, condition: str = "") -> Iterator[tuple[int, Any]]:
        found = self._connection.execute(
            f'SELECT file_row_number, "{name}" FROM {source} WHERE "{name}" IS NOT NULL {condition}'
        )
        while several := found.fetchmany(1000):
            yield from several

    def _struck_text(self, text: str) -> str:
        struck = self._struck(text)
        return STRUCK if struck is None else struck

    def _struck_map(self, entries: dict[str, str | None]) -> dict[str, str | None]:
        """Entries that are named by the number, or hold it where it has no place, go."""
        struck = {name: text and self._struck(text) for name, text in entries.items() if self._struck(name) == name}
        return {name: text for name, text in struck.items() if text is not None or entries[name] is None}
