"""
Paths for DuckDB, which reads `*`, `?` and `[` as patterns, and at the start `~` as a home and `file:` as a scheme.

An absolute path begins with neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def quoted(path: Path) -> str:
    """
    Write a path as SQL text, for DuckDB to write to.

    Examples
    --------
    >>> quoted(Path("/srv/owner's [1]"))
    "'/srv/owner''s [1]'"
    """
    return _text(str(path.absolute()))


def exactly(path: Path) -> str:
    """
    Return the pattern that fits this path and no other.

    Examples
    --------
    >>> exactly(Path("/srv/[1]/a*.parquet"))
    '/srv/[[]1]/a[*].parquet'
    """
    return re.sub(r"[*?[]", r"[\g<0>]", str(path.absolute()))


def listed(paths: Iterable[Path]) -> str:
    """
    Write paths as an SQL list, for DuckDB to read these files and no others.

    Examples
    --------
    >>> listed([Path("/srv/it's/1.parquet"), Path("/srv/[1]/2.parquet")])
    "['/srv/it''s/1.parquet', '/srv/[[]1]/2.parquet']"
    """
    return f"[{', '.join(_text(exactly(path)) for path in paths)}]"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
