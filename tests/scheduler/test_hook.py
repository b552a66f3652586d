import os
import sys
import time
from pathlib import Path

import pytest

from smsanalytics.errors import DeliveryFailed
from smsanalytics.scheduler.hook import call

NOTE = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open('said', 'w'))"


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def said(tmp_path):
    import json

    return json.loads((tmp_path / "said").read_text())


def test_a_command_gets_the_path_last_whole_and_unread_by_any_shell(tmp_path):
    file = tmp_path / "a report; $(touch broken) 'x' *.html"
    file.write_text("x")
    call([sys.executable, "-c", NOTE, "--quiet", "$HOME *"], file, about={"SMSREPORT_JOB": "weekly"})
    arguments, environment = said(tmp_path)
    assert arguments == ["--quiet", "$HOME *", str(file)]
    assert environment["SMSREPORT_JOB"] == "weekly"
    assert not (tmp_path / "broken").exists()


def test_a_command_gets_a_path_that_holds_anywhere(tmp_path):
    (tmp_path / "weekly.html").write_text("x")
    call([sys.executable, "-c", NOTE], (tmp_path / "weekly.html").relative_to(tmp_path), about={})
    assert said(tmp_path)[0] == [str(tmp_path / "weekly.html")]


def test_a_command_does_not_see_our_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("SMSANALYTICS_SECRET", "hush-hush")
    monkeypatch.setenv("SMSANALYTICS_MAIL__PASSWORD", "hush-hush")
    monkeypatch.setenv("MINE", "seen")
    call([sys.executable, "-c", NOTE], tmp_path, about={})
    _, environment = said(tmp_path)
    assert environment["MINE"] == "seen"
    assert "hush-hush" not in environment.values()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["false"], "exit code 1"),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], "ended by signal 9"),
        (["/nowhere/at-all"], "not started: No such file or directory"),
        (["/"], "not started: Permission denied"),
    ],
)
def test_a_command_that_fails_is_a_failure(tmp_path, command, why):
    with pytest.raises(DeliveryFailed, match=f"^{why}$") as failed:
        call(command, tmp_path, about={})
    assert not failed.value.alone


def test_a_command_that_does_not_end_is_killed_with_what_it_started(tmp_path):
    child = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); open('child', 'w').write(str(p.pid)); p.wait()"
    )
    began = time.monotonic()
    with pytest.raises(DeliveryFailed, match=r"^not done after 2 s$"):
        call([sys.executable, "-c", child], tmp_path, about={}, timeout=2)
    assert time.monotonic() - began < 20
    grandchild = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while alive(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_command_may_be_ended_as_usual(tmp_path):
    call([sys.executable, "-c", NOTE.replace("dict(os.environ)", "os.getpgid(0) == os.getpid()")], tmp_path, about={})
    assert said(tmp_path)[1] is True
    assert os.getpgid(0) != 0
