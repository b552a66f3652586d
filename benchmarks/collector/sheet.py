"""The result as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.collector.generator import CONNECTIONS
from benchmarks.collector.rounds import COMMON_RATE

COLUMNS = {
    "rate": "requests/s",
    "cpu_us_per_request": "CPU µs/request",
    "flushes_per_second": "flushes/s",
    "events_per_flush": "events/flush",
    "p50_ms": f"p50 ms at {COMMON_RATE}/s",
    "p99_ms": f"p99 ms at {COMMON_RATE}/s",
}


def show(result: Mapping[str, Any], titles: Mapping[str, str]) -> None:
    """Print it."""
    console = Console(width=160, highlight=False)
    table = Table(
        "server", *COLUMNS.values(), title=f"{CONNECTIONS} connections, one core, rounds: {len(result['rounds'])}"
    )
    for name, told in result["medians"].items():
        table.add_row(titles[name], *(_cell(told, result["spread"][name], figure) for figure in COLUMNS))
    console.print(table)
    for name, why in result["skipped"].items():
        console.print(f"{titles[name]}: not measured, {why}")
    for name, ratio in result["ratios"].items():
        console.print(f"{name}: {ratio} [dim]({_range(result['ratio_spread'][name])})[/dim]")
    _tell(console, result)


def _tell(console: Console, result: Mapping[str, Any]) -> None:
    disk, own = result["conditions"]["disk"], result["generator"]
    console.print(
        f"generator alone: {own['ceiling']:,.0f} requests/s · {disk['file_system']} on {disk['device']}, "
        f"a sync takes {disk['raw_sync_us']} µs (p99 {disk['raw_sync_p99_us']} µs)"
    )
    if "syncs_per_second" in (said := result["medians"].get("collector", {})):
        console.print(
            f"the collector itself: {_number(said['syncs_per_second'])} syncs a second, each of "
            f"{_number(said['events_per_sync'])} events and {_number(said['sync_us'])} µs with its write"
        )
    if loop := result["open_loop"]:
        console.print(
            f"at {loop['rate']}/s for {loop['seconds']} s, {loop['flushes']} flushes: p50 {loop['p50_ms']} ms, "
            f"p99 {loop['p99_ms']} ms, p99.9 {loop['p999_ms']} ms, at most {loop['max_ms']} ms "
            f"(the generator's own lateness: p99 {loop['generator_behind_p99_ms']} ms); "
            f"CPU {loop['cpu_us_per_request']} µs a callback, its maintenance {loop['maintenance_us_per_request']} µs"
        )
    if held := result["memory"]:
        first, *_, last = [*held["resident_mib"].items()] * 2
        console.print(f"memory: {first[1]} MiB after {first[0]:,}, {last[1]} MiB after {last[0]:,}: {held['ratio']}")
    for name, told in result["targets"].items():
        bound = f"at least {told['at_least']}" if "at_least" in told else f"at most {told['at_most']}"
        console.print(f"{name}: {told['is']}, {bound}: {'met' if told['met'] else 'MISSED'}")
    if counts := result["stored"]:
        console.print("the collector's stores: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    for doubt in result["doubts"]:
        console.print(f"INVALID: {doubt}")


def _cell(told: Mapping[str, float], around: Mapping[str, list[float]], figure: str) -> str:
    if figure not in told:
        return ""
    return f"{_number(told[figure])}\n[dim]{_range(around[figure])}[/dim]"


def _range(values: list[float]) -> str:
    return "–".join(map(_number, values))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"
