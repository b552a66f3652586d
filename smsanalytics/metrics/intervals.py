"""Wilson score intervals, and those of the difference of two shares."""

from __future__ import annotations

from math import sqrt

import narwhals as nw

Z95 = 1.959963984540054  #: quantile 0.975 of the standard normal distribution


def wilson(count: str, n: str, name: str) -> dict[str, nw.Expr]:
    """
    A share with its Wilson 95 % interval [1]_, as columns.

    It stays within 0 and 1 and keeps its promise for small n and for shares near 0 or 1, where the textbook
    interval ``p ± 1.96·√(p(1-p)/n)`` does not.

    Parameters
    ----------
    count, n : str
        Columns: the successes and the denominator.
    name : str
        Of the share.

    Returns
    -------
    dict of str to nw.Expr
        ``<name>``, ``<name>_low``, ``<name>_high``; all three NULL where the denominator is 0.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"delivered": [8, 0], "submitted": [10, 3]}))
    >>> frame.with_columns(**wilson("delivered", "submitted", "rate")).to_native().round(3)
       delivered  submitted  rate  rate_low  rate_high
    0          8         10   0.8      0.49      0.943
    1          0          3   0.0      0.00      0.561
    """
    hits, size = nw.col(count).cast(nw.Float64), nw.col(n).cast(nw.Float64)
    known = nw.when(nw.col(n) > 0)
    middle = hits + Z95**2 / 2
    half = Z95 * (hits * (size - hits) / size + Z95**2 / 4).sqrt()
    whole = size + Z95**2
    low = nw.when(nw.col(count) > 0).then((middle - half) / whole).otherwise(0.0)
    high = nw.when(nw.col(count) < nw.col(n)).then((middle + half) / whole).otherwise(1.0)
    return {name: known.then(hits / size), f"{name}_low": known.then(low), f"{name}_high": known.then(high)}


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
    (low, high), (low_before, high_before) = _wilson(count, n), _wilson(count_before, n_before)
    change = share - share_before
    return (
        change,
        change - sqrt((share - low) ** 2 + (high_before - share_before) ** 2),
        change + sqrt((high - share) ** 2 + (share_before - low_before) ** 2),
    )


def _wilson(count: int, n: int) -> tuple[float, float]:
    middle, half, whole = count + Z95**2 / 2, Z95 * sqrt(count * (n - count) / n + Z95**2 / 4), n + Z95**2
    return (middle - half) / whole if count else 0.0, (middle + half) / whole if count < n else 1.0
