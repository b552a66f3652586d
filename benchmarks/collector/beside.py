"""The servers that the collector is measured beside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.collector.server import START_SECONDS, Cores, Server, Uvicorn, free_port


class Fixed(Server):
    """The same bytes for whatever comes."""

    name, title, durable = "fixed", "The same bytes for whatever comes", False

    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", "benchmarks.collector.served.fixed", str(self.port)]


class RawNoop(Uvicorn):
    """Pure ASGI."""

    name, title, durable, module = "raw_noop", "uvicorn, stores nothing", False, "raw"


class StarletteNoop(Uvicorn):
    """A route of Starlette."""

    name, title, durable, module = "starlette_noop", "Starlette, stores nothing", False, "starlette_route"


class FastapiSqlite(Uvicorn):
    """FastAPI with SQLite."""

    name, title, module = "fastapi_insert", "FastAPI + SQLite", "fastapi_sqlite"
    needs = ("fastapi", "python_multipart")

    def stored(self) -> Iterable[int]:
        """The ids it stored."""
        return _in_sqlite(self.folder)


class FlaskSqlite(Server):
    """Flask under gunicorn, with threads, as the default worker closes every connection."""

    name, title = "flask_insert", "Flask + gunicorn + SQLite"
    needs = ("flask", "gunicorn")

    def command(self) -> list[str]:
        """What starts it."""
        options = ["--workers", "1", "--worker-class", "gthread", "--threads", "8", "--keep-alive", "75"]
        application = "benchmarks.collector.served.flask_sqlite:application"
        bind = ["--bind", f"127.0.0.1:{self.port}", "--log-level", "warning"]
        return [sys.executable, "-m", "gunicorn", application, *options, *bind]

    def stored(self) -> Iterable[int]:
        """The ids it stored."""
        return _in_sqlite(self.folder)


class FastapiPostgresql(Uvicorn):
    """FastAPI with a PostgreSQL of its own on the same core, set as it comes."""

    name, title, module = "fastapi_postgresql", "FastAPI + PostgreSQL", "fastapi_postgresql"
    needs = ("fastapi", "python_multipart", "asyncpg")

    def __init__(self, folder: Path, cores: Cores) -> None:
        super().__init__(folder, cores)
        self._database = free_port()

    @classmethod
    def lacks(cls, folder: Path) -> str:
        """What this machine lacks to run it."""
        if missing := super().lacks(folder):
            return missing
        if not all(_works(_program(name)) for name in ("postgres", "initdb")):
            return "no PostgreSQL that works"
        user = _unprivileged()
        reached = subprocess.run(["test", "-x", folder], user=user, cwd="/").returncode == 0
        return "" if reached else f"{user}, who runs PostgreSQL here, may not reach the folder"

    @property
    def address(self) -> str:
        """Of the database."""
        return f"postgresql://bench@127.0.0.1:{self._database}/postgres"

    def environment(self) -> dict[str, str]:
        """What the application finds in its environment."""
        return super().environment() | {"BENCH_DATABASE": self.address}

    def start(self) -> None:
        """Make a database, start it, then the application."""
        self._start_database()
        super().start()

    def _start_database(self) -> None:
        user = _unprivileged()
        place = self.folder / "database"
        if not place.exists():
            place.mkdir()
            if user:
                shutil.chown(place, user)
            make = [_program("initdb"), "--pgdata", str(place), "--username", "bench", "--auth", "trust", "--encoding"]
            subprocess.run([*make, "UTF8"], check=True, capture_output=True, user=user, cwd=place)
        options = ["-D", str(place), "-p", str(self._database), "-h", "127.0.0.1", "-k", ""]
        self.launch([_program("postgres"), *options], self._database, user)
        asyncio.run(_ready(self.address))

    def stored(self) -> Iterable[int]:
        """The ids it stored."""
        try:
            self._start_database()
            return asyncio.run(_in_postgresql(self.address))
        finally:
            self.stop()


def _in_sqlite(folder: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(folder / "callbacks.sqlite")) as connection:
        return [int(number) for (number,) in connection.execute("SELECT id FROM callbacks")]


async def _ready(address: str) -> None:
    """Return when the database answers: it takes connections while it is still starting."""
    import asyncpg

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            await (await asyncpg.connect(address)).close()
            return
        except asyncpg.CannotConnectNowError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


async def _in_postgresql(address: str) -> list[int]:
    import asyncpg

    connection = await asyncpg.connect(address)
    found = [int(row["id"]) for row in await connection.fetch("SELECT id FROM callbacks")]
    await connection.close()
    return found


def _program(name: str) -> str:
    """Where a program of PostgreSQL is; empty if nowhere."""
    beside = sorted(str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (beside[-1] if beside else "")


def _works(program: str) -> bool:
    return bool(program) and subprocess.run([program, "--version"], capture_output=True).returncode == 0


def _unprivileged() -> str | None:
    """Who runs the database, which root must not; None for whoever runs this."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return None if os.geteuid() else "postgres" if "postgres" in names else "nobody"
