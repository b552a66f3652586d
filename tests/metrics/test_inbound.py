"""When a rate of replies is matured: by the age of the deliveries, whatever is known of their start."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from folded import code, stored

from smsanalytics.metrics import prepare, reply_rate

AS_OF = datetime(2026, 11, 22, 12, 0, 0, 700_000, tzinfo=UTC)
DAY = timedelta(days=1)
NOBODY = pd.DataFrame(
    {"account": "", "phone": "", "sent_at": pd.to_datetime(["2026-11-22T00:00Z"]), "received_at": pd.NaT}
).iloc[:0]


def matured(**columns):
    """Of a message first reported 96 hours ago, which is beyond the horizon, and delivered."""
    told = {"first_status_at": AS_OF - timedelta(hours=96), "delivered_code": code(1, 0)} | columns
    message = stored(account="default", message_id=1, phone="79001230001", **told)
    rate = reply_rate(prepare(message, as_of=AS_OF), NOBODY, by=[])
    assert rate["recipients"].tolist() == [1]
    return bool(rate["matured"].iloc[0])


@pytest.mark.parametrize(
    ("start", "known"),
    [
        pytest.param({"sent_at": AS_OF - timedelta(hours=96)}, True, id="timed"),
        pytest.param({}, False, id="no-start"),
        pytest.param({"opened_at": AS_OF - timedelta(hours=1)}, False, id="negative"),
    ],
)
@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        pytest.param(timedelta(hours=2), False, id="two-hours"),
        pytest.param(DAY - timedelta(seconds=1), False, id="a-second-less-than-the-window"),
        pytest.param(DAY, True, id="the-window"),
        pytest.param(DAY - timedelta(milliseconds=200), True, id="the-window-in-whole-seconds"),
        pytest.param(DAY + timedelta(seconds=1), True, id="a-second-more"),
    ],
)
def test_a_rate_of_replies_is_matured_when_every_delivery_is_as_old_as_the_window(start, known, ago, expected):
    message = {"delivered_at": AS_OF - ago, **start}
    seconds = prepare(stored(first_status_at=AS_OF, **message), as_of=AS_OF)["delivery_seconds"].iloc[0]
    assert pd.notna(seconds) == known
    assert matured(**message) == expected


def test_it_is_not_matured_before_the_horizon():
    assert not matured(first_status_at=AS_OF - timedelta(hours=71), delivered_at=AS_OF - 2 * DAY)
    assert matured(first_status_at=AS_OF - timedelta(hours=72), delivered_at=AS_OF - 2 * DAY)
