"""A group whose counts are not the true ones: what was found, what is true, and how to put it in words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Counts = Mapping[str, int | None]
GROUPS = 5  #: of a question that are put in words


@dataclass(frozen=True)
class Difference:
    """
    One group of one question whose counts differ from the truth.

    Attributes
    ----------
    question : str
        Name of the metric.
    group : mapping of str to str
        Value of each column the question is grouped by; empty for all rows together.
    found, true : mapping of str to int, or None
        All counts of the group, under the same names; None where that side has no such group.
    """

    question: str
    group: Mapping[str, str]
    found: Counts | None
    true: Counts | None


def differences(
    question: str,
    by: Sequence[str],
    found: Mapping[tuple[str, ...], Counts],
    true: Mapping[tuple[str, ...], Counts],
) -> list[Difference]:
    """
    Compare the groups of one answer with the true ones.

    Parameters
    ----------
    question : str
        Name of the metric.
    by : sequence of str
        Columns it is grouped by.
    found, true : mapping of tuple of str to counts
        Counts of each group, by its values of these columns.

    Returns
    -------
    list of Difference
        One for each group that is not the same on both sides, in the order of the values.

    Examples
    --------
    >>> [one] = differences("inbound_volume", ["day"], {}, {("2026-11-21",): {"incoming": 2}})
    >>> one.group, one.found, one.true
    ({'day': '2026-11-21'}, None, {'incoming': 2})
    """
    return [
        Difference(question, dict(zip(by, group, strict=True)), found.get(group), true.get(group))
        for group in sorted(found.keys() | true.keys())
        if found.get(group) != true.get(group)
    ]


def in_words(several: Iterable[Difference]) -> list[str]:
    """
    Put differences in words, a line for each group; only the first groups of a question are named.

    Parameters
    ----------
    several : iterable of Difference
        Those of the same question side by side.

    Examples
    --------
    >>> found, true = {"submitted": 1204, "failed": 7}, {"submitted": 1190, "failed": 7}
    >>> in_words([Difference("delivery_rate", {"operator": "MTS"}, found, true)])
    ['delivery_rate by operator: operator MTS: submitted 1,204 (in truth 1,190)']
    """
    lines = []
    for title, alike in itertools.groupby(several, _title):
        groups = list(alike)
        lines += [f"{title}: {_group(one)}" for one in groups[:GROUPS]]
        if (more := len(groups) - GROUPS) > 0:
            lines.append(f"{title}: and {more:,} more {'group' if more == 1 else 'groups'}")
    return lines


def _title(one: Difference) -> str:
    return f"{one.question} by {', '.join(one.group)}" if one.group else f"{one.question} overall"


def _group(one: Difference) -> str:
    name = ", ".join(f"{column} {value or '(not reported)'}" for column, value in one.group.items())
    if one.found is None or one.true is None:
        side, only = ("truth", one.true) if one.found is None else ("store", one.found)
        counts = ", ".join(f"{count} {_number(number)}" for count, number in (only or {}).items() if number)
        return f"{name or 'all'}, in the {side} only: {counts or 'all counts 0'}"
    differing = [
        f"{count} {_number(one.found[count])} (in truth {_number(true)})"
        for count, true in one.true.items()
        if one.found[count] != true
    ]
    return ": ".join([*([name] if name else []), ", ".join(differing)])


def _number(count: int | None) -> str:
    return "none" if count is None else f"{count:,}"
