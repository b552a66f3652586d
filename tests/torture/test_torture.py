"""Each scenario in its short form; `make torture` runs the full ones."""

from __future__ import annotations

import importlib
import os

import pytest

from torture import SCENARIOS
from torture.outcome import Unable


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost(name, tmp_path):
    scenario = importlib.import_module(f"torture.{name}")
    try:
        outcome = scenario.run(tmp_path, scenario.SHORT)
    except Unable as unable:
        (pytest.fail if "CI" in os.environ and os.geteuid() == 0 else pytest.skip)(f"{name} was not tried: {unable}")
    assert outcome.rounds
    assert outcome.faults == {}
