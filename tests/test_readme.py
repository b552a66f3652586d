"""The README is true: its examples run, its tables name what there is, its first screen is what a newcomer needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
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
