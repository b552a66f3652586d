"""A restart while the system holds the port open: who calls meanwhile waits, and gets an answer."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import socket
import subprocess
import sys
import threading
import time

import duckdb
import pytest
from serving import SECRET, Collector, counting
from signing import status_body


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as held:
        yield held


def calling(address, numbers, stop, answers):
    """Call again and again, each time over a connection of its own, as one does who knows of no restart."""
    while not stop.is_set():
        number = next(numbers)
        try:
            with contextlib.closing(http.client.HTTPConnection(*address, timeout=60)) as link:
                link.request("POST", "/callback", status_body(number))
                answers[number] = link.getresponse().status
        except OSError as error:
            answers[number] = type(error).__name__


def answered_more(answers):
    """Wait until 50 more callers have an answer, however slow the machine is."""
    enough, deadline = len(answers) + 50, time.monotonic() + 60
    while len(answers) < enough:
        assert time.monotonic() < deadline, f"{len(answers)} of {enough} callers have an answer"
        time.sleep(0.02)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_everybody_who_calls_through_restarts_is_answered_with_200_and_stored_once(tmp_path, port, workers):
    def started() -> Collector:
        return Collector(tmp_path / "data", "--workers", workers, held=port)

    collector, numbers, stop, answers = started(), itertools.count(1), threading.Event(), {}
    callers = [
        threading.Thread(target=calling, args=[port.getsockname(), numbers, stop, answers], daemon=True)
        for _ in range(12)
    ]
    try:
        for caller in callers:
            caller.start()
        for _ in range(4):
            answered_more(answers)
            assert collector.stop() == 0
            collector = started()
        answered_more(answers)
        stop.set()
        for caller in callers:
            caller.join()
        assert set(answers.values()) == {200}
        assert collector.stop() == 0
    finally:
        stop.set()
        collector.kill()
    found = duckdb.sql("SELECT message_id FROM read_parquet($files)", params={"files": counting(tmp_path / "data")})
    assert sorted(row[0] for row in found.fetchall()) == sorted(answers)


@pytest.mark.parametrize("sockets", ["2", "0"])
def test_what_is_handed_over_must_be_one_port(tmp_path, port, sockets):
    with pytest.raises(AssertionError, match=r"one ListenStream=ADDRESS:PORT"):
        Collector(tmp_path / "data", held=port, SOCKETS=sockets)


def test_a_file_that_is_no_port_is_refused(tmp_path):
    with socket.socket() as silent, pytest.raises(AssertionError, match=r"one ListenStream=ADDRESS:PORT"):
        Collector(tmp_path / "data", held=silent)


def test_what_is_meant_for_another_process_is_left_alone(tmp_path, port):
    environment = os.environ | {"SMSANALYTICS_SECRET": SECRET, "LISTEN_PID": "1", "LISTEN_FDS": "1"}
    serve = [sys.executable, "-m", "smsanalytics", "serve", "--data", str(tmp_path), "--port"]
    done = subprocess.run(
        [*serve, str(port.getsockname()[1])], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "cannot listen" in done.stderr) == (2, True)
