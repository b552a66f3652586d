from __future__ import annotations

import altair as alt
import pytest


@pytest.fixture(autouse=True)
def _data_where_it_is_drawn(monkeypatch):
    """Each layer shows its own data, so that a test can look at it."""
    monkeypatch.setattr(alt.data_transformers, "consolidate_datasets", False)
