from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from browsing import browser as started

from smsanalytics import load_sample
from smsanalytics.reports.data import ask

MADE = datetime(2026, 11, 2, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def browser():
    with started() as running:
        yield running


@pytest.fixture(scope="session")
def sample(sample_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(sample_cache))
        return load_sample()


@pytest.fixture(scope="session")
def week(sample):
    """The figures of the week with the spam filter and the pumping."""
    return ask(sample, date(2026, 10, 19), date(2026, 10, 26), generated_at=MADE)
