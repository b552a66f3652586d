"""What waits in the journal to be published, what could not be read, and who works on the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from smsanalytics.ops.doctor.finding import Finding, fail, ok, warn
from smsanalytics.settings import Settings
from smsanalytics.storage.atomic import is_locked
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.disk import Space

OVERDUE = 600.0  #: beyond the flush interval, a sealed segment that is not published tells of a dead maintenance [s]
STARTING = 10.0  #: so long a maintenance may take to begin, or to begin again [s]
SEE_LOG = "see the lines of smsanalytics.maintenance in the log; `smsanalytics maintain` does a pass by hand"


def look(settings: Settings) -> Iterator[Finding]:
    """Whether what was answered with 200 becomes Parquet."""
    layout = Layout(settings.data)
    if not layout.journal.is_dir():
        yield ok("store", "no callback was ever collected here")
        return
    yield _slots(layout)
    yield _maintenance(settings, layout)
    yield from _problems(layout)
    space = Space(layout, reserve=settings.disk_reserve_bytes, max_backlog=settings.max_backlog_bytes)
    yield from _backlog(settings, space)
    yield _quarantine(layout)


def _slots(layout: Layout) -> Finding:
    held = [writer for writer in layout.slots() if is_locked(layout.slot(writer))]
    said = f"{', '.join(layout.slots()) or 'none'}; in use: {', '.join(held) or 'none'}"
    return ok("slots", said)


def _maintenance(settings: Settings, layout: Layout) -> Finding:
    collecting, until = is_locked(layout.slot("w0")), time.monotonic() + STARTING
    while not (maintained := is_locked(layout.data)) and collecting and time.monotonic() < until:
        time.sleep(0.1)
    last = f", published last at {_moment(layout.last_pass)}" if layout.last_pass.exists() else ""
    if maintained:
        return ok("maintenance", f"it runs{last}")
    if collecting:
        return fail("maintenance", f"it does not run beside the collector{last}", SEE_LOG)
    return ok("maintenance", f"it does not run, nor does a collector{last}")


def _problems(layout: Layout) -> Iterator[Finding]:
    for problem in layout.found_problems():
        found, _, todo = problem.partition("; ")
        yield fail("maintenance steps", found, todo or SEE_LOG)


def _backlog(settings: Settings, space: Space) -> Iterator[Finding]:
    waits = space.backlog()
    said = f"{waits.segments} sealed segments of {waits.bytes / 2**20:.1f} MiB wait to be published"
    if waits.bytes > settings.max_backlog_bytes:
        yield fail("backlog", f"{said}: callbacks are answered 503", SEE_LOG)
    elif waits.bytes > settings.max_backlog_bytes / 2:
        yield warn("backlog", f"{said}, of {settings.max_backlog_bytes / 2**20:.0f} that may", SEE_LOG)
    else:
        yield ok("backlog", said)
    if waits.segments and waits.seconds > settings.flush_seconds + OVERDUE:
        yield fail("flush lag", f"the oldest of them has waited for {waits.seconds / 60:.0f} minutes", SEE_LOG)
    else:
        yield ok("flush lag", f"{waits.seconds:.0f} s" if waits.segments else "none")


def _quarantine(layout: Layout) -> Finding:
    files = sorted(layout.journal.glob("*/quarantine/*"))
    if files:
        found = f"{len(files)} files of lines that could not be read, the first {files[0]}"
        return fail("quarantine", found, "check the disk, keep them for a look, and move them out of the store")
    return ok("quarantine", "empty")


def _moment(path: Path) -> str:
    return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d %H:%M:%S} UTC"
