"""How much of what was refused is kept."""

from __future__ import annotations

DAY = 86_400.0


class Quota:
    """Stand-in."""

    def __init__(self, bytes_per_day: int) -> None:
        self._most = bytes_per_day

    def admits(self, account: str, size: int, *, shaped: bool, now: float) -> bool:
        """Whether it is kept."""
        return True
