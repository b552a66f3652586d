"""What stands out in a report, in sentences: changes that chance does not explain, bad days, checks beyond a limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from smsanalytics.reports.changes import Change, of_share
from smsanalytics.reports.checks import is_off
from smsanalytics.reports.data import Figures
from smsanalytics.reports.say import Say

POINT = 0.01  #: a smaller change is not worth a sentence
BAD_DAY = 0.03  #: so much below the whole period is
MOST = 7

Row = dict[Any, Any]
Found = tuple[float, str]  # messages that it is about, and the sentence


def findings(figures: Figures, say: Say) -> list[str]:
    """Return up to seven sentences, those about most messages first; checks of the data come last."""
    found = [*_groups(figures, say), *_causes(figures, say), *_days(figures, say)]
    found.sort(key=lambda one: -one[0])
    return [sentence for _, sentence in found][:MOST] + list(_checks(figures, say))


def worth_saying(change: Change) -> bool:
    """Whether a change of a share is neither small nor explained by chance."""
    return change.known and change.certain and abs(change.value) >= POINT


def _groups(figures: Figures, say: Say) -> Iterator[Found]:
    for name, by in (("operators", "operator"), ("senders", "sender")):
        before = {row[by]: row for row in figures.earlier[name].to_dict("records") if not pd.isna(row[by])}
        for row in figures.answers[name].to_dict("records"):
            if pd.isna(row[by]) or row[by] not in before:
                continue
            change = of_share(row, before[row[by]], "delivered", "submitted", may_come="pending")
            if worth_saying(change):
                sentence = say.text(
                    "found_rate",
                    what=say.text(f"found_{by}"),
                    name=f"\u2068{row[by]}\u2069",  # letters from right to left do not move what follows
                    now=say.percent(row["delivery_rate"]),
                    change=say.change(change),
                    low=say.hundred(change.low),
                    high=say.hundred(change.high),
                )
                yield abs(change.value) * row["submitted"], sentence


def _causes(figures: Figures, say: Say) -> Iterator[Found]:
    now, before = figures.row("delivery"), figures.row("delivery", earlier=True)
    if not now or not before:
        return
    for row in of_submitted(figures):
        change = row["change"]
        if change.certain and change.value >= POINT / 2:
            rate, was = (say.number(1000 * share, 1) for share in (row["share"], row["share_before"]))
            cause = say.cause(row["status"], row["err"])
            yield change.value * now["submitted"], say.text("found_cause", cause=cause, now=rate, before=was)


def of_submitted(figures: Figures) -> list[Row]:
    """Return the causes of failures, each with its share of all submitted messages and how that has changed."""
    now, before = figures.row("delivery"), figures.row("delivery", earlier=True)
    was = {_codes(row): row["n"] for row in figures.earlier["failures"].to_dict("records")}
    rows = []
    for row in figures.answers["failures"].to_dict("records"):
        counts = {**now, "n": row["n"]}
        counts_before = {**before, "n": was.get(_codes(row), 0)} if before else {}
        change = of_share(counts, counts_before, "n", "submitted", good=-1, may_come="pending")
        share_before = counts_before["n"] / counts_before["submitted"] if before else 0.0
        rows.append({**row, "share": row["n"] / now["submitted"], "share_before": share_before, "change": change})
    return rows


def _codes(row: Row) -> tuple[int | None, ...]:
    return tuple(None if pd.isna(row[name]) else int(row[name]) for name in ("status", "err"))


def _days(figures: Figures, say: Say) -> Iterator[Found]:
    whole = figures.row("delivery")
    for row in figures.answers["delivery_by_day"].to_dict("records") if whole else ():
        most = (row["delivered"] + row["pending"]) / row["submitted"]
        gap = whole["delivery_rate"] - most
        if gap >= BAD_DAY and row["delivery_rate_high"] < whole["delivery_rate"]:
            sentence = say.text(
                "found_day", day=say.day(row["day"]), now=say.percent(row["delivery_rate"]),
                n=say.whole(row["submitted"]), rate=say.percent(whole["delivery_rate"]),
            )  # fmt: skip
            yield gap * row["submitted"], sentence


def _checks(figures: Figures, say: Say) -> Iterator[str]:
    for row in figures.answers["health"].to_dict("records"):
        if is_off(row):
            yield say.text(
                "found_check", check=say(f"check_{row['check']}"), n=say.whole(row["n"]), of=say.whole(row["of"]),
                share=say.percent(row["share"]), action=say.advice(row["check"]),
            )  # fmt: skip
