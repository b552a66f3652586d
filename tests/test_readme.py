"""The README is true: its examples run, its tables name what there is, its first screen is what a newcomer needs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import tomllib
from pathlib import Path

import pytest

from smsanalytics.settings import Settings, load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
EXAMPLES = [textwrap.dedent(text) for text in re.findall(r"^ *```python\n(.*?)```", README, re.DOTALL | re.MULTILINE)]


def test_the_first_forty_lines_say_what_it_is_and_show_two_commands_and_a_picture():
    top = "\n".join(README.splitlines()[:40])
    assert "make demo" in top
    assert "make test" in top
    [picture] = re.findall(r"!\[.+?\]\((.+?)\)", top)
    assert (ROOT / picture).stat().st_size > 0


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=[example.strip().splitlines()[0] + f" {n}" for n, example in enumerate(EXAMPLES)]
)
def test_examples_run_as_they_stand(example, example_store, sample_cache, tmp_path):
    shutil.copytree(example_store, tmp_path / "data")  # one of them writes
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:The inplace keyword", "-c", example],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"XDG_CACHE_HOME": str(sample_cache)},
    )
    assert done.returncode == 0, done.stderr


def test_the_example_settings_are_settings(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMSANALYTICS_")]:
        monkeypatch.delenv(name)
    [toml] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "secret").write_text("one-secret")
    (tmp_path / "smsanalytics.toml").write_text(toml.replace("/run/secrets/smsc", str(tmp_path / "secret")))
    settings = load(tmp_path / "smsanalytics.toml").for_serving()
    assert set(settings.accounts) == {"default", "shop"} == set(tomllib.loads(toml)["accounts"])


FENCED = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", README, re.DOTALL | re.MULTILINE)
SERVING = [textwrap.dedent(text) for _, language, text in FENCED if not language and "smsanalytics serve" in text]


def test_the_first_steps_run_as_they_stand_and_other_commands_find_their_settings(tmp_path):
    start, play = SERVING
    command = tmp_path / "bin" / "smsanalytics"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m smsanalytics "$@"\n')
    command.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSANALYTICS_")}
    path = os.pathsep.join([str(command.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    public, playing = free_port(), free_port()
    setting = {"cwd": tmp_path, "env": clean | {"PATH": path, "COLUMNS": "200"}, "text": True}

    def ran(text):
        text = text.replace("8025", str(public)).replace("8035", str(playing))
        return subprocess.run(["bash", "-c", text], capture_output=True, timeout=120, **setting)

    made, serve = start.strip().rsplit("\n", 1)
    assert ran(made).returncode == 0
    with (tmp_path / "log").open("w") as log:
        collector = subprocess.Popen(serve.split(), stderr=log, **setting)
    try:
        deadline = time.monotonic() + 60
        while "listening on" not in (tmp_path / "log").read_text():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            assert collector.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        doctor = ran("smsanalytics doctor")
        assert "ok    callback to default, signed with file: 200 after " in doctor.stdout
        assert "ok    settings: smsanalytics.toml, 0 variables of the environment\n" in doctor.stdout
        assert [
            line for line in doctor.stdout.splitlines() if line.startswith("FAIL") and "file system" not in line
        ] == []
    finally:
        collector.terminate()
        assert collector.wait(60) == 0
    for words in ("status", "check", "files statuses", "metric delivery_rate"):
        done = ran(f"smsanalytics {words}")
        assert (done.returncode, done.stderr) == (0, "")
    assert ran("smsanalytics files statuses").stdout.startswith("data/statuses/")
    rehearsal = play.replace(  # who types it is slower than the collector starts; a script is not
        "serve --data play --port 8035 &",
        "serve --data play --port 8035 & for _ in $(seq 300); do curl -s http://127.0.0.1:8035/healthz && break; sleep 0.1; done",
    )
    assert " answered 200" in ran(rehearsal).stdout


def free_port():
    """A port of which the next is free as well: the admin listener takes that."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as found, contextlib.suppress(OSError):
            port = found.getsockname()[1]
            socket.create_server(("127.0.0.1", port + 1)).close()
            return port
    raise AssertionError("no two ports are free")


def test_every_setting_is_in_the_table():
    settings = README.split("## Settings")[1].split("## Commands")[0]
    for name, field in Settings.model_fields.items():
        assert f"`{name}`" in settings or name == "accounts", name
        if isinstance(field.default, int) and not isinstance(field.default, bool):
            assert f"`{field.default}`" in settings, name


def test_every_command_is_in_the_table_and_every_command_named_exists():
    shown = subprocess.run(
        [sys.executable, "-m", "smsanalytics", "--help"], capture_output=True, text=True, env={"COLUMNS": "200"}
    )
    commands = set(re.findall(r"^\W*(serve|maintain|files|simulate|demo|[a-z]+)  +\w", shown.stdout, re.MULTILINE))
    table = README.split("## Commands")[1]
    assert set(re.findall(r"\| `smsanalytics (\w+)", table)) == commands
    assert set(re.findall(r"`smsanalytics (\w+)", README)) <= commands


def test_links_lead_somewhere():
    for target in re.findall(
        r"\]\(([^)#:]+)\)", README + (ROOT / "notebooks/README.md").read_text().replace("](", "](notebooks/")
    ):
        assert (ROOT / target).exists(), target
