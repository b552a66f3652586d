"""Runs scenarios at full size (all, or those named), prints a table, and writes it to ``benchmarks/results/torture.json``."""

from __future__ import annotations

import importlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from torture import SCENARIOS
from torture.outcome import Outcome, Unable

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "torture.json"
COLUMNS = ("rounds", "acknowledged", "missing", "twice", "unintended", "forged")


def main(names: list[str]) -> int:
    """Exit code 1 if anything was not as it must be, or could not be tried."""
    rows, faults = {}, False
    table = Table("scenario", *COLUMNS, "seconds", "note", title="What the collector survived")
    for name in names or SCENARIOS:
        print(f"{name} …", file=sys.stderr, flush=True)
        row = _run(name)
        rows[name] = row
        faults = faults or bool(row["faults"])
        table.add_row(name, *(f"{row[column]:,}" for column in COLUMNS), str(row["seconds"]), row["note"])
    Console(width=160).print(table)
    for name, row in rows.items():
        if row["faults"]:
            print(f"{name}: {row['faults']}")
    if not names:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(
            json.dumps(_conditions() | {"scenarios": rows}, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
    return int(faults)


def _run(name: str) -> dict[str, object]:
    scenario = importlib.import_module(f"torture.{name}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"torture-{name}-") as folder:
        try:
            outcome = scenario.run(Path(folder), scenario.FULL)
        except Unable as unable:
            outcome = Outcome(wrong=[f"not tried: {unable}"])
    row = asdict(outcome) | {"faults": outcome.faults, "seconds": round(time.monotonic() - started)}
    return row | {"tried": (scenario.__doc__ or "").strip().splitlines()[0]}


def _conditions() -> dict[str, object]:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout.strip()

    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": git("rev-parse", "--short", "HEAD"),
        "changed_files": len(git("status", "--porcelain", "smsanalytics").splitlines()),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
