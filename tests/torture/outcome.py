"""What a scenario of the torture found."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field


class Unable(Exception):
    """This machine cannot run a scenario, a container without loop devices for one; the text says what is missing."""


class NotInstalled(Unable):
    """A program is missing that could be there."""


def need(program: str) -> str:
    """Where a program is."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise NotInstalled(f"{program} is not installed")
    return found


@dataclass
class Outcome:
    """
    Counts of one scenario; all but the first two must be 0.

    Attributes
    ----------
    rounds : int
        Power cuts, kills, injected errors, hostile requests …: how often it was tried.
    acknowledged : int
        Callbacks answered with 200.
    missing, twice : int
        Acknowledged ones that the store does not hold, or holds more than once.
    unintended : int
        Answers of 5xx that nothing of the scenario explains.
    forged : int
        Callbacks stored that nobody signed.
    wrong : list of str
        Whatever else was not as it must be, in words.
    note : str
        What to know when reading the line, such as a peak of memory.
    """

    rounds: int = 0
    acknowledged: int = 0
    missing: int = 0
    twice: int = 0
    unintended: int = 0
    forged: int = 0
    wrong: list[str] = field(default_factory=list)
    note: str = ""

    def add(self, other: Outcome) -> None:
        """Count what another one counted."""
        for name in ("acknowledged", "missing", "twice", "unintended", "forged", "wrong"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def faults(self) -> dict[str, object]:
        """What must not be; empty if all is well."""
        found = {name: getattr(self, name) for name in ("missing", "twice", "unintended", "forged", "wrong")}
        return {name: value for name, value in found.items() if value}
