"""
What a table keeps no longer: whole dates, given up by one file and removed after it.

``retention.json`` says, for each table, the date before which nothing counts. It is durable before anything is removed,
so readers stop listing a date first, and its files go when nobody can still be about to open them. What it says is
never taken back: a date of which some files may be gone must not count again. So a clock that is wrong for a moment
must not say it: a date has ended when two looks find that, of which the later one is not before the earlier.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from smsanalytics.storage import atomic, state_file
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.schema import EVENT_TABLES

PAUSE = 3600.0  #: between two looks for dates that ended [s]
APART = timedelta(seconds=PAUSE / 2)  #: at least, two looks that together give a date up
GRACE_SECONDS = 60.0  #: a reader that has just listed a file may still open it

log = logging.getLogger("smsanalytics.maintenance")


def expire(layout: Layout, days: Mapping[str, int], *, now: datetime | None = None) -> dict[str, int]:
    """
    Give up the dates that had ended by an earlier look, and remove the files of those given up before.

    Interrupted anywhere, it is finished by the next call. The caller holds the lock of the maintenance.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    days : mapping of str to int
        For how many days before today a table is kept; one that is not named is kept for ever.
    now : datetime, optional
        Instead of the clock's.

    Returns
    -------
    dict of str to int
        Dates given up by this call, by table.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    before, looked_at = layout.kept_from(), layout.retention_looked_at()
    if "messages" in before:
        _give_up_messages(layout, before["messages"])
    _remove(layout, before)
    if looked_at and timedelta(0) <= now - looked_at < APART:
        return {}
    if any(day >= now.date() for day in before.values()):
        return {}  # a clock that is behind what was given up is wrong, and its look is none
    after = _ended(layout, days, looked_at.date()) if looked_at and looked_at <= now else before
    given_up = {table: _count(layout, table, before.get(table), day) for table, day in after.items()}
    said = {table: str(day) for table, day in sorted(after.items())}
    note = {"kept_from": said, "looked_at": now.isoformat()}
    atomic.replace(layout.retention, state_file.encoded(note))
    if "messages" in after:
        _give_up_messages(layout, after["messages"])
    for table, number in given_up.items():
        if number:
            log.info("%d dates of %s before %s are given up", number, table, after[table])
    return {table: number for table, number in given_up.items() if number}


def newest_generations(layout: Layout) -> dict[date, int]:
    """The newest file of messages of each date that is kept, for when nothing says which of them count."""
    since = layout.kept_from().get("messages", date.min)
    return {day: max(found) for day, found in layout.generations().items() if day >= since and found}


def _ended(layout: Layout, days: Mapping[str, int], today: date) -> dict[str, date]:
    """The date from which on each table is kept, of those of which something is given up."""
    before = layout.kept_from()
    waiting = [segment.date for writer in layout.slots() for segment in layout.segments(writer)]
    oldest = min([*waiting, today])  # what is not published yet must still be seen
    wanted = {table: min(today - timedelta(days=number), oldest) for table, number in days.items()}
    return before | {table: max(day, before.get(table, day)) for table, day in wanted.items()}


def _count(layout: Layout, table: str, since: date | None, until: date) -> int:
    dates = {_date(path) for path in (layout.data / table).glob("date=*")}
    return sum(1 for day in dates if day and day < until and (since is None or day >= since))


def _date(partition: Path) -> date | None:
    try:
        return date.fromisoformat(partition.name.removeprefix("date="))
    except ValueError:
        return None


def _give_up_messages(layout: Layout, until: date) -> None:
    """Take dates out of ``live.json``; their files are swept like all that stopped counting."""
    live = Live.read(layout)
    stays = {day: generation for day, generation in live.generations.items() if day >= until}
    if len(stays) == len(live.generations):
        return
    for day in live.generations.keys() - stays.keys():
        with contextlib.suppress(FileNotFoundError):
            os.utime(layout.message_file(day, live.generations[day]))  # its grace period begins now
    spans = {day: span for day, span in live.spans.items() if day in stays}
    atomic.replace(layout.live_messages, dataclasses.replace(live, generations=stays, spans=spans).encoded())


def _remove(layout: Layout, kept_from: Mapping[str, date]) -> None:
    """Remove the files of dates that were given up long enough ago, and directories that are empty by now."""
    if not layout.retention.exists() or layout.retention.stat().st_mtime > time.time() - GRACE_SECONDS:
        return
    atomic.sync_directory(layout.data)  # whoever wrote the note may not have lived to do so
    for table, until in kept_from.items():
        ended = [path for path in (layout.data / table).glob("date=*") if (day := _date(path)) and day < until]
        for partition in ended:
            if table in EVENT_TABLES:
                for path in partition.glob("*.parquet"):
                    path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # messages that are not swept yet
                partition.rmdir()
        if ended:
            atomic.sync_directory(layout.data / table)
