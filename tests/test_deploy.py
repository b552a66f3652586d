"""What `deploy/` holds is read by what will read it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from programs import need

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
PROGRAM = "/usr/local/bin/smsanalytics"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_each_unit(unit, tmp_path):
    verify = need("systemd-analyze", "units cannot be verified")
    for one in UNITS:  # a timer names its service
        (tmp_path / one.name).write_text(one.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run([verify, "verify", str(tmp_path / unit.name)], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if str(tmp_path) in line]) == (0, [])


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_each_service_is_confined_and_nobodys_root(unit, tmp_path):
    words = unit.read_text().splitlines()
    for line in ("User=smsanalytics", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert line in words
    assert not any(line.startswith("MemoryDenyWriteExecute=yes") for line in words)


def test_cron_has_five_fields_a_user_and_a_command():
    lines = [line for line in (DEPLOY / "smsanalytics.cron").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "MAILTO=root"
    [line] = lines[1:]
    assert re.fullmatch(rf"\S+( \S+){{4}} smsanalytics cd /\S+ && {PROGRAM} schedule --once", line)


def test_every_command_in_there_is_one():
    for file in DEPLOY.iterdir():
        for words in re.findall(rf"^[^#\n]*{PROGRAM} ([a-z -]+)$", file.read_text(), re.MULTILINE):
            assert words in {"schedule", "schedule --once"}
