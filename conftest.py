"""The small store that the examples in docstrings speak of."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from smsanalytics.store import journal
from smsanalytics.store.layout import Layout
from smsanalytics.store.maintenance import Maintenance

settings.register_profile("quick", phases=[Phase.explicit, Phase.reuse, Phase.generate], derandomize="CI" in os.environ)
settings.load_profile("quick")  # a failure is shown as found: making it small takes minutes

RECEIVED = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
STATUSES = [  # message_id, phone, status, err, time, operator
    ("1042", "79001230001", "0", "0", "2026-11-21T07:00:00+00:00", "MTS"),
    ("1042", "79001230001", "1", "0", "2026-11-21T07:00:07+00:00", "MTS"),
    ("1043", "79001230002", "20", "1", "2026-11-21T20:15:00+00:00", "Beeline"),
]


@pytest.fixture(scope="session")
def example_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two messages, written by the real journal and published by the real maintenance."""
    layout = Layout(tmp_path_factory.mktemp("example") / "data")
    writer = journal.Journal(layout, "w0", now=lambda: int(RECEIVED.timestamp()) * 10**9)
    writer.write(
        [
            journal.entry(
                account="default",
                kind="status",
                signed_by="md5",
                key="2026",
                fields={
                    "message_id": message_id,
                    "phone": phone,
                    "status": status,
                    "err": err,
                    "status_at": str(int(datetime.fromisoformat(at).timestamp())),
                    "type": "0",
                    "parts": "1",
                    "cost": "3.10",
                    "sender": "SHOP",
                    "operator": operator,
                },
                extra={},
            )
            for message_id, phone, status, err, at, operator in STATUSES
        ]
    )
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    return layout.data


@pytest.fixture
def own_store(example_store: Path, tmp_path: Path) -> Path:
    """A copy of it, which may be written."""
    return shutil.copytree(example_store, tmp_path / "own" / "data")


@pytest.fixture(autouse=True)
def _example_store_in_doctests(request: pytest.FixtureRequest) -> None:
    if request.node.__class__.__name__ == "DoctestItem":
        names = request.getfixturevalue("doctest_namespace")
        names["example_store"] = request.getfixturevalue("example_store")
        names["own_store"] = request.getfixturevalue("own_store")
