"""What a store holds, what waits, and who works on it; sizes are those of the file system and of Parquet metadata."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from smsanalytics.errors import StoreError
from smsanalytics.storage.atomic import is_locked
from smsanalytics.storage.backlog import Waiting, waiting
from smsanalytics.storage.catalog import Layout, live
from smsanalytics.storage.disk import Space
from smsanalytics.storage.freshness import Freshness, freshness
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.publish import DUCKDB_FAILS
from smsanalytics.storage.reader import Tables, connect, moment
from smsanalytics.storage.rejected import REFUSED
from smsanalytics.storage.schema import EVENT_TABLES
from smsanalytics.storage.sql_path import listed
from smsanalytics.storage.version import require_readable

TAIL = 2**16  #: bytes at the end of a segment, in which its newest line is looked for
AT_ONCE = 2000  #: files in one query: their metadata are in memory together
TRIES = 3  #: so often it is looked, when files are superseded and swept meanwhile
_RECEIVED = re.compile(rb'^\{"v":[0-9]+,"received_at":([0-9]{1,16}),.*\}\n', re.MULTILINE)


@dataclass(frozen=True)
class Size:
    """
    What there is of a table.

    Attributes
    ----------
    table : str
        Its name.
    rows, bytes, files : int
        Of the files that count.
    superseded : int
        Files beside them that a wider one or a newer generation replaced, and that are not swept yet.
    to_merge : int
        Files that count and share their date and writer with others.
    first, last : date or None
        Its dates.
    """

    table: str
    rows: int
    bytes: int
    files: int
    superseded: int
    to_merge: int
    first: date | None
    last: date | None


@dataclass(frozen=True)
class Slot:
    """
    The journal of one writer.

    Attributes
    ----------
    writer : str
        Its name.
    in_use : bool
        Whether a process writes it.
    open, open_bytes, sealed, sealed_bytes : int
        Its segments: those that are being written, and those that wait to be published.
    quarantined : int
        Lines that a recovery could not read.
    """

    writer: str
    in_use: bool
    open: int
    open_bytes: int
    sealed: int
    sealed_bytes: int
    quarantined: int


@dataclass(frozen=True)
class Status:
    """
    A store at a moment.

    Attributes
    ----------
    at : datetime
        The moment.
    tables : list of Size
        Every table, messages last.
    freshness : Freshness
        Up to when it knows what came.
    newest_receipt : datetime or None
        The newest that is durable, the journal included.
    last_pass : dict
        What the maintenance that published last tells of itself: when (``at``) and for how long (``seconds``).
    waiting : Waiting
        What is in the journal.
    maintaining, collecting : bool
        Whether a maintenance and a collector run.
    slots : list of Slot
        The journal.
    rejected : int
        Callbacks refused in the 24 hours before, as far as they are published.
    free, reserve : int
        Of the disk. [bytes]
    """

    at: datetime
    tables: list[Size]
    freshness: Freshness
    newest_receipt: datetime | None
    last_pass: dict[str, Any]
    waiting: Waiting
    maintaining: bool
    collecting: bool
    slots: list[Slot]
    rejected: int
    free: int
    reserve: int


def status(layout: Layout, space: Space) -> Status:
    """
    Look at a store without disturbing who works on it.

    Raises
    ------
    StoreError
        If there is none, or a file of it cannot be read.
    """
    if not layout.data.is_dir():
        raise StoreError(f"there is no store at {layout.data}; `smsanalytics serve --data {layout.data}` makes one")
    with connect(layout, memory="1GB") as connection:
        for _ in range(TRIES):
            try:
                return _status(layout, space, Tables(layout, connection))
            except (*DUCKDB_FAILS, FileNotFoundError):
                continue
    raise StoreError(f"a file in {layout.data} cannot be read; `smsanalytics check` says which")


def _status(layout: Layout, space: Space, tables: Tables) -> Status:
    now = datetime.now(UTC)
    fresh = freshness(tables)
    waits = waiting(layout)
    slots = [_slot(layout, writer) for writer in layout.slots()]
    newest = [at for writer in layout.slots() if not REFUSED.fullmatch(writer) for at in _newest(layout, writer)]
    return Status(
        at=now,
        tables=[*(_of_events(tables, table) for table in EVENT_TABLES), _of_messages(tables)],
        freshness=fresh,
        newest_receipt=max([*newest, *([fresh.newest_receipt] if fresh.newest_receipt else [])], default=None),
        last_pass=_last_pass(layout),
        waiting=waits,
        maintaining=waits.maintaining,
        collecting=any(slot.in_use and slot.writer.startswith("w") for slot in slots),
        slots=slots,
        rejected=_rejected(tables, now - timedelta(days=1)),
        free=space.free,
        reserve=space.reserve,
    )


def _of_events(tables: Tables, table: str) -> Size:
    counting: list[Path] = []
    superseded = to_merge = 0
    days: list[date] = []
    for day, files in tables.layout.event_files(table).items():
        kept = live(files)
        of_writer = Counter(file.writer for file in kept)
        superseded += len(files) - len(kept)
        to_merge += sum(number for number in of_writer.values() if number > 1)
        counting += [tables.layout.event_file(table, day, file) for file in kept]
        days += [day] if kept else []
    return _size(tables, table, counting, superseded, to_merge, days)


def _of_messages(tables: Tables) -> Size:
    said = Live.read(tables.layout)
    counting = said.files(tables.layout)
    there = sum(map(len, tables.layout.generations().values()))
    return _size(tables, "messages", counting, there - len(counting), 0, list(said.generations))


def _size(tables: Tables, table: str, files: list[Path], superseded: int, to_merge: int, days: list[date]) -> Size:
    require_readable(files)
    rows = size = 0
    for first in range(0, len(files), AT_ONCE):
        some = listed(files[first : first + AT_ONCE])
        query = f"SELECT sum(num_rows)::BIGINT, sum(file_size_bytes)::BIGINT FROM parquet_file_metadata({some})"
        [(of_rows, of_bytes)] = tables.connection.execute(query).fetchall()
        rows, size = rows + of_rows, size + of_bytes
    return Size(table, rows, size, len(files), superseded, to_merge, min(days, default=None), max(days, default=None))


def _slot(layout: Layout, writer: str) -> Slot:
    slot = layout.slot(writer)
    sizes: dict[str, list[int]] = {"open": [], "sealed": []}
    for segment in layout.segments(writer):
        path = slot / segment.name
        if path.exists():  # not sealed or published meanwhile
            sizes[segment.state].append(path.stat().st_size)
    quarantined = sum(_lines(path) for path in (slot / "quarantine").glob("*.lines"))
    opened, sealed = sizes["open"], sizes["sealed"]
    return Slot(writer, is_locked(slot), len(opened), sum(opened), len(sealed), sum(sealed), quarantined)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _newest(layout: Layout, writer: str) -> Iterable[datetime]:
    """When the newest line of the journal of a writer was received."""
    for segment in layout.segments(writer)[-1:]:
        try:
            with (layout.slot(writer) / segment.name).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL))
                found = _RECEIVED.findall(file.read())
        except FileNotFoundError:  # published meanwhile
            continue
        yield from (datetime.fromtimestamp(int(at) / 1e6, UTC) for at in found[-1:])


def _last_pass(layout: Layout) -> dict[str, Any]:
    try:
        said = json.loads(layout.last_pass.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _rejected(tables: Tables, since: datetime) -> int:
    there = tables.layout.event_files("rejected")
    files = [tables.layout.event_file("rejected", day, file)
             for day, found in there.items() if day >= since.date() for file in live(found)]  # fmt: skip
    if not files:
        return 0
    query = f"""SELECT count(*) FROM read_parquet({listed(files)}, union_by_name = true)
        WHERE received_at >= {moment(since)}"""
    [(count,)] = tables.connection.execute(query).fetchall()
    return int(count)
