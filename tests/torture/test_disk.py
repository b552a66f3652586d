"""What befalls the disk and the process, each scenario in its short form."""

from __future__ import annotations

import pytest

from torture import DISK
from torture.short import survive


@pytest.mark.parametrize("name", DISK)
def test_nothing_is_lost(name, tmp_path):
    survive(name, tmp_path)
