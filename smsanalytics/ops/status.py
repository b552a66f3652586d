"""The status of a store in words: a table for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime, timedelta

import pandas as pd

from smsanalytics.analysis import export
from smsanalytics.storage.backlog import Waiting
from smsanalytics.storage.status import Status

UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def table(status: Status, flush_seconds: float | None = None) -> str:
    """For people; what waits is published within so many seconds, if that is known."""
    frame = pd.DataFrame([asdict(size) for size in status.tables]).drop(columns="to_merge")
    for name in ("first", "last"):
        frame[name] = pd.to_datetime(frame[name])
    frame.attrs.update(facts(status, flush_seconds))
    return export.table(frame)


def to_json(status: Status, _: float | None = None) -> str:
    """For programs: everything, times as ISO texts in UTC, durations in seconds."""
    said = asdict(status)
    behind = status.freshness.behind
    said["freshness"]["behind_seconds"] = behind.total_seconds() if behind is not None else None
    return json.dumps(said, default=_iso, indent=2)


def _iso(at: date) -> str:
    return at.isoformat()


def facts(status: Status, flush_seconds: float | None = None) -> dict[str, str]:
    """What there is to say beside the sizes of tables."""
    to_merge = sum(size.to_merge for size in status.tables)
    return {
        "newest receipt": _ago(status.newest_receipt, status.at),
        "messages": _messages(status),
        "maintenance": f"{'runs' if status.maintaining else 'does not run'}{_pass(status)}",
        "collector": "runs" if status.collecting else "does not run",
        "journal": waits(status.waiting, flush_seconds) or "nothing waits",
        **{f"journal {slot.writer}": (
            f"{slot.sealed:,} sealed of {size(slot.sealed_bytes)}, {slot.open:,} open of {size(slot.open_bytes)}"
            f"{', in use' if slot.in_use else ''}") for slot in status.slots},
        "to merge": f"{to_merge:,} files" if to_merge else "nothing",
        "quarantine": f"{sum(slot.quarantined for slot in status.slots):,} lines",
        "refused in 24 hours": f"{status.rejected:,}",
        "disk": f"{size(status.free)} free, {size(status.reserve)} are the reserve",
    }  # fmt: skip


def waits(waiting: Waiting, flush_seconds: float | None = None) -> str:
    """
    Say what waits in the journal, and who publishes it; empty where nothing does.

    Examples
    --------
    >>> waits(Waiting(2, 0, all_counted=True, oldest_seconds=0, collecting=True, maintaining=True), 60)
    '2 events wait, published within 60 s'
    >>> waits(Waiting(1200, 1, all_counted=False, oldest_seconds=300, collecting=False, maintaining=True), 60)
    'more than 1,200 events and 1 refused callback wait; the maintenance that runs publishes them'
    >>> waits(Waiting(0, 1, all_counted=True, oldest_seconds=0, collecting=False, maintaining=False))
    '1 refused callback waits, and no maintenance runs; `smsanalytics maintain` publishes them'
    """
    counts = {"event": waiting.events, "refused callback": waiting.refused}
    counted = [f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count]
    if not counted:
        return ""
    more = "" if waiting.all_counted else "more than "
    said = f"{more}{' and '.join(counted)} wait{'s' if sum(counts.values()) == 1 and not more else ''}"
    if not waiting.maintaining:
        later = f", {flush_seconds:g} s after they came" if waiting.collecting and flush_seconds else ""
        return f"{said}, and no maintenance runs; `smsanalytics maintain` publishes them{later}"
    if flush_seconds is None or waiting.oldest_seconds > flush_seconds or not waiting.all_counted:
        return f"{said}; the maintenance that runs publishes them"
    return f"{said}, published within {flush_seconds:g} s"


def _messages(status: Status) -> str:
    fresh = status.freshness
    if fresh.as_of is None:
        return "none"
    behind = max(timedelta(0), (status.newest_receipt or fresh.as_of) - fresh.as_of)
    said = f"as of {_moment(fresh.as_of)}, {duration(behind)} behind"
    older = f", those of older dates as of {_moment(fresh.complete_at)}" if fresh.complete_at else ""
    return said + (older if fresh.complete_at != fresh.as_of else "")


def _pass(status: Status) -> str:
    said = status.last_pass
    took = f", which took {said['seconds']} s" if "seconds" in said else ""
    return f"; published last at {said['at']}{took}" if "at" in said else ""


def _ago(at: datetime | None, now: datetime) -> str:
    return "none" if at is None else f"{_moment(at)}, {duration(max(timedelta(0), now - at))} ago"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def duration(span: timedelta) -> str:
    """
    A span in its largest unit.

    Examples
    --------
    >>> duration(timedelta(seconds=59.9)), duration(timedelta(minutes=1)), duration(timedelta(days=2, hours=5))
    ('59 seconds', '1 minute', '2 days')
    """
    seconds = int(span.total_seconds())
    length, name = next((unit for unit in UNITS if seconds >= unit[0]), UNITS[-1])
    count = seconds // length
    return f"{count} {name}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """
    Bytes in a unit that fits.

    Examples
    --------
    >>> size(0), size(1536), size(3 * 2**30)
    ('0 B', '1.5 KiB', '3.0 GiB')
    """
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
