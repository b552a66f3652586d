"""
Newly published events → ``messages``: what they touch is written again, and one file commits all of it.

A message lives on the date of its first event. New events are grouped into one row per message; each row is joined
with the stored rows from which it is at most `rollup.GAP` apart; the dates that this touches are copied, with the rows
in the place of the old ones. Replacing ``live.json`` makes the copies count: a reader sees a fold whole or not at all,
and a crash only repeats it.
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
from smsanalytics.storage import atomic, rollup
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.manifest import VERSION, Live, Span
from smsanalytics.storage.publish import count, write
from smsanalytics.storage.reader import AHEAD, FOLDED, Tables
from smsanalytics.storage.retention import newest_generations
from smsanalytics.storage.rollup import GAP_DAYS, KEY, LAST_SEEN
from smsanalytics.storage.schema import MESSAGES, SORTED_BY
from smsanalytics.storage.sql_path import listed, quoted

NEAR = timedelta(days=3)  #: how far before the newest date every fold searches for messages
STAYS_OPEN = timedelta(hours=3)  #: so long after its end a date is still written at every fold
SMALL = 100_000  #: where older dates have no more messages than this, every fold searches and writes them as well
GATHER_SECONDS = 3600.0  #: how long updates of larger ones are gathered
CHUNK = 3_000_000  #: events that are grouped at once
GAP = timedelta(days=GAP_DAYS)

SAME = " AND ".join(f"old.{name} = new.{name}" for name in ("message_id", "phone", "account"))
_KEY = ", ".join(KEY)

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

    The result is the same for one fold, many in any order and size, and a rebuild. Where older dates are large, their
    updates are gathered: `manifest.Live.folded` says how far they are. Until then news of a message that is older than
    `NEAR` stands apart from it.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        A working connection of `reader.connect`.
    layout : Layout
        Of the data directory.
    anew : bool
        Make all of it from all events.
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
    before = _counting(layout)
    live = Live() if anew or before.version < VERSION else before
    tables = Tables(layout, connection)
    published = _confirmed(layout, live, {writer: layout.published(writer) for writer in layout.slots()})
    due = live.gathered_at is None or not 0 <= (now - live.gathered_at).total_seconds() < GATHER_SECONDS
    pending = live.folded != live.ahead
    if live.as_of and not (pending and due) and all(live.ahead.get(one, 0) == last for one, last in published.items()):
        return False
    published |= {writer: layout.published(writer) for writer in _writers(layout) if writer not in published}
    news = _files(layout, published, after=live.ahead)
    due = due or tables.rows([path for paths in news.values() for path in paths]) > CHUNK
    files = _files(layout, published, after=live.folded) if due else news
    as_of = max(
        [*_newest(tables, files, until=now + AHEAD), *([before.as_of] if before.as_of else [])],
        default=max(_newest(tables, files, until=datetime.max.replace(tzinfo=UTC)), default=None),  # a clock behind all
    )
    if as_of is None or (live is before and not any(files.values())):
        if live is before:
            _note_nothing(layout, live, published, gathered_at=now if due or not pending else None)
        return False
    open_from = (min(as_of, now) - STAYS_OPEN).date()  # a receipt far ahead, of a clock that was wrong, closes no date
    atomic.make_directory(layout.messages)
    if not layout.live_messages.exists() and not before.generations:
        atomic.replace(layout.live_messages, Live().encoded())  # files without it are a store that lost it
    with _Fold(tables, before, live, published, open_from, told) as step:
        complete = step.group(files, everything=due, can_complete=not pending) or due
        generations, spans = step.write(everything=complete)
    for day, superseded in before.generations.items():
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
    atomic.replace(layout.live_messages, done.encoded())
    log.info("folded up to %s", ", ".join(f"{writer}-{seq}" for writer, seq in published.items()))
    return True


def _counting(layout: Layout) -> Live:
    """What counts until now; where nothing readable says so, the newest file of each date, to be made again."""
    try:
        if layout.live_messages.exists():
            return Live.read(layout)
    except NewerVersion:
        raise
    except StoreError as error:
        log.warning("%s", error)
    return Live(newest_generations(layout), version=VERSION - 1)


def _confirmed(layout: Layout, live: Live, published: dict[str, int]) -> dict[str, int]:
    """
    Up to which segment everything of each writer is published, by the names of files where messages hold more.

    Raises
    ------
    StoreError
        If messages hold more than the names tell of: they would miss what is published from here on.
    """
    for writer, number in live.ahead.items():
        if number > published.get(writer, 0):
            published[writer] = layout.last_number(writer)
            if number > published[writer]:
                raise StoreError(
                    f"{layout.live_messages} says that messages hold {writer} up to segment {number}, and "
                    f"{published[writer]} is published; `smsanalytics maintain --rebuild` makes messages of the events"
                )
    return published


def _files(layout: Layout, published: Mapping[str, int], after: Mapping[str, int]) -> dict[str, list[Path]]:
    return {table: layout.live_files(table, published=published, after=after) for table in FOLDED}


def _newest(tables: Tables, files: Mapping[str, Sequence[Path]], until: datetime) -> list[datetime]:
    return [at for table, several in files.items() if (at := tables.newest_of(table, several, until=until))]


def _note_nothing(layout: Layout, live: Live, published: Mapping[str, int], gathered_at: datetime | None) -> None:
    """Say that up to here nothing came that makes messages."""
    done = replace(live, ahead=published)
    if gathered_at:
        done = replace(done, folded=published, complete_at=live.as_of, gathered_at=gathered_at)
    atomic.replace(layout.live_messages, done.encoded())


def _writers(layout: Layout) -> set[str]:
    """Every writer of whom there are events, those among them whose journal is gone."""
    return {writer for table in FOLDED for writer in layout.writers(table)}


class _Fold:
    """
    One fold: its rows lie in files of ``tmp/fold`` by date, so that a large one needs little memory.

    Tables of the connection, while events whose ids are in one range are grouped:

    ``fresh`` : one row per message of these events.
    ``found`` : the stored rows of the same keys, as far as dates were searched, with the times of their events.
    ``untimed`` : keys with a status that came without a believable time.
    ``joined`` : the rows of both (a stored one with its ``day``) that are part of a message of which there are new
    events, with the date of this message, ``target``.

    For all of them ``leaving`` has the stored rows that are replaced, with the ``target`` of what replaces them.
    """

    def __init__(
        self,
        tables: Tables,
        before: Live,
        live: Live,
        published: Mapping[str, int],
        open_from: date,
        told: Watch,
    ) -> None:
        self._tables, self._live, self._published, self._told = tables, live, published, told
        self._connection, self._layout = tables.connection, tables.layout
        self._folder = tables.layout.tmp / "fold"
        self._since = tables.layout.kept_from().get("messages", date.min)
        self._open_from = max(open_from, self._since)
        self._given_up = tables.given_up(before)
        used = [generation for generations in tables.layout.generations().values() for generation in generations]
        self._generation = 1 + max([*used, *before.generations.values()], default=0)

    def __enter__(self) -> _Fold:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        key = ", ".join(f"{name} {MESSAGES[name]}" for name in KEY)
        self._connection.execute(f'CREATE OR REPLACE TEMP TABLE leaving ({key}, "day" DATE, target DATE)')
        return self

    def __exit__(self, *_: object) -> None:
        for table in ("fresh", "wide", "found", "joined", "leaving", "untimed"):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        shutil.rmtree(self._folder, ignore_errors=True)

    def group(self, files: Mapping[str, Sequence[Path]], *, everything: bool, can_complete: bool) -> bool:
        """
        Make one row per message of the events in files, joined with what is stored of it, and put it down by date.

        Returns
        -------
        bool
            Whether all dates were searched and are worth writing now.
        """
        several = [path for paths in files.values() for path in paths]
        ranges = self._tables.ranges(several, most=CHUNK) if everything else ["true"]
        for part, of_ids in enumerate(ranges):
            statuses, sends = (self._tables.of_files(table, files[table]).filter(of_ids) for table in FOLDED)
            self._cluster(f"({statuses.sql_query()})", f"({sends.sql_query()})", of_ids, anew=not self._live.as_of)
            searched = self._find(of_ids, everything=everything)
            self._time_by_first_copies(of_ids, searched=searched)
            self._join()
            everything = everything or (searched and can_complete and self._rows_of_older_dates() <= SMALL)
            self._put_down(part, of_ids, everything=everything)
            self._told("grouping events by message", part + 1, len(ranges))
        return everything

    def write(self, *, everything: bool) -> tuple[dict[date, int], dict[date, Span]]:
        """Copy the dates that are touched, or the open ones of them; return which files count then."""
        generations, spans = dict(self._live.generations), dict(self._live.spans)
        touched = sorted(self._touched(everything=everything))
        for number, day in enumerate(touched, start=1):
            target = self._layout.message_file(day, self._generation)
            write(self._connection, self._rows_of(day, everything=everything), self._layout.tmp / "messages", target)
            if span := self._tables.span(target):
                generations[day], spans[day] = self._generation, span
            else:  # all of its messages began on an earlier date
                generations.pop(day, None)
                spans.pop(day, None)
            self._told("writing messages by date", number, len(touched))
        return generations, spans

    def _cluster(self, statuses: str, sends: str, of_ids: str, *, anew: bool) -> None:
        """Make `fresh` of events, and of messages whose events are given up where everything is made anew."""
        rows = [rollup.rows_of_statuses(statuses), rollup.rows_of_sends(sends)]
        if anew and self._given_up:
            rows.append(rollup.rows_of_messages(f"(FROM {self._given_up} WHERE {of_ids})"))
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {rollup.merged(*rows)}")
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE wide AS SELECT {_KEY} FROM fresh WHERE {rollup.WIDE}")
        if count(self._connection, "wide"):
            self._connection.execute(f"DELETE FROM fresh WHERE {rollup.WIDE}")
            self._connection.execute(f"INSERT INTO fresh {rollup.parted('wide', *rows)}")

    def _find(self, of_ids: str, *, everything: bool) -> bool:
        """Make `found` of the stored rows of the same keys, and tell whether all dates were searched."""
        bounds = self._connection.execute(f"SELECT min(first_seen_at), max({LAST_SEEN}) FROM fresh").fetchall()
        reach = self._reach(*bounds[0])
        near = [day for day in reach if day >= self._open_from - NEAR]
        beyond = sum(self._live.spans[day].rows for day in reach if day not in near)
        searched = everything or beyond <= SMALL
        rows = self._rows_found("fresh", reach if searched else near, of_ids)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE found AS {rows}")
        return searched

    def _reach(self, first: datetime | None, last: datetime | None) -> list[date]:
        """The dates whose messages what happened between two moments may be part of, or tell the times of."""
        if first is None or last is None:
            return []
        until = last.astimezone(UTC).date() + GAP
        spans = self._live.spans.items()
        return [day for day, span in spans if (span.until >= first - GAP and day <= until) or span.untimed]

    def _rows_found(self, keys: str, days: Sequence[date], of_ids: str) -> str:
        """The query for the stored rows of some keys on some dates."""
        self._kept(days, of_ids)
        return f"""
            SELECT {_KEY}, first_seen_at::DATE AS "day", first_seen_at AS first, {LAST_SEEN} AS last, untimed
            FROM kept AS old SEMI JOIN {keys} AS new ON {SAME}"""

    def _time_by_first_copies(self, of_ids: str, *, searched: bool) -> None:
        """
        Make the messages that have a status without a believable time of all of their events, in the place of `fresh`.

        There the receipt of the first copy stands for the time, and that copy may be no new one. Their stored rows are
        replaced, and no longer `found`.
        """
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE untimed AS SELECT * FROM (
                SELECT {_KEY} FROM fresh WHERE untimed UNION SELECT {_KEY} FROM found WHERE untimed
            ) WHERE {searched}""")
        if not count(self._connection, "untimed"):
            return
        statuses, sends = (self._tables.events(table, published=self._published).filter(of_ids) for table in FOLDED)
        sources = [f"({statuses.sql_query()})", f"({sends.sql_query()})", *([self._given_up] if self._given_up else [])]
        told, sent, *rest = (
            f"(SELECT old.* FROM {rows} AS old SEMI JOIN untimed AS new ON {SAME})" for rows in sources
        )
        rows = [rollup.rows_of_statuses(rollup.timed_by_first_copies(told)), rollup.rows_of_sends(sent)]
        for table in ("fresh", "found"):
            self._connection.execute(f"DELETE FROM {table} AS old USING untimed AS new WHERE {SAME}")
        made = rollup.clustered(*rows, *map(rollup.rows_of_messages, rest))
        self._connection.execute(f"INSERT INTO fresh {made}")
        everywhere = self._rows_found("untimed", [*self._live.generations], of_ids)
        self._connection.execute(f"""
            INSERT INTO leaving SELECT {_KEY}, "day", min(first_seen_at)::DATE
            FROM ({everywhere}) AS old JOIN fresh USING ({_KEY}) GROUP BY ALL""")

    def _join(self) -> None:
        """Make `joined`: rows of a key at most `rollup.GAP` apart are one message, on the date of the first of them."""
        rows = f"""(
            SELECT {_KEY}, first_seen_at AS first, {LAST_SEEN} AS last, NULL::DATE AS "day"
            FROM fresh SEMI JOIN found USING ({_KEY})
            UNION ALL SELECT {_KEY}, first, last, "day" FROM found)"""
        numbered = rollup.numbered(rows, first="first", last="last")
        self._connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE joined AS
            SELECT {_KEY}, first, "day", (min(first) OVER of_message)::DATE AS target FROM ({numbered})
            WINDOW of_message AS (PARTITION BY {_KEY}, number) QUALIFY bool_or("day" IS NULL) OVER of_message""")
        self._connection.execute(
            f'INSERT INTO leaving SELECT {_KEY}, "day", target FROM joined WHERE "day" IS NOT NULL'
        )

    def _put_down(self, part: int, of_ids: str, *, everything: bool) -> None:
        """Write the messages, joined with the stored rows that they replace, into files by date."""
        since = f"target >= DATE '{self._from(everything=everything)}'"
        days = self._connection.execute(f'SELECT DISTINCT "day" FROM joined WHERE {since} AND "day" IS NOT NULL')
        self._kept([day for (day,) in days.fetchall()], of_ids)
        fresh = f"""
            SELECT old.*, target FROM fresh AS old
            JOIN joined AS new ON {SAME} AND new."day" IS NULL AND new.first = old.first_seen_at WHERE {since}"""
        found = f"(SELECT old.* FROM kept AS old SEMI JOIN joined AS new ON {SAME})"
        stored = f"""
            SELECT old.*, target FROM ({rollup.rows_of_messages(found)}) AS old
            JOIN joined AS new ON {SAME} AND new."day" = old.first_seen_at::DATE WHERE {since}"""
        self._connection.execute(f"""
            COPY (
                SELECT * FROM (
                    SELECT *, first_seen_at::DATE AS target FROM fresh ANTI JOIN joined USING ({_KEY})
                ) WHERE {since}
                UNION ALL BY NAME {rollup.merged(fresh, stored, by=[*KEY, "target"])}
            ) TO {quoted(self._folder)} (FORMAT parquet, COMPRESSION lz4, PARTITION_BY (target), APPEND,
                FILENAME_PATTERN '{part}-{{uuid}}')""")

    def _kept(self, days: Sequence[date], of_ids: str) -> None:
        """Make `kept` of the messages of some dates."""
        files = [self._layout.message_file(day, self._live.generations[day]) for day in days]
        self._tables.of_messages(files).filter(of_ids).create_view("kept")

    def _rows_of_older_dates(self) -> int:
        """How many messages the dates hold that are touched and no longer open."""
        targets = self._connection.execute(f"""
            SELECT DISTINCT target FROM joined UNION SELECT DISTINCT "day" FROM leaving
            UNION SELECT DISTINCT first_seen_at::DATE FROM fresh ANTI JOIN joined USING ({_KEY})""").fetchall()
        spans = self._live.spans
        return sum(spans[day].rows for (day,) in targets if day < self._open_from and day in spans)

    def _touched(self, *, everything: bool) -> set[date]:
        """The dates with new rows, or with rows that leave."""
        there = {date.fromisoformat(path.name.removeprefix("target=")) for path in self._folder.iterdir()}
        since = self._from(everything=everything)
        leave = self._connection.execute(
            f"SELECT DISTINCT \"day\" FROM leaving WHERE target >= DATE '{since}'"
        ).fetchall()
        return there | {day for (day,) in leave}

    def _from(self, *, everything: bool) -> date:
        """The first date that is written: those before are gathered, or given up."""
        return self._since if everything else self._open_from

    def _rows_of(self, day: date, *, everything: bool) -> str:
        """The query that makes all rows of a date: those that stay, in their order, and then those that are new."""
        parts = [*(self._folder / f"target={day}").glob("*.parquet")]
        since = self._from(everything=everything)
        gone = f"(FROM leaving WHERE \"day\" = DATE '{day}' AND target >= DATE '{since}')"
        self._kept([day] if day in self._live.generations else [], "true")
        stay = f"SELECT old.* FROM kept AS old ANTI JOIN {gone} AS new ON {SAME}"
        if not parts:
            return stay
        stored = rollup.stored(f"(FROM read_parquet({listed(parts)}, hive_partitioning = false))")
        return f"({stay}) UNION ALL (FROM ({stored}) ORDER BY {SORTED_BY['messages']})"
