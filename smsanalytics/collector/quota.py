"""How much of what is refused is kept: so much a day of each account, half of it for what may be recovered."""

from __future__ import annotations

from dataclasses import dataclass

DAY = 86_400.0


class Quota:
    """
    Allowances of refused callbacks, one per account, replenished continuously.

    Half of an allowance is for bodies of the right shape only, those that another secret may verify: however much
    garbage comes, there is room for them. An allowance that was not used for a day is whole, and no more than whole,
    so of any span of time at most the bytes of that span and of one more day are kept.

    Parameters
    ----------
    bytes_per_day : float
        Of one account: what its lines take in the journal.
    """

    def __init__(self, bytes_per_day: float) -> None:
        self._half = bytes_per_day / 2
        self._left: dict[str, _Left] = {}

    def admits(self, account: str, size: int, *, shaped: bool, now: float) -> bool:
        """
        Whether a callback is kept; if so it is counted as kept.

        Parameters
        ----------
        account : str
            One of the settings.
        size : int
            Of its line in the journal, which is never empty. [bytes]
        shaped : bool
            It can be read, has the right shape, and only its hash is wrong.
        now : float
            On a clock that does not go back. [s]

        Examples
        --------
        >>> quota = Quota(1000)
        >>> [quota.admits("shop", 300, shaped=False, now=0.0) for _ in range(3)]
        [True, False, False]
        >>> [quota.admits("shop", 300, shaped=True, now=0.0) for _ in range(3)]
        [True, False, False]
        """
        left = self._left.setdefault(account, _Left(self._half, self._half, now))
        grown = max(0.0, now - left.at) * self._half / DAY
        left.common, left.reserved = min(self._half, left.common + grown), min(self._half, left.reserved + grown)
        left.at = max(left.at, now)
        if shaped and size <= left.reserved:
            left.reserved -= size
        elif size <= left.common:
            left.common -= size
        else:
            return False
        return True


@dataclass
class _Left:
    common: float
    reserved: float
    at: float
