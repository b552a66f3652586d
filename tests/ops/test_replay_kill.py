"""A recovery that is killed anywhere loses nothing and doubles nothing, also beside a maintenance that runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import pytest
from programs import need
from receiving import published
from refusing import EVERYTHING, NOON, RIGHT, refused
from signing import SECRET, incoming_body, status_body

from smsanalytics import open_store
from smsanalytics.ops.replay import retry
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

RECOVER = """
import sys
from pathlib import Path
from smsanalytics.collector.accounts import Account
from smsanalytics.ops.replay import Span, retry
from smsanalytics.storage.catalog import Layout
from smsanalytics.smsc.callback import Terms
retry(Layout(Path(sys.argv[1])), {"default": Account("default", Terms({"2026": sys.argv[2].encode()}), ())}, Span())
"""
STATUSES = 12


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Refused callbacks of two dates: so a recovery writes two segments."""
    posts = [*map(status_body, range(STATUSES)), incoming_body("79001230001", "Да")]
    return refused(tmp_path_factory.mktemp("kill") / "data", *posts, at=NOON + 43200 - STATUSES // 2)


def recovering(data, *prefix):
    return subprocess.run([*prefix, sys.executable, "-c", RECOVER, str(data), SECRET], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("point", "maintained"),
    [
        pytest.param("fdatasync:when=1", False, id="written-and-not-synced"),
        pytest.param("fdatasync:when=1", True, id="written-and-sealed-by-the-maintenance"),
        pytest.param("rename:when=1", False, id="nothing-written"),
        pytest.param("rename:when=2", True, id="first-date-not-sealed"),
        pytest.param("rename:when=3", False, id="first-date-sealed"),
        pytest.param("rename:when=3", True, id="first-date-published"),
        pytest.param("fdatasync:when=2", False, id="second-date-not-synced"),
        pytest.param("rename:when=4", True, id="second-date-not-sealed"),
    ],
)
def test_killed_at_a_call_and_run_again_it_has_recovered_all_once(full, tmp_path, point, maintained):
    need("strace", "the recovery cannot be killed at a chosen call")
    data = shutil.copytree(full, tmp_path / "data")
    call, _, when = point.partition(":")
    killed = recovering(data, "strace", "-f", "-qq", "-o", "/dev/null", f"--inject={call}:signal=SIGKILL:{when}")
    assert killed.returncode in (-9, 137), killed.stderr
    if maintained:
        published(data)
    assert retry(Layout(data), RIGHT, EVERYTHING).refused == {}
    published(data)
    assert retry(Layout(data), RIGHT, EVERYTHING).events == 0
    store = open_store(data)
    assert sorted(store.statuses().select("message_id").fetchall()) == [(number,) for number in range(STATUSES)]
    assert store.incoming().select("text, copies").fetchall() == [("Да", 1)]
    assert sum(row[0] for row in store.messages().aggregate("count(*)").fetchall()) == STATUSES


def test_two_at_once_beside_a_maintenance_recover_all_once(full, tmp_path):
    data = shutil.copytree(full, tmp_path / "data")
    stop = threading.Event()

    def publish():
        with Maintenance(Layout(data), {}) as maintenance:
            while not stop.is_set():
                maintenance.run()

    threads = [threading.Thread(target=publish), *(threading.Thread(target=recovering, args=[data]) for _ in range(2))]
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join()
    stop.set()
    threads[0].join()
    published(data)
    assert open_store(data).statuses().shape[0] == STATUSES
    assert retry(Layout(data), RIGHT, EVERYTHING).before == STATUSES + 1
