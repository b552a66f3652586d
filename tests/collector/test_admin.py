"""What is seen from outside: readiness, figures for Prometheus, the log; of one process and of several."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import duckdb
import pytest
from serving import SECRET, counting, maintain, serving
from signing import incoming_body, status_body

from smsanalytics.collector import create_admin_app
from smsanalytics.settings import Settings

TOKEN = "an-admin-token-of-more-than-20"


def get(running, path, token=None):
    with contextlib.closing(http.client.HTTPConnection(urlsplit(running.admin).netloc, timeout=30)) as link:
        link.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = link.getresponse()
        return response.status, response.read().decode()


def figures(running, token=None):
    status, text = get(running, "/metrics", token)
    assert status == 200
    return {name: float(value) for name, value in re.findall(r"^(smsanalytics_\S+) (\S+)$", text, re.MULTILINE)}


def ready(running):
    return get(running, "/readyz")[0]


def pids(running, words):
    found = subprocess.run(["pgrep", "-g", str(running.process.pid), "-f", words], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def until(true, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_headers_that_middleware_adds_to_a_refusal_are_in_that_one_only(tmp_path):
    app = create_admin_app(Settings(data=tmp_path, secret=SECRET, admin_token=TOKEN))
    sent = []

    async def send(message):
        sent.append([*message.get("headers", [])])
        message.get("headers", []).append((b"x-added", b"1"))

    scope = {"type": "http", "method": "GET", "path": "/metrics", "query_string": b"", "headers": []}
    for _ in range(2):
        asyncio.run(app(scope, None, send))
    assert sent[0] == sent[2] != []


def test_figures_of_what_was_sent(tmp_path):
    with serving(tmp_path / "data", "--flush-seconds", "0.4", SMSANALYTICS_ADMIN_TOKEN=TOKEN) as running:
        for number in range(30):
            assert running.post(status_body(number)) == 200
        assert running.post(incoming_body("79001230001", "да")) == 200
        assert running.post(status_body(1, secret="wrong")) == 403
        assert running.post(b"id=1") == 400
        assert running.post(status_body(1), "/callback/nobody") == 404
        assert get(running, "/metrics")[0] == 401
        found = figures(running, TOKEN)
        assert found['smsanalytics_accepted_total{account="default",kind="status"}'] == 30
        assert found['smsanalytics_accepted_total{account="default",kind="incoming"}'] == 1
        assert found['smsanalytics_rejected_total{account="default",reason="signature"}'] == 1
        assert found['smsanalytics_rejected_total{account="default",reason="structure"}'] == 1
        assert {status: found[f'smsanalytics_answers_total{{status="{status}"}}'] for status in (200, 400, 403, 404)} == {
            200: 31, 400: 1, 403: 1, 404: 1,
        }  # fmt: skip
        assert found["smsanalytics_request_seconds_count"] == 33
        assert found["smsanalytics_events_per_sync_sum"] == 31
        assert found["smsanalytics_sync_seconds_count"] == found["smsanalytics_events_per_sync_count"] > 0
        assert 0 <= found['smsanalytics_seconds_since_callback{account="default"}'] < 30
        assert found["smsanalytics_disk_free_bytes"] > found["smsanalytics_disk_reserve_bytes"] == 0
        assert until(lambda: figures(running, TOKEN).get("smsanalytics_flush_seconds", 0) > 0)
        assert found["smsanalytics_quarantined"] == 0


def test_what_could_not_be_written_is_not_counted_as_accepted(tmp_path):
    accepted = 'smsanalytics_accepted_total{account="default",kind="status"}'
    with serving(tmp_path / "data", "--no-maintain") as running:
        slot = running.data / "journal" / "w0"
        aside = slot.rename(slot.with_name("aside"))
        assert [running.post(status_body(number)) for number in range(3)] == [503] * 3
        assert figures(running)[accepted] == 0
        aside.rename(slot)
        assert running.post(status_body(1)) == 200
        assert figures(running)[accepted] == 1


def test_what_waits_and_for_how_long_is_told(tmp_path):
    with serving(tmp_path / "data", "--no-maintain", "--flush-seconds", "0.2") as running:
        assert running.post(status_body(1)) == 200
        assert until(lambda: figures(running)["smsanalytics_backlog_segments"] == 1)
        first = figures(running)
        time.sleep(0.3)
        assert figures(running)["smsanalytics_flush_lag_seconds"] > first["smsanalytics_flush_lag_seconds"] + 0.2
        assert first["smsanalytics_backlog_bytes"] > 100
        maintain(running.data)
        assert (
            figures(running)["smsanalytics_backlog_segments"] == figures(running)["smsanalytics_flush_lag_seconds"] == 0
        )


def test_it_is_ready_while_the_disk_takes_writes_and_again_when_it_does_again(tmp_path):
    with serving(tmp_path / "data", "--no-maintain") as running:
        assert get(running, "/readyz") == (200, "ready\n")
        slot = running.data / "journal" / "w0"
        aside = slot.with_name("aside")
        slot.rename(aside)
        assert running.post(status_body(1)) == 503
        assert get(running, "/healthz") == (200, "OK")
        time.sleep(10.1)  # so long an earlier write speaks for it
        status, why = get(running, "/readyz")
        assert (status, "not ready: the journal could not be written" in why) == (503, True)
        aside.rename(slot)
        assert ready(running) == 200


def test_it_is_not_ready_below_the_reserve(tmp_path):
    with serving(tmp_path / "data", "--no-maintain", SMSANALYTICS_DISK_RESERVE_BYTES=str(2**60)) as running:
        assert get(running, "/readyz")[0] == 503
        assert "reserve" in get(running, "/readyz")[1]


def test_the_log_is_json_a_line_and_says_a_repeated_trouble_once(tmp_path):
    with serving(tmp_path / "data", "--no-maintain") as running:
        slot = running.data / "journal" / "w0"
        slot.rename(slot.with_name("aside"))
        assert [running.post(status_body(number)) for number in range(50)] == [503] * 50
        lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert all({"at", "level", "logger", "message"} == line.keys() for line in lines)
    assert len([line for line in lines if line["message"].startswith("answered 503")]) == 1


def test_workers_share_the_work_count_together_and_lose_nothing_when_one_dies(tmp_path):
    with serving(tmp_path / "data", "--workers", "2", "--flush-seconds", "0.5") as running:
        assert until(lambda: len(pids(running, "worker [01] ")) == 2)
        assert until(lambda: len(list((running.data / "journal").glob("w*"))) == 2)
        stored: list[int] = []

        def post(first):
            for number in range(first, first + 150):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if running.post(status_body(number)) == 200:
                        stored.append(number)

        threads = [threading.Thread(target=post, args=[first]) for first in (1000, 2000, 3000, 4000)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        os.kill(pids(running, "worker 1 ")[0], signal.SIGKILL)
        for thread in threads:
            thread.join()
        assert until(lambda: len(pids(running, "worker [01] ")) == 2)
        found = figures(running)
        assert len(stored) <= found['smsanalytics_accepted_total{account="default",kind="status"}'] <= 600
        assert running.stop() == 0
        assert "worker 1 ended with -9" in running.log.read_text()
    rows = duckdb.sql(f"SELECT message_id, filename FROM read_parquet({counting(running.data)})").fetchall()
    times = Counter(number for number, _ in rows)
    assert [number for number in stored if times[number] != 1] == []
    assert {re.search(r"/(w\d)-", name)[1] for _, name in rows} == {"w0", "w1"}


def test_workers_end_with_their_parent(tmp_path):
    with serving(tmp_path / "data", "--workers", "2") as running:
        assert until(lambda: len(pids(running, "worker [01] ")) == 2)
        assert running.post(status_body(1)) == 200
        running.process.kill()
        running.process.wait()
        assert until(lambda: pids(running, "smsanalytics") == [])


def test_slots_of_workers_that_are_no_more_are_published(tmp_path):
    data = tmp_path / "data"
    with serving(data, "--workers", "3", "--no-maintain") as running:
        for number in range(60):
            assert running.post(status_body(number)) == 200
        running.kill()
    with serving(data, "--flush-seconds", "0.3") as running:
        assert until(lambda: list(data.glob("statuses/*/*.parquet")) and not list(data.glob("journal/w[12]/*.open")))
        assert running.stop() == 0
    assert duckdb.sql(f"SELECT count(DISTINCT message_id) FROM '{data}/statuses/*/*.parquet'").fetchall() == [(60,)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_collector_refuses_however_many_workers_it_has(tmp_path, workers):
    with serving(tmp_path / "data", "--no-maintain", "--workers", "2"):
        second = subprocess.run(
            [sys.executable, "-m", "smsanalytics", "serve", "--data", str(tmp_path / "data"), "--port", "0", "--workers", workers],
            env={"SMSANALYTICS_SECRET": SECRET}, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    assert second.returncode == 2
    assert "the journal of this store is in use by another process" in second.stderr
