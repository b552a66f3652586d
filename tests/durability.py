"""
Judges an strace log: is everything durable before something relies on it?

A content is durable when its file was synced after the last write to it, and a name when its directory was synced after
it was given, and so for each directory above that was made, or may have been made by somebody who died before its sync.
`DEPENDING` says what relies on what; it is the whole contract of the store with the disk.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tracing import NEVER, REMOVALS, RENAMES, SYNCS, WRITES, Call

SEGMENT = re.compile(r"journal/(?P<slot>\w+)/(?P<seq>\d{10})\.[\d-]+\.(?P<state>open|sealed)$")
EVENTS = re.compile(r"(?P<table>\w+)/date=[\d-]+/(?P<slot>\w+)-\d{10}-(?P<seq>\d{10})\.parquet")
MESSAGES = re.compile(r"messages/date=[\d-]+/\d{10}\.parquet")
NUMBER = re.compile(r"journal/(?P<slot>\w+)/(?P<file>counter|published)$")
QUARANTINED = re.compile(r"journal/(?P<slot>\w+)/quarantine/(?P<seq>\d{10})\.lines")
LIVE = re.compile(r"messages/live\.json")


class Log:
    """The calls of a log, and from which line of it on something was durable; NEVER if it was not."""

    def __init__(self, calls: Sequence[Call], data: Path) -> None:
        self.calls, self.data = calls, data
        self.syncs: defaultdict[str, list[Call]] = defaultdict(list)
        self.writes: defaultdict[str, list[Call]] = defaultdict(list)
        self.made: dict[str, Call] = {}
        for call in calls:
            if call.name in SYNCS:
                self.syncs[call.file].append(call)
            elif call.name in WRITES:
                self.writes[call.file].append(call)
            elif call.name.startswith("mkdir"):
                self.made[call.file] = call
        self.renames = [call for call in calls if call.name in RENAMES]
        self.removals = [call for call in calls if call.name in REMOVALS]

    def content(self, path: str, before: int) -> int:
        """Since when what was written to a file before that line is durable."""
        written = max((write.end for write in self.writes[path] if write.start < before), default=-1)
        return self.synced(path, written)

    def name(self, call: Call) -> int:
        """Since when the name that a call gave is durable, with the directories above."""
        path = Path(call.paths[-1])
        since = [self.synced(str(path.parent), call.end)]
        strict = not NUMBER.search(str(path)) and not QUARANTINED.search(str(path))  # beside segments, whose slot is
        for directory in path.parents:
            if directory == self.data.parent:
                break
            if str(directory) in self.made:
                since.append(self.synced(str(directory.parent), self.made[str(directory)].end))
            elif strict:
                since.append(self.synced(str(directory.parent), -1))
        return max(since)

    @functools.cached_property
    def lines(self) -> list[tuple[Call, int]]:
        """The writes to segments, and since when they would be found after a crash."""
        opened = {call.file: self.name(call) for call in self.calls if call.name == "openat" and call.creates}
        return [
            (write, max(self.synced(path, write.end), opened.get(path, NEVER)))
            for path, writes in self.writes.items()
            if SEGMENT.search(path)
            for write in writes
        ]

    def synced(self, path: str, after: int) -> int:
        return min((sync.end for sync in self.syncs[path] if sync.start > after), default=NEVER)

    def renamed(self, pattern: re.Pattern[str], before: int) -> Iterator[tuple[Call, re.Match[str]]]:
        """Renames to such names that were over before a line."""
        for call in self.renames:
            if (match := pattern.search(call.paths[-1])) and call.end < before:
                yield call, match

    def number(self, rename: Call) -> int:
        """What is in the small file that was renamed."""
        [*_, written] = [write for write in self.writes[rename.paths[0]] if write.start < rename.start]
        found = re.search(r'"(\d+)', written.text)
        return int(found[1]) if found else 0

    def said(self, slot: str, file: str, at_least: int, before: int) -> bool:
        """Whether it was durable that a slot's counter, or what is published of it, is a number or above."""
        return any(
            (match["slot"], match["file"]) == (slot, file) and self.number(call) >= at_least and self.name(call) < before
            for call, match in self.renamed(NUMBER, before)
        )  # fmt: skip


