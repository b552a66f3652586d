"""The clock: kept right by something, and not before what it has already stamped."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from smsanalytics.ops.doctor.finding import Finding, fail, ok, warn
from smsanalytics.settings import Settings
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.freshness import newest_receipt

UNSYNCHRONISED = 0x0040  # STA_UNSYNC
TOLERANCE = timedelta(seconds=5)


class _Timex(ctypes.Structure):
    """The beginning of what adjtimex(2) fills in, and room for the rest."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    ]


def look(settings: Settings) -> Iterator[Finding]:
    """Whether days and delays will be right."""
    yield _kept_right()
    layout, now = Layout(settings.data), datetime.now(UTC)
    newest = newest_receipt(layout)
    days = [one.date for writer in layout.slots() for one in layout.segments(writer)]
    if (newest and now < newest - TOLERANCE) or any(day > now.date() for day in days):
        shown = f"{newest:%Y-%m-%d %H:%M} UTC" if newest and now < newest else f"{max(days)}"
        found = f"it says {now:%Y-%m-%d %H:%M} UTC, and the store has events of {shown}"
        yield fail("clock and store", found, "set the clock right; events keep the dates they were stamped with")
    else:
        yield ok("clock and store", f"the newest event is of {newest:%Y-%m-%d %H:%M} UTC" if newest else "no event yet")


def _kept_right() -> Finding:
    told = _Timex()  # modes 0: nothing is set
    try:
        failed = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told)) < 0
    except (OSError, AttributeError):
        failed = True
    if failed:
        return warn("clock", "the system does not tell whether something keeps it right", "see `timedatectl`")
    if told.status & UNSYNCHRONISED:
        return warn("clock", "nothing keeps it right", "run an NTP client, such as chrony or systemd-timesyncd")
    return ok("clock", "kept right by NTP or its like")
