"""File operations that are still true after a power cut."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from smsanalytics.errors import StoreBusy


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
    """Create a directory with its parents, each of them durable in its own parent."""
    missing = [directory, *directory.parents]
    missing = missing[: next(index for index, path in enumerate(missing) if path.is_dir())]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


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
def locked(directory: Path, what: str) -> Iterator[None]:
    """
    Hold the lock of a directory; it ends with the process, however that ends.

    Raises
    ------
    StoreBusy
        If another process holds it.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusy(f"{what} is in use by another process ({directory}); stop that one first") from None
        yield
    finally:
        os.close(descriptor)
