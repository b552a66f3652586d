"""The roll-up's catalogue: it can be read, names what is there, and has each message once."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from smsanalytics.errors import StoreError
from smsanalytics.ops.check.finding import Finding, number_of
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.manifest import VERSION, Live
from smsanalytics.storage.reader import Tables

REBUILD = "`smsanalytics maintain --rebuild`"


def catalogue(layout: Layout) -> Iterator[Finding]:
    """What ``live.json`` says, and what is there."""
    path = layout.live_messages
    if not path.exists() and any(layout.generations().values()):
        found = "is gone, so no question about messages is answered"
        yield Finding(str(path), found, "`smsanalytics maintain` makes it anew")
        return
    try:
        live = Live.read(layout)
    except StoreError:
        yield Finding(
            str(path), "is damaged, so no question about messages is answered", "`smsanalytics maintain` makes it anew"
        )
        return
    if live.version < VERSION:
        found = "was written by an older smsanalytics, which could make two messages of one"
        yield Finding(str(path), found, "`smsanalytics maintain` makes messages by the present rules")
    for file in live.files(layout):
        if not file.exists():
            yield Finding(str(path), f"names {file}, which is gone", f"{REBUILD} makes messages anew from the events")
    folded = {**live.folded, **live.ahead}
    for writer in layout.slots():
        published = layout.published(writer)
        if folded.get(writer, 0) > published:
            found = f"says that messages hold {writer} up to segment {folded[writer]}, and {published} is published"
            yield Finding(str(path), found, f"{REBUILD} makes messages anew from the events")


def twice(layout: Layout, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Messages that have several rows; their keys stay in the table ``twice`` of the connection."""
    live = Live.read(layout)
    files = [path for path in live.files(layout) if path.exists()]
    rows = Tables(layout, connection).of_messages(files).sql_query()
    key = "account, message_id, phone"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE twice AS
        WITH several AS (SELECT {key} FROM ({rows}) GROUP BY ALL HAVING count(*) > 1)
        SELECT DISTINCT {key} FROM (
            SELECT {key}, first_seen_at AS begun_at, greatest(last_sent_at, last_status_at) AS ended_at,
                lag(ended_at) OVER (PARTITION BY {key} ORDER BY begun_at) AS before_at
            FROM ({rows}) SEMI JOIN several USING ({key})
        ) WHERE begun_at <= before_at + INTERVAL 30 DAY""")
    [(count,)] = connection.execute("SELECT count(*) FROM twice").fetchall()
    if count and live.folded == live.ahead:  # else some of what is new is not joined yet
        have = "has rows" if count == 1 else "have rows"
        found = f"{number_of(count, 'message')} {have} on several dates, at most 30 days apart"
        yield Finding(str(layout.messages), found, f"{REBUILD} joins them; please report it")
