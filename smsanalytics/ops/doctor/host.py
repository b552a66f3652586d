"""The data directory and its disk: whose it is, what file system, how much room, and whether a sync is one."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from smsanalytics.ops.doctor.finding import Finding, fail, ok, warn
from smsanalytics.settings import Settings
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.disk import Space
from smsanalytics.storage.journal import NETWORK_FILE_SYSTEMS, file_system

IN_MEMORY = {"tmpfs", "ramfs"}
PRIVATE = {"journal", "rejected", "tmp"}  #: closed to the group as well, which may read what is published
OF_A_CONTAINER = {"overlay", "overlayfs", "aufs"}
FEW_INODES, TOO_FEW_INODES = 0.05, 0.01  #: of all
TOO_FAST, TOO_SLOW = 20e-6, 50e-3  #: of a sync [s]
SYNCS, BYTES = 20, 200


def look(settings: Settings) -> Iterator[Finding]:
    """What there is to say of the place where events go."""
    data = settings.data
    there = next(path for path in (data.absolute(), *data.absolute().parents) if path.exists())
    if not there.is_dir():
        yield fail("data", f"{there} is no directory", "set data, or --data, to one")
        return
    if (unwritable := _unwritable(settings, there)) is not None:
        yield unwritable
    else:
        yield ok("data", f"{data} can be written" if data.is_dir() else f"{data} can be made")
        yield _sync(there)
    if data.is_dir():
        yield _owners(Layout(data))
        yield _privacy(Layout(data))
    yield _kind(settings, there)
    yield _room(settings, there)
    yield from _inodes(there)


def _unwritable(settings: Settings, there: Path) -> Finding | None:
    layout = Layout(settings.data)
    known = [layout.slot(writer) for writer in layout.slots()]
    for directory in (there, *known):
        try:
            tempfile.TemporaryFile(dir=directory).close()
        except OSError as error:
            why = os.strerror(error.errno or 0)
            return fail("data", f"{directory} cannot be written: {why}", f"let uid {os.geteuid()} write it")
    return None


def _owners(layout: Layout) -> Finding:
    owner = layout.data.stat().st_uid
    foreign = [path for path in _kept(layout) if path.stat().st_uid != owner]
    if foreign:
        todo = f"chown -R {owner} {layout.data}, and run commands as that user only"
        return fail("owner", f"{foreign[0]} and {len(foreign) - 1} more belong to another user than the store", todo)
    if os.geteuid() == 0 and owner != 0:
        todo = f"run it as uid {owner}, as the collector runs"
        return warn("owner", "root may write anything, so that was not tried", todo)
    return ok("owner", "one user")


def _privacy(layout: Layout) -> Finding:
    """Nobody else reads the journal and what was refused, and strangers nothing at all."""
    passing = layout.data.stat().st_mode
    within_reach = (0o070 if passing & 0o010 else 0) | (0o007 if passing & 0o001 else 0)
    for path in sorted(path for path in layout.data.iterdir() if path.is_dir()):
        forbidden = 0o077 if path.name in PRIVATE else 0o007
        if path.stat().st_mode & forbidden & within_reach:
            return fail("privacy", f"others may look into {path}", f"chmod -R o-rwx {layout.data}, and g-rwx {path}")
    return ok("privacy", "what holds phones is closed to others")


def _kept(layout: Layout) -> list[Path]:
    """The directories of the store, and the files of its journal."""
    top = [path for path in layout.data.iterdir() if path.is_dir()]
    slots = [layout.slot(writer) for writer in layout.slots()]
    return [*top, *slots, *(path for slot in slots for path in slot.iterdir() if path.exists())]


def _kind(settings: Settings, there: Path) -> Finding:
    kind = file_system(there) or "unknown"
    if kind in NETWORK_FILE_SYSTEMS and not settings.allow_network_journal:
        return fail("file system", f"{kind}, over a network: a sync may promise less than it says", "use a local disk")
    if kind in NETWORK_FILE_SYSTEMS:
        return warn("file system", f"{kind}, over a network, which allow_network_journal allows", "use a local disk")
    if kind in IN_MEMORY:
        return fail("file system", f"{kind}, in memory: gone when the machine restarts", "use a disk")
    if kind in OF_A_CONTAINER:
        return warn("file system", f"{kind}: the layer of a container, gone with it", "mount a volume there")
    return ok("file system", kind)


def _room(settings: Settings, there: Path) -> Finding:
    space = Space(Layout(there), reserve=settings.disk_reserve_bytes, max_backlog=settings.max_backlog_bytes)
    free, reserve = space.free, space.reserve
    said = f"{free / 2**30:.1f} GiB are free, {reserve / 2**30:.1f} are the reserve"
    if free <= reserve:
        return fail("disk", f"{said}: callbacks are answered 503", "make room; it goes on by itself")
    if free < 2 * reserve:
        return warn("disk", said, "make room before callbacks are answered 503")
    return ok("disk", said)


def _inodes(there: Path) -> Iterator[Finding]:
    found = os.statvfs(there)
    if not found.f_files:  # a file system that makes them as it goes
        return
    share = found.f_favail / found.f_files
    if share < TOO_FEW_INODES:
        yield fail("inodes", f"{found.f_favail} are left: soon no file can be made", "delete small files elsewhere")
    elif share < FEW_INODES:
        yield warn("inodes", f"{found.f_favail} are left", "delete small files elsewhere")
    else:
        yield ok("inodes", f"{share:.0%} are free")


def _sync(there: Path) -> Finding:
    median = statistics.median(_times(there))
    said = f"a write and its sync take {median * 1000:.3g} ms"
    if median < TOO_FAST:
        todo = "find out whether the disk, the hypervisor or a mount option ignores syncs: a power cut would tell"
        return warn("sync", f"{said}, which no disk can", todo)
    if median > TOO_SLOW:
        return warn("sync", f"{said}, and each answer waits for one", "see what else writes to that disk")
    return ok("sync", said)


def _times(there: Path) -> Iterator[float]:
    with tempfile.TemporaryFile(dir=there) as file:
        for _ in range(SYNCS):
            started = time.perf_counter()
            os.write(file.fileno(), bytes(BYTES))
            os.fdatasync(file.fileno())
            yield time.perf_counter() - started
