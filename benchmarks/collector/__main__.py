"""
Measures the collector beside other servers, prints a table, and writes ``benchmarks/results/collector.json``.

Exit codes: 0 done; 1 a target was missed, something acknowledged is not stored, or the figures may not be believed;
2 it cannot be measured here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.collector import rounds
from benchmarks.collector.bench import Bench
from benchmarks.collector.beside import FastapiPostgresql, FastapiSqlite, Fixed, FlaskSqlite, RawNoop, StarletteNoop
from benchmarks.collector.conditions import commit, conditions
from benchmarks.collector.disk import Disk, in_memory
from benchmarks.collector.endurance import memory, open_loop
from benchmarks.collector.ours import Collector, GranianCollector
from benchmarks.collector.result import CALLBACKS, RATE, judged
from benchmarks.collector.server import ROOT, Cores, Server
from benchmarks.collector.sheet import show

SERVERS: dict[str, type[Server]] = {
    kind.name: kind
    for kind in (RawNoop, StarletteNoop, Collector, GranianCollector, FastapiSqlite, FastapiPostgresql, FlaskSqlite)
}


def main() -> int:
    """Do as the command line says."""
    given = _options().parse_args()
    folder = given.folder.resolve()
    if in_memory(folder):
        print(f"{folder} lies in memory, where a sync means nothing; choose another --folder", file=sys.stderr)
        return 2
    cores = Cores.found()
    os.sched_setaffinity(0, {cores.generator})
    work = folder / f"work-{os.getpid()}"
    work.mkdir(parents=True)
    try:
        result = _measured(given, Bench(work, Disk.of(work), cores))
    finally:
        shutil.rmtree(work)
    show(result, {name: kind.title for name, kind in SERVERS.items()})
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"wrote {given.out}")
    return int(not result["valid"] or not all(target["met"] for target in result["targets"].values()))


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.collector", description=__doc__)
    add = options.add_argument
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=8.0, help="of each server in each round, as fast as it can")
    add("--only", nargs="+", choices=SERVERS, default=list(SERVERS), metavar="NAME", help=", ".join(SERVERS))
    add("--rate", type=int, default=RATE, help="of the open loop, in callbacks a second")
    add("--open-seconds", type=float, default=130.0, help="of the open loop; 0 leaves it out")
    add("--memory", type=int, default=CALLBACKS, help="callbacks after which memory is read last; 0 leaves it out")
    add("--folder", type=Path, default=ROOT / "benchmarks" / ".work", help="on the disk that is to be measured")
    add("--out", type=Path, default=ROOT / "benchmarks" / "results" / "collector.json")
    return options


def _measured(given: argparse.Namespace, bench: Bench) -> dict[str, Any]:
    lacking = {name: SERVERS[name].lacks(bench.folder) for name in given.only}
    kinds = [SERVERS[name] for name, lacks in lacking.items() if not lacks]
    around = conditions(bench.disk, bench.cores)
    _say("the generator alone")
    alone = rounds.measured(Fixed, bench, min(given.seconds, 3.0))
    told = []
    for one in rounds.alternating(kinds, bench, rounds=given.rounds, seconds=given.seconds):
        told.append(one)
        _say(f"round {len(told)}: " + ", ".join(f"{name} {row['rate']:,.0f}/s" for name, row in one.items()))
    result = commit() | {
        "conditions": around,
        "skipped": {name: lacks for name, lacks in lacking.items() if lacks},
        "generator": {"ceiling": alone["rate"], "busy": alone["generator_busy"]},
        "rounds": told,
        "open_loop": None,
        "memory": None,
    }
    if given.open_seconds:
        _say(f"open loop: {given.rate}/s for {given.open_seconds:g} s")
        result["open_loop"] = open_loop(bench, rate=given.rate, seconds=given.open_seconds)
    if given.memory:
        _say(f"memory after {given.memory:,} callbacks")
        result["memory"] = memory(bench, count=given.memory)
    return judged(result, syncs=bench.disk.syncs)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
