"""The SQL of `storage.prepared` and `metrics.prepare` make the same columns of the same stored messages."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest

from smsanalytics.codes import DELIVERED, FAILED, OPEN
from smsanalytics.metrics.messages import AGE, CALENDAR, HANDED_OUT, SINCE, offsets, prepare
from smsanalytics.storage.prepared import Prepared
from smsanalytics.storage.rollup import DELIVERY_SECONDS
from smsanalytics.storage.schema import MESSAGES

AS_OF = datetime(2026, 11, 3, 12, 0, 0, 700_000, tzinfo=UTC)


def stored(rows):
    """Random messages around the end of summer time, each column missing in some."""
    chance = np.random.default_rng(7)

    def some(values, share=0.7):
        return [value if chance.random() < share else None for value in values]

    def times(share=0.7):
        seconds = chance.integers(-20 * 86400, 0, rows) + chance.random(rows)
        return pd.Series(
            some([AS_OF + timedelta(seconds=float(one)) for one in seconds], share), dtype="datetime64[us, UTC]"
        )

    def codes(statuses):
        made = [
            int(chance.integers(0, 9)) * 2**25
            + (int(chance.choice(statuses)) + 129) * 2**16
            + int(chance.integers(0, 300))
            for _ in range(rows)
        ]
        return pd.array(some(made, 0.4), dtype="Int64")

    columns = {name: times() for name, kind in MESSAGES.items() if kind == "TIMESTAMPTZ"}
    columns |= {
        "first_status_at": times(1.0),  # or it would be no message
        "delivered_code": codes(DELIVERED),
        "failed_code": codes(FAILED),
        "open_code": codes(OPEN),
        "unknown_code": codes([33, -129, -128, 127]),
        "hlr": chance.random(rows) < 0.2,
        "test_mode": chance.random(rows) < 0.1,
        "type": pd.array(some([int(one) for one in chance.integers(0, 8, rows)]), dtype="Int64"),
    }
    frame = pd.DataFrame({name: columns.get(name, pd.Series([None] * rows, dtype="str")) for name in MESSAGES})
    frame["message_id"] = range(rows)
    return frame


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
def test_both_make_the_same(zone):
    frame = stored(3000)
    names = [*HANDED_OUT, *CALENDAR, *AGE]
    horizon = timedelta(hours=72)
    wanted = prepare(frame, as_of=AS_OF, tz=zone, horizon=horizon)
    connection = duckdb.connect().execute("SET TimeZone = 'UTC'")
    told = offsets(ZoneInfo(zone), SINCE, datetime(2027, 1, 1, tzinfo=UTC))
    with_seconds = f"(SELECT * REPLACE ({DELIVERY_SECONDS} AS delivery_seconds) FROM frame)"
    made = Prepared(with_seconds, as_of=AS_OF, horizon=horizon, offsets=told)
    found = connection.execute(f"FROM ({made.columns(names)}) ORDER BY message_id").df()
    for name in names:
        both = [[None if pd.isna(value) else value for value in made[name]] for made in (wanted, found)]
        assert both[0] == both[1], name
    assert found["state"].nunique() == 5
    assert found["delivery_seconds"].notna().sum() > 100
