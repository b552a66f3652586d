"""The short form of a scenario, as a test runs it; `make torture` runs the full ones."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from torture.outcome import NotInstalled, Unable


def survive(name: str, folder: Path) -> None:
    """Fail if anything was not as it must be."""
    scenario = importlib.import_module(f"torture.{name}")
    try:
        outcome = scenario.run(folder, scenario.SHORT)
    except NotInstalled as missing:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{name} was not tried: {missing}")
    except Unable as unable:  # no test can change the machine; the summary names it
        pytest.skip(f"{name} WAS NOT TRIED: {unable}")
    assert outcome.rounds
    assert outcome.faults == {}, outcome
