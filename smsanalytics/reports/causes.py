"""Why messages failed, in plain words, and what to do about each cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smsanalytics.reports.changes import Change
from smsanalytics.reports.data import Figures
from smsanalytics.reports.findings import of_submitted
from smsanalytics.reports.say import Say

MOST = 8  #: causes with a paragraph of their own


@dataclass(frozen=True)
class Cause:
    """
    A cause of failures.

    Attributes
    ----------
    name, meaning, action : str
        Its short name with the codes, the sentence of the code table where that says more, and what to do.
    n : int
        Messages that failed so.
    share, low, high : float
        Of all failed messages, with the Wilson 95 % interval.
    per_thousand : float
        Of all submitted messages. [per 1000]
    change : Change
        Of its share of all submitted messages.
    """

    name: str
    meaning: str
    action: str
    n: int
    share: float
    low: float
    high: float
    per_thousand: float
    change: Change


def causes(figures: Figures, say: Say) -> list[Cause]:
    """Return the commonest causes, the commonest first."""
    return [_cause(row, say) for row in of_submitted(figures)[:MOST]]


def _cause(row: dict[Any, Any], say: Say) -> Cause:
    codes = row["status"], row["err"]
    name, meaning = say.cause(*codes), say.meaning(*codes)
    return Cause(
        name=name,
        meaning="" if name.startswith(f"{meaning} ·") else meaning,
        action=say.action(*codes),
        n=int(row["n"]),
        share=float(row["failure_share"]),
        low=float(row["failure_share_low"]),
        high=float(row["failure_share_high"]),
        per_thousand=1000 * row["share"],
        change=row["change"],
    )


def rarer(figures: Figures, say: Say) -> str:
    """Return how many causes have no paragraph, and how many messages failed so; empty if there are none."""
    rest = figures.answers["failures"]["n"].iloc[MOST:]
    return say.text("other_causes", n=say.number(len(rest)), messages=say.whole(rest.sum())) if len(rest) else ""
