"""Whether what was acknowledged is what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.collector.callbacks import Ids, Posts
from benchmarks.collector.generator import Sent


@dataclass
class Tally:
    """
    The ids that one server acknowledged in its life.

    Examples
    --------
    >>> tally = Tally([np.array([1, 2, 3])])
    >>> tally.judged([1, 3, 3, 4])
    {'acknowledged': 3, 'stored': 4, 'missing': 1, 'twice': 1, 'unasked': 1}
    """

    acknowledged: list[Ids] = field(default_factory=list)

    def add(self, posts: Posts, sent: Sent) -> None:
        """Take in what came of a load."""
        self.acknowledged.append(posts.ids(sent.acknowledged))

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.acknowledged))

    def judged(self, stored: Iterable[int]) -> dict[str, int]:
        """Counts of both, of what is missing in the store, in it twice, or there without having been acknowledged."""
        promised = np.concatenate([np.empty(0, np.int64), *self.acknowledged])
        found = np.fromiter(stored, np.int64)
        kept, times = np.unique(found, return_counts=True)
        return {
            "acknowledged": len(promised),
            "stored": len(found),
            "missing": len(np.setdiff1d(promised, kept)),
            "twice": int((times - 1).sum()),
            "unasked": len(np.setdiff1d(kept, promised)),
        }


def is_whole(judged: dict[str, int]) -> bool:
    """Whether the two are the same."""
    return judged["acknowledged"] == judged["stored"] and not judged["missing"] and not judged["twice"]
