"""Where a message begins and ends, worked by hand: each case folded event by event, and all at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from unittest import mock

import pytest

from smsanalytics import open_store
from smsanalytics.storage import rollup_update as fold_module
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.manifest import Live

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
GAP, SECOND, DAY = timedelta(days=30), timedelta(seconds=1), timedelta(days=1)


def status(at, code="0", *, claim=True, lag=timedelta(0)):
    fields = {"message_id": "1042", "phone": "79001230001", "status": code}
    return at + lag, "status", fields | ({"status_at": f"{at.timestamp():.0f}"} if claim else {})


def send(at, *, lag=timedelta(0)):
    fields = {"message_id": "1042", "phone": "79001230001", "sent_at": f"{at.timestamp():.0f}000000"}
    return at + lag, "send", fields


CASES = {  # the events in the order in which they are published: when the messages of them begin
    "exactly-thirty-days-apart": ([status(FIRST), status(FIRST + GAP, "4")], [FIRST]),
    "a-second-more": ([status(FIRST), status(FIRST + GAP + SECOND, "4")], [FIRST, FIRST + GAP + SECOND]),
    "the-later-first": ([status(FIRST + GAP, "4"), status(FIRST)], [FIRST]),
    "linked-by-another": ([status(FIRST), status(FIRST + 20 * DAY, "1"), status(FIRST + 40 * DAY, "4")], [FIRST]),
    "joined-by-a-late-one": (
        [status(FIRST), status(FIRST + 50 * DAY, "4"), status(FIRST + 25 * DAY, "1", lag=20 * DAY)],
        [FIRST],
    ),
    "a-send-told-of-after-its-statuses": ([status(FIRST + DAY, "1"), send(FIRST, lag=40 * DAY)], [FIRST]),
    "a-send-and-no-status-for-long": ([send(FIRST), status(FIRST + GAP + SECOND)], [FIRST, FIRST + GAP + SECOND]),
    "used-again-after-months": (
        [status(FIRST), status(FIRST, "1"), status(FIRST + 90 * DAY), status(FIRST + 90 * DAY, "1")],
        [FIRST, FIRST + 90 * DAY],
    ),
    "repeated-when-no-longer-believed": ([status(FIRST), status(FIRST, lag=45 * DAY)], [FIRST]),
    "repeated-before-the-first-copy-is-published": ([status(FIRST, lag=45 * DAY), status(FIRST)], [FIRST]),
    "another-with-the-first-copy-later": (
        [status(FIRST, lag=45 * DAY), status(FIRST + 46 * DAY, "1"), status(FIRST)],
        [FIRST, FIRST + 46 * DAY],
    ),
    "without-time-repeated": ([status(FIRST, claim=False), status(FIRST, claim=False, lag=45 * DAY)], [FIRST]),
}


@pytest.mark.parametrize("at_once", [False, True], ids=["one-by-one", "at-once"])
@pytest.mark.parametrize(("events", "begin"), CASES.values(), ids=CASES.keys())
def test_where_messages_begin(tmp_path, events, begin, at_once):
    layout = Layout(tmp_path)
    with mock.patch.object(fold_module, "SMALL", 0):
        for number, (received, kind, fields) in enumerate(events):
            writer = Journal(layout, f"w{number}", now=lambda at=received: int(at.timestamp()) * 10**9)
            writer.write([entry(account="default", kind=kind, signed_by="md5", key="k", fields=fields, extra={})])
            writer.close()
            if not at_once:
                with Maintenance(layout, {}) as maintenance:
                    maintenance.run()
        with Maintenance(layout, {}) as maintenance:
            maintenance.run()
            fold_module.fold(maintenance._connection, layout, now=datetime.now(UTC) + 2 * timedelta(hours=1))
    messages = open_store(tmp_path).messages().select("coalesce(least(sent_at, first_status_at)) AS begin")
    assert sorted(at for (at,) in messages.fetchall()) == begin
    assert [*Live.read(layout).generations] == [date(at.year, at.month, at.day) for at in begin]


@pytest.mark.parametrize("years", [-50, -1, 1, 70], ids=lambda years: f"the-clock-is-{years}-years-off")
@pytest.mark.parametrize("before", [[], [status(FIRST)]], ids=["first", "not-first"])
def test_no_message_is_left_out_by_a_clock_that_is_wrong(tmp_path, years, before):
    layout, events = Layout(tmp_path), [*before, status(FIRST + DAY)]
    for number, (received, kind, fields) in enumerate(events):
        writer = Journal(layout, f"w{number}", now=lambda at=received: int(at.timestamp()) * 10**9)
        writer.write([entry(account="default", kind=kind, signed_by="md5", key="k", fields=fields, extra={})])
        writer.close()
        with Maintenance(layout, {}) as maintenance:
            if number < len(before):
                maintenance.run()
            else:
                maintenance._publish(f"w{number}", [])
                fold_module.fold(maintenance._connection, layout, now=FIRST + timedelta(days=365 * years))
                assert not maintenance.run().folded
    assert len(open_store(tmp_path).messages().fetchall()) == 1
    assert Live.read(layout).spans[FIRST.date() if before else (FIRST + DAY).date()].until == FIRST + DAY
    assert open_store(tmp_path).as_of == (FIRST if before and years < 0 else FIRST + DAY)


def test_a_receipt_far_ahead_does_not_delay_what_comes_when_the_clock_is_right_again(tmp_path):
    layout, minute = Layout(tmp_path), timedelta(minutes=1)
    receipts = [FIRST + 365 * DAY, FIRST, FIRST + minute]  # and the clock of the fold is the same
    with mock.patch.object(fold_module, "SMALL", 0), Maintenance(layout, {}) as maintenance:
        for number, at in enumerate(receipts):
            writer = Journal(layout, f"w{number}", now=lambda at=at: int(at.timestamp()) * 10**9)
            fields = {"message_id": str(number), "phone": "79001230001", "status": "0"}
            writer.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
            writer.close()
            maintenance._publish(f"w{number}", [])
            fold_module.fold(maintenance._connection, layout, now=at)
    assert len(open_store(tmp_path).messages().fetchall()) == 3
