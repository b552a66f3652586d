"""The result as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.store.questions import QUESTIONS
from benchmarks.store.rounds import MAIN

WAYS = {
    "api": "API",
    "sql": "SQL by hand",
    "scan": "reading only",
    "raw": "SQL, raw events",
    "pandas_memory": "pandas, in memory",
    "polars_memory": "Polars, in memory",
}


def show(result: Mapping[str, Any]) -> None:
    """Print it."""
    console = Console(width=160, highlight=False)
    history, told = result["history"], result["questions"]
    size = history["size"]
    title = f"{history['days']} days, {size['messages']:,} messages, {size['events']:,} events; seconds and peak memory"
    table = Table("question", *WAYS.values(), title=f"{title}; rounds: {len(result['rounds'])}")
    for name in result["asked"]:
        table.add_row(QUESTIONS[name].title, *(_cell(told.get(f"store/{name}/{way}")) for way in WAYS))
    console.print(table)
    pair = {"API": told.get(f"early/{MAIN}/api"), "pandas from raw events": told.get(f"early/{MAIN}/pandas_raw")}
    if all(pair.values()):
        days = min(history["days"], result["early_days"])
        texts = [f"{name} {_cell(one, ' ')}" for name, one in pair.items()]
        console.print(f"{QUESTIONS[MAIN].title} of {days} days: {', '.join(texts)}")
    for way in ("pandas_memory", "polars_memory"):
        if one := told.get(f"store/{MAIN}/{way}"):
            console.print(f"{WAYS[way]}: loaded in {one['load_seconds']} s, not counted above")
    console.print(
        ", ".join(f"{name} {value:,}" for name, value in result["figures"].items() if name not in result["targets"])
    )
    for name, share in result["scan_share"].items():
        console.print(f"{QUESTIONS[name].title}: reading the columns takes {share:.0%} of the answer's time")
    for name, ratio in result["ratios"].items():
        around = result["ratio_spread"].get(name)
        console.print(f"{name}: {ratio}" + (f" [dim]({around[0]}–{around[1]})[/dim]" if around else ""))
    for name, target in result["targets"].items():
        bound = f"at least {target['at_least']:,}" if "at_least" in target else f"at most {target['at_most']:,}"
        console.print(f"{name}: {target['is']:,}, {bound}: {'met' if target['met'] else 'MISSED'}")
    for skipped in result["skipped"]:
        console.print(f"not measured: {skipped}")
    for doubt in result["doubts"]:
        console.print(f"INVALID: {doubt}")


def _cell(told: Mapping[str, Any] | None, between: str = "\n") -> str:
    if told is None:
        return ""
    low, high = told["spread"]
    return f"{told['seconds']:.3g} · {told['peak_bytes'] / 1e6:,.0f} MB{between}[dim]({low:.3g}–{high:.3g})[/dim]"
