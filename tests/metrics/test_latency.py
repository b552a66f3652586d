"""The limits of ages and delivery times, worked by hand: in pandas, and through a store, which computes them in SQL."""

from datetime import UTC, datetime, timedelta

import pytest
from folded import code, stored

import smsanalytics as sms
from smsanalytics.metrics import delivery_rate, latency, prepare
from smsanalytics.storage import ingest
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HORIZON = timedelta(hours=72)
MICROSECOND = timedelta(microseconds=1)


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def frame_of(tmp_path, sent_at, delivered_at, as_of):
    columns = {} if delivered_at is None else {"delivered_at": delivered_at, "delivered_code": code(1, 0)}
    return prepare(stored(sent_at=sent_at, first_status_at=delivered_at, **columns), as_of=as_of)


def store_of(tmp_path, sent_at, delivered_at, as_of):
    """The messages of a store; a status has whole seconds, so one that came in between says no time of its own."""
    layout = Layout(tmp_path)
    times = iter([sent_at, *([delivered_at] if delivered_at else [])])
    writer = Journal(layout, "w0", now=lambda: (next(times) - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND * 1000)
    writer.write(ingest.encode("send", [{"message_id": 1042, "phone": "79001230001", "sent_at": sent_at.isoformat()}]))
    if delivered_at:
        fields = {"message_id": "1042", "phone": "79001230001", "status": "1"}
        writer.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    return sms.open_store(tmp_path).messages(as_of=as_of).df()


@pytest.fixture(params=[frame_of, store_of], ids=["pandas", "store"])
def messages(request, tmp_path):
    return lambda *times: request.param(tmp_path, *times)


@pytest.mark.parametrize(
    ("sent", "delivered", "shown", "within"),
    [
        pytest.param(0, 9.99, 9, 1, id="less"),
        pytest.param(0, 10, 10, 1, id="exactly-ten-seconds"),
        pytest.param(0, 10.99, 10, 1, id="shown-as-ten-and-nearly-eleven"),
        pytest.param(0.9, 10, 10, 1, id="shown-as-ten-and-little-more-than-nine"),
        pytest.param(0, 11, 11, 0, id="eleven"),
        pytest.param(0.99, 11, 11, 0, id="shown-as-eleven-and-little-more-than-ten"),
    ],
)
def test_a_delivery_time_is_the_difference_of_whole_seconds(messages, sent, delivered, shown, within):
    answer = latency(messages(after(sent), after(delivered), after(3600)), by=[], within=[10]).iloc[0]
    assert (answer["p50"], answer["within_10s"], answer["n_within_10s"]) == (shown, within, 1)


@pytest.mark.parametrize(
    ("sent", "now", "counted"),
    [
        pytest.param(0, 9.99, 0, id="less"),
        pytest.param(0, 10, 1, id="exactly-ten-seconds"),
        pytest.param(0.9, 10, 1, id="of-whole-seconds"),
        pytest.param(0.9, 9.99, 0, id="not-of-whole-seconds"),
        pytest.param(0, 11, 1, id="more"),
    ],
)
def test_a_message_counts_for_a_time_once_it_is_that_old(messages, sent, now, counted):
    answer = latency(messages(after(sent), None, after(now)), by=[], within=[10]).iloc[0]
    assert (answer["submitted"], answer["n_within_10s"]) == (1, counted)


@pytest.mark.parametrize(
    ("age", "matured"),
    [
        pytest.param(HORIZON - MICROSECOND, False, id="a-microsecond-less"),
        pytest.param(HORIZON, True, id="exactly-72-hours"),
        pytest.param(HORIZON + MICROSECOND, True, id="a-microsecond-more"),
    ],
)
def test_a_message_is_matured_and_stuck_at_72_hours(messages, age, matured):
    answer = delivery_rate(messages(NOON, None, NOON + age), by=[]).iloc[0]
    assert (bool(answer["matured"]), answer["stuck"], answer["pending"]) == (matured, matured, not matured)
