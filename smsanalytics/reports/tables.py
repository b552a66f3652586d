"""Tables of a report: a row for each group, its share drawn beside its figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from smsanalytics.reports.changes import Change, of_share
from smsanalytics.reports.checks import is_off
from smsanalytics.reports.data import Figures
from smsanalytics.reports.say import Say

LONGEST = 20  #: groups of a table; more are not shown, and a line says so
TINY = 0.01  #: a group with a smaller part of all is not what the scale of a table is for
STATES = ("delivered", "failed", "pending", "stuck", "unknown")

Row = dict[Any, Any]


@dataclass(frozen=True)
class Cell:
    """
    One cell.

    Attributes
    ----------
    text : str
        As people read it.
    value : float or None
        As programs do; None for words and where there is no figure.
    note : str
        In small letters behind it.
    bar : tuple of three float, optional
        Low end, middle and high end of a share, drawn. [0..100 of the scale]
    verdict : str
        ``better``, ``worse``, ``unsure`` or empty.
    """

    text: str
    value: float | None = None
    note: str = ""
    bar: tuple[float, float, float] | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its heading, whether it holds figures, and whether a phone has room for it."""

    label: str
    figures: bool = True
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """A table: what it is of, its columns and rows, and what is left out or drawn."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)


def outcomes(figures: Figures, say: Say) -> Table:
    """Return what became of the messages, beside the period before."""
    now, before = figures.row("delivery"), figures.row("delivery", earlier=True)
    columns = [
        Column(say.text("outcome"), figures=False),
        Column(say.text("messages"), wide=True),
        Column(say.text("share")),
        Column(say.text("before"), wide=True),
        Column(say.text("changed")),
    ]
    rows = []
    for state in STATES:
        name = "delivery_rate" if state == "delivered" else f"{state}_share"
        good = {"delivered": 1, "failed": -1, "stuck": -1}.get(state, 0)
        change = of_share(now, before, state, "submitted", good=good, may_come="pending" if good else "")
        rows.append([
            Cell(say.text(state)), _count(now[state], say), _share(now, name, say),
            _share(before, name, say) if before else Cell("—"), _change(change, say),
        ])  # fmt: skip
    return Table("outcomes", columns, rows)


def deliveries(figures: Figures, name: str, by: str, say: Say) -> Table:
    """Return delivery rates by group, beside the period before."""
    counts = ["submitted", "delivered", "failed", "pending"]
    return _rates(figures, name, by, "delivery_rate", counts, say, wide=counts[1:])


def purposes(figures: Figures, say: Say) -> Table:
    """Return which confirmation requests were confirmed, by what they were for."""
    counts = ["requests", "confirmed"]
    return _rates(figures, "confirmations_by_purpose", "purpose", "confirmation_success", counts, say)


def _rates(
    figures: Figures, name: str, by: str, rate: str, counts: Sequence[str], say: Say, *, wide: Sequence[str] = ()
) -> Table:
    """The groups of a rate, the largest first; of `counts` the first is its denominator, the second what counts."""
    frame, earlier = figures.answers[name], figures.earlier.get(name)
    whole, part = counts[:2]
    found = frame[frame[whole] > 0].sort_values(whole, ascending=False, kind="stable")
    shown = found.head(LONGEST).to_dict("records")
    low, high = _scale(found.head(LONGEST), by, rate, whole)
    before = {} if earlier is None else {_key(row[by]): row for row in earlier.to_dict("records")}
    columns = [Column(say.column(by), figures=False)]
    columns += [Column(say.text(count), wide=count in wide) for count in counts]
    columns += [Column(say.text("rate")), Column(say.text("drawn"), figures=False, wide=True)]
    columns += [Column(say.text("changed"))] * (earlier is not None)
    rows = []
    for row in shown:
        bar = [100 * (row[f"{rate}{end}"] - low) / (high - low) for end in ("_low", "", "_high")]
        bar = [min(max(place, 0.0), 100.0) for place in bar]
        cells = [Cell(say.value(by, row[by])), *(_count(row[count], say) for count in counts)]
        cells += [_share(row, rate, say), Cell("", bar=(bar[0], bar[1], bar[2]))]
        if earlier is not None:
            was = before.get(_key(row[by]))
            change = of_share(row, was or {}, part, whole, may_come="pending")
            cells.append(_change(change, say) if was or earlier.empty else Cell(say.text("new")))
        rows.append(cells)
    scale = say.text("scale", low=say.percent(low), high=say.percent(high))
    return Table(name, columns, rows, [scale, *_dropped(len(found), say)])


def times(figures: Figures, say: Say) -> Table:
    """Return the quantiles of the delivery time by operator, the largest first."""
    found = figures.answers["latency_by_operator"].sort_values("n_timed", ascending=False, kind="stable")
    columns = [Column(say.column("operator"), figures=False), Column(say.text("n_timed"), wide=True),
               *(Column(name, wide=name in ("p90", "p99")) for name in ("p50", "p90", "p95", "p99")),
               Column(say.text("within"))]  # fmt: skip
    rows = [
        [Cell(say.value("operator", row["operator"])), _count(row["n_timed"], say),
         *(_seconds(row[name], say) for name in ("p50", "p90", "p95", "p99")), _share(row, "within_30s", say)]
        for row in found.head(LONGEST).to_dict("records")
    ]  # fmt: skip
    return Table("latency_by_operator", columns, rows, _dropped(len(found), say))


def numbers(figures: Figures, say: Say) -> Table:
    """Return what came in, by receiving number."""
    found = figures.answers["inbound_by_number"].sort_values("incoming", ascending=False, kind="stable")
    columns = [Column(say.column("to_number"), figures=False), Column(say.text("incoming")),
               Column(say.text("senders_n"))]  # fmt: skip
    rows = [
        [Cell(say.value("to_number", row["to_number"])), _count(row["incoming"], say), _count(row["senders"], say)]
        for row in found.head(LONGEST).to_dict("records")
    ]
    return Table("inbound_by_number", columns, rows, _dropped(len(found), say))


def costs(figures: Figures, say: Say) -> Table:
    """Return parts and cost by account and sender."""
    found = figures.answers["cost_by_sender"].sort_values("submitted", ascending=False, kind="stable")
    amounts: dict[str, Callable[[Row], Cell]] = {
        "submitted": lambda row: _count(row["submitted"], say),
        "parts": lambda row: _amount(row["parts_per_message"], say),
        "total": lambda row: _amount(row["cost"] if row["n_cost_unknown"] < row["submitted"] else None, say),
        "each": lambda row: _amount(row["cost_per_delivered"], say),
        "no_cost": lambda row: _count(row["n_cost_unknown"], say),
    }
    columns = [Column(say.column("account"), figures=False), Column(say.column("sender"), figures=False),
               *(Column(say.text(label), wide=label in ("parts", "no_cost")) for label in amounts)]  # fmt: skip
    rows = [
        [Cell(say.value("account", row["account"])), Cell(say.value("sender", row["sender"])),
         *(cell(row) for cell in amounts.values())]
        for row in found.head(LONGEST).to_dict("records")
    ]  # fmt: skip
    return Table("cost_by_sender", columns, rows, _dropped(len(found), say))


def checks(figures: Figures, say: Say) -> Table:
    """Return the checks of the data, with what to do where one is beyond its limit."""
    columns = [Column(say.text("check"), figures=False), Column(say.text("n")), Column(say.text("of"), wide=True),
               Column(say.text("share")), Column(say.text("verdict"), figures=False)]  # fmt: skip
    rows = []
    for row in figures.answers["health"].to_dict("records"):
        off = is_off(row)
        verdict = Cell(say.text("no_verdict" if off is None else "look" if off else "fine"),
                       note=say.advice(row["check"]) if off else "", verdict="worse" if off else "")  # fmt: skip
        share = None if pd.isna(row["share"]) else float(row["share"])
        rows.append([
            Cell(say(f"check_{row['check']}")), _count(row["n"], say), _count(row["of"], say),
            Cell("—" if share is None else say.percent(share), share), verdict,
        ])  # fmt: skip
    return Table("health", columns, rows)


def _key(value: Any) -> Any:
    return None if pd.isna(value) else value


def _count(value: Any, say: Say) -> Cell:
    return Cell(say.whole(value), None if pd.isna(value) else int(value))


def _amount(value: Any, say: Say) -> Cell:
    return Cell("—") if value is None or pd.isna(value) else Cell(say.number(value, 2), float(value))


def _seconds(value: Any, say: Say) -> Cell:
    return Cell(say.seconds(value), None if pd.isna(value) else int(value))


def _share(row: Mapping[Any, Any], name: str, say: Say) -> Cell:
    if pd.isna(row[name]):
        return Cell("—")
    low, high = (row[f"{name}_{end}"] for end in ("low", "high"))
    return Cell(say.percent(row[name]), float(row[name]), note=f"{say.percent(low)} – {say.percent(high)}")


def _change(change: Change, say: Say) -> Cell:
    if not change.known:
        return Cell("—")
    note = "" if pd.isna(change.low) else f"{say.hundred(change.low)} … {say.hundred(change.high)}"
    return Cell(
        say.change(change), change.value, note=note, verdict=change.verdict or ("" if change.certain else "unsure")
    )


def _scale(frame: pd.DataFrame, by: str, rate: str, whole: str) -> tuple[float, float]:
    """Round shares around the intervals of all groups that have a name and are not tiny."""
    named = frame[frame[by].notna() & (frame[whole] >= TINY * frame[whole].sum())]
    frame = named if len(named) else frame
    low, high = frame[f"{rate}_low"].min(), frame[f"{rate}_high"].max()
    if pd.isna(low):
        return 0.0, 1.0
    low, high = math.floor(20 * low) / 20, math.ceil(20 * high) / 20
    return (low, high) if high > low else (max(0.0, low - 0.05), min(1.0, low + 0.05))


def _dropped(count: int, say: Say) -> list[str]:
    return [say.text("largest", drawn=say.number(LONGEST), all=say.number(count))] if count > LONGEST else []
