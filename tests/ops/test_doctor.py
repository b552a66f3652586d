"""The doctor: a sound collector has nothing to mend, each broken thing is named, and its callback is in no figure."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest
from mailing import Box, authority, mail_server
from serving import serving
from signing import status_body

from smsanalytics import open_store
from smsanalytics.ops.doctor import State, backlog, examine, host, probe, secrets
from smsanalytics.settings import Settings
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.disk import Space
from smsanalytics.storage.journal import Journal, entry, file_system, recover
from smsanalytics.storage.maintenance import Maintenance

SECRET, OTHER, TOKEN = "a-secret-of-twenty-and-more", "another-secret-of-twenty-and-more", "a-token-of-twenty-and-more"
EVENT = entry(account="default", kind="status", signed_by="md5", key="1", fields={"message_id": "1"}, extra={})


def settings_for(data, collector=None, **more):
    """As the collector has them, should there be one."""
    said = {"data": data, "secret": SECRET, "disk_reserve_bytes": 0, "port": 1, "admin": "off"}
    if collector is not None:
        said |= {"port": int(collector.base.rpartition(":")[2]), "admin": collector.admin.removeprefix("http://")}
    return Settings(**said | more)


def state_of(findings, check):
    """State, words and advice of the one finding of a check."""
    [found] = [one for one in findings if one.check == check]
    assert (found.todo == "") == (found.state is State.OK)
    return found.state, found.found


def failed(findings):
    """What must not be; except that a test may have to lie in memory."""
    return [one for one in findings if one.state is State.FAIL and one.check != "file system"]


def doctor(*options, cwd=None, **environment):
    command = [sys.executable, "-m", "smsanalytics", "doctor", *options]
    environment = os.environ | {"SMSANALYTICS_SECRET": SECRET, "SMSANALYTICS_DISK_RESERVE_BYTES": "0"} | environment
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd)


def test_a_sound_collector_has_nothing_to_mend(tmp_path):
    with serving(tmp_path / "data", SMSANALYTICS_SECRET=SECRET) as collector:
        port = ["--port", collector.base.rpartition(":")[2], "--admin", collector.admin.removeprefix("http://")]
        said = doctor("--data", str(collector.data), *port)
        told = json.loads(doctor("--data", str(collector.data), *port, "--format", "json").stdout)
    assert [line for line in said.stdout.splitlines() if line.startswith("FAIL") and "file system" not in line] == []
    assert said.returncode == ("\nFAIL" in said.stdout)
    assert "\nok    maintenance: it runs" in said.stdout
    assert "\nok    slots: r0, w0; in use: r0, w0\n" in said.stdout
    assert "\nok    callback to default, signed with default: 200 after " in said.stdout
    assert "\nok    readiness: /readyz says so\n" in said.stdout
    assert [line[6:].split(": ")[0] for line in said.stdout.splitlines()] == [one["check"] for one in told]
    assert {one["state"] for one in told} <= {"ok", "warn", "FAIL"}
    assert not any(SECRET in text or probe.PHONE in text for text in (said.stdout, said.stderr, json.dumps(told)))


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_a_collector_of_the_other_family_is_called(tmp_path, host):
    options = ["--no-maintain", "--host", host, "--admin", "[::1]:0"]
    with serving(tmp_path / "data", *options, SMSANALYTICS_SECRET=SECRET) as collector:
        findings = list(examine(settings_for(tmp_path / "data", collector, host=host)))
        port = collector.base.rpartition(":")[2]
    assert state_of(findings, "collector") == (State.OK, f"it answers at [::1]:{port}")
    assert state_of(findings, "callback to default, signed with default")[0] is State.OK
    assert state_of(findings, "readiness")[0] is State.OK


def test_a_finding_is_exit_code_1_and_a_wrong_word_2(tmp_path):
    done = doctor("--data", str(tmp_path / "data"), "--offline", SMSANALYTICS_SECRET="short")
    assert done.returncode == 1
    assert "FAIL  secret default of account default: 5 characters, of 20 or more that it needs; make one" in done.stdout
    done = doctor("--offline", "--format", "xml")
    assert (done.returncode, done.stderr) == (2, "smsanalytics: unknown format 'xml'; there are json, text\n")


QUESTIONS = ("delivery_rate", "latency", "latency_distribution", "failure_mix", "inbound_volume", "reply_rate",
             "confirmation_success", "cost", "reachability")  # fmt: skip


def test_its_callback_is_in_no_figure_but_those_of_how_callbacks_come(tmp_path):
    data, now = tmp_path / "data", int(time.time())
    secret = {"SMSANALYTICS_SECRET": SECRET}
    with serving(data, **secret) as collector:
        for status, at in ((0, now - 609), (1, now - 604)):  # old enough for every share that asks for an age
            body = status_body(
                1042, status=status, secret=SECRET, err=0, ts=at, cost="3.10", type=0, cnt=1, sender="SHOP"
            )
            assert collector.post(body) == 200
        assert collector.stop() == 0
    before = open_store(data)
    figures = {name: getattr(before, name)() for name in QUESTIONS}
    health, lag = before.data_health().set_index("check"), before.callback_lag()
    assert figures["delivery_rate"]["submitted"].tolist() == [1]
    with serving(data, **secret) as collector:
        assert failed(examine(settings_for(data, collector))) == []
        assert collector.stop() == 0
    after = open_store(data)
    [row] = after.statuses().filter("err = 200").select("status, phone, extra['doctor'], copies").fetchall()
    assert row == (0, probe.PHONE, "1", 1)
    for name in QUESTIONS:
        pd.testing.assert_frame_equal(getattr(after, name)(), figures[name])
    assert (after.data_health().set_index("check")["n"] == health["n"]).all()
    assert after.callback_lag()["n_timed"].sum() == lag["n_timed"].sum() + 1


def test_each_account_is_called_with_its_token_its_algorithms_and_each_of_its_secrets(tmp_path):
    config = tmp_path / "smsanalytics.toml"
    config.write_text(
        f"""
        [accounts.default]
        secrets = {{ "2025" = "{SECRET}", "2026" = "{OTHER}" }}
        [accounts.shop]
        secrets = {{ "2026" = "{SECRET[::-1]}" }}
        path_token = "{TOKEN}"
        algorithms = ["md5", "sha1", "crc32"]
        charset = "utf-8"
        [accounts.far]
        secrets = {{ "2026" = "{OTHER[::-1]}" }}
        addresses = ["192.0.2.0/24"]
        """
    )
    config.chmod(0o600)
    with serving(tmp_path / "data", "--config", str(config), SMSANALYTICS_SECRET="") as collector:
        port = ["--port", collector.base.rpartition(":")[2], "--admin", collector.admin.removeprefix("http://")]
        done = doctor("--data", str(collector.data), "--config", str(config), *port, SMSANALYTICS_SECRET="")
        assert collector.stop() == 0
    for called in ("default, signed with 2025", "default, signed with 2026", "shop, signed with 2026"):
        assert f"ok    callback to {called}: 200 after" in done.stdout
    assert "warn  callback to far: not tried, for its addresses do not have 127.0.0.1" in done.stdout
    kept = open_store(collector.data).statuses().select("account, key, signed_by").order("ALL").fetchall()
    assert kept == [("default", "2025", "md5"), ("default", "2026", "md5"), ("shop", "2026", "md5+sha1+crc32")]
    assert open_store(collector.data).rejected().fetchall() == []


def test_a_forged_one_is_sent_when_asked_for_and_marked_where_it_is_kept(tmp_path):
    with serving(tmp_path / "data", SMSANALYTICS_SECRET=SECRET) as collector:
        findings = examine(settings_for(collector.data, collector), forged=True)
        assert collector.stop() == 0
    assert state_of(findings, "forged callback to default") == (State.OK, "403")
    [(reason, body)] = open_store(collector.data).rejected().select("reason, body").fetchall()
    assert reason == "signature"
    assert b"doctor=1" in body


def test_a_collector_that_takes_anything_is_found_out_by_a_forged_one(tmp_path):
    loose = {"SMSANALYTICS_SECRET": "", "SMSANALYTICS_VERIFY_SIGNATURES": "false"}
    with serving(tmp_path / "data", **loose) as collector:
        findings = examine(settings_for(collector.data, collector), forged=True)
    assert state_of(findings, "forged callback to default") == (State.FAIL, "answered 200, not 403")


def test_without_a_collector_it_says_so_unless_told_not_to_call(tmp_path):
    settings = settings_for(tmp_path / "data")
    assert [one.check for one in failed(examine(settings))] == ["collector"]
    assert state_of(examine(settings), "collector")[1] == "nothing answers at 127.0.0.1:1 (ConnectionRefusedError)"
    assert failed(examine(settings, offline=True)) == []
    assert not (tmp_path / "data").exists()  # it makes nothing


def test_what_is_no_collector_is_told_from_one(tmp_path):
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        findings = examine(settings_for(tmp_path / "data", port=server.server_address[1]))
        server.shutdown()
    assert state_of(findings, "collector") == (
        State.FAIL,
        f"what answers at 127.0.0.1:{server.server_address[1]} is no collector",
    )


@pytest.mark.parametrize(
    ("options", "environment", "asked", "check", "found"),
    [
        pytest.param((), {}, {"secret": OTHER}, "callback to default, signed with default", "answered 403: the collector does not accept this secret", id="other-secret"),
        pytest.param((), {}, {"secret": None, "accounts": {"shop": {"secrets": {"1": SECRET}}}}, "callback to shop, signed with 1", "answered 404: the collector does not know the account, or its path token", id="other-account"),
        pytest.param(("--no-maintain",), {}, {}, "maintenance", "it does not run beside the collector", id="no-maintenance"),
        pytest.param((), {"SMSANALYTICS_DISK_RESERVE_BYTES": str(2**60)}, {}, "callback to default, signed with default", "answered 503: the collector does not store it", id="no-room"),
        pytest.param((), {"SMSANALYTICS_DISK_RESERVE_BYTES": str(2**60)}, {}, "readiness", "/readyz answered 503: not ready: ", id="not-ready"),
        pytest.param((), {}, {"admin": "127.0.0.1:1"}, "readiness", "nothing answers at 127.0.0.1:1 (ConnectionRefusedError)", id="no-admin"),
    ],
)  # fmt: skip
def test_a_collector_that_is_not_as_it_should_be_is_told(
    options, environment, asked, check, found, tmp_path, monkeypatch
):
    monkeypatch.setattr(backlog, "STARTING", 3.0 if "--no-maintain" in options else 30.0)
    with serving(tmp_path / "data", *options, **{"SMSANALYTICS_SECRET": SECRET} | environment) as collector:
        findings = examine(settings_for(collector.data, collector, **asked))
    state, said = state_of(findings, check)
    assert state is State.FAIL
    assert said.startswith(found)


def test_a_collector_of_another_store_is_told(tmp_path):
    with serving(tmp_path / "theirs" / "data", SMSANALYTICS_SECRET=SECRET) as collector:
        findings = examine(settings_for(tmp_path / "data", collector))
        assert state_of(findings, "its store") == (State.FAIL, f"what it stores does not come to {tmp_path / 'data'}")
        assert "its store" not in [one.check for one in examine(settings_for(collector.data, collector))]


def test_an_answer_that_takes_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "SLOW", 0.0)
    with serving(tmp_path / "data", SMSANALYTICS_SECRET=SECRET) as collector:
        findings = examine(settings_for(collector.data, collector))
    assert state_of(findings, "callback to default, signed with default")[0] is State.WARN


def test_secrets_are_long_and_each_is_used_once():
    accounts = {"default": {"secrets": {"1": SECRET}}, "shop": {"secrets": {"1": SECRET, "2": "short"}}, "bare": {}}
    findings = examine(Settings(accounts=accounts, verify_signatures=False, admin_token=SECRET), offline=True)
    said = "secret 1 of account default and secret 1 of account shop and admin token are the same"
    assert state_of(findings, "secrets") == (State.FAIL, said)
    assert state_of(findings, "secret 1 of account shop") == (State.OK, f"{len(SECRET)} characters")
    assert state_of(findings, "secret 2 of account shop")[0] is State.FAIL
    assert state_of(findings, "account bare") == (State.FAIL, "it has no secret, and stores what nobody signed")


def test_settings_that_no_collector_starts_with_are_found_and_the_rest_is_examined(tmp_path):
    findings = examine(Settings(data=tmp_path / "data"), offline=True)
    assert state_of(findings, "settings") == (State.FAIL, next(one.found for one in findings))
    assert state_of(findings, "data") == (State.OK, f"{tmp_path / 'data'} can be made")


def lines_of(done, state="FAIL"):
    return [line[6:] for line in done.stdout.splitlines() if line.startswith(state) and "file system" not in line]


TODO = "correct smsanalytics.toml or the environment"


def test_every_wrong_setting_is_a_line_and_what_can_be_examined_is(tmp_path):
    (tmp_path / "smsanalytics.toml").write_text(
        'flush_second = 1\n[accounts.default]\nsecret_file = "nowhere"\n[accounts.shop]\nsecrets = { a = "short" }\n'
        '[reports.daily]\ncron = "0 8 * * mon"\nperiod = "yesterday"\nkeep = 0\n'
        '[reports.monthly]\ncron = "0 8 1 * *"\nperiod = "last-month"\nzone = "moscow"\n[reports.yearly]\n'
        '[reports.weekly]\ncron = "0 8 * * mon"\nperiod = "last-week"\n'
        '[mail]\nhost = "a b"\n'
    )
    done = doctor("--offline", cwd=tmp_path, SMSANALYTICS_SECRET="", SMSANALYTICS_WORKERS="x")
    assert done.returncode == 1, done.stderr
    assert lines_of(done)[:9] == [
        f"settings: smsanalytics.toml, line 1: flush_second: there is no such setting; did you mean flush_seconds?; {TODO}",
        f"settings: smsanalytics.toml, line 3: accounts.default.secret_file: nowhere cannot be read: No such file or directory; {TODO}",
        f"settings: smsanalytics.toml, line 9: reports.daily.keep: needs 1 or more; {TODO}",
        f"settings: smsanalytics.toml, line 13: reports.monthly.zone: no such time zone; did you mean Europe/Moscow?; {TODO}",
        f"settings: smsanalytics.toml, line 14: reports.yearly.cron: is needed, and is not set; {TODO}",
        f"settings: smsanalytics.toml, line 14: reports.yearly.period: is needed, and is not set; {TODO}",
        f"settings: smsanalytics.toml, line 18: mail.sender: is needed, and is not set; {TODO}",
        f"settings: smsanalytics.toml, line 19: mail.host: a host is a name or address in ASCII, without a port; {TODO}",
        f"settings: SMSANALYTICS_WORKERS: needs a whole number; {TODO}",
    ]
    assert f"secret a of account shop: 5 characters, of 20 or more that it needs; {secrets.MAKE_ONE}" in lines_of(done)
    passed = {line.partition(":")[0] for line in lines_of(done, "ok")}
    assert {"data", "disk", "store", "report weekly"} <= passed
    assert not {"report daily", "report monthly", "report yearly", "account default", "mail"} & passed


@pytest.mark.parametrize("content", ["data = nowhere", "data = 5"])
def test_a_store_that_the_settings_do_not_name_is_not_mistaken_for_another(tmp_path, content):
    (tmp_path / "smsanalytics.toml").write_text(content)
    done = doctor(cwd=tmp_path, SMSANALYTICS_PORT="1")
    assert lines_of(done)[1:4] == [
        f"{check}: not examined: {missing} not known; correct the settings"
        for check, missing in [("data", "data"), ("clock and store", "data"), ("store", "data")]
    ]
    assert not any(line.startswith(("data", "store")) for line in lines_of(done, "ok"))
    given = doctor("--offline", "--data", "elsewhere", cwd=tmp_path)
    assert "data: elsewhere can be made" in lines_of(given, "ok")


def test_a_secret_that_is_not_found_tells_where_it_was_sought(tmp_path):
    done = doctor("--offline", cwd=tmp_path, SMSANALYTICS_SECRET="")
    assert f"(read: no smsanalytics.toml in {tmp_path}, 2 variables of the environment)" in lines_of(done)[0]
    (tmp_path / "smsanalytics.toml").write_text("port = 1")
    done = doctor("--offline", cwd=tmp_path)
    assert lines_of(done, "ok")[0] == "settings: smsanalytics.toml, 2 variables of the environment"


REPORT = '[reports.weekly]\ncron = "0 8 * * mon"\nperiod = "last-week"\nzone = "Europe/Moscow"\n'


@pytest.mark.parametrize(
    ("more", "state", "words"),
    [
        pytest.param({}, "ok", r"next 20\d\d-\d\d-\d\d 08:00 Europe/Moscow", id="next"),
        pytest.param({}, "ok", r"last-week would be 20\d\d-\d\d-\d\d until 20\d\d-\d\d-\d\d, exclusive", id="period"),
        pytest.param({}, "ok", "reports can be made", id="out-to-be-made"),
        pytest.param({"cron": '"0 8 * * 8"'}, "FAIL", r"cron: '0 8 \* \* 8': the day of week is not one that cron has; .*; correct cron", id="cron"),
        pytest.param({"cron": '"0 8 30 2 *"'}, "FAIL", r"cron: '0 8 30 2 \*': the day of month is not one that cron has; .*; correct cron", id="never"),
        pytest.param({"period": '"last-wek"'}, "FAIL", "period: 'last-wek' is no period; .*; correct period", id="no-period"),
        pytest.param({"hook": '["./hook", "x"]'}, "ok", r"the hook \./hook can be run", id="hook"),
        pytest.param({"hook": '["true"]'}, "ok", "the hook true can be run", id="hook-of-the-path"),
        pytest.param({"hook": '["./held"]'}, "FAIL", r"the hook \./held is not executable; chmod \+x \./held", id="hook-not-executable"),
        pytest.param({"hook": '["./nowhere"]'}, "FAIL", r"there is no program \./nowhere for the hook; .*", id="no-hook"),
        pytest.param({"notebook": '"held"'}, "ok", "held can be read", id="notebook"),
        pytest.param({"notebook": '"nowhere.ipynb"'}, "FAIL", r"there is no notebook nowhere\.ipynb that can be read; correct notebook", id="no-notebook"),
        pytest.param({"out": '"held"'}, "FAIL", ".*/held is no directory; set out to a directory that uid .*", id="out-is-a-file"),
        pytest.param({"out": '"held/below"'}, "FAIL", ".*/held is no directory; set out to a directory that uid .*", id="out-below-a-file"),
        pytest.param({"out": '"/proc"'}, "FAIL", "/proc cannot be written: No such file or directory; set out .*", id="out-not-writable"),
        pytest.param({"to": '["boss@example.org"]'}, "FAIL", r"it has recipients, and there is no \[mail\]; add .*", id="no-mail"),
    ],
)  # fmt: skip
def test_of_each_report_it_says_when_it_is_next_and_whether_all_it_needs_is_there(tmp_path, more, state, words):
    (tmp_path / "held").write_text("{}")
    (tmp_path / "hook").write_text("#!/bin/sh\n")
    (tmp_path / "hook").chmod(0o700)
    lines = dict(line.split(" = ", 1) for line in REPORT.splitlines()[1:]) | more
    text = "\n".join(["[reports.weekly]", *(f"{name} = {value}" for name, value in lines.items())])
    (tmp_path / "smsanalytics.toml").write_text(text)
    done = doctor("--offline", cwd=tmp_path)
    assert any(re.fullmatch(f"report weekly: {words}", line) for line in lines_of(done, state)), done.stdout
    assert [line for line in lines_of(done) if line.startswith("report")] == [] or state == "FAIL"


@pytest.mark.parametrize(
    ("login", "password", "options", "line"),
    [
        (True, "hush-hush", ("--mail",), "ok    mail: localhost:PORT, security starttls: it lets us in"),
        (True, "wrong-hush", ("--mail",), "FAIL  mail: localhost:PORT, security starttls: user or password refused 535; correct [mail], or see the log of that server"),
        (True, "wrong-hush", (), "ok    mail: localhost:PORT, security starttls: not called; --mail does"),
        (False, None, ("--mail",), "FAIL  mail: localhost:PORT, security starttls: ConnectionRefusedError; correct [mail], or see the log of that server"),
        (False, "", (), "FAIL  mail: mail.password_file: password is empty; write into it what it is to hold, on one line; correct [mail]"),
    ],
    ids=["lets-us-in", "wrong-password", "not-asked", "no-server", "empty-password-file"],
)  # fmt: skip
def test_the_mail_server_is_called_when_asked_and_nothing_is_sent(tmp_path, login, password, options, line):
    made, ca = authority(tmp_path)
    box = Box()
    with contextlib.ExitStack() as held:
        port = (
            held.enter_context(mail_server(box, certificate=made.issue_cert("localhost"), login=login)) if login else 1
        )
        text = f'[mail]\nhost = "localhost"\nport = {port}\nsender = "reports@example.org"\nca_file = "{ca}"\n'
        if password is not None:
            (tmp_path / "password").write_text(password)
            text += 'user = "reports"\npassword_file = "password"\n'
        (tmp_path / "smsanalytics.toml").write_text(text)
        done = doctor("--offline", *options, cwd=tmp_path)
    assert line.replace("PORT", str(port)) in done.stdout.splitlines()
    assert box.messages == []
    assert (box.links > 0) == (login and "--mail" in options)
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("mode", "state"), [(0o600, State.OK), (0o640, State.WARN), (0o644, State.FAIL), (0o602, State.FAIL)]
)
def test_a_file_with_a_secret_is_for_one_user(mode, state, tmp_path):
    file = tmp_path / "secret.txt"
    file.write_text(SECRET)
    if os.geteuid() == 0:
        os.chown(file, 0, 1)  # the group of root is root alone
    file.chmod(mode)
    findings = examine(Settings(data=tmp_path / "data", secret_file=file), offline=True)
    assert state_of(findings, "secret_file of account default")[0] is state


def test_settings_with_a_secret_in_them_are_for_one_user(tmp_path):
    config = tmp_path / "smsanalytics.toml"
    config.write_text(f'data = "{tmp_path}/data"\nsecret = "{SECRET}"\n')
    config.chmod(0o644)
    options = ["--offline", "--config", str(config)]
    done = doctor(*options, SMSANALYTICS_SECRET=SECRET)
    assert "FAIL  settings file: " in done.stdout
    config.chmod(0o600)
    assert "settings file" not in doctor(*options, SMSANALYTICS_SECRET=SECRET).stdout


@pytest.fixture
def store(tmp_path):
    """A store in which one event was published, and one waits."""
    data = tmp_path / "data"
    data.mkdir(0o700)
    layout = Layout(data)
    for publishing in (True, False):
        journal = Journal(layout, "w0")
        journal.write([EVENT])
        journal.close()
        if publishing:
            with Maintenance(layout, {}) as maintenance:
                maintenance.run()
    for path in data.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return layout


def looked(store, **more):
    return examine(settings_for(store.data, **more), offline=True)


def test_a_store_in_order(store):
    findings = looked(store)
    assert failed(findings) == []
    assert state_of(findings, "slots")[1] == "w0; in use: none"
    assert state_of(findings, "backlog")[1].startswith("1 sealed segments of 0.0 MiB wait")
    assert state_of(findings, "clock and store")[1].startswith("the newest event is of 2")


def test_what_was_sealed_long_ago_tells_of_a_dead_maintenance(store):
    [sealed] = store.slot("w0").glob("*.sealed")
    an_hour_ago = time.time() - 3600
    os.utime(sealed, (an_hour_ago, an_hour_ago))
    assert state_of(looked(store), "flush lag") == (State.FAIL, "the oldest of them has waited for 60 minutes")


def test_a_backlog_that_stops_callbacks_is_told(store):
    waits = Space(store, reserve=0, max_backlog=0).backlog().bytes
    assert state_of(looked(store, max_backlog_bytes=waits - 1), "backlog")[0] is State.FAIL
    assert state_of(looked(store, max_backlog_bytes=waits + 1), "backlog")[0] is State.WARN


def test_lines_in_quarantine_are_told(store):
    journal = Journal(store, "w1")
    journal.write([EVENT, EVENT, EVENT])
    [segment] = store.slot("w1").glob("*.open")
    torn = segment.read_bytes().split(b"\n")
    segment.write_bytes(b"\n".join([torn[0], b"\0" * len(torn[1]), *torn[2:]]))
    recover(store.slot("w1"))
    state, said = state_of(looked(store), "quarantine")
    assert (state, said.startswith("1 files of lines that could not be read")) == (State.FAIL, True)


@pytest.mark.parametrize("published", [True, False])
def test_events_from_the_future_tell_of_a_clock_that_was_set_back(store, published):
    in_a_week = time.time_ns() + 7 * 86_400 * 10**9
    journal = Journal(store, "w0", now=lambda: in_a_week)
    journal.write([EVENT])
    journal.close()
    if published:
        with Maintenance(store, {}) as maintenance:
            maintenance.run()
    assert state_of(looked(store), "clock and store")[0] is State.FAIL


def test_what_cannot_be_looked_at_is_a_finding_and_no_end(store):
    store.live_messages.write_text("{")
    findings = looked(store)
    assert state_of(findings, "clock")[0] in (State.OK, State.WARN)
    assert [one.check for one in failed(findings)] == ["clock and store"]
    assert state_of(findings, "quarantine")[0] is State.OK


def test_a_journal_that_others_may_read_is_told(store):
    store.data.chmod(0o755)
    assert state_of(looked(store), "privacy")[0] is State.OK
    store.journal.chmod(0o750)
    assert state_of(looked(store), "privacy") == (State.FAIL, f"others may look into {store.journal}")
    store.data.chmod(0o700)
    assert state_of(looked(store), "privacy")[0] is State.OK


def test_files_of_another_user_are_told(store):
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    [sealed] = store.slot("w0").glob("*.sealed")
    os.chown(sealed, 1, 1)
    state, said = state_of(looked(store), "owner")
    assert (state, said) == (State.FAIL, f"{sealed} and 0 more belong to another user than the store")


def test_a_file_in_place_of_the_directory_is_told(tmp_path):
    (tmp_path / "data").write_text("")
    for data in (tmp_path / "data", tmp_path / "data" / "below"):
        assert state_of(looked(Layout(data)), "data") == (State.FAIL, f"{tmp_path / 'data'} is no directory")


def test_a_disk_without_room_is_told(store):
    free = Space(store, reserve=0, max_backlog=0).free
    assert state_of(looked(store, disk_reserve_bytes=2 * free), "disk")[0] is State.FAIL
    assert state_of(looked(store, disk_reserve_bytes=free * 3 // 4), "disk")[0] is State.WARN


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, in memory, with few inodes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = "size=1m,nr_inodes=200,mode=700"
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_may_not_be_written_is_told(small_disk):
    (small_disk / "data").mkdir(0o700)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    state, said = state_of(looked(Layout(small_disk / "data")), "data")
    assert (state, said) == (State.FAIL, f"{small_disk / 'data'} cannot be written: Read-only file system")


def test_a_disk_in_memory_has_no_sync_and_may_run_out_of_inodes(small_disk):
    findings = looked(Layout(small_disk / "data"))
    assert state_of(findings, "file system") == (State.FAIL, "tmpfs, in memory: gone when the machine restarts")
    assert state_of(findings, "sync")[0] is State.WARN
    assert state_of(findings, "inodes")[0] is State.OK
    for left in (8, 1):  # of 200
        for number in range(os.statvfs(small_disk).f_ffree - left):
            (small_disk / f"{left}-{number}").touch()
        assert state_of(looked(Layout(small_disk / "data")), "inodes")[0] is (State.WARN if left == 8 else State.FAIL)


def test_a_slow_disk_and_one_over_a_network_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "TOO_SLOW", 0.0)
    monkeypatch.setattr(host, "TOO_FAST", 0.0)
    monkeypatch.setattr(host, "NETWORK_FILE_SYSTEMS", {file_system(tmp_path)})
    layout = Layout(tmp_path / "data")
    assert state_of(looked(layout), "sync")[0] is State.WARN
    assert state_of(looked(layout), "file system")[0] is State.FAIL
    assert state_of(looked(layout, allow_network_journal=True), "file system")[0] is State.WARN


def test_national_numbers_are_counted_with_what_to_set(tmp_path):
    data = tmp_path / "data"
    (tmp_path / "sends.csv").write_text(
        "message_id,phone,sent_at\n1,89001230001,1795348800\n2,89001230001,1795348800\n"
    )
    command = [sys.executable, "-m", "smsanalytics", "import", "sends", "sends.csv"]
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    [found] = [one for one in examine(settings_for(data), offline=True) if one.check == "numbers of account default"]
    assert (found.state, found.found) == (
        State.WARN,
        "1 national number in sends and confirmation requests, which no callback will match",
    )
    assert found.todo.startswith('set country_code and trunk_prefix in [accounts.default], such as "7" and "8", then')
    numbering = {"default": {"country_code": "7", "trunk_prefix": "8"}}
    found = examine(settings_for(data, accounts=numbering), offline=True)
    [todo] = [one.todo for one in found if one.check == "numbers of account default"]
    assert todo.startswith("report those messages again")
    command += ["--data", "new"]
    (tmp_path / "sends.csv").write_text("message_id,phone,sent_at\n1,79001230001,1795348800\n")
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    found = examine(settings_for(tmp_path / "new"), offline=True)
    assert state_of(found, "numbers of account default")[0] is State.OK


def test_an_account_that_could_sign_nothing_is_not_called(tmp_path):
    with serving(tmp_path / "data", SMSANALYTICS_SECRET=SECRET) as collector:
        findings = examine(settings_for(collector.data, collector, accounts={"bare": {}}))
    assert [one.check for one in findings if one.check.startswith("callback")] == [
        "callback to default, signed with default"
    ]
    assert state_of(findings, "settings")[1].startswith("account bare has no secret")
