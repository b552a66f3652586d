"""The headline of a report: a tile for each question, with its interval and its change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smsanalytics.reports.changes import Change, of_amount, of_share
from smsanalytics.reports.checks import is_off
from smsanalytics.reports.data import Figures
from smsanalytics.reports.say import Say

Row = dict[Any, Any]


@dataclass(frozen=True)
class Tile:
    """
    One figure of the headline.

    Attributes
    ----------
    label, text : str
        What it is, and its value in words.
    value : float or None
        The value; None where there is none.
    notes : tuple of str
        What to know about it: interval, denominator, what may yet come.
    change : Change or None
        Against the period before; None if it is not compared.
    """

    label: str
    text: str
    value: float | None
    notes: tuple[str, ...] = ()
    change: Change | None = None


def tiles(figures: Figures, say: Say) -> list[Tile]:
    """Return the tiles of a report, in order."""
    return [tile for make in TILES for tile in make(figures, say)]


def _delivery(figures: Figures, say: Say) -> Iterator[Tile]:
    now, before = figures.row("delivery"), figures.row("delivery", earlier=True)
    change = of_share(now, before, "delivered", "submitted", may_come="pending")
    yield _of_share("tile_delivery", now, "delivery_rate", ("delivered", "submitted"), say, change, _may_rise(now, say))
    notes = (say.text("excluded", n=say.whole(figures.answers["delivery"].attrs["excluded_n"])),)
    number = int(now["submitted"]) if now else 0
    yield Tile(say.text("tile_submitted"), say.whole(number), number, notes, _of_count(now, before, "submitted"))


def _may_rise(row: Row, say: Say) -> tuple[str, ...]:
    if not row or not row["pending"]:
        return ()
    high = (row["delivered"] + row["pending"]) / row["submitted"]
    low, high = say.percent(row["delivery_rate"]), say.percent(high)
    return (say.text("may_rise", pending=say.whole(row["pending"]), low=low, high=high),)


def _latency(figures: Figures, say: Say) -> Iterator[Tile]:
    now, before = (_with_hits(figures.row("latency", earlier=earlier)) for earlier in (False, True))
    change = of_share(now, before, "hits", "n_within_30s")
    timed = now.get("n_timed", 0) > 0
    median = say.text("median", p50=say.seconds(now["p50"]), p95=say.seconds(now["p95"])) if timed else ""
    note = median or say.text("no_time")
    yield _of_share("tile_within", now, "within_30s", ("hits", "n_within_30s"), say, change, (note,))


def _with_hits(row: Row) -> Row:
    """How many arrived within 30 s, which the share and its denominator tell."""
    known = row.get("n_within_30s", 0) > 0
    return row and row | {"hits": round(row["within_30s"] * row["n_within_30s"]) if known else 0}


def _inbound(figures: Figures, say: Say) -> Iterator[Tile]:
    now, before, replies = figures.row("inbound"), figures.row("inbound", earlier=True), figures.row("replies")
    number = int(now["incoming"]) if now else 0
    senders = say.whole(now["senders"] if now else 0)
    note = say.text("senders_only", senders=senders)
    if replies and replies["recipients"]:
        rate, low, high = (say.percent(replies[f"reply_rate{end}"]) for end in ("", "_low", "_high"))
        note = say.text("senders_replies", senders=senders, rate=rate, low=low, high=high)
    yield Tile(say.text("tile_inbound"), say.whole(number), number, (note,), _of_count(now, before, "incoming"))


def _confirmations(figures: Figures, say: Say) -> Iterator[Tile]:
    now, before = figures.row("confirmations"), figures.row("confirmations", earlier=True)
    change = of_share(now, before, "confirmed", "requests", may_come="open")
    notes: tuple[str, ...] = ()
    if now and not pd.isna(now["p50"]):
        notes = (say.text("half_confirmed", p50=say.seconds(now["p50"])),)
    elif now and now["calls"]:
        notes = (say.text("calls_only", calls=say.whole(now["calls"])),)
    yield _of_share("tile_confirmations", now, "confirmation_success", ("confirmed", "requests"), say, change, notes)


def _cost(figures: Figures, say: Say) -> Iterator[Tile]:
    before = {row["account"]: row for row in figures.earlier["cost"].to_dict("records")}
    for row in figures.answers["cost"].to_dict("records"):
        if row["n_cost_unknown"] == row["submitted"]:
            continue
        one = None if pd.isna(row["cost_per_delivered"]) else float(row["cost_per_delivered"])
        notes = [say.text("account_currency", account=row["account"])]
        if row["n_cost_unknown"]:
            notes.append(say.text("cost_unknown", n=say.whole(row["n_cost_unknown"])))
        notes.append(say.text("total_cost", cost=say.number(row["cost"], 2)))
        change = of_amount(one, before.get(row["account"], {}).get("cost_per_delivered"))
        yield Tile(say.text("tile_cost"), "—" if one is None else say.number(one, 2), one, tuple(notes), change)


def _health(figures: Figures, say: Say) -> Iterator[Tile]:
    checks = figures.answers["health"].to_dict("records")
    off = sum(bool(is_off(row)) for row in checks)
    [coverage] = [row for row in checks if row["check"] == "coverage"]
    counted = any(is_off(row) is not None for row in checks)
    notes = (say.text("checks_off", n=off) if off else say.text("checks_fine" if counted else "no_verdict"),)
    if pd.isna(coverage["share"]):
        yield Tile(say.text("tile_coverage"), "—", None, (say.text("no_sends"), *notes))
    else:
        part = say.text("of_n", part=say.whole(coverage["n"]), whole=say.whole(coverage["of"]))
        share = coverage["share"]
        yield Tile(say.text("tile_coverage"), say.percent(share), share, (part, *notes))


TILES: tuple[Callable[[Figures, Say], Iterator[Tile]], ...] = (
    _delivery, _latency, _inbound, _confirmations, _cost, _health,
)  # fmt: skip


def _of_share(
    label: str, row: Row, name: str, counts: tuple[str, str], say: Say, change: Change, notes: tuple[str, ...]
) -> Tile:
    if not row or pd.isna(row[name]):
        return Tile(say.text(label), "—", None, (say.text("nothing"), *notes))
    part, whole = (say.whole(row[count]) for count in counts)
    said = (say.share(row, name), say.text("of_n", part=part, whole=whole))
    return Tile(say.text(label), say.percent(row[name]), float(row[name]), (*said, *notes), change)


def _of_count(now: Row, before: Row, name: str) -> Change:
    return of_amount(now.get(name, 0), before.get(name))
