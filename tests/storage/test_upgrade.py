"""A store of an older schema is answered as before, and brought up by the first maintenance, whatever interrupts it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from histories import differences

from smsanalytics import open_store
from smsanalytics.ops.check import check
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.manifest import Live

DATA = Path(__file__).parents[1] / "data"
WRITTEN = json.loads((DATA / "store-of-schema-2.json").read_text("utf-8"))
KILLED = 9
MAINTAIN = f"""
import os, sys
from pathlib import Path
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

left = int(sys.argv[2])

def counted(call):
    def counting(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os._exit({KILLED})
        return call(*args, **kwargs)
    return counting

for name in ("fsync", "rename", "unlink", "mkdir", "utime"):
    setattr(os, name, counted(getattr(os, name)))
with Maintenance(Layout(Path(sys.argv[1])), {{}}) as maintenance:
    maintenance.run()
"""


@pytest.fixture
def layout(tmp_path):
    shutil.copytree(DATA / "store-of-schema-2", tmp_path / "data")
    return Layout(tmp_path / "data")


def rates(layout):
    found = open_store(layout.data, tz="Europe/Berlin").delivery_rate(["day"])
    found["day"] = found["day"].dt.strftime("%Y-%m-%d")
    return found[[*WRITTEN["delivery_rate"][0]]].to_dict("records")


def maintain(layout):
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()


def test_an_older_store_is_answered_as_before_until_it_is_brought_up(layout):
    assert rates(layout) == WRITTEN["delivery_rate"]
    [finding] = check(layout).findings
    assert (finding.where, finding.found) == (
        str(layout.live_messages), "was written by an older smsanalytics, which could make two messages of one",
    )  # fmt: skip


def test_the_first_maintenance_brings_it_up(layout):
    maintain(layout)
    events = WRITTEN["events"]
    store = open_store(layout.data)
    for as_of in sorted({event["received"] for event in events}):
        assert differences(store, events, as_of) == []
    assert Live.read(layout).version == 3
    assert check(layout).findings == []


def test_killed_at_any_point_it_is_answered_as_before_or_as_after(layout, tmp_path):
    done = tmp_path / "done"
    shutil.copytree(layout.data, done)
    maintain(Layout(done))
    before, after = WRITTEN["delivery_rate"], rates(Layout(done))
    assert before != after
    seen, number = set(), 0
    while True:
        part = Layout(tmp_path / f"killed-{number}")
        shutil.copytree(layout.data, part.data)
        command = [sys.executable, "-c", MAINTAIN, str(part.data), str(number)]
        ended = subprocess.run(command, capture_output=True, text=True, env=os.environ)
        assert ended.returncode in (0, KILLED), ended.stderr
        found = rates(part)
        assert found in (before, after)
        seen.add(found == after)
        maintain(part)
        assert rates(part) == after
        shutil.rmtree(part.data)
        if ended.returncode == 0:
            break
        number += 7
    assert seen == {True, False}
