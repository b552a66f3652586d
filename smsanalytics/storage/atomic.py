"""File operations that are still true after a power cut."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from smsanalytics.errors import StoreBusy

LEVELS = 3  #: from a partition or a slot up to the parent of the store


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of a file durable, whoever wrote it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """
    Create a directory with its parents, and make their names durable.

    Names that were there already are synced as well, up to the parent of the store: whoever made them may have died,
    or failed, before they were durable.
    """
    missing = sum(not path.is_dir() for path in (directory, *directory.parents))
    directory.mkdir(parents=True, exist_ok=True)
    for number, parent in enumerate(directory.parents[: max(missing, LEVELS)]):
        with contextlib.suppress(PermissionError) if number >= missing else contextlib.nullcontext():
            sync_directory(parent)


def publish(finished: Path, target: Path) -> None:
    """Give a written file its final name, so that it is there whole or not at all, whatever happens."""
    sync_file(finished)
    make_directory(target.parent)
    finished.rename(target)
    sync_directory(target.parent)


def replace(path: Path, content: bytes) -> None:
    """Replace the content of a small file, durably; a reader sees the old or the new."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    sync_directory(path.parent)


@contextlib.contextmanager
def locked(directory: Path, what: str, *, patience: float = 0.0) -> Iterator[int]:
    """
    Hold the lock of a directory; it ends with the process, however that ends.

    Yields the descriptor that holds it.

    Raises
    ------
    StoreBusy
        If another process still holds it after `patience` seconds.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StoreBusy(f"{what} is in use by another process ({directory}); stop that one first") from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(directory: Path) -> bool:
    """
    Whether a process holds the lock of a directory.

    The kernel is asked, for to take the lock would be in somebody's way; by the number of the inode alone, since some
    file systems tell the two sides of another device.
    """
    locks = Path("/proc/locks")
    if not directory.is_dir() or not locks.exists():
        return False
    held = [line.split() for line in locks.read_text("utf-8").splitlines()]
    number = str(directory.stat().st_ino)
    return any("FLOCK" in words and "->" not in words and words[-3].endswith(f":{number}") for words in held)


def give_way(lock: int, directory: Path, asked: Path) -> None:
    """
    Let go of a lock while somebody holds the one by which it is asked for, and take it again.

    Parameters
    ----------
    lock : int
        The descriptor that `locked` gave.
    directory : Path
        Of that lock.
    asked : Path
        The directory that those lock who wait for it.

    Raises
    ------
    StoreBusy
        If somebody else took it meanwhile, without asking, and holds it.
    """
    try:
        with locked(asked, "the right to ask"):
            return
    except StoreBusy:
        fcntl.flock(lock, fcntl.LOCK_UN)
    waiting = os.open(asked, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusy(f"the store is in use by another process ({directory}); stop that one first") from None
    finally:
        os.close(waiting)
