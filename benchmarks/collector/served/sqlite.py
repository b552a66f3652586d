"""A table in SQLite: each row is committed, and synced, by itself."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from benchmarks.collector.served.form import COLUMNS, TABLE

INSERT = f"INSERT INTO callbacks VALUES ({', '.join('?' * len(COLUMNS))})"


class Table:
    """The table in the folder of the benchmark, on a connection of its own."""

    def __init__(self) -> None:
        path = Path(os.environ["BENCH_FOLDER"]) / "callbacks.sqlite"
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(TABLE)

    def insert(self, row: Sequence[str]) -> None:
        """Insert a row; it is on the disk when this returns."""
        self._connection.execute(INSERT, row)