def answers(log: Log) -> Iterator[tuple[Call, str]]:
    """A callback is answered with 200 when its line is durable, and so is the name of its segment."""
    asked: dict[str, str] = {}
    for call in log.calls:
        if not call.file.startswith("socket:"):
            continue
        if found := re.search(r"id=(\d+)&phone=", call.text):
            asked[call.file] = found[1]
        elif '"HTTP/1.1 200' in call.text and call.file in asked:
            line = f'\\"message_id\\":\\"{asked.pop(call.file)}\\"'
            if not any(since < call.start and line in write.text for write, since in log.lines):
                yield call, "a 200"


def imports(log: Log) -> Iterator[tuple[Call, str]]:
    """An import says that it stored all when all its lines are durable."""
    for call in log.calls:
        if call.name == "write" and '"stored ' in call.text and not all(since < call.start for _, since in log.lines):
            yield call, "the end of an import"


def contents(log: Log) -> Iterator[tuple[Call, str]]:
    """A file gets its final name when what is in it is durable."""
    for rename in log.renames:
        if log.content(rename.paths[0], rename.start) >= rename.start:
            yield rename, f"the name of {rename.paths[-1]}"


def segments(log: Log) -> Iterator[tuple[Call, str]]:
    """A segment is begun when its number is durably taken."""
    for call in log.calls:
        match = SEGMENT.search(call.file) if call.name == "openat" and call.creates else None
        if match and not log.said(match["slot"], "counter", int(match["seq"]), call.start):
            yield call, f"segment {match['slot']}-{match['seq']}"


def published(log: Log) -> Iterator[tuple[Call, str]]:
    """A segment counts as published when all its files are there."""
    for rename, match in log.renamed(NUMBER, NEVER):
        if match["file"] == "published":
            number = log.number(rename)
            for file, its in log.renamed(EVENTS, NEVER):
                if its["slot"] == match["slot"] and int(its["seq"]) <= number and log.name(file) >= rename.start:
                    yield rename, f"published {number}, before {file.paths[-1]}"


def removals(log: Log) -> Iterator[tuple[Call, str]]:
    """A segment is removed when that is durably said."""
    for call in log.removals:
        match = SEGMENT.search(call.file)
        published = match and log.said(match["slot"], "published", int(match["seq"]), call.start)
        if match and match["state"] == "sealed" and not published:
            yield call, f"the removal of {call.file}"


def folds(log: Log) -> Iterator[tuple[Call, str]]:
    """What messages count changes when their files, and what was published of it, are there."""
    for rename, _ in log.renamed(LIVE, NEVER):
        needed = [call for call, match in log.renamed(NUMBER, rename.start) if match["file"] == "published"]
        needed += [call for call, _ in log.renamed(MESSAGES, rename.start)]
        for call in needed:
            if log.name(call) >= rename.start:
                yield rename, f"live.json, before {call.paths[-1]}"


def sweeps(log: Log) -> Iterator[tuple[Call, str]]:
    """Messages that do not count are removed when those that do are."""
    for call in log.removals:
        if MESSAGES.search(call.file):
            for rename, _ in log.renamed(LIVE, call.start):
                if log.name(rename) >= call.start:
                    yield call, f"the removal of {call.file}"


def quarantines(log: Log) -> Iterator[tuple[Call, str]]:
    """A left-over segment is changed when the lines that are taken out of it are elsewhere."""
    for rename, match in log.renamed(QUARANTINED, NEVER):
        segment = re.compile(rf"journal/{match['slot']}/{match['seq']}\.[\d-]+\.open\b(?!\.new)")
        changes = [
            call
            for call in log.calls
            if call.start > rename.end and call.name in (*WRITES, *RENAMES, *REMOVALS) and segment.search(call.text)
        ]
        if not changes or log.name(rename) >= changes[0].start:
            yield rename, f"a change of segment {match['slot']}-{match['seq']}, before its quarantine"


DEPENDING: tuple[Callable[[Log], Iterator[tuple[Call, str]]], ...] = (
    answers, imports, contents, segments, published, removals, folds, sweeps, quarantines,
)  # fmt: skip


def too_early(calls: Sequence[Call], data: Path) -> list[str]:
    """What came before that which it relies on was durable."""
    log = Log(calls, data)
    return [f"too early: {what} (line {call.start + 1})" for rule in DEPENDING for call, what in rule(log)]
