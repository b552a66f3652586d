"""The journal: every line can be read, and every number that was given is published or still there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

from smsanalytics.ops.check.finding import Finding, Watch, number_of
from smsanalytics.storage.catalog import EventFile, Layout, SegmentFile, read_number
from smsanalytics.storage.journal import VERSION, is_whole, version_of
from smsanalytics.storage.schema import EVENT_TABLES

PAUSE = 0.5  #: what was seen in the middle of a change is otherwise by then [s]


def settled(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a look finds that another a moment later finds too: between the two, writers go on."""
    found = list(look())
    if not found:
        return []
    time.sleep(PAUSE)
    again = set(look())
    return [one for one in found if one in again]


def lines(layout: Layout, watch: Watch) -> Iterator[Finding]:
    """Lines of segments that are not whole, or of a newer format, and what was put into quarantine."""
    segments = [(writer, segment) for writer in layout.slots() for segment in layout.segments(writer)]
    for writer, segment in watch(segments, "journal"):
        yield from _segment(layout.slot(writer), segment)
    for writer in layout.slots():
        for path in sorted((layout.slot(writer) / "quarantine").glob("*.lines")):
            count = number_of(_newlines(path), "line")
            todo = "look whether they were answered, check the disk (`smartctl -a`), and move it out of the store"
            yield Finding(str(path), f"{count} that could not be read after a crash", todo)


def _segment(slot: Path, segment: SegmentFile) -> Iterator[Finding]:
    sealed = SegmentFile(segment.seq, segment.date, "sealed").name
    for path in dict.fromkeys((slot / segment.name, slot / sealed)):  # it may be sealed meanwhile, or published
        try:
            bad, newest = _read(path, finished=path.suffix == ".sealed")
        except FileNotFoundError:
            continue
        if bad:
            todo = "check the disk; the maintenance keeps them in `rejected`, reason journal"
            yield Finding(str(path), f"{number_of(bad, 'line')} of it cannot be read", todo)
        if newest > VERSION:
            found = f"was written in format {newest} by a newer smsanalytics, where this one reads up to {VERSION}"
            yield Finding(str(path), found, "run the newer one: it will publish it")
        return


def _read(path: Path, *, finished: bool) -> tuple[int, int]:
    """How many lines cannot be read, and the newest format. A writer may be in the middle of the last line."""
    bad = newest = 0
    with path.open("rb") as file:
        for text in file:
            if not text.endswith(b"\n") and not finished:
                break
            if is_whole(text):
                newest = max(newest, version_of(text))
            else:
                bad += 1
    return bad, newest


def _newlines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def sequences(layout: Layout) -> Iterator[Finding]:
    """
    Numbers that are neither published nor in the journal, and a ``published`` that the files contradict.

    Below ``published`` a number without a file is as it should be: a segment has files only in the tables it has rows
    of, one that got no event is removed, and old dates may be moved away.
    """
    for writer in layout.slots():
        slot = layout.slot(writer)
        counter = read_number(slot / "counter") or 0
        if counter > (last := layout.last_number(writer)):
            found = f"says {counter}, which is far beyond every name, so it is not believed"
            yield Finding(str(slot / "counter"), found, "remove it while nothing runs: the next start writes it again")
            counter = last
        files = [(table, day, file) for table in EVENT_TABLES for day, found in layout.event_files(table).items()
                 for file in found if file.writer == writer]  # fmt: skip
        waiting = {segment.seq for segment in layout.segments(writer)}
        path = slot / "published"
        if (said := read_number(path)) is None and path.exists():
            todo = "remove it while nothing runs: what is published is found by the files"
            yield Finding(str(path), "holds no number, or one that its checksum contradicts", todo)
        published = layout.published(writer)
        last = max((file.last for _, _, file in files), default=0)
        yield from _beyond(layout, files, waiting, published, path)
        if said is not None and said > last > 0 and not layout.kept_from() and min(waiting, default=said + 1) > said:
            found = f"says {said}, and no table has a file of that segment: the last is {last}"
            todo = "put the files back from a backup, unless their date was moved away"
            yield Finding(str(path), found, todo)
        quarantined = {int(one.stem) for one in (slot / "quarantine").glob("*.lines") if one.stem.isdecimal()}
        given = range(published + 1, max([counter, *waiting], default=0) + 1)
        lost = [seq for seq in given if seq not in waiting | quarantined and not _holds(files, seq)]
        if lost:
            found = f"segments {_ranges(lost)} are neither published nor here"
            todo = "put them back from a backup, unless a crash or a full disk came before an event was in them"
            yield Finding(str(slot), found, todo)


def _beyond(
    layout: Layout, files: Sequence[tuple[str, date, EventFile]], waiting: set[int], published: int, path: Path
) -> Iterator[Finding]:
    beyond = {file for _, _, file in files if file.last > published and file.last not in waiting}
    if beyond:
        last = max(beyond)
        tables = sorted({table for table, _, file in files if file == last})
        found = f"says {published}, and {', '.join(tables)} has {last.name}: messages do not know its events"
        yield Finding(str(path), found, "remove it while nothing runs: what is published is found by the files")


def _holds(files: Sequence[tuple[str, date, EventFile]], seq: int) -> bool:
    return any(file.first <= seq <= file.last for _, _, file in files)


def _ranges(numbers: list[int]) -> str:
    """
    Numbers in order, those that follow one another together.

    Examples
    --------
    >>> _ranges([3, 4, 5, 9])
    '3–5, 9'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}–{last}" if last > first else f"{first}" for first, last in found)
