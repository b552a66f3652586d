"""What a job has made and what it still owes: a small file beside its reports, true after a power cut."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from smsanalytics.errors import StoreError
from smsanalytics.storage import atomic

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


@dataclass
class Owed:
    """
    Something that is still to be done, and how often it was tried.

    Attributes
    ----------
    to : list of str
        Recipients who did not get it yet; empty where there are none.
    tries : int
        How often it was begun.
    retry_at : datetime, optional
        Not before this, UTC.
    why : str
        What the last try failed of; empty if the process ended during it.
    alone : bool
        What failed concerns this one only: those after it need not wait for it.
    """

    to: list[str] = field(default_factory=list)
    tries: int = 0
    retry_at: datetime | None = None
    why: str = ""
    alone: bool = False

    def begin(self, now: datetime) -> None:
        """Note a try before it is made: pauses grow from a minute to an hour, however a try ends."""
        pause = min(FIRST_PAUSE * 2 ** min(self.tries, 6), LONGEST_PAUSE)
        self.tries, self.retry_at, self.why, self.alone = self.tries + 1, now + pause, "", False

    def waits(self, now: datetime) -> bool:
        """Whether its pause is not over; one that seems longer than any was noted by a clock that was wrong."""
        return self.retry_at is not None and now < self.retry_at <= now + LONGEST_PAUSE


@dataclass
class Made:
    """A report that was made: the local time that it was due, its file, its words, what is owed by channel."""

    occurrence: datetime
    file: str
    title: str
    lines: list[str]
    owed: dict[str, Owed]


@dataclass
class Ledger:
    """
    The state of a job.

    Attributes
    ----------
    times : str
        Expression and zone that `done` was counted by.
    done : datetime
        Local time up to which everything is done.
    token : str
        Tells the messages of this directory from those of another with the same names.
    making : Owed
        Tries to make the report that is due.
    made : list of Made
        The reports that are kept, in the order in which they were made.
    """

    path: Path
    times: str
    done: datetime
    token: str = field(default_factory=lambda: secrets.token_hex(6))
    making: Owed = field(default_factory=Owed)
    made: list[Made] = field(default_factory=list)
    _saved: bytes = b""

    @classmethod
    def read(cls, path: Path) -> Ledger | None:
        """
        The state in a file; None if there is none.

        Raises
        ------
        StoreError
            If the file is not one.
        """
        try:
            saved = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            said = json.loads(saved)
            made = [
                Made(
                    _moment(one["occurrence"]),
                    one["file"],
                    one["title"],
                    one["lines"],
                    {channel: _owed(owed) for channel, owed in one["owed"].items()},
                )
                for one in said["made"]
            ]
            return cls(path, said["times"], _moment(said["done"]), said["token"], _owed(said["making"]), made, saved)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StoreError(f"{path} is no state of a schedule; move it away to count from now on") from None

    def save(self) -> None:
        """Make it durable, if it is not what the file says already."""
        said = asdict(self)
        del said["path"], said["_saved"]
        content = json.dumps(said, default=datetime.isoformat, ensure_ascii=False, indent=1).encode() + b"\n"
        if content != self._saved:
            atomic.replace(self.path, content)
            self._saved = content

    @property
    def owes(self) -> bool:
        """Whether a report was tried in vain, or a delivery is still to be made."""
        return bool(self.making.tries or any(one.owed for one in self.made))


def _owed(said: Mapping[str, Any]) -> Owed:
    return Owed(**{**said, "retry_at": said["retry_at"] and _moment(said["retry_at"])})


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
