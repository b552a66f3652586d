"""In the first minute nothing is published yet: what waits is counted, and who publishes it is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from serving import serving
from signing import status_body

from smsanalytics import open_store
from smsanalytics.storage.backlog import waiting
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry

FORGED = b"id=1&phone=79001230001&status=1&md5=" + b"0" * 32
ASKING = (("files", "statuses"), ("metric", "delivery_rate", "--format", "csv"))


def run(*words, cwd, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "smsanalytics", *words, "--data", "data"],
        capture_output=True, text=True, cwd=cwd, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def collect(collector, *numbers):
    assert [collector.post(status_body(number)) for number in numbers] == [200] * len(numbers)


def test_beside_a_maintenance_it_is_a_matter_of_seconds(tmp_path):
    said = "2 events and 1 refused callback wait, published within 40 s"
    with serving(tmp_path / "data", "--flush-seconds", "40") as collector:
        before = run("status", cwd=tmp_path).stdout
        collect(collector, 1, 2)
        assert collector.post(FORGED) == 403
        asked = [run(*words, cwd=tmp_path, SMSANALYTICS_FLUSH_SECONDS="40") for words in ASKING]
        table = run("status", cwd=tmp_path, SMSANALYTICS_FLUSH_SECONDS="40").stdout
        program = json.loads(run("status", "--format", "json", cwd=tmp_path).stdout)["waiting"]
        store = open_store(tmp_path / "data")
        assert store.delivery_rate().empty
        assert (store.waiting().events, store.waiting().refused, store.waiting().maintaining) == (2, 1, True)
    assert "\njournal: nothing waits\n" in before
    assert [one.stderr for one in asked] == [f"smsanalytics: {said}\n"] * 2
    assert asked[0].stdout == ""
    assert asked[1].stdout.startswith("day,submitted,")
    assert f"\njournal: {said}\n" in table
    assert (program["events"], program["refused"], program["all_counted"]) == (2, 1, True)


def test_what_is_published_is_answered_without_a_word(tmp_path):
    with serving(tmp_path / "data", "--flush-seconds", "0.2") as collector:
        collect(collector, 1)
        assert collector.stop() == 0
    for words in ASKING:
        done = run(*words, cwd=tmp_path)
        assert (done.stdout.count("\n"), done.stderr) == (len(words) // 2, "")


def test_a_store_that_answers_is_silent_about_the_last_minute(own_store, tmp_path):
    with serving(own_store) as collector:
        collect(collector, 1)
        assert [run(*words, cwd=own_store.parent).stderr for words in ASKING] == ["", ""]
    with serving(own_store, "--no-maintain") as collector:
        collect(collector, 2)
        said = run("metric", "delivery_rate", cwd=own_store.parent).stderr
    assert said == (
        "smsanalytics: 2 events wait, and no maintenance runs; `smsanalytics maintain` publishes them, 60 s after they came\n"
    )


def test_without_a_maintenance_the_command_that_publishes_is_named(tmp_path):
    with serving(tmp_path / "data", "--no-maintain") as collector:
        collect(collector, 1)
        assert collector.stop() == 0
    said = "smsanalytics: 1 event waits, and no maintenance runs; `smsanalytics maintain` publishes them\n"
    assert [run(*words, cwd=tmp_path).stderr for words in ASKING] == [said] * 2
    assert run("maintain", cwd=tmp_path).stdout.startswith("published 1 statuses")
    assert [run(*words, cwd=tmp_path).stderr for words in ASKING] == [""] * 2


def test_of_a_large_backlog_no_more_than_a_bound_is_read(tmp_path):
    layout = Layout(tmp_path)
    journal = Journal(layout, "w0")
    event = entry(account="default", kind="status", signed_by="md5", key="k", fields={"message_id": "1"}, extra={})
    journal.write([event] * 20_000)
    journal.close()
    assert (waiting(layout).events, waiting(layout).all_counted) == (20_000, True)
    found = waiting(layout, most=2**20)
    assert 0 < found.events < 20_000
    assert not found.all_counted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_may_read_tables_but_not_the_journal_is_answered(own_store):
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        data = shutil.copytree(own_store, Path(place) / "data")
        for path in [data, *data.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        (data / "journal").chmod(0o700)
        code = (  # everything is imported before, for the other may not be let in where this Python is
            "import os; import smsanalytics.analysis.store, smsanalytics.ops.status; from smsanalytics.cli import main; "
            "from smsanalytics.settings import load; load(None); "
            "os.setgroups([]); os.setgid(65534); os.setuid(65534); main()"
        )
        command = [sys.executable, "-c", code, "files", "statuses", "--data", "data"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=place)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")
