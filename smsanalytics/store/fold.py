"""
Newly published events → ``messages``: what they touch is written anew, and one file commits all of it.

A message lives on the date on which it was first seen. New events are grouped into one row per message; each row finds
the message it belongs to among those of the dates around it; the dates that are touched are copied, with the rows
folded in. Replacing ``live.json`` makes the copies count: a reader sees a fold whole or not at all, and a crash only
repeats it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from smsanalytics.errors import NewerVersion, StoreError
from smsanalytics.store import durable, rollup
from smsanalytics.store.flush import count, quoted, write
from smsanalytics.store.layout import Layout
from smsanalytics.store.live import Live, Span
from smsanalytics.store.retention import kept_messages
from smsanalytics.store.rollup import KEY
from smsanalytics.store.schema import MESSAGES, SORTED_BY
from smsanalytics.store.tables import FOLDED, Tables

LOOK_BACK = 7  #: how far from its first sight a message is found again [days]
OPEN_DATES = 2  #: the newest ones, which are written at every fold
SMALL = 100_000  #: older dates with fewer messages than this are written at every fold as well
GATHER_SECONDS = 3600.0  #: how long updates of larger ones are gathered
CHUNK = 2_000_000  #: events that are grouped at once

SAME = " AND ".join(f"old.{name} = new.{name}" for name in ("message_id", "phone", "account"))

log = logging.getLogger("smsanalytics.maintenance")


Watch = Callable[[str, int, int], None]  # what is being done, and how much of how much of it


def unwatched(*_: object) -> None:
    """Nobody watches how far it is."""


def fold(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    *,
    anew: bool = False,
    now: datetime | None = None,
    told: Watch = unwatched,
) -> bool:
    """
    Bring ``messages`` up to everything published.

    Updates of older dates are gathered, where these are large: `live.Live.folded` says how far they are.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        A working connection of `tables.connect`.
    layout : Layout
        Of the data directory.
    anew : bool
        Make all of it from all events, which also joins what was reported later than `LOOK_BACK`.
    now : datetime, optional
        Instead of the clock's.
    told : callable, optional
        Told after each step what is being done, and how much of how much.

    Returns
    -------
    bool
        Whether there was anything to fold.
    """
    now = now or datetime.now(UTC)
    live = Live(kept_messages(layout)) if anew else _live(layout)
    due = live.gathered_at is None or not 0 <= (now - live.gathered_at).total_seconds() < GATHER_SECONDS
    pending = live.folded != live.ahead
    slots = {writer: layout.published(writer) for writer in layout.slots()}
    if live.as_of and not (pending and due) and all(live.ahead.get(one, 0) == last for one, last in slots.items()):
        return False
    published = slots | {writer: layout.published(writer) for writer in _writers(layout) if writer not in slots}
    files = {
        table: layout.live_files(table, published=published, after=live.folded if due else live.ahead)
        for table in FOLDED
    }
    tables = Tables(layout, connection)
    if not any(files.values()):
        if live.generations or live.as_of:
            _note_nothing(tables, live, published, gathered_at=now if due or not pending else None)
        return False
    newest = [at for table, several in files.items() if (at := tables.newest_of(table, several))]
    as_of = max([*newest, *([live.as_of] if live.as_of else [])])
    with _Fold(tables, live, as_of.date() - timedelta(days=OPEN_DATES - 1), told) as step:
        step.group(files)
        complete = due or (not pending and step.rows_of_older_dates() <= SMALL)
        generations, spans = step.write(everything=complete)
    for day, superseded in _counting(layout).items():
        if generations.get(day) != superseded:
            with contextlib.suppress(FileNotFoundError):
                os.utime(layout.message_file(day, superseded))  # its grace period begins now
    done = Live(
        generations,
        published if complete else live.folded,
        published,
        as_of,
        as_of if complete else live.complete_at,
        now if complete else live.gathered_at,
        spans,
    )
    durable.make_directory(layout.messages)
    durable.replace(layout.live_messages, done.encoded())
    log.info("folded up to %s", ", ".join(f"{writer}-{seq}" for writer, seq in published.items()))
    return True


def _live(layout: Layout) -> Live:
    """What is folded; where nothing says so, what can never be folded again."""
    try:
        return Live.read(layout) if layout.live_messages.exists() else Live(kept_messages(layout))
    except NewerVersion:
        raise
    except StoreError:
        return Live(kept_messages(layout))


def _counting(layout: Layout) -> Mapping[date, int]:
    """The files of messages that counted until now."""
    try:
        return Live.read(layout).generations
    except StoreError:
        return {day: max(generations) for day, generations in layout.generations().items() if generations}


def _note_nothing(tables: Tables, live: Live, published: Mapping[str, int], gathered_at: datetime | None) -> None:
    """Say that up to here nothing came that makes messages."""
    as_of = live.as_of
    if as_of is None:  # what said so was lost
        messages = tables.of_messages(live.files(tables.layout))
        [(seen, told)] = messages.aggregate("max(first_seen_at), max(last_status_at)").fetchall()
        as_of = max(at.astimezone(UTC) for at in (seen, told) if at)
    done = replace(live, ahead=published, as_of=as_of)
    if gathered_at:
        done = replace(done, folded=published, complete_at=as_of, gathered_at=gathered_at)
    durable.replace(tables.layout.live_messages, done.encoded())


def _writers(layout: Layout) -> set[str]:
    """Every writer of whom there are events, those among them whose journal is gone."""
    return {writer for table in FOLDED for writer in layout.writers(table)}


class _Fold:
    """One fold: its rows lie in files of ``tmp/fold`` by date, so that a large one needs little memory."""

    def __init__(self, tables: Tables, live: Live, open_from: date, told: Watch) -> None:
        self._tables, self._live, self._open_from, self._told = tables, live, open_from, told
        self._connection, self._layout = tables.connection, tables.layout
        self._folder = tables.layout.tmp / "fold"
        self._since = tables.layout.kept_from().get("messages", date.min)
        used = [generation for generations in tables.layout.generations().values() for generation in generations]
        self._generation = 1 + max([*used, *live.generations.values()], default=0)

    def __enter__(self) -> _Fold:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        key = ", ".join(f"{name} {MESSAGES[name]}" for name in KEY)
        self._connection.execute(f'CREATE OR REPLACE TEMP TABLE leaving ({key}, "day" DATE, target DATE)')
        return self

    def __exit__(self, *_: object) -> None:
        for table in ("fresh", "homes", "leaving", "leaving_now", "touched"):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        shutil.rmtree(self._folder, ignore_errors=True)

    def group(self, files: Mapping[str, Sequence[Path]]) -> None:
        """Make one row per message of the events in files, and put it down under the date where it belongs."""
        key = ", ".join(KEY)
        several = [path for paths in files.values() for path in paths]
        ranges = self._tables.ranges(several, most=CHUNK)
        for part, of_ids in enumerate(ranges):
            events = [f"({self._tables.of_files(table, files[table]).filter(of_ids).sql_query()})" for table in FOLDED]
            told = rollup.merged(rollup.rows_of_statuses(events[0]), rollup.rows_of_sends(events[1]))
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {told}")
            self._find_homes(of_ids)
            self._fetch_leaving(of_ids)
            self._connection.execute(f"""
                COPY (
                    SELECT fresh.*, coalesce(home <= first_seen_at::DATE, false) AS known,
                        least(home, first_seen_at::DATE) AS target
                    FROM fresh LEFT JOIN (SELECT {key}, min("day") AS home FROM homes GROUP BY ALL) USING ({key})
                ) TO {quoted(self._folder)} (FORMAT parquet, COMPRESSION lz4, PARTITION_BY (target), APPEND,
                    FILENAME_PATTERN '{part}-{{uuid}}')
            """)
            self._told("grouping events by message", part + 1, len(ranges))

    def rows_of_older_dates(self) -> int:
        """How many messages the dates hold that are touched and no longer open."""
        older = [
            self._layout.message_file(day, self._live.generations[day])
            for day in self._touched(everything=True) - self._touched(everything=False)
            if day in self._live.generations
        ]
        return self._tables.rows(older)

    def write(self, *, everything: bool) -> tuple[dict[date, int], dict[date, Span]]:
        """Copy the dates that are touched, or the open ones of them; tell which files count then."""
        generations, spans = dict(self._live.generations), dict(self._live.spans)
        touched = sorted(self._touched(everything=everything))
        for number, day in enumerate(touched, start=1):
            target = self._layout.message_file(day, self._generation)
            write(self._connection, self._rows_of(day, everything=everything), self._layout.tmp / "messages", target)
            [(rows, first, last)] = self._connection.execute(
                "SELECT count(*), min(coalesce(sent_at, first_status_at)), max(coalesce(sent_at, first_status_at)) "
                f"FROM read_parquet({quoted(target)})"
            ).fetchall()
            if rows:
                generations[day], spans[day] = self._generation, (first, last)
            else:  # all of its messages were seen on an earlier date
                generations.pop(day, None)
                spans.pop(day, None)
            self._told("writing messages by date", number, len(touched))
        return generations, spans

    def _find_homes(self, of_ids: str) -> None:
        """Find where messages of which something new is told are kept."""
        key = ", ".join(f"old.{name}" for name in KEY)
        bounds = self._connection.execute("SELECT min(first_seen_at)::DATE, max(first_seen_at)::DATE FROM fresh")
        [(first, last)] = bounds.fetchall()
        around = timedelta(days=LOOK_BACK)
        near = [day for day in self._live.generations if first and first - around <= day <= last + around]
        self._kept(near, of_ids)
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE homes AS
            SELECT {key}, old.first_seen_at::DATE AS "day" FROM kept AS old JOIN fresh AS new ON {SAME}
            WHERE abs(date_diff('day', old.first_seen_at::DATE, new.first_seen_at::DATE)) <= {LOOK_BACK}
        """)

    def _fetch_leaving(self, of_ids: str) -> None:
        """Fold rows that belong to an earlier date than where they are kept into the new ones."""
        key = ", ".join(KEY)
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE leaving_now AS
            SELECT {key}, "day", least(min("day") OVER (PARTITION BY {key}), first_seen_at::DATE) AS target
            FROM homes JOIN fresh USING ({key}) QUALIFY "day" > target
        """)
        if not count(self._connection, "leaving_now"):
            return
        self._connection.execute("INSERT INTO leaving FROM leaving_now")
        days = self._connection.execute('SELECT DISTINCT "day" FROM leaving_now').fetchall()
        self._kept([day for (day,) in days], of_ids)
        same = f'{SAME} AND old.first_seen_at::DATE = new."day"'
        found = f"(SELECT old.* FROM kept AS old SEMI JOIN leaving_now AS new ON {same})"
        both = rollup.merged("FROM fresh", rollup.rows_of_messages(found))
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {both}")

    def _kept(self, days: Sequence[date], of_ids: str) -> None:
        """Make `kept` of the messages of some dates."""
        files = [self._layout.message_file(day, self._live.generations[day]) for day in days]
        self._tables.of_messages(files).filter(of_ids).create_view("kept")

    def _touched(self, *, everything: bool) -> set[date]:
        """The dates with new rows, or with rows that leave."""
        there = {date.fromisoformat(path.name.removeprefix("target=")) for path in self._folder.iterdir()}
        leave = self._connection.execute('SELECT DISTINCT "day", target FROM leaving').fetchall()
        since = self._from(everything=everything)
        return {day for day in there if day >= since} | {day for day, target in leave if target >= since}

    def _from(self, *, everything: bool) -> date:
        """The first date that is written: those before are gathered, or given up."""
        return self._since if everything else max(self._since, self._open_from)

    def _rows_of(self, day: date, *, everything: bool) -> str:
        """The query that makes all rows of a date: those that were there, with what is new of them, and new ones."""
        parts = ", ".join(map(quoted, (self._folder / f"target={day}").glob("*.parquet")))
        since = self._from(everything=everything)
        leave = f"(FROM leaving WHERE \"day\" = DATE '{day}' AND target >= DATE '{since}')"
        self._kept([day] if day in self._live.generations else [], "true")
        stay = f"(SELECT old.* FROM kept AS old ANTI JOIN {leave} AS new ON {SAME})"
        if not parts:
            return f"FROM {stay}"
        told = f"(FROM read_parquet([{parts}], hive_partitioning = false))"
        new = f"(SELECT * EXCLUDE (known) FROM {told} WHERE {{}} known)"
        touched = f"(SELECT old.* FROM kept AS old SEMI JOIN {new.format('')} AS new ON {SAME})"
        both = rollup.merged(f"FROM {new.format('')}", rollup.rows_of_messages(touched))
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE touched AS {rollup.stored(f'({both})')}")
        columns = [
            f"CASE WHEN new.message_id IS NULL THEN old.{name} ELSE new.{name} END AS {name}" for name in MESSAGES
        ]
        stayed = f"SELECT {', '.join(columns)} FROM {stay} AS old LEFT JOIN touched AS new ON {SAME}"
        if not count(self._connection, new.format("NOT")):
            return stayed  # in their order
        return f"FROM ({stayed} UNION ALL {rollup.stored(new.format('NOT'))}) ORDER BY {SORTED_BY['messages']}"
