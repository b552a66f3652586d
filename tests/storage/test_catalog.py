from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from smsanalytics.errors import StoreError
from smsanalytics.storage.catalog import FARTHEST, EventFile, Layout, SegmentFile, encoded_number, live, read_number


def files(*ranges):
    return [EventFile(writer, first, last) for writer, first, last in ranges]


@pytest.mark.parametrize(
    ("there", "counting"),
    [
        pytest.param([("w0", 1, 1), ("w0", 2, 2)], [("w0", 1, 1), ("w0", 2, 2)], id="side-by-side"),
        pytest.param([("w0", 1, 1), ("w0", 2, 2), ("w0", 1, 2)], [("w0", 1, 2)], id="merged"),
        pytest.param([("w0", 1, 9), ("w0", 1, 3), ("w0", 3, 5)], [("w0", 1, 9)], id="merged-twice"),
        pytest.param([("w0", 1, 2), ("w1", 2, 3)], [("w0", 1, 2), ("w1", 2, 3)], id="writers-count-for-themselves"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_a_file_within_another_is_superseded(there, counting):
    assert live(files(*there)) == files(*counting)


def test_a_partial_overlap_is_an_error_that_names_both():
    with pytest.raises(StoreError, match=r"w0-0000000001-0000000003\.parquet and w0-0000000003-0000000004\.parquet"):
        live(files(("w0", 1, 3), ("w0", 3, 4)))


@pytest.mark.parametrize(
    "name", ["x.parquet", "w0-1-1.parquet", "w0-0000000001-0000000001.parquet.tmp", ".w0-0000000001-0000000001.parquet"]
)
def test_a_foreign_file_is_none_of_ours(name):
    assert EventFile.parse(name) is None


def test_names_are_read_back():
    assert EventFile.parse(EventFile("r0", 3, 14).name) == EventFile("r0", 3, 14)
    segment = SegmentFile(7, date(2026, 11, 22), "sealed")
    assert SegmentFile.parse(segment.name) == segment
    assert SegmentFile.parse("counter") is None


def test_the_last_number_survives_whatever_part_of_its_traces_is_lost(tmp_path):
    layout = Layout(tmp_path)
    slot = layout.slot("w0")
    slot.mkdir(parents=True)
    assert layout.last_number("w0") == 0
    traces = [
        slot / "0000000003.2026-11-22.sealed",
        tmp_path / "statuses/date=2026-11-22/w0-0000000002-0000000005.parquet",
    ]
    for path in traces:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert layout.last_number("w0") == 5
    (slot / "counter").write_text("9\n")
    assert layout.last_number("w0") == 9
    for path in traces:
        path.unlink()
    assert layout.last_number("w0") == 9


@pytest.mark.parametrize(
    ("segments", "tables", "published"),
    [
        pytest.param([], [], 0, id="new"),
        pytest.param([4, 5], [], 3, id="below-the-oldest-segment"),
        pytest.param([4, 5], [4], 3, id="a-crash-between-publishing-and-saying-so"),
        pytest.param([], [7], 7, id="journal-emptied"),
    ],
)
@pytest.mark.parametrize("left", [None, b"", b"garbage"], ids=["lost", "emptied", "garbage"])
def test_a_lost_published_file_is_found_again(tmp_path, segments, tables, published, left):
    layout = Layout(tmp_path)
    layout.slot("w0").mkdir(parents=True)
    if left is not None:
        (layout.slot("w0") / "published").write_bytes(left)
    for seq in segments:
        (layout.slot("w0") / SegmentFile(seq, date(2026, 11, 22), "sealed").name).touch()
    for seq in tables:
        path = layout.event_file("statuses", date(2026, 11, 22), EventFile("w0", seq, seq))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert layout.published("w0") == published


def test_a_directory_that_cannot_be_a_writer_is_no_slot(tmp_path):
    for name in ("w0", "r0", "lost+found", "W1", "w0 (copy)"):
        (tmp_path / "journal" / name).mkdir(parents=True)
    assert Layout(tmp_path).slots() == ["r0", "w0"]


def test_files_that_count_are_narrowed_by_segments_and_by_date(tmp_path):
    layout = Layout(tmp_path)
    first, second = date(2026, 11, 21), date(2026, 11, 22)
    for day, file in [
        *((first, file) for file in files(("w0", 1, 1), ("w0", 2, 2), ("w0", 1, 2))),
        *((second, file) for file in files(("w0", 3, 3), ("w1", 1, 1))),
    ]:
        path = layout.event_file("statuses", day, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def found(**limits):
        return [EventFile.parse(path.name) for path in layout.live_files("statuses", **limits)]

    early, late = files(("w0", 1, 2)), files(("w0", 3, 3), ("w1", 1, 1))
    assert found() == early + late
    assert found(published={"w0": 2}) == early
    assert found(published={"w0": 1}) == files(("w0", 1, 1))  # what supersedes it is not published yet
    assert found(published={"w1": 1}) == files(("w1", 1, 1))
    assert found(published={}) == []
    assert found(after={}) == early + late
    assert found(after={"w0": 1, "w1": 1}) == files(("w0", 1, 2), ("w0", 3, 3))
    assert found(after={"w0": 2}) == late
    assert found(after={"w0": 3, "w1": 1}) == []
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    assert found(until=midnight) == early + late
    assert found(until=(midnight - timedelta(seconds=1)).astimezone(timezone(timedelta(hours=3)))) == early


@pytest.mark.parametrize(
    ("counter", "published", "last"),
    [
        pytest.param(5 + FARTHEST, 4, 5 + FARTHEST, id="far"),
        pytest.param(6 + FARTHEST, 4, 5, id="too-far"),
        pytest.param(4 + 2 * FARTHEST, 4 + FARTHEST, 4 + 2 * FARTHEST, id="each-vouches-for-the-next"),
        pytest.param(4, 4 + 2 * FARTHEST, 5, id="published-too-far"),
    ],
)
def test_a_number_far_beyond_all_other_evidence_is_not_believed(tmp_path, counter, published, last):
    layout = Layout(tmp_path)
    slot = layout.slot("w0")
    slot.mkdir(parents=True)
    (slot / SegmentFile(5, date(2026, 11, 22), "sealed").name).touch()
    (slot / "counter").write_bytes(encoded_number(counter))
    (slot / "published").write_bytes(encoded_number(published))
    assert layout.last_number("w0") == last


@pytest.mark.parametrize(
    ("content", "number"),
    [
        pytest.param(encoded_number(12), 12, id="whole"),
        pytest.param(encoded_number(12).replace(b"12", b"13"), None, id="of-another-number"),
        pytest.param(encoded_number(12)[:-2], None, id="checksum-torn"),
        pytest.param(b"12\n", 12, id="of-an-older-version"),
        pytest.param(b"12", 12, id="without-a-line-end"),
        pytest.param(b"12 13", None, id="two-numbers"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_a_small_file_holds_a_number_or_none(tmp_path, content, number):
    (tmp_path / "counter").write_bytes(content)
    assert read_number(tmp_path / "counter") == number
    assert read_number(tmp_path / "absent") is None
