"""What the rounds say: medians and their spread, ratios, what they were to be, and whether they may be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.collector.generator import CONNECTIONS
from benchmarks.collector.rounds import Row
from benchmarks.collector.tally import is_whole

Rounds = Sequence[Mapping[str, Row]]

RATIOS = {  # of the collector's rate to that of another
    "durable_vs_raw_noop": "raw_noop",
    "durable_vs_starlette_noop": "starlette_noop",
    "durable_vs_fastapi_insert": "fastapi_insert",
    "durable_vs_fastapi_postgresql": "fastapi_postgresql",
    "durable_vs_flask_insert": "flask_insert",
    "durable_vs_granian": "granian_collector",
}
AT_LEAST = {"durable_vs_starlette_noop": 0.55, "durable_vs_fastapi_insert": 5.5}
P99_MS, RATE, SECONDS, FLUSHES = 10.0, 2_500, 120.0, 3  #: of the open loop
MEMORY_RATIO, CALLBACKS = 1.2, 1_000_000
BUSY = 0.85  #: a generator that works more than this share of the time holds the server back
OTHERS = 0.1  #: of the cores, that may go to other programs; the system's own work for the disk is in it
FIGURES = ("rate", "cpu_us_per_request", "p50_ms", "p99_ms", "flushes_per_second", "events_per_flush",
           "events_per_sync", "syncs_per_second", "sync_us")  # fmt: skip


def judged(result: dict[str, Any], *, syncs: bool) -> dict[str, Any]:
    """
    Add to what was measured what it says; `syncs` tells whether syncs of the disk take the time they must.

    Returns
    -------
    dict
        ``medians``, ``spread`` : by server and figure.
        ``ratios``, ``ratio_spread`` : `RATIOS`, of the rates within a round.
        ``targets`` : what was to be reached, and whether it was.
        ``stored`` : counts over all stores of the collector.
        ``doubts``, ``valid`` : why the figures may not be believed, and whether they may.
    """
    rounds = result["rounds"]
    told = ratios(rounds)
    result |= {"medians": medians(rounds), "spread": spread(rounds)}
    result["ratios"] = {name: round(median(values), 3) for name, values in told.items()}
    result["ratio_spread"] = {name: [min(values), max(values)] for name, values in told.items()}
    result["targets"] = targets(result)
    stores = [one["collector"] for one in rounds if "collector" in one]
    stores += [result[name] for name in ("open_loop", "memory") if result[name]]
    counts = [store["stored"] for store in stores]
    result["stored"] = {name: sum(one[name] for one in counts) for name in counts[0]} if counts else {}
    result["doubts"] = doubts(result, syncs=syncs)
    return result | {"valid": not result["doubts"]}


def medians(rounds: Rounds) -> dict[str, dict[str, float]]:
    """Of each figure of each server."""
    return {name: {figure: round(median(values), 3) for figure, values in told.items()} for name, told in _by(rounds)}


def spread(rounds: Rounds) -> dict[str, dict[str, list[float]]]:
    """The least and the greatest of each."""
    return {name: {figure: [min(values), max(values)] for figure, values in told.items()} for name, told in _by(rounds)}


def _by(rounds: Rounds) -> list[tuple[str, dict[str, list[float]]]]:
    names = list(dict.fromkeys(name for one in rounds for name in one))
    return [
        (
            name,
            {
                figure: [one[name][figure] for one in rounds]
                for figure in FIGURES
                if all(figure in one[name] for one in rounds)
            },
        )
        for name in names
    ]


def ratios(rounds: Rounds) -> dict[str, list[float]]:
    """Those of each round, within which the servers met the same machine."""
    return {
        name: [round(one["collector"]["rate"] / one[other]["rate"], 3) for one in rounds]
        for name, other in RATIOS.items()
        if all(one.keys() >= {"collector", other} and one[other]["rate"] for one in rounds)
    }


def targets(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What was to be reached, as far as it was measured for long enough, and whether it was."""
    judged = {
        name: {"at_least": least, "is": result["ratios"][name], "met": result["ratios"][name] >= least}
        for name, least in AT_LEAST.items()
        if name in result["ratios"]
    }
    if (loop := result["open_loop"]) and loop["rate"] >= RATE and loop["seconds"] >= SECONDS:
        answered = set(loop["answers"]) == {"200"}
        met = answered and loop["flushes"] >= FLUSHES and loop["p99_ms"] <= P99_MS
        judged["open_loop_p99_ms"] = {"at_most": P99_MS, "is": loop["p99_ms"], "met": met}
    if (held := result["memory"]) and held["asked"] >= CALLBACKS:
        met = held["stored"]["acknowledged"] >= held["asked"] and held["ratio"] <= MEMORY_RATIO
        judged["memory_ratio"] = {"at_most": MEMORY_RATIO, "is": held["ratio"], "met": met}
    return judged


def doubts(result: Mapping[str, Any], *, syncs: bool) -> list[str]:
    """Why the figures may not be believed; empty if they may."""
    found = [] if syncs else ["a sync took no time: it is switched off, or the disk is none"]
    conditions = result["conditions"]
    if conditions["core_of_servers"] == conditions["core_of_generator_and_maintenance"]:
        found.append("servers and generator shared a core")
    for number, one in enumerate(result["rounds"], start=1):
        for name, row in one.items():
            found += [f"round {number}, {name}: {doubt}" for doubt in _doubts(row)]
    for name in ("open_loop", "memory"):
        if (told := result[name]) and not is_whole(told["stored"]):
            found.append(f"{name}: what was acknowledged is not what is stored")
    return found


def _doubts(row: Row) -> list[str]:
    found = []
    if set(row["answers"]) != {"200"}:
        found.append(f"answers were {row['answers']}")
    if row["generator_busy"] > BUSY:
        found.append("the generator held it back")
    if row["others_busy"] > OTHERS:
        found.append(f"other programs took {row['others_busy']:.0%} of the cores")
    if row["stored"] and not is_whole(row["stored"]):
        found.append("what was acknowledged is not what is stored")
    if "flushes" in row and row["flushes"] * CONNECTIONS < row["events"]:
        # each connection waits for its answer, so one sync can stand behind no more answers than there are connections
        found.append(f"{row['events']} callbacks were acknowledged with {row['flushes']} flushes of the disk")
    return found
