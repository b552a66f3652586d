"""The roll-up's catalogue: it can be read, names what is there, and has each message once."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from smsanalytics.check.finding import Finding, number_of
from smsanalytics.errors import StoreError
from smsanalytics.store.flush import quoted
from smsanalytics.store.layout import Layout
from smsanalytics.store.live import Live

REBUILD = "`smsanalytics maintain --rebuild`"


def catalogue(layout: Layout) -> Iterator[Finding]:
    """What ``live.json`` says, and what is there."""
    path = layout.live_messages
    try:
        live = Live.read(layout)
    except StoreError:
        yield Finding(
            str(path), "is damaged, so no question about messages is answered", "`smsanalytics maintain` makes it anew"
        )
        return
    if not path.exists() and any(layout.generations().values()):
        yield Finding(str(path), "is gone, so no message counts", "`smsanalytics maintain` makes it anew")
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
    """Messages that are on several dates; they stay in the table ``twice`` of the connection."""
    files = [path for path in Live.read(layout).files(layout) if path.exists()]
    columns = "account VARCHAR, message_id BIGINT, phone VARCHAR"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE twice ({columns})")
    if not files:
        return
    source = f"read_parquet([{', '.join(map(quoted, files))}], hive_partitioning = false, union_by_name = true)"
    keys = "account, message_id, phone"
    connection.execute(f"INSERT INTO twice SELECT {keys} FROM {source} GROUP BY ALL HAVING count(*) > 1")
    [(count,)] = connection.execute("SELECT count(*) FROM twice").fetchall()
    if count:
        have = "has rows" if count == 1 else "have rows"
        found = f"{number_of(count, 'message')} {have} on several dates: a status came later than is looked back"
        yield Finding(str(layout.messages), found, f"{REBUILD} joins them")
