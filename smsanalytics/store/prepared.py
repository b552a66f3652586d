"""What `metrics.prepare` makes of stored messages, as SQL: a question reads the columns that it needs and no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from smsanalytics.codes import HLR_TYPE, NO_STATUS, TEST_MODE_ERR, TEXT_TYPES

COHORT = "coalesce(sent_at, first_status_at)"
US = 1_000_000
DAY = 86_400 * US
Offsets = Sequence[tuple[datetime, timedelta]]

_CODE = "coalesce(delivered_code, failed_code, unknown_code, open_code)"
_START = f"(epoch_us(coalesce(sent_at, opened_at)) // {US})"
_SECONDS = f"(epoch_us(delivered_at) // {US} - {_START})"
_TYPES = ", ".join(map(str, TEXT_TYPES))


def prepared(names: Iterable[str], *, as_of: datetime, horizon: timedelta, offsets: Offsets) -> list[str]:
    """
    The expressions that make columns of stored messages, each with its name.

    Parameters
    ----------
    names : iterable of str
        Columns of `metrics.prepare`; and ``test_err``, which is ``err`` of messages in test mode alone.
    as_of : datetime
        As there.
    horizon : timedelta
        As there.
    offsets : sequence of (datetime, timedelta)
        Of the zone from UTC, each with the moment it began to hold; see `metrics.prepare.offsets`.

    Examples
    --------
    >>> at, none = datetime(2026, 11, 22, tzinfo=UTC), timedelta(0)
    >>> prepared(["operator", "status"], as_of=at, horizon=none, offsets=[(at, none)])[0]
    'operator AS operator'
    """
    day = f"(({_local(offsets)}) // {DAY})"
    matured = f"(epoch_us({COHORT}) <= {_us(as_of - horizon)})"
    made = {
        "state": f"""CASE WHEN delivered_code IS NOT NULL THEN 'delivered' WHEN failed_code IS NOT NULL THEN 'failed'
            WHEN unknown_code IS NOT NULL THEN 'unknown' WHEN {matured} THEN 'stuck' ELSE 'pending' END""",
        "status": f"nullif({_CODE} // {2**16} % {2**8} - {2**7}, {NO_STATUS})::SMALLINT",
        "err": f"""(CASE WHEN test_mode THEN {TEST_MODE_ERR} WHEN {_CODE} % {2**16} > 0
            THEN {_CODE} % {2**16} - 1 END)::INTEGER""",
        "test_err": f"(CASE WHEN test_mode THEN {TEST_MODE_ERR} END)::INTEGER",
        "contradictory": "delivered_code IS NOT NULL AND failed_code IS NOT NULL",
        "type": f"""(CASE WHEN hlr AND (type IS NULL OR type IN ({_TYPES})) THEN {HLR_TYPE} ELSE type END)::SMALLINT""",
        "delivery_seconds": f"CASE WHEN {_SECONDS} >= 0 THEN {_SECONDS} END",
        "age_seconds": f"{_us(as_of) // US} - {_START}",
        "matured": matured,
        "day": f"make_timestamp({day} * {DAY})",
        "hour": f"(({_local(offsets)}) // {DAY // 24} % 24)::SMALLINT",
        "weekday": f"(({day} + 3) % 7 + 1)::SMALLINT",  # 1970 began on a Thursday
        "week": f"make_timestamp(({day} - ({day} + 3) % 7) * {DAY})",
        "month": f"date_trunc('month', make_timestamp({day} * {DAY}))",
    }
    return [f"{made.get(name, name)} AS {name}" for name in names]


def _local(offsets: Offsets) -> str:
    """Microseconds of local time: integer arithmetic is ten times quicker than functions that know zones."""
    cases = [f"WHEN epoch_us({COHORT}) >= {_us(since)} THEN {_micros(offset)}" for since, offset in offsets[:0:-1]]
    first = str(_micros(offsets[0][1]))
    shift = f"CASE {' '.join(cases)} ELSE {first} END" if cases else first
    return f"epoch_us({COHORT}) + {shift}"


def _us(moment: datetime) -> int:
    return _micros(moment - datetime(1970, 1, 1, tzinfo=UTC))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
