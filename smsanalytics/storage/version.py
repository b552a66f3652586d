"""Of which version a Parquet file is: older ones are read, what a newer program wrote is said and not guessed at."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from smsanalytics.errors import NewerVersion, StoreError
from smsanalytics.storage.schema import VERSION

TAIL = 4096  #: bytes at the end of a file, in which its metadata end
MAGIC = b"PAR1"
_SAID = re.compile(rb"\x18\x0csmsanalytics\x18[\x01-\x0a]([0-9]{1,10})")  # key and value, as Parquet encodes a pair
LOOKED_AT_MOST = 200_000  #: names that are remembered

_versions: dict[str, tuple[int, int, int]] = {}  # of files that were found readable: size, time of change, version


def version_of(path: Path) -> int:
    """
    The version of the schema that a file was written in; 0 where it does not say.

    The end of the file is looked at, and nothing is decoded: that is a tenth of what it costs to ask DuckDB.

    Raises
    ------
    StoreError
        If it is no Parquet file, or not a whole one.
    OSError
        If it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        end = os.pread(descriptor, TAIL, max(0, size - TAIL))
    finally:
        os.close(descriptor)
    if len(end) < 2 * len(MAGIC) or not end.endswith(MAGIC):
        raise StoreError(f"{path} is no whole Parquet file; `smsanalytics check` says what to do")
    said = _SAID.findall(end)
    return int(said[-1]) if said else 0


def require_readable(files: Iterable[Path]) -> dict[Path, int]:
    """
    The version of each of these files, if this version of the program can read them all.

    The end of each is read once, while the file does not change. One that is not there has none: its reader will find
    what superseded it, or say so.

    Raises
    ------
    StoreError
        If a newer one wrote a file, or it cannot be read.
    """
    found = {}
    for path in files:
        try:
            found[path] = _known(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise StoreError(f"{path} cannot be read: {why}; `smsanalytics check` says what to do") from None
    return found


def _known(path: Path) -> int:
    stat = path.stat()
    size, changed, known = _versions.get(str(path), (-1, -1, -1))
    if (size, changed) != (stat.st_size, stat.st_mtime_ns):
        known = version_of(path)
        if known > VERSION:
            raise NewerVersion(newer(path, known))
        if len(_versions) >= LOOKED_AT_MOST:
            _versions.clear()
        _versions[str(path)] = (stat.st_size, stat.st_mtime_ns, known)
    return known


def newer(path: Path, version: int) -> str:
    """What is to be said of a file of a newer version."""
    return (
        f"{path} was written by a newer smsanalytics, in schema {version} where this one reads up to {VERSION}; "
        "use the newer one"
    )
