"""Each scenario in its short form; `make torture` runs the full ones."""

from __future__ import annotations

import importlib
import os

import pytest

from torture import SCENARIOS
from torture.outcome import NotInstalled, Unable


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost(name, tmp_path):
    scenario = importlib.import_module(f"torture.{name}")
    try:
        outcome = scenario.run(tmp_path, scenario.SHORT)
    except NotInstalled as missing:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{name} was not tried: {missing}")
    except Unable as unable:  # no test can change the machine; the summary names it
        pytest.skip(f"{name} WAS NOT TRIED: {unable}")
    assert outcome.rounds
    assert outcome.faults == {}
