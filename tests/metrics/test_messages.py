from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pytest
from folded import code, stored

from smsanalytics.errors import ForeignZone, MissingColumns
from smsanalytics.metrics.messages import offsets, prepare, with_calendar

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("columns", "state", "status", "err"),
    [
        pytest.param({"open_code": code(0, 0)}, "pending", 0, 0, id="open"),
        pytest.param({"open_code": code(-1)}, "pending", -1, None, id="minus-one-and-no-err"),
        pytest.param({"failed_code": code(20, 13), "open_code": code(0)}, "failed", 20, 13, id="failed"),
        pytest.param({"failed_code": code(3), "delivered_code": code(1, 0)}, "delivered", 1, 0, id="delivery-wins"),
        pytest.param({"unknown_code": code(33, 65534)}, "unknown", 33, 65534, id="unknown"),
        pytest.param({"unknown_code": code(-129)}, "unknown", None, None, id="status-that-is-no-code"),
        pytest.param({}, "pending", None, None, id="sent-and-not-heard-of"),
    ],
)
def test_state_status_and_reason_come_from_the_codes(columns, state, status, err):
    row = prepare(stored(first_status_at=NOON, **columns), as_of=NOON).iloc[0]
    assert (row["state"], row["status"], row["err"]) == pytest.approx((state, status, err), nan_ok=True) or pd.isna(
        row["err"]
    )
    assert row["state"] == state
    assert row["contradictory"] == ({"failed_code", "delivered_code"} <= set(columns))


@pytest.mark.parametrize(("age", "state"), [(72, "stuck"), (71.99, "pending"), (0, "pending"), (-1, "pending")])
def test_an_open_message_is_stuck_at_the_horizon(age, state):
    row = prepare(stored(first_status_at=NOON - timedelta(hours=age), open_code=code(0)), as_of=NOON).iloc[0]
    assert (row["state"], bool(row["matured"])) == (state, state == "stuck")


def test_the_cohort_is_the_time_of_sending_where_it_is_known():
    row = prepare(stored(sent_at=NOON - timedelta(days=1), first_status_at=NOON), as_of=NOON).iloc[0]
    assert row["day"] == pd.Timestamp("2026-11-21")


@pytest.mark.parametrize(
    ("columns", "seconds"),
    [
        pytest.param({"opened_at": NOON, "delivered_at": NOON + timedelta(seconds=7)}, 7, id="from-the-first-open-status"),
        pytest.param({"sent_at": NOON, "opened_at": NOON + timedelta(seconds=5), "delivered_at": NOON + timedelta(seconds=7)}, 7, id="from-sending"),
        pytest.param({"delivered_at": NOON}, None, id="no-start"),
        pytest.param({"opened_at": NOON, "delivered_at": NOON - timedelta(seconds=1)}, None, id="negative"),
        pytest.param({"opened_at": NOON}, None, id="not-delivered"),
    ],
)  # fmt: skip
def test_delivery_seconds(columns, seconds):
    row = prepare(stored(first_status_at=NOON, **columns), as_of=NOON).iloc[0]
    assert row["delivery_seconds"] == seconds or (seconds is None and pd.isna(row["delivery_seconds"]))


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Moscow", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]
)
def test_local_columns_are_those_of_zoneinfo_at_every_change_of_the_clock(zone):
    changes = [since for since, _ in offsets(ZoneInfo(zone), datetime(2010, 1, 1, tzinfo=UTC), NOON)]
    moments = [change + timedelta(seconds=step) for change in changes for step in (-3601, -1, 0, 1, 1800, 3600)]
    frame = pd.concat(
        [stored(first_status_at=moment, message_id=number) for number, moment in enumerate(moments)], ignore_index=True
    )
    rows = prepare(frame, as_of=NOON, tz=zone)
    for moment, row in zip(moments, rows.to_dict("records"), strict=True):
        local = moment.astimezone(ZoneInfo(zone))
        assert (row["day"].date(), row["hour"], row["weekday"]) == (local.date(), local.hour, local.isoweekday())
        assert row["week"].date() == local.date() - timedelta(days=local.weekday())
        assert row["month"].date() == local.date().replace(day=1)


def test_hlr_fields_make_a_message_without_another_type_an_hlr_lookup():
    types = [
        prepare(stored(first_status_at=NOON, hlr=True, type=kind), as_of=NOON).iloc[0]["type"]
        for kind in (None, 0, 4, 7)
    ]
    assert types == [4, 4, 4, 7]


def test_a_frame_that_is_not_stored_messages_is_refused():
    with pytest.raises(MissingColumns, match=r"have \['state'\]"):
        prepare(pd.DataFrame({"state": ["delivered"]}), as_of=NOON)


def test_times_in_another_zone_are_converted_where_the_engine_can_and_refused_where_it_takes_them_for_the_sessions():
    at = pd.DataFrame({"at": pd.to_datetime(["2026-11-21T22:30:00Z"])})
    expected = with_calendar(at, "at", tz="Europe/Moscow")["hour"].tolist()
    abroad = at.assign(at=at["at"].dt.tz_convert("America/New_York"))
    assert with_calendar(abroad, "at", tz="Europe/Moscow")["hour"].tolist() == expected == [1]
    assert with_calendar(pl.from_pandas(abroad), "at", tz="Europe/Moscow")["hour"].to_list() == expected
    connection = duckdb.connect().execute("SET TimeZone = 'America/New_York'")
    with pytest.raises(
        ForeignZone, match=r"the times of this frame are in America/New_York; for DuckDB, SET TimeZone = 'UTC'"
    ):
        with_calendar(connection.from_df(at), "at", tz="Europe/Moscow")
