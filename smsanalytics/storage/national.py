"""National numbers among what was reported as sent or to be confirmed: no callback matches them."""

from __future__ import annotations

from collections import Counter

from smsanalytics.codes.numbering import NATIONAL
from smsanalytics.errors import StoreError
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.publish import DUCKDB_FAILS
from smsanalytics.storage.reader import Tables, connect

REPORTED = ("sends", "confirmation_requests")


def national_numbers(layout: Layout) -> Counter[str]:
    """
    Count different numbers that seem national, by account; every account that reported anything is there.

    Raises
    ------
    StoreError
        If a file cannot be read.
    """
    found: Counter[str] = Counter()
    seems = f"count(DISTINCT phone) FILTER (regexp_full_match(phone, '{NATIONAL}'))"
    try:
        with connect(layout) as connection:
            tables = Tables(layout, connection)
            for table in filter(layout.live_files, REPORTED):
                found.update(dict(tables.events(table).aggregate(f"account, {seems}", "account").fetchall()))
    except DUCKDB_FAILS as error:
        raise StoreError(f"{type(error).__name__} in DuckDB; `smsanalytics check` finds the file") from None
    return found
