"""
Where everything lies under the data directory, and what its names mean.

::

    <table>/date=<received, UTC>/<writer>-<first seq>-<last seq>.parquet
    messages/date=<first seen, UTC>/<generation>.parquet     messages/live.json
    journal/<slot>/<seq>.<date>.open      being written by the collector
    journal/<slot>/<seq>.<date>.sealed    waits to be published
    journal/<slot>/published, counter     the last number published, the last number given
    journal/<slot>/quarantine/            lines that a recovery could not read
    maintenance.json                      when the maintenance published last, and how long it took
    problems.json                         what the maintenance could not do when it tried last
    retention.json                        the date from which on each table is kept
    privacy.json, texts.salt              with which key phones became pseudonyms; what digests of texts begin with
    tmp/                                  unfinished files; safe to empty while nothing runs

The names are the catalogue: there is no other list of files.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from smsanalytics.errors import StoreError
from smsanalytics.storage import state_file

_WRITER = re.compile(r"[a-z][a-z0-9]*")
_FILE = re.compile(r"(?P<writer>[a-z][a-z0-9]*)-(?P<first>[0-9]{10})-(?P<last>[0-9]{10})\.parquet")
_NUMBER = re.compile(rb"(?P<number>[0-9]{1,10})( (?P<checksum>[0-9a-f]{8}))?\s*")
_SEGMENT = re.compile(r"(?P<seq>[0-9]{10})\.(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})\.(?P<state>open|sealed)")

FARTHEST = 1_000_000  #: how far beyond all names the number in a small file may be


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@dataclass(frozen=True, order=True)
class EventFile:
    """The name of one published file: who wrote it, and which journal segments it holds."""

    writer: str
    first: int
    last: int

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Read a file's name; None for a file that is not ours."""
        match = _FILE.fullmatch(name)
        return cls(match["writer"], int(match["first"]), int(match["last"])) if match else None

    @property
    def name(self) -> str:
        """As it stands in the directory."""
        return f"{self.writer}-{self.first:010}-{self.last:010}.parquet"


@dataclass(frozen=True, order=True)
class SegmentFile:
    """The name of one journal segment; a segment belongs to exactly one UTC date."""

    seq: int
    date: date
    state: str

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Read a segment's name; None for a file that is none."""
        match = _SEGMENT.fullmatch(name)
        day = _date(match["date"]) if match else None
        return cls(int(match["seq"]), day, match["state"]) if match and day else None

    @property
    def name(self) -> str:
        """As it stands in the directory."""
        return f"{self.seq:010}.{self.date}.{self.state}"


def live(files: Iterable[EventFile]) -> list[EventFile]:
    """
    Tell which files of one table and date count.

    A file whose range lies within another's of the same writer is superseded: the wider one holds its events.

    Parameters
    ----------
    files : iterable of EventFile
        Of one table and date.

    Returns
    -------
    list of EventFile
        Sorted; every segment number of a writer at most once.

    Raises
    ------
    StoreError
        If two ranges overlap and neither holds the other: then events would be counted twice.

    Examples
    --------
    >>> [file.name for file in live([EventFile("w0", 1, 1), EventFile("w0", 2, 2), EventFile("w0", 1, 2)])]
    ['w0-0000000001-0000000002.parquet']
    """
    kept: list[EventFile] = []
    for file in sorted(set(files), key=lambda file: (file.writer, file.first, -file.last)):
        before = kept[-1] if kept and kept[-1].writer == file.writer else None
        if before is None or file.first > before.last:
            kept.append(file)
        elif file.last > before.last:
            raise StoreError(f"files {before.name} and {file.name} overlap; move one of them out of the store")
    return kept


