"""What comes over the wire, each scenario in its short form."""

from __future__ import annotations

import pytest

from torture import WIRE
from torture.short import survive


@pytest.mark.parametrize("name", WIRE)
def test_nothing_is_lost(name, tmp_path):
    survive(name, tmp_path)
