"""
A copy of a store that is being written.

While the maintenance makes way, nothing is published, folded or removed; collectors go on. In that moment the journal
is copied and every Parquet file that counts gets a second name under ``tmp/`` (or is copied, where the file system has
no such names): it is never written again, only replaced, so the second name keeps what it had. Then the maintenance
goes on, and the copying is done in peace. The copy itself shares nothing with the store: a damaged block must not be
damaged in both.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from smsanalytics.errors import StoreError
from smsanalytics.storage import atomic
from smsanalytics.storage.catalog import Layout, SegmentFile
from smsanalytics.storage.disk import reason
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.schema import EVENT_TABLES

NOTE = "backup.json"  #: in the copy: of which store it is, and whether it is complete
IDENTITY = "store.id"  #: in the store: what tells it from others


@dataclass
class Copied:
    """How many files were copied, were there already, and were removed."""

    copied: int = 0
    kept: int = 0
    removed: int = 0


def back_up(layout: Layout, target: Path, *, patience: float) -> Copied:
    """
    Copy a store to a directory, or bring an earlier copy up to date.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    target : Path
        Where to.
    patience : float
        How long to wait until the maintenance makes way. [s]

    Raises
    ------
    StoreError
        If there is no store, the directory holds something else, or a disk does not let it.
    """
    try:
        return _back_up(layout, target, patience)
    except OSError as error:
        raise StoreError(f"the backup to {target} stopped: {reason(error)}; run it again") from None


def _back_up(layout: Layout, target: Path, patience: float) -> Copied:
    if not layout.data.is_dir():
        raise StoreError(f"there is no store at {layout.data}")
    source, to = layout.data.resolve(), target.resolve()
    if source == to or source in to.parents or to in source.parents:
        raise StoreError(f"{target} and the store {layout.data} lie within each other; choose another directory")
    staged = layout.tmp / "backup"  # a maintenance leaves directories in tmp alone
    atomic.make_directory(staged)
    with atomic.locked(staged, "the place of a backup of this store"):
        try:
            with (
                atomic.locked(layout.tmp, "another command that needs this store", patience=patience),
                atomic.locked(layout.data, "maintenance of this store", patience=patience),
            ):
                of = _identity(layout)
                _begin(layout, target, of)
                stage = _Stage(layout, target, staged)
                stage.fill()
            done = stage.hand_over()
        finally:
            _clear(staged)
    atomic.replace(target / NOTE, _note(of, complete=True))
    return done


def _clear(directory: Path) -> None:
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _identity(layout: Layout) -> str:
    path = layout.data / IDENTITY
    if not path.exists():
        atomic.replace(path, uuid.uuid4().hex.encode())
    return path.read_text().strip()


def _begin(layout: Layout, target: Path, of: str) -> None:
    """Say that the copy is not complete, if it may be written."""
    note = target / NOTE
    if note.exists():
        try:
            said = orjson.loads(note.read_bytes())["store"]
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"{note} is damaged; make the backup in a new directory") from None
        if (target / "tmp").exists():
            raise StoreError(f"{target} was used as a store since it was made; choose another directory")
        if said != of:
            raise StoreError(f"{target} is a backup of another store than {layout.data}; choose another directory")
    elif target.exists() and any(path.name != f"{NOTE}.new" for path in target.iterdir()):
        raise StoreError(f"{target} is not empty, and no backup of this store; choose another directory")
    atomic.make_directory(target)
    atomic.replace(note, _note(of, complete=False))


def _note(of: str, *, complete: bool) -> bytes:
    return orjson.dumps({"store": of, "complete": complete, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"})


class _Stage:
    """The files of one moment: those to be copied, in ``tmp/backup``, and those that the copy has already."""

    def __init__(self, layout: Layout, target: Path, folder: Path) -> None:
        self._layout, self._target, self._folder = layout, target, folder
        self._wanted: set[Path] = set()
        self._staged: list[Path] = []
        self._kept = 0

    def fill(self) -> None:
        """Take hold of everything there is. The lock of the maintenance is held."""
        _clear(self._folder)
        for path in self._files():
            name = path.relative_to(self._layout.data)
            self._wanted.add(name)
            if _same(path, self._target / name):
                self._kept += 1
                continue
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            if path.suffix != ".parquet":
                shutil.copy2(path, self._folder / name)
            else:
                try:
                    os.link(path, self._folder / name)
                except OSError:
                    shutil.copy2(path, self._folder / name)
        for segment in self._segments():
            self._wanted.add(segment)
        self._staged = sorted(path for path in self._folder.rglob("*") if path.is_file())

    def hand_over(self) -> Copied:
        """Copy what was taken hold of, and remove from the copy what is no longer in the store."""
        done = Copied(kept=self._kept)
        for path in sorted(self._staged, key=lambda path: path.suffix != ".parquet"):
            _copy(path, self._target / path.relative_to(self._folder))
            done.copied += 1
        for path in sorted(self._target.rglob("*")):
            name = path.relative_to(self._target)
            if path.is_file() and name not in self._wanted and name != Path(NOTE):
                path.unlink()
                atomic.sync_directory(path.parent)
                done.removed += 1
        return done

    def _files(self) -> Iterator[Path]:
        """Everything but segments and what does not count."""
        for table in EVENT_TABLES:
            yield from self._layout.live_files(table)
        yield from Live.read(self._layout).files(self._layout)
        tables = [self._layout.data / table for table in (*EVENT_TABLES, "messages")]
        for path in self._layout.data.rglob("*"):
            in_table = path.suffix == ".parquet" and any(table in path.parents for table in tables)
            is_segment = path.suffix in (".open", ".sealed")
            unfinished = self._layout.tmp in path.parents or path.suffix == ".new" or path.name in ("probe", NOTE)
            if path.is_file() and not (in_table or is_segment or unfinished):
                yield path

    def _segments(self) -> Iterator[Path]:
        """Copy the journal; a collector may seal a segment meanwhile, and begin another."""
        for writer in self._layout.slots():
            slot = self._layout.slot(writer)
            for segment in self._layout.segments(writer):
                for state in (segment.state, "sealed"):
                    name = SegmentFile(segment.seq, segment.date, state).name
                    with contextlib.suppress(FileNotFoundError):
                        content = (slot / name).read_bytes()
                        into = self._folder / "journal" / writer / name
                        into.parent.mkdir(parents=True, exist_ok=True)
                        into.write_bytes(content)
                        yield into.relative_to(self._folder)
                        break


def _same(path: Path, copy: Path) -> bool:
    """Whether a copy is that of the file as it is: they are given the same time."""
    if not copy.exists():
        return False
    one, other = path.stat(), copy.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _copy(path: Path, target: Path) -> None:
    """Copy a file with its time, so that it is there whole or not at all."""
    unfinished = target.with_name(target.name + ".new")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, unfinished)
    atomic.publish(unfinished, target)
