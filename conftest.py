"""The small store that the examples in docstrings speak of."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from smsanalytics import load_sample, open_store
from smsanalytics.storage import journal
from smsanalytics.storage.atomic import locked
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

settings.register_profile("quick", phases=[Phase.explicit, Phase.reuse, Phase.generate], derandomize="CI" in os.environ)
settings.load_profile("quick")  # a failure is shown as found: making it small takes minutes


def at(clock: str) -> datetime:
    """A time of the day that the example is about."""
    return datetime.fromisoformat(f"2026-11-21T{clock}+00:00")


def seconds(clock: str) -> str:
    """The same as the provider writes it."""
    return str(int(at(clock).timestamp()))


PARTS = {"type": "0", "parts": "1", "cost": "3.10", "sender": "SHOP"}
STATUSES = [  # message_id, phone, status, err, time, operator
    ("1042", "79001230001", "0", "0", "07:00:00", "MTS"),
    ("1042", "79001230001", "1", "0", "07:00:07", "MTS"),
    ("1043", "79001230002", "20", "1", "20:15:00", "Beeline"),
]
EVENTS = [  # kind, received, fields
    ("confirmation_request", "08:00:00", {"phone": "79001230003", "requested_at": seconds("08:00:00") + "000000",
                                          "purpose": "login"}),
    ("confirmation", "08:00:33", {"phone": "79001230003", "called_at": seconds("08:00:31")}),
    ("incoming", "21:30:00", {"phone": "79001230001", "to_number": "79001230000", "text": "Да", "incoming_id": "7",
                              "sent_at": seconds("07:10:00")}),
    *(("status", "21:30:00", {"message_id": message_id, "phone": phone, "status": status, "err": err,
                              "status_at": seconds(clock), "operator": operator, **PARTS})
      for message_id, phone, status, err, clock, operator in STATUSES),
]  # fmt: skip


@pytest.fixture(scope="session")
def example_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two messages, a reply and a confirmed number: written by the real journal, published by the real maintenance."""
    layout = Layout(tmp_path_factory.mktemp("example") / "data")
    clock = iter(EVENTS)
    writer = journal.Journal(layout, "w0", now=lambda: int(at(next(clock)[1]).timestamp()) * 10**9)
    for kind, _, fields in EVENTS:
        writer.write(
            [journal.entry(account="default", kind=kind, signed_by="md5", key="2026", fields=fields, extra={})]
        )
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    return layout.data


@pytest.fixture
def own_store(example_store: Path, tmp_path: Path) -> Path:
    """A copy of it, which may be written."""
    return shutil.copytree(example_store, tmp_path / "own" / "data")


@pytest.fixture(scope="session")
def sample_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache directory of the tests, in which one of the processes that test makes the sample month, once."""
    shared = tmp_path_factory.getbasetemp()
    cache = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "cache"
    cache.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, locked(cache, "the sample of the tests", patience=300):
        patch.setenv("XDG_CACHE_HOME", str(cache))
        load_sample()
    return cache


@pytest.fixture(autouse=True)
def _example_store_in_doctests(request: pytest.FixtureRequest) -> None:
    if request.node.__class__.__name__ == "DoctestItem":
        example_store = request.getfixturevalue("example_store")
        names = {"example_store": example_store, "store": open_store(example_store)}
        names["own_store"] = request.getfixturevalue("own_store")
        request.getfixturevalue("doctest_namespace").update(names)
