"""
The journal: an event is durable here before its callback is answered.

A slot directory belongs to one process at a time. One line is one event, one segment one file of lines; a batch of
lines shares one write and one fdatasync. What was asked for together counts together or not at all: see `in_batch`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import orjson

from smsanalytics.errors import JournalError, StoreError
from smsanalytics.storage.atomic import locked, make_directory, replace, sync_directory, sync_file
from smsanalytics.storage.catalog import Layout, SegmentFile, encoded_number

VERSION = 1  #: of the lines written; those of every version up to it are read, for ever
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "lustre", "afs", "beegfs",
                        "sshfs", "s3fs", "rclone", "davfs2", "gcsfuse", "glusterfs"}  # fmt: skip
DAY = 86_400_000_000  # microseconds
_CHECKSUM = b',"crc":"%08x"}\n'
_CHECKSUM_LENGTH = len(_CHECKSUM % 0)
_HEAD = b'{"v":%d,"received_at":%d,'
OF_A_LINE = len(_HEAD % (VERSION, 10**15)) + _CHECKSUM_LENGTH  #: what `line` adds to an event [bytes]
_VERSION = re.compile(rb'\{"v":([0-9]{1,9}),')
_PLACE = re.compile(rb',"batch":\[([0-9]+),([0-9]+)\],"crc":"[0-9a-f]{8}"\}\n$')


def entry(
    *, account: str, kind: str, signed_by: str, key: str, fields: Mapping[str, str], extra: Mapping[str, str]
) -> bytes:
    """
    Encode an event for `Journal.write`, which adds the version, the time of receipt and the checksum.

    Examples
    --------
    >>> entry(account="default", kind="status", signed_by="md5", key="2026", fields={"message_id": "1042"}, extra={})
    b'"account":"default","kind":"status","signed_by":"md5","key":"2026","fields":{"message_id":"1042"},"extra":{}'
    """
    event = {"account": account, "kind": kind, "signed_by": signed_by, "key": key, "fields": fields, "extra": extra}
    return orjson.dumps(event)[1:-1]


def in_batch(events: Sequence[bytes]) -> list[bytes]:
    """
    Mark encoded events that are written together as one batch: after a crash all of them count, or none.

    Examples
    --------
    >>> in_batch([b'"extra":{}', b'"extra":{}'])
    [b'"extra":{},"batch":[1,2]', b'"extra":{},"batch":[2,2]']
    >>> in_batch([b'"extra":{}'])
    [b'"extra":{}']
    """
    if len(events) == 1:
        return list(events)
    return [b'%s,"batch":[%d,%d]' % (event, number, len(events)) for number, event in enumerate(events, start=1)]


def line(event: bytes, received_at: int, version: int = VERSION) -> bytes:
    """Complete an encoded event with `received_at` (microseconds UTC), version and checksum."""
    content = _HEAD % (version, received_at) + event
    return content + _CHECKSUM % zlib.crc32(content)


def version_of(text: bytes) -> int:
    """Of which format a whole line is; all formats begin with it, and end with the checksum."""
    match = _VERSION.match(text)
    return int(match[1]) if match else 0


def is_whole(text: bytes) -> bool:
    """Whether a line, its newline included, is one that `line` made and nothing has altered."""
    content, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    return bool(content) and checksum == _CHECKSUM % zlib.crc32(content)


def _date(microseconds: int) -> date:
    return _day(microseconds // DAY)


@functools.lru_cache(4)
def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


class Journal:
    """
    One writer's journal. Not thread-safe: one thread calls it, or callers take turns.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    writer : str
        The slot, such as ``w0``.
    seconds : float
        A segment older than this is sealed, so that it can be published.
    segment_bytes : int
        And one that is larger.
    lazy : bool
        Sync when a segment is sealed instead of at each write: for what was refused anyway.
    allow_network : bool
        Accept a network file system, whose fsync may promise less than it says.
    patience : float
        How long to wait for the lock: a maintenance may be sealing what a dead writer left. [s]
    now : callable
        Wall clock in nanoseconds since 1970, UTC.

    Raises
    ------
    StoreBusy
        If another process writes this slot.
    StoreError
        On a network file system, or where the disk does not let it seal what was left over.
    """

    def __init__(
        self,
        layout: Layout,
        writer: str,
        *,
        seconds: float = 60.0,
        segment_bytes: int = 64 * 2**20,
        lazy: bool = False,
        allow_network: bool = False,
        patience: float = 0.0,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.directory = layout.slot(writer)
        self._seconds, self._segment_bytes, self._lazy, self._now = seconds, segment_bytes, lazy, now
        self._segment: _Segment | None = None
        make_directory(self.directory)
        if not allow_network and (kind := file_system(self.directory)) in NETWORK_FILE_SYSTEMS:
            raise StoreError(
                f"{self.directory} lies on a network file system ({kind}), where a sync may promise less than it says; "
                "choose a local disk, or set allow_network_journal = true"
            )
        self._closing = contextlib.ExitStack()
        lock = locked(self.directory, f"journal slot {writer}", patience=patience)
        self._lock = self._closing.enter_context(lock)
        try:
            recover(self.directory)
        except OSError as error:
            self._closing.close()
            why = os.strerror(error.errno or errno.EIO)
            raise StoreError(f"what was left over in {self.directory} could not be sealed: {why}") from None
        self._last_number = layout.last_number(writer)

    def write(self, events: Sequence[bytes], received_at: Sequence[int] | None = None) -> None:
        """
        Append encoded events; when this returns they are durable (unless the journal is lazy).

        Parameters
        ----------
        events : sequence of bytes
            Of `entry`.
        received_at : sequence of int, optional
            When each was received, all of them on one UTC date; now, unless it is said. [microseconds UTC]

        Raises
        ------
        JournalError
            If they are not. None of them counts as stored then.
        """
        now = self._now() // 1000
        times = [now] * len(events) if received_at is None else received_at
        lines = b"".join([line(event, at) for event, at in zip(events, times, strict=True)])
        days = {at // DAY for at in times} or {now // DAY}
        if len(days) > 1:
            raise JournalError("events of one batch were received on different dates")
        try:
            segment = self._segment_of(_day(days.pop()))
            segment.append(lines, sync=not self._lazy)
        except OSError as error:
            raise JournalError(f"the journal could not be written: {os.strerror(error.errno or errno.EIO)}") from None

    def probe(self) -> None:
        """
        Make a durable write that is no event.

        Raises
        ------
        JournalError
            If it fails.
        """
        try:
            replace(self.directory / "probe", b"")
        except OSError as error:
            raise JournalError(f"the journal could not be written: {os.strerror(error.errno or errno.EIO)}") from None

    def seal_if_due(self) -> None:
        """Hand the segment over for publishing if it is old or large enough, its date has ended, or it is broken."""
        self._seal_unless_fit_for(_date(self._now() // 1000))

    def close(self) -> None:
        """Seal what there is, and let go of the slot."""
        with self._closing:
            self._seal()

    def _segment_of(self, day: date) -> _Segment:
        self._seal_unless_fit_for(day)
        if self._segment is None:
            if not os.path.samestat(os.fstat(self._lock), os.stat(self.directory)):  # noqa: PTH116
                raise OSError(errno.ESTALE, "the slot was replaced")
            number = self._last_number + 1
            replace(self.directory / "counter", encoded_number(number))
            self._last_number = number
            self._segment = _Segment(self.directory, SegmentFile(number, day, "open"))
            self._segment.make_name_durable()
        return self._segment

    def _seal_unless_fit_for(self, day: date) -> None:
        segment = self._segment
        if segment is not None and (segment.date != day or segment.is_due(self._seconds, self._segment_bytes)):
            self._seal()

    def _seal(self) -> None:
        if self._segment is not None:
            self._segment.seal(sync=self._lazy)
            self._segment = None  # from here on it is the maintenance's, whatever becomes of the sync
            sync_directory(self.directory)


class _Segment:
    """The segment being written."""

    def __init__(self, directory: Path, file: SegmentFile) -> None:
        self.date = file.date
        self._path = directory / file.name
        self._sealed = directory / SegmentFile(file.seq, file.date, "sealed").name
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size = 0
        self._broken = False
        self._opened = time.monotonic()

    def is_due(self, seconds: float, segment_bytes: int) -> bool:
        return self._broken or self._size >= segment_bytes or time.monotonic() - self._opened >= seconds

    def make_name_durable(self) -> None:
        try:
            sync_directory(self._path.parent)
        except OSError:
            self._broken = True
            raise

    def append(self, lines: bytes, *, sync: bool) -> None:
        try:
            if os.write(self._descriptor, lines) != len(lines):
                raise OSError(errno.ENOSPC, "short write")
        except OSError:
            self._cut_back()
            raise
        if sync:
            try:
                os.fdatasync(self._descriptor)
            except OSError:
                self._broken = True  # what a failed sync left in the cache may look clean: never sync this one again
                self._cut_back()
                raise
        if os.fstat(self._descriptor).st_nlink != 1:
            self._broken = True
            raise OSError(errno.ENOENT, "the segment was removed")
        self._size += len(lines)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._broken = True

    def seal(self, *, sync: bool) -> None:
        if sync and not self._broken:
            self._broken = True  # unless the sync succeeds, there is no second one
            os.fdatasync(self._descriptor)
        if not self._path.exists():
            pass  # removed from under us: nothing that is left could be handed over
        elif self._size:
            self._path.rename(self._sealed)
        else:
            self._path.unlink()
        os.close(self._descriptor)


def recover(directory: Path) -> None:
    """
    Seal the segments that a writer left behind. The caller holds the lock of the slot.

    A tail without newline is cut, with the lines of the batch it belongs to: they were never acknowledged. Any other
    line that is not whole is put into ``quarantine/``, with the rest of its batch, and the lines after it are kept, for
    an unsynced tail can have holes anywhere.
    """
    for path in sorted(directory.glob("*.open")):
        segment = SegmentFile.parse(path.name)
        if segment is None:
            continue
        content = path.read_bytes()
        lines = [text + b"\n" for text in content.split(b"\n")[:-1]]
        whole, bad = sorted_out(lines)
        if bad:
            make_directory(directory / "quarantine")
            replace(directory / "quarantine" / f"{segment.seq:010}.lines", b"".join(bad))
        if not whole:
            path.unlink()
        else:
            kept = b"".join(whole)
            if content.startswith(kept):
                os.truncate(path, len(kept))  # which needs no room on a full disk
            else:
                replace(path, kept)
            sync_file(path)
            path.rename(directory / SegmentFile(segment.seq, segment.date, "sealed").name)
        sync_directory(directory)


def sorted_out(lines: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The lines that count, and those to look at; the first lines of a batch that ends with the file are neither."""
    whole: list[bytes] = []
    bad: list[bytes] = []
    begun: list[bytes] = []  # the lines so far of a batch
    for text in lines:
        sound = is_whole(text)
        place = _PLACE.search(text) if sound else None
        number, size = (int(place[1]), int(place[2])) if place else (1, 1)
        if number != len(begun) + 1:
            bad += begun
            begun = []
        if not sound or number != len(begun) + 1:
            bad.append(text)
        elif number < size:
            begun.append(text)
        else:
            whole += [*begun, text]
            begun = []
    return whole, bad


def file_system(path: Path) -> str:
    """The type of the file system a path lies on, such as ``ext4``; empty where the system does not tell."""
    mounts = Path("/proc/self/mountinfo")
    if not mounts.exists():
        return ""
    found, longest = "", -1
    for mount in mounts.read_text("utf-8", "replace").splitlines():
        left, _, right = mount.partition(" - ")
        point = left.split()[4].encode().decode("unicode_escape")
        if path.resolve().is_relative_to(point) and len(point) >= longest:
            found, longest = right.split()[0], len(point)
    return found.removeprefix("fuse.")
