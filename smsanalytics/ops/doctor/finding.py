"""What one look found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  #: may be meant so
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """
    One line of the doctor.

    Attributes
    ----------
    check : str
        What was looked at.
    state : State
        How bad it is.
    found : str
        What was found.
    todo : str
        What to do about it; empty where nothing is to be done.
    """

    check: str
    state: State
    found: str
    todo: str = ""

    def __str__(self) -> str:
        """
        As it is printed.

        Examples
        --------
        >>> print(warn("clock", "nothing keeps it right", "run an NTP client"))
        warn  clock: nothing keeps it right; run an NTP client
        """
        return f"{self.state:<4}  {self.check}: {self.found}{'; ' if self.todo else ''}{self.todo}"


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, found)


def warn(check: str, found: str, todo: str) -> Finding:
    """May be meant so."""
    return Finding(check, State.WARN, found, todo)


def fail(check: str, found: str, todo: str) -> Finding:
    """Must not be."""
    return Finding(check, State.FAIL, found, todo)
