"""The collector as a process: its answers, its start, its stop, its maintenance."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import duckdb
import pytest
from serving import maintain, serving
from signing import SECRET, status_body

from smsanalytics.storage.catalog import Layout


def request(collector, method, path, body=None, headers=None):
    with contextlib.closing(collector.connect()) as link:
        link.request(method, path, body, headers or {})
        response = link.getresponse()
        return response.status, response.read(), dict(response.getheaders())


def count(data, table="statuses"):
    files = list(data.glob(f"{table}/*/*.parquet"))
    return duckdb.sql(f"SELECT count(*) FROM '{data}/{table}/*/*.parquet'").fetchall()[0][0] if files else 0


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    settings = {
        "SMSANALYTICS_ACCOUNTS__SHOP__SECRETS": '{"2026": "another-secret"}',
        "SMSANALYTICS_MAX_BODY_BYTES": "4096",
    }
    with serving(tmp_path_factory.mktemp("answers") / "data", "--no-maintain", **settings) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("POST", "/callback", status_body(1), 200, id="stored"),
        pytest.param("POST", "/callback/", status_body(1), 200, id="slash"),
        pytest.param("POST", "/callback/default", status_body(1), 200, id="account-named"),
        pytest.param("POST", "/callback/shop", status_body(1, secret="another-secret"), 200, id="other-account"),
        pytest.param("POST", "/callback/shop", status_body(1), 403, id="secret-of-another-account"),
        pytest.param(
            "POST", "/callback?md5=" + SECRET, b"id=1&phone=79001230001&status=1", 403, id="hash-only-from-the-body"
        ),
        pytest.param("POST", "/callback", b"id=1", 400, id="unreadable"),
        pytest.param("POST", "/callback/nobody", status_body(1), 404, id="no-account"),
        pytest.param("POST", "/callbacks", status_body(1), 404, id="no-such-page"),
        pytest.param("GET", "/callback", None, 405, id="get"),
        pytest.param("PUT", "/callback", status_body(1), 405, id="put"),
        pytest.param("POST", "/callback", b"a=" + b"x" * 4096, 413, id="too-large"),
        pytest.param("GET", "/healthz", None, 200, id="health"),
        pytest.param("GET", "/", None, 404, id="root"),
    ],
)
def test_answers(collector, method, path, body, status):
    assert request(collector, method, path, body)[0] == status


def test_the_answer_tells_what_to_check_and_echoes_nothing(collector):
    for body in (status_body(4711, "79001239999", secret="wrong"), b"id=4711&phone=79001239999&status=x"):
        _, text, _ = request(collector, "POST", "/callback", body)
        assert b"4711" not in text
        assert b"79001239999" not in text
        assert b"check" in text or b"shape" in text
    assert request(collector, "POST", "/callback", status_body(1))[1] == b"OK"
    assert request(collector, "GET", "/callback")[2]["allow"] == "POST"


def test_nothing_of_a_callback_is_in_the_log(collector):
    request(collector, "POST", "/callback", status_body(4711, "79001239999"))
    request(collector, "POST", "/callback", status_body(4711, "79001239999", secret="wrong"))
    log = collector.log.read_text()
    assert not any(word in log for word in ("79001239999", "4711", SECRET))


def test_a_length_of_five_thousand_digits_is_too_large(collector):
    assert request(collector, "POST", "/callback", b"", {"Content-Length": "0" * 5000 + "9"})[0] == 413


def test_a_stop_with_a_half_sent_body_open_ends_with_0_within_its_bound(tmp_path):
    token = "an-admin-token-of-more-than-20"
    with serving(tmp_path / "data", "--no-maintain", SMSANALYTICS_ADMIN_TOKEN=token) as running:
        public, admin = (urlsplit(url) for url in (running.url, running.admin))
        with (
            socket.create_connection((public.hostname, public.port), timeout=30) as link,
            socket.create_connection((admin.hostname, admin.port), timeout=30) as other,
        ):
            link.sendall(b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nid=1")
            head = f"POST /sends HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 99\r\n\r\n"
            other.sendall(head.encode() + b"{")
            assert running.post(status_body(1)) == 200
            assert running.stop() == 0
            assert link.recv(100).startswith(b"HTTP/1.1 503")
            assert other.recv(100).startswith(b"HTTP/1.1 503")
        assert "Traceback" not in running.log.read_text()


def test_a_body_without_a_length_is_cut_off_when_it_grows_too_large(collector):
    answer = b""
    with socket.create_connection((urlsplit(collector.url).hostname, urlsplit(collector.url).port), timeout=10) as link:
        link.sendall(
            b"POST /callback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"400\r\n"
            + b"x" * 1024
            + b"\r\n"
        )
        link.sendall((b"400\r\n" + b"x" * 1024 + b"\r\n") * 4)
        answer = link.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_client_that_goes_away_leaves_nothing(collector):
    with socket.create_connection((urlsplit(collector.url).hostname, urlsplit(collector.url).port), timeout=10) as link:
        link.sendall(b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nid=1")
    assert request(collector, "GET", "/healthz")[0] == 200


def test_sigterm_seals_publishes_and_ends_with_0(tmp_path):
    data = tmp_path / "data"
    with serving(data, "--flush-seconds", "60") as collector:
        assert collector.post(status_body(1)) == 200
        assert collector.stop() == 0
    assert count(data) == 1
    assert [segment.name for segment in Layout(data).segments("w0")] == []


def test_events_become_parquet_without_further_traffic(tmp_path):
    data = tmp_path / "data"
    with serving(data, "--flush-seconds", "0.5") as collector:
        assert collector.post(status_body(1)) == 200
        deadline = time.monotonic() + 20
        while count(data) == 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert count(data) == 1
        from smsanalytics import open_store

        while not open_store(data).messages().fetchall() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(open_store(data).messages().fetchall()) == 1  # while the collector runs


def test_a_maintenance_that_dies_is_started_again(tmp_path):
    data = tmp_path / "data"
    with serving(data, "--flush-seconds", "0.3") as collector:
        pids, deadline = [], time.monotonic() + 10
        while not pids and time.monotonic() < deadline:
            find = ["pgrep", "-g", str(collector.process.pid), "-f", "maintain --follow"]
            pids = subprocess.run(find, capture_output=True, text=True).stdout.split()
        assert len(pids) == 1
        subprocess.run(["kill", "-9", *pids], check=True)
        assert collector.post(status_body(1)) == 200
        deadline = time.monotonic() + 30
        while count(data) == 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert count(data) == 1
        assert "it is started again" in collector.log.read_text()


def test_the_maintenance_ends_with_its_collector(tmp_path):
    with serving(tmp_path / "data") as collector:
        group = str(collector.process.pid)
        collector.process.kill()
        collector.process.wait()
        deadline = time.monotonic() + 20
        while (
            subprocess.run(["pgrep", "-g", group], capture_output=True).returncode == 0 and time.monotonic() < deadline
        ):
            time.sleep(0.1)
        assert subprocess.run(["pgrep", "-g", group], capture_output=True).returncode != 0


def test_a_second_collector_on_the_store_refuses_with_a_clear_message(tmp_path):
    with serving(tmp_path / "data", "--no-maintain"):
        second = subprocess.run(
            [sys.executable, "-m", "smsanalytics", "serve", "--data", str(tmp_path / "data"), "--port", "0"],
            env={"SMSANALYTICS_SECRET": SECRET}, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith(
        "smsanalytics: the journal of this store is in use by another process"
    )


@pytest.mark.parametrize(
    ("environment", "options", "words"),
    [
        pytest.param({}, (), "no secret is set", id="no-secret"),
        pytest.param(
            {"SMSANALYTICS_SECRET": "with:colon"}, (), "letters, digits, minus and underscore", id="secret-with-colon"
        ),
        pytest.param({"SMSANALYTICS_SECRET": SECRET}, ("--port", "1"), "cannot listen on", id="port-taken"),
        pytest.param(
            {"SMSANALYTICS_SECRET": SECRET}, ("--host", "no.such.host.invalid"), "cannot listen on", id="no-such-host"
        ),
        pytest.param(
            {"SMSANALYTICS_SECRET": SECRET}, ("--config", "nowhere.toml"), "no settings file nowhere.toml", id="no-file"
        ),
    ],
)
def test_what_cannot_work_ends_with_2_and_one_line(tmp_path, environment, options, words):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = tuple(str(taken.getsockname()[1]) if option == "1" else option for option in options)
        done = subprocess.run(
            [sys.executable, "-m", "smsanalytics", "serve", "--data", str(tmp_path / "data"), *options],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("smsanalytics: ")
    assert words in done.stderr
    assert "colon" not in done.stderr


def test_left_over_segments_of_a_killed_collector_are_published_by_maintain(tmp_path):
    data = tmp_path / "data"
    with serving(data, "--no-maintain") as collector:
        for number in range(3):
            assert collector.post(status_body(number)) == 200
        collector.kill()
    assert "published 3 statuses" in maintain(data)
    assert count(data) == 3
    assert "published nothing new" in maintain(data)


def test_a_disk_that_cannot_be_written_is_answered_503_and_recovers_alone(tmp_path):
    data = tmp_path / "data"
    with serving(data, "--no-maintain") as collector:
        slot = data / "journal" / "w0"
        aside = slot.with_name("aside")
        slot.rename(aside)
        status, _, headers = request(collector, "POST", "/callback", status_body(1))
        assert (status, headers["retry-after"]) == (503, "30")
        aside.rename(slot)
        assert collector.post(status_body(2)) == 200
        assert collector.stop() == 0
    maintain(data)
    assert duckdb.sql(f"SELECT message_id FROM '{data}/statuses/*/*.parquet'").fetchall() == [(2,)]
