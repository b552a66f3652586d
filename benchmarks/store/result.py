"""What was measured says: medians and their spread, ratios, what they were to be, and whether they may be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.store.history import FIRST_DAYS
from benchmarks.store.questions import QUESTIONS
from benchmarks.store.rounds import IN_MEMORY, MAIN, Row

OTHERS = 0.1  #: of the cores, that may go to other programs
MONTH, MILLION = 30, 1_000_000  #: days and messages a day that targets speak of
EARLY_FOLD, LATE_FOLD = (8, 9, 10), (28, 29, 30)  #: of the days around the ninth and the last the median is taken
GB = 1e9

AT_MOST: dict[str, tuple[float, int]] = {  # target: its bound, and from how many days of a million messages on
    "rate_by_day_operator_seconds": (0.5, MONTH),
    "latency_by_operator_seconds": (1.2, MONTH),
    "rate_by_local_day_seconds": (0.6, MONTH),
    "rate_of_one_day_seconds": (0.030, MONTH),
    "api_vs_sql": (1.15, MONTH),
    "question_peak_gb": (0.6, MONTH),
    "fold_seconds": (8.0, MONTH),
    "fold_peak_gb": (1.0, MONTH),
    "fold_day30_vs_day9": (1.3, MONTH),
    "minute_seconds": (1.0, MONTH),
    "bytes_per_event": (17.0, 1),
    "bytes_per_message": (35.0, 1),
}
AT_LEAST: dict[str, tuple[float, int]] = {
    "rollup_vs_raw": (50.0, MONTH),
    "api_vs_pandas_raw": (50.0, FIRST_DAYS),
    "api_vs_pandas_memory": (10.0, MONTH),
    "flush_events_per_second": (150_000.0, 1),
}
RATIOS = ("api_vs_sql", "rollup_vs_raw", "api_vs_pandas_raw", "api_vs_pandas_memory", "fold_day30_vs_day9")


def judged(result: dict[str, Any]) -> dict[str, Any]:
    """
    Add to what was measured what it says.

    Returns
    -------
    dict
        ``questions`` : by store, question and way: median seconds, spread, the first answer, load, peak memory.
        ``scan_share`` : by question, of the time of the answer, what reading the needed columns alone takes. [0..1]
        ``figures`` : of publishing, folding, merging, and sizes.
        ``ratios``, ``ratio_spread`` : `RATIOS`, within a round.
        ``targets`` : what was to be reached at this size, and whether it was.
        ``doubts``, ``valid`` : why the figures may not be believed, and whether they may.
    """
    rounds, history = result["rounds"], result["history"]
    result["questions"] = questions(rounds)
    result["scan_share"] = {
        name: round(_seconds(result, name, "scan") / _seconds(result, name, "api"), 3) for name in result["asked"]
    }
    result["figures"] = figures(history) | {
        "question_peak_gb": round(max(_peaks(result, "api")) / GB, 3),
        **{f"{name}_seconds": _seconds(result, name, "api") for name in result["asked"]},
    }
    told = ratios(rounds)
    result["ratios"] = {name: round(median(values), 3) for name, values in told.items()} | fold_ratio(history)
    result["ratio_spread"] = {name: [round(min(values), 3), round(max(values), 3)] for name, values in told.items()}
    result["targets"] = targets(result)
    result["doubts"] = doubts(result)
    return result | {"valid": not result["doubts"]}


def questions(rounds: Sequence[Mapping[str, Row]]) -> dict[str, dict[str, Any]]:
    """What the rounds tell of each question in each way."""
    found = {}
    for name in dict.fromkeys(name for one in rounds for name in one):
        rows = [one[name] for one in rounds if name in one]
        seconds = [row["seconds"] for row in rows]
        found[name] = {
            "seconds": round(median(seconds), 4),
            "spread": [round(min(seconds), 4), round(max(seconds), 4)],
            "first_seconds": round(median(row["first_seconds"] for row in rows), 4),
            "load_seconds": round(median(row["load_seconds"] for row in rows), 3),
            "peak_bytes": max(row["peak_bytes"] for row in rows),
            "rounds": len(rows),
        }
    return found


def figures(history: Mapping[str, Any]) -> dict[str, float]:
    """Of making the history: medians over its days; folds as they are at its end."""
    rows, size = history["by_day"], history["size"]
    last = rows[-len(LATE_FOLD) :]
    minutes = [row["flush"]["seconds"] + row["fold"]["seconds"] for row in history.get("by_minute", [])]
    return {
        "flush_events_per_second": round(median(row["flush"]["events"] / row["flush"]["seconds"] for row in rows), 0),
        "flush_peak_gb": round(max(row["flush"]["peak_bytes"] for row in rows) / GB, 3),
        "journal_bytes_per_event": round(rows[-1]["flush"]["journal_bytes"] / rows[-1]["flush"]["events"], 1),
        "compact_seconds": round(median(row["compact"]["seconds"] for row in rows), 3),
        "compact_peak_gb": round(max(row["compact"]["peak_bytes"] for row in rows) / GB, 3),
        "fold_seconds": round(median(row["fold"]["seconds"] for row in last), 3),
        "fold_peak_gb": round(max(row["fold"]["peak_bytes"] for row in rows) / GB, 3),
        "bytes_per_event": round(size["events_bytes"] / size["events"], 2),
        "bytes_per_message": round(size["messages_bytes"] / size["messages"], 2),
    } | ({"minute_seconds": round(median(minutes), 3)} if minutes else {})


def ratios(rounds: Sequence[Mapping[str, Row]]) -> dict[str, list[float]]:
    """Those of each round, within which all met the same machine; of several questions the worst."""

    def times(one: Mapping[str, Row], names: Sequence[str], other: str, store: str = "store") -> list[float]:
        pairs = [(one.get(f"{store}/{name}/{other}"), one.get(f"{store}/{name}/api")) for name in names]
        return [theirs["seconds"] / ours["seconds"] for theirs, ours in pairs if theirs and ours]

    found: dict[str, list[float]] = {name: [] for name in RATIOS[:-1]}
    for one in rounds:
        found["api_vs_sql"].append(max(1 / ratio for ratio in times(one, list(QUESTIONS), "sql")))
        for name, several in {
            "rollup_vs_raw": times(one, [MAIN], "raw"),
            "api_vs_pandas_raw": times(one, [MAIN], "pandas_raw", "early"),
            "api_vs_pandas_memory": times(one, IN_MEMORY, "pandas_memory"),
        }.items():
            found[name] += [min(several)] if several else []
    return {name: values for name, values in found.items() if values}


def fold_ratio(history: Mapping[str, Any]) -> dict[str, float]:
    """How much longer the folds at the end of the month take than those around its ninth day."""
    rows = history["by_day"]
    if len(rows) < LATE_FOLD[-1]:
        return {}
    early, late = (median(rows[day - 1]["fold"]["seconds"] for day in days) for days in (EARLY_FOLD, LATE_FOLD))
    return {"fold_day30_vs_day9": round(late / early, 3)}


def targets(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What was to be reached, as far as there was as much as it speaks of, and whether it was."""
    history, known = result["history"], result["figures"] | result["ratios"]
    days = history["days"] if history["messages_per_day"] >= MILLION else 0
    found = {}
    for word, bounds in (("at_most", AT_MOST), ("at_least", AT_LEAST)):
        for name, (bound, of_days) in bounds.items():
            if name in known and days >= of_days:
                met = known[name] <= bound if word == "at_most" else known[name] >= bound
                found[name] = {word: bound, "is": known[name], "met": met}
    return found


def doubts(result: Mapping[str, Any]) -> list[str]:
    """Why the figures may not be believed; empty if they may."""
    found = [f"the answers differ: {wrong}" for wrong in result["differences"]]
    rows = result["history"]["by_day"]
    if unreadable := sum(row["flush"]["unreadable"] for row in rows):
        found.append(f"{unreadable} lines could not be read")
    steps = {"questions": [row for one in result["rounds"] for row in one.values()]}
    steps |= {name: [row[name] for row in rows] for name in ("flush", "fold", "compact")}
    for name, several in steps.items():
        busy = median(row["others_busy"] for row in several)
        if busy > OTHERS:
            found.append(f"{name}: other programs took {busy:.0%} of the cores")
    return found


def _seconds(result: Mapping[str, Any], question: str, way: str) -> float:
    seconds: float = result["questions"][f"store/{question}/{way}"]["seconds"]
    return seconds


def _peaks(result: Mapping[str, Any], way: str) -> list[int]:
    return [result["questions"][f"store/{question}/{way}"]["peak_bytes"] for question in result["asked"]]
