"""Wilson score intervals, and those of the difference of two shares."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

Z95 = 1.959963984540054  #: quantile 0.975 of the standard normal distribution


def with_shares(frame: Any, shares: Mapping[str, tuple[str, str]]) -> Any:
    """
    Add shares, each with its Wilson 95 % interval [1]_.

    It stays within 0 and 1 and keeps its promise for small n and for shares near 0 or 1, where the textbook
    interval ``p ± 1.96·√(p(1-p)/n)`` does not.

    Parameters
    ----------
    frame : nw.DataFrame or nw.LazyFrame
        With the columns that are named in `shares`.
    shares : mapping of str to (str, str)
        A share's name to its numerator and denominator.

    Returns
    -------
    The frame, with ``<name>``, ``<name>_low`` and ``<name>_high`` added; all three missing where the denominator is 0.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"delivered": [8, 0], "submitted": [10, 3]}))
    >>> with_shares(frame, {"rate": ("delivered", "submitted")}).to_native().round(3)
       delivered  submitted  rate  rate_low  rate_high
    0          8         10   0.8      0.49      0.943
    1          0          3   0.0      0.00      0.561
    """
    columns: dict[str, Any] = {}
    for name, (count, n) in shares.items():
        hits, size = _numbers(frame, count, n)
        low, high = wilson(hits, size)
        columns |= {name: hits / size, f"{name}_low": low, f"{name}_high": high}
    if not frame.implementation.is_pandas():
        return frame.with_columns(**columns)
    plain = frame.to_native()
    return nw.from_native(pd.concat([plain, pd.DataFrame(columns, index=plain.index)], axis=1))


def _numbers(frame: Any, count: str, n: str) -> tuple[Any, Any]:
    """Both as floats, the denominator missing where it is 0: arrays on pandas, whose own steps take far longer."""
    if frame.implementation.is_pandas():
        hits, size = (frame.to_native()[name].to_numpy("float64") for name in (count, n))
        return hits, np.where(size > 0, size, np.nan)
    hits, size = (nw.col(name).cast(nw.Float64) for name in (count, n))
    return hits, nw.when(size > 0).then(size)


def wilson(count: Any, n: Any) -> tuple[Any, Any]:
    """
    The Wilson 95 % interval of a share, of numbers, arrays or expressions alike.

    Each end is a root of a quadratic equation, in the form that is exact for a share of 0 or 1.

    Examples
    --------
    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]
    """
    return _low(count, n), 1 - _low(n - count, n)


def _low(count: Any, n: Any) -> Any:
    share = count / n
    return share * count / (count + Z95**2 / 2 + (count * (1 - share) + Z95**2 / 4) ** 0.5 * Z95)


def difference(count: int, n: int, count_before: int, n_before: int) -> tuple[float, float, float]:
    """
    How much a share has changed, with its 95 % interval: Newcombe's, made of two of Wilson's [1]_.

    Parameters
    ----------
    count, n : int
        Successes and denominator now.
    count_before, n_before : int
        Those it is compared with.

    Returns
    -------
    tuple of three float
        The difference of the shares, and its lowest and highest plausible value; NaN where a denominator is 0. [-1..1]

    References
    ----------
    .. [1] R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
       methods", Statistics in Medicine 17 (1998) 873-890, method 10.

    Examples
    --------
    >>> [round(value, 4) for value in difference(56, 70, 48, 80)]
    [0.2, 0.0524, 0.3339]
    """
    if not n or not n_before:
        return (float("nan"),) * 3
    share, share_before = count / n, count_before / n_before
    (low, high), (low_before, high_before) = wilson(count, n), wilson(count_before, n_before)
    change = share - share_before
    return (
        change,
        change - sqrt((share - low) ** 2 + (high_before - share_before) ** 2),
        change + sqrt((high - share) ** 2 + (share_before - low_before) ** 2),
    )
