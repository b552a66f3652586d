"""What one look at a store found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """
    One thing that is not as it must be.

    Attributes
    ----------
    where : str
        The file or directory.
    found : str
        What is wrong with it.
    todo : str
        What to do about it.
    """

    where: str
    found: str
    todo: str

    def __str__(self) -> str:
        """
        As it is printed.

        Examples
        --------
        >>> print(Finding("data/messages/live.json", "is damaged", "`smsanalytics maintain` makes it anew"))
        data/messages/live.json: is damaged; `smsanalytics maintain` makes it anew
        """
        return f"{self.where}: {self.found}; {self.todo}"


Watch = Callable[[Sequence[Any], str], Iterable[Any]]  #: hands work out piece by piece, and shows how far it is


def unwatched(work: Sequence[Any], what: str) -> Iterable[Any]:
    """Hand work out, and show nothing."""
    return work


def number_of(count: int, what: str) -> str:
    """
    A count with its noun.

    Examples
    --------
    >>> number_of(1, "row"), number_of(1204, "row")
    ('1 row', '1,204 rows')
    """
    return f"{count:,} {what}" + ("" if count == 1 else "s")
