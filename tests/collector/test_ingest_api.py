"""The admin listener as your own systems see it: what they tell of is on the disk when they are answered, or refused whole."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from serving import maintain, serving
from signing import SECRET, status_body

from smsanalytics import open_store
from smsanalytics.collector.ingest_api import MAX_BODY_BYTES

TOKEN = "an-admin-token-of-more-than-20"
SETTINGS = {"SMSANALYTICS_ADMIN_TOKEN": TOKEN, "SMSANALYTICS_ACCOUNTS__SHOP__SECRETS": '{"2026": "another-secret"}'}
SEND = {
    "message_id": 1042,
    "phone": "+79001230001",
    "sent_at": "2026-11-22T12:00:00+03:00",
    "tag": "login",
    "cost": 3.10,
}
REQUEST = {"phone": "79001230001", "requested_at": 1795338000, "number_to_call": "79001230000"}


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode() + b"\n"


def request(base, method, path, body=None, token=TOKEN, **headers):
    with contextlib.closing(http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)) as link:
        said = {"Authorization": f"Bearer {token}"} if token else {}
        link.request(method, path, body, said | {"Content-Type": "application/x-ndjson"} | headers)
        response = link.getresponse()
        return response.status, response.read().decode(), dict(response.getheaders())


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("intake") / "data", "--no-maintain", **SETTINGS) as running:
        yield running


def test_what_was_told_is_stored_under_its_account_and_answered_with_how_many(tmp_path):
    with serving(tmp_path / "data", "--no-maintain", **SETTINGS) as running:
        told = [SEND, SEND | {"message_id": 1043, "account": "shop"}, SEND | {"message_id": 1044}]
        status, text, headers = request(running.admin, "POST", "/sends?account=default", lines(*told))
        assert (status, json.loads(text), headers["content-type"]) == (200, {"stored": 3}, "application/json")
        assert request(running.admin, "POST", "/sends?account=shop", lines(SEND))[0] == 200
        assert request(running.admin, "POST", "/confirmation-requests", lines(REQUEST))[1] == '{"stored": 1}\n'
        assert request(running.admin, "POST", "/sends", b"")[0] == 400
        assert running.post(status_body(1042)) == 200
        running.kill()  # what was answered is on the disk
    maintain(tmp_path / "data")
    store = open_store(tmp_path / "data")
    sends = store.sends().select("account, message_id, phone, tag, cost::VARCHAR, source").order("ALL").fetchall()
    one = ("79001230001", "login", "3.1000", "http")
    assert sends == [("default", 1042, *one), ("default", 1044, *one), ("shop", 1042, *one), ("shop", 1043, *one)]
    assert store.confirmation_requests().select("phone, number_to_call").fetchall() == [("79001230001", "79001230000")]
    assert store.statuses().shape[0] == 1


def test_national_numbers_become_international_where_that_is_set_and_are_counted_where_not(tmp_path):
    settings = SETTINGS | {
        "SMSANALYTICS_ACCOUNTS__SHOP__COUNTRY_CODE": "7",
        "SMSANALYTICS_ACCOUNTS__SHOP__TRUNK_PREFIX": "8",
    }
    given = ["89001230001", "9001230002", "79001230003", "+84912345678"]
    with serving(tmp_path / "data", "--no-maintain", **settings) as running:
        answers = [
            json.loads(request(running.admin, "POST", f"/sends?account={account}", body)[1])
            for account in ("shop", "default")
            for body in (lines(*[SEND | {"phone": phone} for phone in given]), lines(SEND))
        ]
        assert running.stop() == 0
    done = "2 national numbers of account shop were stored with the country code"
    undone = (
        "2 national numbers of account default were stored as given, so that no callback will match; "
        'set country_code and trunk_prefix in [accounts.default], such as "7" and "8"'
    )
    one = {"stored": 1}
    assert answers == [{"stored": 4, "notices": [done]}, one, {"stored": 4, "notices": [undone]}, one]
    maintain(tmp_path / "data")
    rows = set(open_store(tmp_path / "data").sends().select("account, phone").fetchall())
    assert {phone for account, phone in rows if account == "default"} == {phone.lstrip("+") for phone in given} | {
        "79001230001"
    }
    assert {phone for account, phone in rows if account == "shop"} == {
        "79001230001",
        "79001230002",
        "79001230003",
        "84912345678",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "token", "status", "words"),
    [
        pytest.param("GET", "/sends", None, TOKEN, 405, "POST", id="get"),
        pytest.param("PUT", "/confirmation-requests", lines(REQUEST), TOKEN, 405, "POST", id="put"),
        pytest.param("POST", "/sends", lines(SEND), None, 401, "Authorization: Bearer", id="no-token"),
        pytest.param("POST", "/sends", lines(SEND), TOKEN[:-1], 401, "Authorization: Bearer", id="token-cut"),
        pytest.param("POST", "/sends", lines(SEND), TOKEN + "x", 401, "Authorization: Bearer", id="token-longer"),
        pytest.param("POST", "/sends?account=nobody", lines(SEND), TOKEN, 400, "an account of the settings", id="no-account"),
        pytest.param("POST", "/sends?acount=shop", lines(SEND), TOKEN, 400, "and nothing else", id="query-misspelt"),
        pytest.param("POST", "/sends?account=shop&account=default", lines(SEND), TOKEN, 400, "and nothing else", id="two-accounts"),
        pytest.param("POST", "/sends", lines(SEND, SEND | {"account": "nobody"}), TOKEN, 400, "line 2, column account", id="line-of-no-account"),
        pytest.param("POST", "/sends", lines(SEND, SEND, SEND | {"phone": "79001239"[:6]}), TOKEN, 400, "line 3, column phone", id="bad-phone"),
        pytest.param("POST", "/sends", lines(SEND | {"sendr": "X"}), TOKEN, 400, "line 1: there is no column 'sendr'", id="unknown-field"),
        pytest.param("POST", "/sends", b'{"tag": "a", "tag": "b"}', TOKEN, 400, "line 1: a field came twice", id="field-twice"),
        pytest.param("POST", "/sends", b"[1]", TOKEN, 400, "line 1: needed one JSON object", id="no-object"),
        pytest.param("POST", "/confirmation-requests", lines(SEND), TOKEN, 400, "no column 'message_id'", id="a-send-as-request"),
        pytest.param("POST", "/sends", b" " * (MAX_BODY_BYTES + 1), TOKEN, 413, "send it in parts", id="too-large"),
        pytest.param("POST", "/sends", b" " * (MAX_BODY_BYTES + 1), None, 401, "Authorization: Bearer", id="too-large-without-token"),
        pytest.param("GET", "/healthz", None, None, 200, "OK", id="health"),
        pytest.param("POST", "/callback", status_body(1), TOKEN, 404, "", id="no-callbacks-here"),
        pytest.param("GET", "/", None, TOKEN, 404, "", id="root"),
    ],
)  # fmt: skip
def test_answers(collector, method, path, body, token, status, words):
    found, text, headers = request(collector.admin, method, path, body, token)
    assert (found, words in text) == (status, True)
    assert "79001" not in text
    assert status != 405 or headers["allow"] == "POST"
    assert status != 401 or headers["www-authenticate"] == "Bearer"


def test_the_public_listener_knows_nothing_of_it(collector):
    for path in ("/sends", "/confirmation-requests"):
        for host in ("x", urlsplit(collector.admin).netloc):  # whatever a request says of where it goes
            assert request(collector.base, "POST", path, lines(SEND), Host=host)[0] == 404
    assert collector.post(status_body(1)) == 200


def test_two_tokens_are_none(collector):
    with socket.create_connection(
        (urlsplit(collector.admin).hostname, urlsplit(collector.admin).port), timeout=10
    ) as link:
        head = f"POST /sends HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nAuthorization: Bearer x\r\nContent-Length: 0\r\n\r\n"
        link.sendall(head.encode())
        assert link.recv(1000).startswith(b"HTTP/1.1 401")


def test_a_refused_batch_leaves_nothing_and_nothing_of_it_is_in_the_log(tmp_path):
    with serving(tmp_path / "data", "--no-maintain", **SETTINGS) as running:
        assert request(running.admin, "POST", "/sends", lines(SEND, SEND | {"parts": 0}))[0] == 400
        assert request(running.admin, "POST", "/sends", lines(SEND), "x" * 30)[0] == 401
        assert running.stop() == 0
        log = running.log.read_text()
    assert "nothing new" in maintain(tmp_path / "data")
    assert not any(word in log for word in ("7900", TOKEN, "x" * 30))


def test_without_a_token_it_is_closed_and_says_what_to_set(tmp_path):
    with serving(tmp_path / "data", "--no-maintain") as running:
        for token in (None, "", TOKEN):
            status, text, _ = request(running.admin, "POST", "/sends", lines(SEND), token)
            assert (status, "SMSANALYTICS_ADMIN_TOKEN" in text) == (403, True)
        assert request(running.admin, "GET", "/healthz")[0] == 200


def test_it_can_be_switched_off_or_put_elsewhere(tmp_path):
    with serving(tmp_path / "off" / "data", "--no-maintain", "--admin", "off") as running:
        assert running.admin == ""
        assert running.post(status_body(1)) == 200
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(tmp_path / "there" / "data", "--no-maintain", "--admin", f"127.0.0.1:{port}") as running:
        assert running.admin == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--admin", "127.0.0.1:{taken}"), "choose another --admin"),
        (("--admin", "8026"), "an address is HOST:PORT"),
        (("--admin", "127.0.0.1:99999"), "an address is HOST:PORT"),
    ],
)
def test_an_address_that_cannot_work_ends_with_2_and_one_line(tmp_path, options, words):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports = {"taken": taken.getsockname()[1], "free": free.getsockname()[1]}
        done = subprocess.run(
            [sys.executable, "-m", "smsanalytics", "serve", "--data", str(tmp_path / "data"), "--port", "0",
             *(option.format(**ports) for option in options)],
            env={"SMSANALYTICS_SECRET": SECRET}, cwd=tmp_path, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert words in done.stderr


def test_a_stop_answers_what_is_under_way_on_both_listeners(tmp_path):
    with serving(tmp_path / "data", "--no-maintain", **SETTINGS) as running:
        body, answers = lines(*[SEND | {"message_id": number} for number in range(1, 15_001)]), []
        told = threading.Thread(target=lambda: answers.append(request(running.admin, "POST", "/sends", body)[:2]))
        told.start()
        time.sleep(0.15)
        assert running.stop() == 0
        told.join()
        assert "Traceback" not in running.log.read_text()
    maintain(tmp_path / "data")
    stored = open_store(tmp_path / "data").sends().shape[0]
    assert (answers[0][0], stored) in {(200, 15_000), (503, 0)}


def test_callbacks_are_answered_while_a_large_batch_is_read(collector):
    body = lines(*[SEND | {"message_id": number} for number in range(1, 25_001)])
    assert len(body) < MAX_BODY_BYTES
    answers = []
    told = threading.Thread(target=lambda: answers.append(request(collector.admin, "POST", "/sends", body)[0]))
    told.start()
    answered = 0
    while told.is_alive():
        assert collector.post(status_body(1)) == 200
        answered += 1
    assert answers == [200]
    assert answered > 3
