"""How fresh a store is: the newest receipt it holds, and up to when messages hold them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from smsanalytics.storage.catalog import Layout, live
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.reader import AHEAD, Tables, connect
from smsanalytics.storage.schema import EVENT_TABLES


@dataclass(frozen=True)
class Freshness:
    """
    Up to when a store knows what came.

    Attributes
    ----------
    newest_receipt : datetime or None
        When the newest event that is published was received, refused callbacks aside, UTC; None while there is none.
    as_of : datetime or None
        The newest receipt that the messages hold, UTC: the moment that answers look from.
    complete_at : datetime or None
        The newest receipt that messages of older dates hold, too; late news of those is gathered for up to an hour.
    """

    newest_receipt: datetime | None
    as_of: datetime | None
    complete_at: datetime | None

    @property
    def behind(self) -> timedelta | None:
        """How far the messages are behind the newest receipt; None while there is none, or no messages."""
        if self.newest_receipt is None or self.as_of is None:
            return None
        return max(timedelta(0), self.newest_receipt - self.as_of)


def freshness(tables: Tables) -> Freshness:
    """Of a store as it is now; only files of the newest dates are read."""
    said = Live.read(tables.layout)
    newest = [at for table in EVENT_TABLES if table != "rejected" and (at := _newest(tables, table))]
    return Freshness(max(newest, default=None), said.as_of, said.complete_at or said.as_of)


def newest_receipt(layout: Layout) -> datetime | None:
    """The newest receipt of anything that is published, UTC, also where it is ahead of the clock."""
    with connect(layout, memory="500MB") as connection:
        return Tables(layout, connection).newest(until=datetime.max.replace(tzinfo=UTC))


def _newest(tables: Tables, table: str) -> datetime | None:
    there = tables.layout.event_files(table)
    day = max((day for day, files in there.items() if files), default=None)
    if day is None:
        return None
    files = [tables.layout.event_file(table, day, file) for file in live(there[day])]
    return tables.newest_of(table, files, until=datetime.now(UTC) + AHEAD)
