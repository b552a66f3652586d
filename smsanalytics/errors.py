"""
Every error this package raises on purpose.

SmsAnalyticsError
├── CallbackRefused        a callback that is not stored as an event
│   ├── MalformedCallback  its body cannot be read (answered with 400)
│   ├── MisshapenCallback  a signed field lacks the shape it must have (400)
│   └── BadSignature       no configured secret made its hash (403)
├── SettingsError          the configuration is wrong or incomplete
├── StoreError             the data directory cannot be used as asked
│   ├── StoreBusy          another process holds the lock
│   └── JournalError       an event could not be made durable (503)
├── ReportError            a report cannot be made
├── DeliveryFailed         a report did not reach whom it is for; it is tried again
├── MalformedRecord        a row that tells of a send or a request is not as it must be (400)
├── UsageError             a question is not put as it must be
│   └── UnknownName        a word that is not in a known list
├── MissingColumns         a frame lacks columns that a metric needs
└── ForeignZone            the times of a frame are those of another zone than UTC

No message quotes a phone number, a text, a hash or a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import ClassVar, Self

NUMBER = re.compile(r"[0-9]{7}")  #: a text with so many digits may be a phone number
MOST = 12  #: names that are listed at most
CLOSE = 0.7  #: how alike two names are, at least, for the right name to be meant by the wrong [0..1]


def meant(name: str, available: Iterable[str]) -> str | None:
    """
    The name that a wrong name was probably meant to be; a name with slashes may also be known by its last part.

    Examples
    --------
    >>> meant("prot", ["host", "port"]), meant("moscow", ["Asia/Almaty", "Europe/Moscow"]), meant("colour", ["port"])
    ('port', 'Europe/Moscow', None)
    """
    known = {key: one for one in available for key in (one.rpartition("/")[2].casefold(), one.casefold())}
    wanted = name.strip().replace(" ", "_").casefold()
    begun = [key for key in known if len(wanted) > 2 and (key.startswith(f"{wanted}_") or wanted.startswith(f"{key}_"))]
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=CLOSE) or (begun if len(begun) == 1 else [])
    return known[close[0]] if close else None


class SmsAnalyticsError(Exception):
    """Base of every error this package raises on purpose."""


class CallbackRefused(SmsAnalyticsError, ValueError):
    """A callback that is not stored as an event; ``reason`` is the word kept in the table ``rejected``."""

    reason: ClassVar[str] = "refused"


class MalformedCallback(CallbackRefused):
    """The body of a callback cannot be read."""

    reason = "malformed"


class MisshapenCallback(CallbackRefused):
    """A field that is signed is absent or lacks the shape it must have."""

    reason = "structure"


class BadSignature(CallbackRefused):
    """No configured secret made the hash of a callback, or none came."""

    reason = "signature"


class SettingsError(SmsAnalyticsError, ValueError):
    """The configuration is wrong or incomplete."""


class StoreError(SmsAnalyticsError):
    """The data directory cannot be used as asked."""


class NewerVersion(StoreError):
    """A newer version of the program wrote what is to be read."""


class StoreBusy(StoreError):
    """Another process holds the lock of a journal slot or of the maintenance."""


class JournalError(StoreError):
    """An event could not be made durable; nothing of its batch counts as stored."""


class ReportError(SmsAnalyticsError):
    """A report cannot be made."""


class DeliveryFailed(SmsAnalyticsError):
    """
    A report did not reach whom it is for, or not all of them.

    Attributes
    ----------
    alone : bool
        What failed concerns this report only; another may fare better.
    refused : tuple of str
        Recipients who were refused while the others got it; empty if nobody got it.
    """

    def __init__(self, why: str, *, alone: bool = False, refused: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.alone, self.refused = alone, refused


class MalformedRecord(SmsAnalyticsError, ValueError):
    """A row that tells of a send or of a confirmation request is not as it must be; nothing of its batch is stored."""


class UsageError(SmsAnalyticsError, ValueError):
    """A question is not put as it must be."""

    @classmethod
    def needs(cls, name: str, wanted: str, found: object) -> Self:
        """Name the argument, what it takes, and what type it was given instead."""
        return cls(f"{name} must be {wanted}, not {'None' if found is None else f'of type {type(found).__name__}'}")


class UnknownName(UsageError):
    """A word that is not in a known list."""

    @classmethod
    def of(cls, what: str, name: object, available: Iterable[object]) -> Self:
        """Name the word, what it was meant to be, and the words there are."""
        return cls(f"unknown {what} {name!r}; there are {', '.join(sorted(map(str, available)))}")

    @classmethod
    def of_value(cls, noun: str, column: str, value: str, available: Iterable[str]) -> Self:
        """Name a value that no row has in a column, and what it was meant to be; no number of a phone."""
        shown = f"this {column}" if NUMBER.search(value) else f"{column} {value!r}"
        names = [name for name in available if not NUMBER.search(name)]
        close = None if NUMBER.search(value) else meant(value, names)
        hint = f"did you mean {close!r}?" if close else f"there are {', '.join(sorted(names)[:MOST])}"
        more = ", and others" if not close and len(names) > MOST else ""
        return cls(f"no {noun} has {shown}; {hint}{more}" if names else f"no {noun} has {shown}")


class MissingColumns(SmsAnalyticsError, ValueError):
    """A frame lacks columns that a metric needs."""

    @classmethod
    def of(cls, missing: Iterable[str], available: Iterable[str]) -> Self:
        """Name what is missing, what there is, and where a complete frame comes from."""
        return cls(f"need column(s) {sorted(missing)}, have {sorted(available)}; see Store.messages()")


class ForeignZone(SmsAnalyticsError, ValueError):
    """The times of a frame are those of another zone than UTC, and its engine cannot convert them."""

    @classmethod
    def of(cls, zone: str) -> Self:
        """Name the zone, and the way out."""
        return cls(f"the times of this frame are in {zone}; for DuckDB, SET TimeZone = 'UTC' on its connection first")
