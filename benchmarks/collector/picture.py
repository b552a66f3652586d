"""Draw the result for the README: ``python -m benchmarks.collector.picture [RESULT [SVG]]``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from benchmarks.collector.generator import CONNECTIONS
from benchmarks.collector.server import ROOT
from smsanalytics.charts import rows, theme
from smsanalytics.charts.words import Words

NAMES = {
    "raw_noop": "uvicorn, stores nothing",
    "starlette_noop": "Starlette, stores nothing",
    "collector": "smsanalytics: verified, on the disk",
    "granian_collector": "smsanalytics under granian",
    "fastapi_insert": "FastAPI + SQLite",
    "fastapi_postgresql": "FastAPI + PostgreSQL",
    "flask_insert": "Flask + gunicorn + SQLite",
}
TITLE = "Callbacks a second on one core"


def picture(result: Mapping[str, Any]) -> alt.LayerChart:
    """Return a bar for each server, its median rate and the spread of the rounds, with what the figures depend on."""
    words = Words("en")
    frame = pd.DataFrame(
        [
            {
                "_group": name,
                "rate": result["medians"][server]["rate"],
                "low": result["spread"][server]["rate"][0],
                "high": result["spread"][server]["rate"][1],
                "_colour": theme.PALETTE[0] if server == "collector" else theme.GREY,
            }
            for server, name in NAMES.items()
            if server in result["medians"]
        ]
    )
    frame["_text"] = frame["rate"].map(words.number)
    y = rows.axis(frame["_group"])
    axis = alt.Axis(format=",.0f", tickCount=5)
    base = alt.Chart(theme.data(frame)).encode(y=y)
    bars = base.mark_bar(height=16).encode(
        x=alt.X("rate:Q", title="requests a second", axis=axis), color=alt.Color("_colour:N", scale=None)
    )
    spread = base.mark_rule(strokeWidth=2, color=theme.INK).encode(x="low:Q", x2="high:Q")
    return theme.finished(rows.stacked(bars, spread, rows.beside(frame, y)), TITLE, _below(result), words)


def _below(result: Mapping[str, Any]) -> list[str]:
    around = result["conditions"]
    rounds = len(result["rounds"])
    return [
        f"{CONNECTIONS} connections, median of {rounds} rounds; the thin line: slowest and fastest round",
        f"{around['machine']} · {around['disk']['file_system']}, a sync takes {around['disk']['raw_sync_us']:,.0f} µs",
    ]


if __name__ == "__main__":
    source, target = [*map(Path, sys.argv[1:]), None, None][:2]
    told = (source or ROOT / "benchmarks" / "results" / "collector.json").read_text("utf-8")
    target = target or ROOT / "docs" / "pictures" / "collector_speed.svg"
    picture(json.loads(told)).save(target)
    print(f"drew {target}")
