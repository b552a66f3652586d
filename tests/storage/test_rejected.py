"""What was refused is seen once, wherever it is: in the journal, in Parquet, or, after a crash, in both."""

from __future__ import annotations

import base64
import threading

import pytest

from smsanalytics.errors import StoreError
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.rejected import Refused, Rejected, key_of

NOON = 1_795_348_800 * 10**9  # 2026-11-22 12:00 UTC


def line(number):
    fields = {"reason": "signature", "remote": "192.0.2.1", "body": base64.b64encode(b"id=%d" % number).decode()}
    return entry(account="default", kind="rejected", signed_by="none", key="", fields=fields, extra={})


def seen(layout):
    with Rejected(layout) as rejected:
        return [one for day in rejected.days() for one in rejected.on(day)]


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def test_it_is_seen_before_and_after_it_is_published(layout):
    clock = iter(range(NOON, 2 * NOON, 10**9))
    writer = Journal(layout, "r0", lazy=True, now=lambda: next(clock))
    other = Journal(layout, "r1", lazy=True, now=lambda: next(clock))
    writer.write([line(1), line(2)])
    other.write([line(3)])
    expected = [
        Refused("default", NOON // 1000 + n // 3 * 10**6, "signature", "192.0.2.1", b"id=%d" % n) for n in (1, 2, 3)
    ]
    assert seen(layout) == expected  # still open
    writer.close()
    assert seen(layout) == expected  # one of them is sealed
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
        assert seen(layout) == expected  # one of them is published
        other.close()
        maintenance.run()
    assert seen(layout) == expected
    assert not layout.segments("r0") + layout.segments("r1")


def test_a_crash_between_the_file_and_the_word_that_it_is_published_shows_nothing_twice(layout):
    writer = Journal(layout, "r0", now=lambda: NOON)
    writer.write([line(1)])
    writer.close()
    [segment] = layout.slot("r0").glob("*.sealed")
    content = segment.read_bytes()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    said = layout.slot("r0") / "published"
    segment.write_bytes(content)
    assert len(seen(layout)) == 1  # it was said, and the segment not yet removed
    said.write_text("0\n")
    assert len(seen(layout)) == 1  # it was not yet said


def test_nothing_is_missed_or_seen_twice_while_it_is_being_written_and_published(layout):
    clock = iter(range(NOON, 2 * NOON, 10**9))
    writer = Journal(layout, "r0", lazy=True, seconds=0.01, now=lambda: next(clock))
    writer.write([line(0)])
    stop = threading.Event()

    def publish():
        with Maintenance(layout, {}) as maintenance:
            while not stop.is_set():
                maintenance.run()

    publishing = threading.Thread(target=publish)
    publishing.start()
    try:
        for number in range(1, 40):
            writer.write([line(number)])
            writer.seal_if_due()
            bodies = [one.body for one in seen(layout)]
            assert bodies == [b"id=%d" % n for n in range(number + 1)]
    finally:
        stop.set()
        publishing.join()
    writer.close()


def test_a_damaged_line_is_left_out_and_a_store_that_is_not_there_is_said(layout, tmp_path):
    writer = Journal(layout, "r0", now=lambda: NOON)
    writer.write([line(1)])
    writer.write([line(2)])
    [segment] = layout.slot("r0").glob("*.open")
    segment.write_bytes(segment.read_bytes().replace(b"192.0.2.1", b"192.0.2.2", 1) + b'{"half')
    assert [one.body for one in seen(layout)] == [b"id=2"]
    writer.close()
    with pytest.raises(StoreError, match="there is no store at"):
        Rejected(Layout(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"message_id": "007", "status": "1"}, {"message_id": "7", "status": "+1"}, False),
        ({"message_id": "007", "status": "-01"}, {"message_id": "7", "status": "-1"}, True),
        ({"message_id": "7", "phone": "+79001230001"}, {"message_id": "7", "phone": "79001230001"}, False),
        ({"message_id": None}, {}, True),
    ],
)
def test_events_of_one_moment_are_told_apart_by_what_is_signed(one, other, same):
    assert (key_of("default", 1, "status", one) == key_of("default", 1, "status", other)) is same
