"""Draw the pictures of the README and of the pages here from the sample month: ``python docs/pictures.py``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import smsanalytics as sms
from smsanalytics import charts

HERE = Path(__file__).parent

OUTAGE = {"start": "2026-10-14", "end": "2026-10-15", "where": {"operator": "MegaFon"}}
SPAM = {"start": "2026-10-20", "end": "2026-10-21", "where": {"sender": "SHOP"}}
PUMPED = {"start": "2026-10-24", "end": "2026-10-25"}
AROUND_SPAM = {"start": "2026-10-17", "end": "2026-10-25"}

PICTURES: dict[str, Callable[[sms.Store], Any]] = {
    "delivery_rate": lambda store: charts.delivery_rate(store.delivery_rate(["day"])),
    "outage_by_hour": lambda store: charts.delivery_rate(store.delivery_rate(["hour"], **OUTAGE)),
    "failures_of_a_day": lambda store: charts.failure_mix(store.failure_mix(**SPAM)),
    "how_soon": lambda store: charts.latency_distribution(store.latency_distribution()),
    "latency_by_day": lambda store: charts.latency(store.latency(["day"], **AROUND_SPAM)),
    "confirmations_by_hour": lambda store: charts.confirmation_success(store.confirmation_success(["hour"], **PUMPED)),
}


def draw(store: sms.Store, into: Path) -> list[Path]:
    """Draw all of them into a directory."""
    drawn = []
    for name, picture in PICTURES.items():
        drawn.append(into / f"{name}.svg")
        picture(store).save(drawn[-1])
    return drawn


if __name__ == "__main__":
    for path in draw(sms.load_sample(), Path(sys.argv[1]) if sys.argv[1:] else HERE / "pictures"):
        print(f"drew {path}")
