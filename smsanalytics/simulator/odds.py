"""How likely things are."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Odds(Generic[T]):
    """
    Things, each as likely as its weight is large.

    Examples
    --------
    >>> Odds({"heads": 1, "tails": 1, "edge": 0}).pick(random.Random(1))
    'heads'
    """

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._things = tuple(weights)
        self._up_to = tuple(itertools.accumulate(weights.values()))

    def pick(self, chance: random.Random) -> T:
        """One of them."""
        last = len(self._things) - 1
        return self._things[bisect.bisect(self._up_to, chance.random() * self._up_to[-1], 0, last)]
