"""
Measures the store at the size of a large customer, prints a table, and writes ``benchmarks/results/store.json``.

Exit codes: 0 done; 1 a target was missed, answers differ, or the figures may not be believed; 2 it cannot be measured
here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.collector.conditions import commit, surroundings
from benchmarks.collector.disk import in_memory
from benchmarks.collector.server import ROOT
from benchmarks.store.history import FIRST_DAYS, History, room
from benchmarks.store.questions import QUESTIONS
from benchmarks.store.result import judged
from benchmarks.store.rounds import alternating
from benchmarks.store.sheet import show
from smsanalytics.storage.journal import file_system

LIBRARIES = ("duckdb", "narwhals", "numpy", "pandas", "polars", "pyarrow")
MEMORY_PER_MESSAGE, LEAST_MEMORY = 500, 2**29  #: what pandas takes, loading the messages and answering [bytes]
MADE = (
    "every day went through the journal: its events were written as sealed segments, 24 of a day, by a generator in"
    " place of the collector, without syncs; then published, folded and merged, each by a process of its own."
    " Message ids, phones, times and outcomes are drawn; an operator's network never changes, and no sends are told of."
)
COMPARED = (
    "all answers to a question are compared with each other: counts and quantiles must be equal, shares and amounts to"
    " nine digits. The API gives Wilson intervals beside each share, the others do not. SQL, pandas and Polars know"
    " that Europe/Moscow is UTC+3 throughout, SQL of one day names the files where it is kept; SQL from raw events"
    " takes what describes a message from any of its events. Each process asks once to warm up where it asks"
    " several times."
)


def main() -> int:
    """Do as the command line says."""
    given = _options().parse_args()
    folder = given.folder.resolve()
    if in_memory(folder):
        print(
            f"{folder} lies in memory, which the store would take from the questions; choose another --folder",
            file=sys.stderr,
        )
        return 2
    if given.reuse is not None:
        history = History(given.reuse.resolve())
        if (told := history.told()) is None:
            print(f"{given.reuse} holds no finished history; make one with --keep and without --reuse", file=sys.stderr)
            return 2
        return _finished(given, _asked(given, history, told))
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = room(given.days, given.messages), shutil.disk_usage(folder).free
    if free < needed:
        print(
            f"{folder} has {free / 2**30:.1f} GiB free and needs {needed / 2**30:.1f} GiB; choose another --folder, or"
            " fewer --days",
            file=sys.stderr,
        )
        return 2
    history = History(folder / f"store-{os.getpid()}")
    history.store.mkdir(parents=True)
    try:
        told = history.make(days=given.days, messages=given.messages, seed=given.seed, ids=given.ids, say=_say)
        result = _asked(given, history, told)
    finally:
        if given.keep:
            _say(f"kept {history.folder}; --reuse {history.folder} asks it again")
        else:
            shutil.rmtree(history.folder)
    return _finished(given, result)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    add = options.add_argument
    add("--days", type=int, default=30)
    add("--messages", type=int, default=1_000_000, help="sent on each day")
    add("--rounds", type=int, default=5, help="of all questions")
    add("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS), metavar="NAME", help=", ".join(QUESTIONS))
    add(
        "--ids",
        choices=("drawn", "growing"),
        default="drawn",
        help="of messages: drawn at random, or growing with time",
    )
    add("--seed", type=int, default=1, help="of what is drawn")
    add("--folder", type=Path, default=ROOT / "benchmarks" / ".work", help="on the disk that is to be measured")
    add("--keep", action="store_true", help="leave the history there")
    add("--reuse", type=Path, metavar="DIR", help="ask a history that was kept, and make none")
    add("--out", type=Path, default=ROOT / "benchmarks" / "results" / "store.json")
    return options


def _asked(given: argparse.Namespace, history: History, told: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = commit("store") | {
        "conditions": surroundings(LIBRARIES) | {"file_system": file_system(history.folder)},
        "made": MADE,
        "compared": COMPARED,
        "history": told,
        "early_days": FIRST_DAYS,
        "asked": given.only,
        "skipped": [],
        "rounds": [],
        "differences": [],
    }
    needed, free = LEAST_MEMORY + MEMORY_PER_MESSAGE * told["size"]["messages"], _available_memory()
    if memory := free >= needed:
        _say(f"{needed / 2**30:.1f} GiB of memory for pandas, of {free / 2**30:.1f}")
    else:
        result["skipped"].append(
            f"pandas and Polars in memory need {needed / 2**30:.1f} GiB, {free / 2**30:.1f} are free"
        )
    for rows, differences in alternating(history, given.only, days=told["days"], rounds=given.rounds, memory=memory):
        result["rounds"].append(rows)
        result["differences"] += differences
        api = {
            name.split("/")[1]: row["seconds"]
            for name, row in rows.items()
            if name.startswith("store") and name.endswith("api")
        }
        _say(f"round {len(result['rounds'])}: " + ", ".join(f"{name} {seconds:.3f} s" for name, seconds in api.items()))
    return judged(result)


def _finished(given: argparse.Namespace, result: dict[str, Any]) -> int:
    show(result)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"wrote {given.out}")
    return int(not result["valid"] or not all(target["met"] for target in result["targets"].values()))


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
