"""`smsanalytics status` in words, and as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry


def run(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "smsanalytics", "status", *map(str, words)], capture_output=True, text=True, cwd=cwd,
        env=os.environ | {"SMSANALYTICS_DISK_RESERVE_BYTES": str(3 * 2**30)},
    )  # fmt: skip


def test_the_table_for_people(own_store, tmp_path):
    layout, at = Layout(own_store), datetime.now(UTC) - timedelta(minutes=5)
    fields = {"message_id": "2000", "phone": "79001230001", "status": "1"}
    journal = Journal(layout, "w0", now=lambda: int(at.timestamp()) * 10**9)
    journal.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
    done = run("--data", own_store, cwd=tmp_path)
    journal.close()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["table", "rows", "bytes", "files", "superseded", "first", "last"]
    assert re.fullmatch(r"statuses +3 +[\d,]+ +1 +0 +2026-11-21 +2026-11-21", lines[2])
    assert re.fullmatch(r"sends +0 +0 +0 +0 +– +–", lines[6])
    assert f"newest receipt: {at:%Y-%m-%d %H:%M:%S} UTC, 5 minutes ago" in lines
    assert re.search(r"^messages: as of 2026-11-21 21:30:00 UTC, \d+ (days?|hours?|minutes?|seconds?) behind$", done.stdout, re.MULTILINE)  # fmt: skip
    assert re.search(
        r"^maintenance: does not run; published last at \S+, which took [\d.]+ s$", done.stdout, re.MULTILINE
    )
    assert re.search(r"^journal w0: 0 sealed of 0 B, 1 open of \d+ B, in use$", done.stdout, re.MULTILINE)
    assert {"collector: runs", "to merge: nothing", "quarantine: 0 lines", "refused in 24 hours: 0"} <= set(lines)
    assert re.fullmatch(r"disk: [\d,.]+ GiB free, 3.0 GiB are the reserve", lines[-1])


def test_json_for_programs(own_store, tmp_path):
    said = json.loads(run("--data", own_store, "--format", "json", cwd=tmp_path).stdout)
    assert said["freshness"] == {"newest_receipt": "2026-11-21T21:30:00+00:00", "as_of": "2026-11-21T21:30:00+00:00",
                                 "complete_at": "2026-11-21T21:30:00+00:00", "behind_seconds": 0.0}  # fmt: skip
    assert said["tables"][0]["first"] == "2026-11-21"
    assert said["reserve"] == 3 * 2**30
    assert [slot["writer"] for slot in said["slots"]] == ["w0"]


def test_wrong_usage(own_store, tmp_path):
    done = run("--data", own_store, "--format", "csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "smsanalytics: unknown format 'csv'; there are json, table\n")
    assert run("--data", "nowhere", cwd=tmp_path).stderr.startswith("smsanalytics: there is no store at nowhere; ")
