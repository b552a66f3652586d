"""How much is admitted of what should hardly come: refused callbacks, wrong tokens."""

from __future__ import annotations

from collections import defaultdict

DAY = 86_400.0


class Allowance:
    """
    So much at once; what was used comes back evenly over time, and never makes it more than whole.

    Parameters
    ----------
    whole : float
        How much.
    seconds : float
        After which it is whole again when all of it was used.

    Examples
    --------
    >>> guesses = Allowance(2, seconds=60.0)
    >>> [guesses.take(1, now=0.0) for _ in range(3)], guesses.take(1, now=30.0)
    ([True, True, False], True)
    """

    def __init__(self, whole: float, seconds: float) -> None:
        self._whole, self._per_second, self._left, self._at = whole, whole / seconds, whole, 0.0

    def has(self, amount: float, now: float) -> bool:
        """Whether so much is left at a moment, of a clock that hardly goes back. [s]"""
        self._left = min(self._whole, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = max(self._at, now)
        return amount <= self._left

    def take(self, amount: float, now: float) -> bool:
        """Use so much, if it is left."""
        if has := self.has(amount, now):
            self._left -= amount
        return has


class Quota:
    """
    How much of the refused callbacks of an account is kept: of any span of time its bytes, and those of one more day.

    Half of it is for bodies of the right shape only, those that another secret may verify: however much garbage comes,
    there is room for them.

    Parameters
    ----------
    bytes_per_day : float
        Of one account: what its lines take in the journal.
    """

    def __init__(self, bytes_per_day: float) -> None:
        half = bytes_per_day / 2
        self._of = defaultdict[str, tuple[Allowance, Allowance]](lambda: (Allowance(half, DAY), Allowance(half, DAY)))

    def admits(self, account: str, size: int, *, shaped: bool, now: float) -> bool:
        """Whether a line of so many bytes is kept, and then counted; `shaped` if only the hash of its body is wrong."""
        common, reserved = self._of[account]
        return (shaped and reserved.take(size, now)) or common.take(size, now)
