"""``messages/live.json``: which files of messages count, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import orjson

from smsanalytics.errors import NewerVersion, StoreError
from smsanalytics.store.layout import Layout

VERSION = 2
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Live:
    """
    What is said there: the one commit of a fold.

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
    spans : mapping of date to (datetime, datetime)
        When the first and the last message of a date was sent, else when its first status happened. A date may be
        absent: then nothing is known.
    """

    generations: Mapping[date, int] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)
    ahead: Mapping[str, int] = field(default_factory=dict)
    as_of: datetime | None = None
    complete_at: datetime | None = None
    gathered_at: datetime | None = None
    spans: Mapping[date, Span] = field(default_factory=dict)

    @classmethod
    def read(cls, layout: Layout) -> Live:
        """
        Read it; nothing counts where there is none.

        Raises
        ------
        StoreError
            If it cannot be read.
        NewerVersion
            If a newer version of the program wrote it.
        """
        if not layout.live_messages.exists():
            return cls()
        try:
            said = orjson.loads(layout.live_messages.read_bytes())
            version = int(said["version"])
            if version < VERSION:
                raise ValueError
            if version == VERSION:
                return cls(
                    {date.fromisoformat(day): generation for day, generation in said["generations"].items()},
                    said["folded"],
                    said.get("ahead", said["folded"]),
                    _moment(said["as_of"]),
                    _moment(said.get("complete_at", said["as_of"])),
                    _moment(said.get("gathered_at")),
                    {
                        date.fromisoformat(day): (datetime.fromisoformat(first), datetime.fromisoformat(last))
                        for day, (first, last) in said.get("spans", {}).items()
                    },
                )
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
            or ((start is None or span[1] >= start) and (end is None or span[0] < end))
        ]

    def encoded(self) -> bytes:
        """The content of ``live.json``."""
        return orjson.dumps(
            {
                "version": VERSION,
                "generations": {str(day): generation for day, generation in sorted(self.generations.items())},
                "folded": self.folded,
                "ahead": self.ahead,
                "as_of": _text(self.as_of),
                "complete_at": _text(self.complete_at),
                "gathered_at": _text(self.gathered_at),
                "spans": {str(day): [_text(at) for at in span] for day, span in sorted(self.spans.items())},
            },
            option=orjson.OPT_INDENT_2,
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None
