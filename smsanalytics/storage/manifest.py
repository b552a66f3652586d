"""``messages/live.json``: which files of messages count, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from smsanalytics.errors import NewerVersion, StoreError
from smsanalytics.storage import state_file
from smsanalytics.storage.catalog import Layout

VERSION = 3
OLDEST = 2  #: version that is read; its messages lie on the dates of their first receipts, and may be parted


@dataclass(frozen=True)
class Span:
    """
    What the messages of a date reach over.

    Attributes
    ----------
    first, last : datetime
        When the first and the last of them was sent, else when its first status happened.
    until : datetime
        The last event of any of them.
    rows : int
        How many messages there are.
    untimed : int
        How many of them have a status without a believable time.
    """

    first: datetime
    last: datetime
    until: datetime
    rows: int
    untimed: int


@dataclass(frozen=True)
class Live:
    """
    The content of the file: the one commit of a fold.

    Attributes
    ----------
    generations : mapping of date to int
        The file that counts, for each date.
    folded : mapping of str to int
        Up to which segment each writer's events are in all of them.
    ahead : mapping of str to int
        Up to which segment they are in the open dates: older ones are brought up to it once an hour.
    as_of : datetime or None
        The newest receipt among the events up to `ahead`, UTC.
    complete_at : datetime or None
        The newest among those up to `folded`.
    gathered_at : datetime or None
        When all dates were brought up to date last, by the clock.
    spans : mapping of date to Span
        What is known of the messages of a date; of messages of an older version nothing is.
    version : int
        Of the file. What an older program wrote is made again by the next fold.
    """

    generations: Mapping[date, int] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)
    ahead: Mapping[str, int] = field(default_factory=dict)
    as_of: datetime | None = None
    complete_at: datetime | None = None
    gathered_at: datetime | None = None
    spans: Mapping[date, Span] = field(default_factory=dict)
    version: int = VERSION

    @classmethod
    def read(cls, layout: Layout) -> Live:
        """
        Read it; nothing counts where there is none, nor a file of messages.

        Raises
        ------
        StoreError
            If it cannot be read, or is gone.
        NewerVersion
            If a newer version of the program wrote it.
        """
        if not layout.live_messages.exists():
            if any(layout.generations().values()):
                raise StoreError(f"{layout.live_messages} is gone; `smsanalytics maintain` makes it again")
            return cls()
        try:
            text = layout.live_messages.read_bytes()
            version = int(orjson.loads(text)["version"])
            content = state_file.decoded(text, required=version == VERSION)
            if version < OLDEST:
                raise ValueError
            if version <= VERSION:
                return _decoded(content, version)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise StoreError(f"{layout.live_messages} is damaged; `smsanalytics maintain` makes it anew") from None
        raise NewerVersion(
            f"{layout.live_messages} was written by a newer smsanalytics, in version {version} where this one reads up "
            f"to {VERSION}; use the newer one"
        )

    def files(self, layout: Layout, *, start: datetime | None = None, end: datetime | None = None) -> list[Path]:
        """The files that count, by date; those alone that may hold messages of a cohort, ``start`` ≤ time < ``end``."""
        return [
            layout.message_file(day, generation)
            for day, generation in sorted(self.generations.items())
            if (span := self.spans.get(day)) is None
            or ((start is None or span.last >= start) and (end is None or span.first < end))
        ]

    def encoded(self) -> bytes:
        """The content of ``live.json``."""
        return state_file.encoded(
            {
                "version": self.version,
                "generations": {str(day): generation for day, generation in sorted(self.generations.items())},
                "folded": self.folded,
                "ahead": self.ahead,
                "as_of": _text(self.as_of),
                "complete_at": _text(self.complete_at),
                "gathered_at": _text(self.gathered_at),
                "spans": {
                    str(day): {
                        name: _text(value) if isinstance(value, datetime) else value
                        for name, value in vars(span).items()
                    }
                    for day, span in sorted(self.spans.items())
                },
            }
        )


def _decoded(content: Mapping[str, Any], version: int) -> Live:
    if version == VERSION and content["generations"].keys() != content["spans"].keys():
        raise ValueError
    return Live(
        generations={date.fromisoformat(day): generation for day, generation in content["generations"].items()},
        folded=content["folded"],
        ahead=content.get("ahead", content["folded"]),
        as_of=_moment(content["as_of"]),
        complete_at=_moment(content.get("complete_at", content["as_of"])),
        gathered_at=_moment(content.get("gathered_at")),
        spans={date.fromisoformat(day): _span(span) for day, span in content["spans"].items()}
        if version == VERSION
        else {},
        version=version,
    )


def _span(content: Mapping[str, Any]) -> Span:
    first, last, until = (datetime.fromisoformat(content[name]) for name in ("first", "last", "until"))
    return Span(first, last, until, int(content["rows"]), int(content["untimed"]))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None
