"""Why messages failed, in plain words, and what to do about each cause."""

from __future__ import annotations

from dataclasses import dataclass

from smsanalytics.report.changes import Change
from smsanalytics.report.figures import Figures
from smsanalytics.report.findings import of_submitted
from smsanalytics.report.say import Say

MOST = 8  #: causes with a paragraph of their own


@dataclass(frozen=True)
class Cause:
    """
    A cause of failures.

    Attributes
    ----------
    name, meaning, action : str
        Its short name with the codes, the sentence of the code table, and what to do.
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
    return [
        Cause(
            say.cause(row["status"], row["err"]), say.meaning(row["status"], row["err"]),
            say.action(row["status"], row["err"]), int(row["n"]), float(row["failure_share"]),
            float(row["failure_share_low"]), float(row["failure_share_high"]), 1000 * row["share"], row["change"],
        )
        for row in of_submitted(figures)[:MOST]
    ]  # fmt: skip


def rarer(figures: Figures, say: Say) -> str:
    """Return how many causes have no paragraph, and how many messages failed so; empty if there are none."""
    rest = figures.answers["failures"]["n"].iloc[MOST:]
    return say.text("other_causes", n=say.number(len(rest)), messages=say.whole(rest.sum())) if len(rest) else ""
