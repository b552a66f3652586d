import errno
import os
import subprocess
import sys
import threading
from datetime import date

import pytest

from smsanalytics.errors import JournalError, StoreBusy
from smsanalytics.storage import journal
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry, in_batch, is_whole, line

NOON = 1_795_348_800 * 10**9  # 2026-11-22 12:00 UTC
DAY = 86_400 * 10**9


def event(message_id):
    fields = {"message_id": str(message_id), "phone": "79001230001", "status": "1"}
    return entry(account="default", kind="status", signed_by="md5", key="2026", fields=fields, extra={})


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def segments(layout):
    return [(segment.seq, segment.state) for segment in layout.segments("w0")]


def content(layout):
    return [(layout.slot("w0") / segment.name).read_bytes() for segment in layout.segments("w0")]


def test_a_line_tells_when_it_was_altered():
    whole = line(event(1), 1)
    assert is_whole(whole)
    assert not is_whole(whole.replace(b"79001230001", b"79001230002"))
    assert not is_whole(whole[:-1])
    assert not is_whole(b"")


def test_a_batch_shares_one_time_of_receipt(layout):
    writer = Journal(layout, "w0", now=lambda: NOON)
    writer.write([event(1), event(2)])
    writer.close()
    assert content(layout) == [line(event(1), NOON // 1000) + line(event(2), NOON // 1000)]


def test_numbers_are_never_used_again(layout):
    for _ in range(3):
        writer = Journal(layout, "w0")
        writer.write([event(1)])
        writer.close()
        for path in layout.slot("w0").glob("*.sealed"):
            path.unlink()
    writer = Journal(layout, "w0")
    writer.write([event(1)])
    assert segments(layout) == [(4, "open")]
    writer.close()


def test_a_segment_belongs_to_one_date_also_when_the_clock_steps_back(layout):
    moments = iter([NOON, NOON + DAY, NOON])
    writer = Journal(layout, "w0", now=lambda: next(moments))
    for message_id in range(3):
        writer.write([event(message_id)])
    writer.close()
    days = [segment.date for segment in layout.segments("w0")]
    assert days == [date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 22)]


def test_a_segment_is_sealed_when_its_date_ends_also_without_traffic(layout):
    moments = iter([NOON, NOON, NOON + DAY])
    writer = Journal(layout, "w0", now=lambda: next(moments))
    writer.write([event(1)])
    writer.seal_if_due()
    assert segments(layout) == [(1, "open")]
    writer.seal_if_due()
    assert segments(layout) == [(1, "sealed")]
    writer.close()


def test_a_segment_is_sealed_when_old_without_traffic_and_when_large(layout):
    writer = Journal(layout, "w0", seconds=0.0)
    writer.write([event(1)])
    writer.seal_if_due()
    assert segments(layout) == [(1, "sealed")]
    writer.close()
    writer = Journal(layout, "w0", segment_bytes=1)
    writer.write([event(2)])
    writer.write([event(3)])
    assert segments(layout) == [(1, "sealed"), (2, "sealed"), (3, "open")]
    writer.close()


def test_an_idle_collector_leaves_no_segment(layout):
    Journal(layout, "w0").close()
    assert segments(layout) == []


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_failed_batch_is_cut_back_and_the_journal_goes_on(layout, monkeypatch, call):
    writer = Journal(layout, "w0", now=lambda: NOON)
    writer.write([event(1)])
    real = getattr(os, call)

    def failing(descriptor, *rest):
        if call == "write":
            real(descriptor, rest[0][:20])  # half a line reaches the file
        monkeypatch.setattr(os, call, real)
        raise OSError(errno.EIO, "injected")

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(JournalError, match="Input/output error"):
        writer.write([event(2)])
    writer.write([event(3)])
    writer.close()
    assert b"".join(content(layout)) == line(event(1), NOON // 1000) + line(event(3), NOON // 1000)
    assert len(content(layout)) == (1 if call == "write" else 2)  # a descriptor whose sync failed is not used again


def test_no_acknowledgement_before_the_name_of_the_segment_is_durable(layout, monkeypatch):
    writer = Journal(layout, "w0")
    synced = []

    def failing(directory):
        synced.append(directory)
        if len(synced) == 1:
            raise OSError(errno.EIO, "injected")

    monkeypatch.setattr(journal, "sync_directory", failing)
    with pytest.raises(JournalError):
        writer.write([event(1)])
    writer.write([event(2)])
    assert len(synced) == 3  # failed; the empty segment was removed; the new one has a durable name
    assert segments(layout) == [(2, "open")]
    writer.close()


def test_a_segment_that_was_handed_over_is_never_written_again(layout, monkeypatch):
    moments = iter([NOON, NOON + DAY, NOON])
    writer = Journal(layout, "w0", now=lambda: next(moments))
    writer.write([event(1)])

    def failing(directory):
        raise OSError(errno.EIO, "injected")

    monkeypatch.setattr(journal, "sync_directory", failing)
    with pytest.raises(JournalError):
        writer.write([event(2)])
    monkeypatch.undo()
    writer.write([event(3)])
    writer.close()
    assert content(layout) == [line(event(1), NOON // 1000), line(event(3), NOON // 1000)]


def test_a_slot_directory_that_was_replaced_is_not_written(layout):
    writer = Journal(layout, "w0")
    layout.slot("w0").rename(layout.slot("w0").with_name("aside"))
    layout.slot("w0").mkdir()
    with pytest.raises(JournalError):
        writer.write([event(1)])
    assert list(layout.slot("w0").iterdir()) == []
    writer.close()


def test_a_new_writer_waits_for_a_maintenance_that_is_sealing(layout):
    first = Journal(layout, "w0")
    closing = threading.Timer(0.3, first.close)
    closing.start()
    Journal(layout, "w0", patience=5.0).close()
    closing.join()


def test_a_short_write_counts_as_failed(layout, monkeypatch):
    writer = Journal(layout, "w0", now=lambda: NOON)
    writer.write([event(1)])
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:-1]))
    with pytest.raises(JournalError):
        writer.write([event(2)])
    monkeypatch.undo()
    writer.close()
    assert content(layout) == [line(event(1), NOON // 1000)]


def test_a_segment_that_was_removed_takes_no_more_acknowledgements(layout):
    writer = Journal(layout, "w0")
    writer.write([event(1)])
    next(layout.slot("w0").glob("*.open")).unlink()
    with pytest.raises(JournalError):
        writer.write([event(2)])
    writer.write([event(3)])
    assert segments(layout) == [(2, "open")]
    writer.close()


def test_what_a_crash_left_is_sealed_without_its_torn_tail_and_bad_lines(layout):
    good = [line(event(number), NOON // 1000) for number in range(3)]
    slot = layout.slot("w0")
    slot.mkdir(parents=True)
    hole = b"\0" * 40 + b"\n"
    (slot / "0000000001.2026-11-22.open").write_bytes(good[0] + hole + good[1] + b"\n" + good[2] + b'{"v":1,"rec')
    Journal(layout, "w0").close()
    assert segments(layout) == [(1, "sealed")]
    assert content(layout) == [b"".join(good)]
    assert (slot / "quarantine" / "0000000001.lines").read_bytes() == hole + b"\n"


def test_a_left_over_segment_with_nothing_whole_is_dropped(layout):
    slot = layout.slot("w0")
    slot.mkdir(parents=True)
    (slot / "0000000001.2026-11-22.open").write_bytes(b'{"v":1')
    Journal(layout, "w0").close()
    assert segments(layout) == []


def batch(*message_ids):
    return [line(text, NOON // 1000) for text in in_batch([event(message_id) for message_id in message_ids])]


def left_over(layout, content):
    """What a crash that left this content comes to: the sealed lines, and those in quarantine."""
    slot = layout.slot("w0")
    slot.mkdir(parents=True)
    (slot / "0000000001.2026-11-22.open").write_bytes(content)
    Journal(layout, "w0").close()
    kept = b"".join((slot / segment.name).read_bytes() for segment in layout.segments("w0"))
    aside = slot / "quarantine" / "0000000001.lines"
    return kept, aside.read_bytes() if aside.exists() else b""


@pytest.mark.parametrize("cut", range(0, 3 * 180, 60))
def test_wherever_a_write_is_cut_short_a_batch_is_there_whole_or_not_at_all(layout, cut):
    writer = Journal(layout, "w0", now=lambda: NOON)
    writer.write([event(1)])
    writer.write(in_batch([event(2), event(3), event(4)]))
    [path] = layout.slot("w0").glob("*.open")
    content, alone = path.read_bytes(), line(event(1), NOON // 1000)
    assert content == alone + b"".join(batch(2, 3, 4))
    assert len(content) > len(alone) + cut
    writer.close()
    assert left_over(Layout(layout.data / "crashed"), content[: len(alone) + cut]) == (alone, b"")
    assert left_over(Layout(layout.data / "whole"), content) == (content, b"")


@pytest.mark.parametrize(
    ("lines", "kept", "aside"),
    [
        pytest.param(batch(1, 2), batch(1, 2), [], id="whole"),
        pytest.param([*batch(1, 2), *batch(3, 4)], [*batch(1, 2), *batch(3, 4)], [], id="two"),
        pytest.param(batch(1, 2)[:1], [], [], id="begun"),
        pytest.param([*batch(1, 2)[:1], line(event(3), 1)], [line(event(3), 1)], batch(1, 2)[:1], id="begun-and-left"),
        pytest.param([*batch(1, 2)[:1], *batch(3, 4)], batch(3, 4), batch(1, 2)[:1], id="begun-twice"),
        pytest.param([*batch(1, 2)[1:], *batch(3, 4)], batch(3, 4), batch(1, 2)[1:], id="end-of-one"),
        pytest.param([batch(1, 2, 3)[0], b"\0\n", batch(4, 5, 6)[1], batch(4, 5, 6)[2]], [],
                     [batch(1, 2, 3)[0], b"\0\n", batch(4, 5, 6)[1], batch(4, 5, 6)[2]], id="a-hole-does-not-join-two"),
        pytest.param([*batch(1, 2, 3)[:2], b"\0\n", line(event(7), 1)], [line(event(7), 1)], [*batch(1, 2, 3)[:2], b"\0\n"], id="hole-at-the-end"),
        pytest.param([batch(1, 2, 3)[0], batch(1, 2, 3)[2]], [], [batch(1, 2, 3)[0], batch(1, 2, 3)[2]], id="middle-missing"),
    ],
)  # fmt: skip
def test_only_whole_batches_count_and_nothing_else_is_lost(layout, lines, kept, aside):
    found, quarantined = left_over(layout, b"".join(lines))
    assert found == b"".join(kept)
    assert sorted(quarantined.splitlines()) == sorted(text.rstrip(b"\n") for text in aside)


def test_an_event_cannot_pass_for_a_part_of_a_batch(layout):
    extra = {"x": '","batch":[1,9]', ',"batch":[1,9],"crc":"00000000"}\n': "y"}
    text = line(entry(account="a", kind="status", signed_by="", key="", fields={}, extra=extra), NOON // 1000)
    assert left_over(layout, text) == (text, b"")


def test_a_slot_has_one_writer_also_among_processes(layout):
    writer = Journal(layout, "w0")
    code = (
        "import sys; from pathlib import Path; from smsanalytics.storage.catalog import Layout;"
        "from smsanalytics.storage.journal import Journal; Journal(Layout(Path(sys.argv[1])), 'w0')"
    )
    other = subprocess.run([sys.executable, "-c", code, str(layout.data)], capture_output=True, text=True)
    assert "StoreBusy: journal slot w0 is in use by another process" in other.stderr
    writer.close()
    Journal(layout, "w0").close()


def test_the_lock_of_a_dead_writer_is_free(layout):
    writer = Journal(layout, "w0")
    with pytest.raises(StoreBusy):
        Journal(layout, "w0")
    writer.close()


def test_a_network_file_system_is_refused_unless_allowed(layout, monkeypatch):
    monkeypatch.setattr(journal, "file_system", lambda path: "nfs4")
    with pytest.raises(Exception, match=r"network file system \(nfs4\).*allow_network_journal"):
        Journal(layout, "w0")
    Journal(layout, "w0", allow_network=True).close()


def test_the_file_system_of_a_path_is_the_one_mounted_nearest(tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells")
    said = subprocess.run(["stat", "-f", "-c", "%T", "/proc"], capture_output=True, text=True).stdout.strip()
    assert journal.file_system(journal.Path("/proc")) == said == "proc"
    assert journal.file_system(tmp_path) not in {"", "proc"}


def test_what_was_received_earlier_is_written_with_its_own_times_into_a_segment_of_its_date(layout):
    earlier = (NOON - 3 * DAY) // 1000
    writer = Journal(layout, "w0", now=lambda: NOON)
    writer.write([event(1)])
    writer.write([event(2), event(3)], [earlier, earlier + 1])
    with pytest.raises(JournalError, match="on different dates"):
        writer.write([event(4), event(5)], [earlier, NOON // 1000])
    with pytest.raises(ValueError, match="zip"):
        writer.write([event(4), event(5)], [earlier])
    writer.close()
    assert [segment.date for segment in layout.segments("w0")] == [date(2026, 11, 22), date(2026, 11, 19)]
    assert content(layout)[1] == line(event(2), earlier) + line(event(3), earlier + 1)
