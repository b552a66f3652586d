"""Programs of the system that some tests look through."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str, without: str) -> str:
    """Where a program is; where it is not installed the test is skipped with its reason, and fails in CI."""
    found = shutil.which(program)
    if found is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{program} is not installed: {without}")
    return found