@dataclass(frozen=True)
class Layout:
    """The paths of one data directory."""

    data: Path

    @property
    def tmp(self) -> Path:
        """Unfinished files."""
        return self.data / "tmp"

    @property
    def journal(self) -> Path:
        """The slots of all writers."""
        return self.data / "journal"

    @property
    def last_pass(self) -> Path:
        """What the last maintenance that published something tells of itself."""
        return self.data / "maintenance.json"

    @property
    def problems(self) -> Path:
        """What the maintenance could not do when it tried last; absent while there is nothing."""
        return self.data / "problems.json"

    def found_problems(self) -> list[str]:
        """Its sentences: what contradicts, and what to do."""
        try:
            return [str(text) for text in state_file.decoded(self.problems.read_bytes())["problems"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    @property
    def retention(self) -> Path:
        """The file that says what is kept no longer."""
        return self.data / "retention.json"

    @property
    def messages(self) -> Path:
        """The roll-up."""
        return self.data / "messages"

    @property
    def live_messages(self) -> Path:
        """The file that says which generations of messages count."""
        return self.messages / "live.json"

    def slot(self, writer: str) -> Path:
        """The journal of a writer."""
        return self.journal / writer

    def slots(self) -> list[str]:
        """Every writer that ever kept a journal here."""
        found = self.journal.iterdir() if self.journal.is_dir() else ()
        return sorted(path.name for path in found if path.is_dir() and _WRITER.fullmatch(path.name))

    def event_file(self, table: str, day: date, file: EventFile) -> Path:
        """Where a file of events lies."""
        return self.data / table / f"date={day}" / file.name

    def message_file(self, day: date, generation: int) -> Path:
        """Where a generation of messages lies."""
        return self.messages / f"date={day}" / f"{generation:010}.parquet"

    def event_files(self, table: str) -> dict[date, list[EventFile]]:
        """All files of a table by date, superseded ones among them, and none of dates that are given up."""
        since = self.kept_from().get(table, date.min)
        return {
            day: [file for path in partition.iterdir() if (file := EventFile.parse(path.name))]
            for day, partition in self._partitions(table)
            if day >= since
        }

    def kept_from(self) -> dict[str, date]:
        """
        The date before which nothing of a table counts, for tables of which something was given up.

        Raises
        ------
        StoreError
            If it cannot be read.
        """
        return self._said_of_retention()[0]

    def retention_looked_at(self) -> datetime | None:
        """When somebody looked last which dates ended, by the clock of then; raises as `kept_from` does."""
        return self._said_of_retention()[1]

    def _said_of_retention(self) -> tuple[dict[str, date], datetime | None]:
        if not self.retention.exists():
            return {}, None
        try:
            content = state_file.decoded(self.retention.read_bytes(), required=False)
            at = content.get("looked_at")
            kept_from = {table: date.fromisoformat(day) for table, day in content["kept_from"].items()}
            looked_at = datetime.fromisoformat(at).astimezone(UTC) if at else None
            if looked_at and any(day >= looked_at.date() for day in kept_from.values()):
                raise ValueError("a date that was not over cannot have been given up")
            return kept_from, looked_at
        except (ValueError, TypeError, KeyError, AttributeError):
            raise StoreError(
                f"{self.retention} is damaged; without it dates that were given up would count again where files are "
                "left: put it back from a backup, or remove it if that is all right"
            ) from None

    def generations(self) -> dict[date, list[int]]:
        """The generations of messages there are by date, in order, superseded ones among them."""
        return {
            day: sorted(int(path.stem) for path in partition.glob("*.parquet") if path.stem.isdecimal())
            for day, partition in self._partitions("messages")
        }

    def _partitions(self, table: str) -> list[tuple[date, Path]]:
        found = sorted((self.data / table).glob("date=*"))
        return [(day, path) for path in found if (day := _date(path.name.removeprefix("date=")))]

    def live_files(
        self,
        table: str,
        *,
        published: Mapping[str, int] | None = None,
        after: Mapping[str, int] | None = None,
        until: datetime | None = None,
    ) -> list[Path]:
        """
        The exact list of files that hold a table, each event once.

        Parameters
        ----------
        table : str
            One of the tables of events.
        published : mapping of str to int, optional
            Only segments up to a number for each writer; a writer without a number is left out.
        after : mapping of str to int, optional
            Only files that hold a segment beyond a number for each writer, 0 for one without.
        until : datetime, optional
            Only files that may hold something received by then.
        """
        paths = []
        for day, files in self.event_files(table).items():
            if until is not None and day > until.astimezone(UTC).date():
                continue
            if published is not None:
                files = [file for file in files if file.last <= published.get(file.writer, 0)]
            found = live(files)
            if after is not None:
                found = [file for file in found if file.last > after.get(file.writer, 0)]
            paths += [self.event_file(table, day, file) for file in found]
        return paths

    def writers(self, table: str) -> set[str]:
        """Every writer of whom a table has a file."""
        return {file.writer for files in self.event_files(table).values() for file in files}

    def segments(self, writer: str) -> list[SegmentFile]:
        """The journal segments of a writer, in order."""
        slot = self.slot(writer)
        found = slot.iterdir() if slot.is_dir() else ()
        return sorted(segment for path in found if (segment := SegmentFile.parse(path.name)))

    def last_number(self, writer: str) -> int:
        """
        The greatest segment number that was given to a writer; 0 for a new one.

        Every name and both small files are evidence, for each may be lost. A small file whose number is far beyond all
        other evidence is damaged, and not believed: numbers would end after it.
        """
        numbers = [segment.seq for segment in self.segments(writer)]
        for table in self.data.iterdir():
            numbers += [
                file.last
                for path in table.glob(f"date=*/{writer}-*.parquet")
                if (file := EventFile.parse(path.name)) is not None
            ]
        counter, published = (read_number(self.slot(writer) / name) for name in ("counter", "published"))
        for number in sorted(number for number in (published, counter) if number is not None):
            if number <= max(numbers, default=0) + FARTHEST:
                numbers.append(number)
        return max(numbers, default=0)

    def published(self, writer: str) -> int:
        """
        Up to which segment everything of a writer is published, empty tables included.

        A segment leaves the journal only after it was published, so while there are segments that is what lies below
        the oldest of them, whatever the small file says.
        """
        segments = self.segments(writer)
        if segments:
            return segments[0].seq - 1
        number = read_number(self.slot(writer) / "published")
        return self.last_number(writer) if number is None else number


def read_number(path: Path) -> int | None:
    """
    The number that a small file holds; None where there is none, or where its checksum is that of another number.

    A number without a checksum is what an older version wrote.
    """
    match = _NUMBER.fullmatch(path.read_bytes() if path.exists() else b"")
    if match is None or (match["checksum"] and match["checksum"] != _checksum(match["number"])):
        return None
    return int(match["number"])


def encoded_number(number: int) -> bytes:
    """
    The content of a small file that holds a number.

    Examples
    --------
    >>> encoded_number(12)
    b'12 4f5344cd\\n'
    """
    text = b"%d" % number
    return b"%s %s\n" % (text, _checksum(text))


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
