"""The horizon reaches everything that says whether a rate is final: as an option, and as a setting."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest


def run(place, *words, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "smsanalytics", *words],
        cwd=place, env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def given(place, store, hours, way):
    """The words and the environment by which the horizon is given."""
    if way == "file":
        (place / "smsanalytics.toml").write_text(f"horizon_hours = {hours}\n")
    words = ["--horizon", str(hours)] if way == "option" else []
    return ["--data", str(store), *words], {"SMSANALYTICS_HORIZON_HOURS": str(hours)} if way == "environment" else {}


@pytest.mark.parametrize("way", ["option", "environment", "file"])
@pytest.mark.parametrize(("hours", "matured"), [(1, True), (72, False)])  # the messages are some hours old
def test_a_metric_takes_the_horizon(tmp_path, example_store, way, hours, matured):
    words, environment = given(tmp_path, example_store, hours, way)
    answer = run(tmp_path, "metric", "delivery_rate", "--by", "", "--format", "json", *words, **environment)
    assert json.loads(answer)["rows"][0]["matured"] is matured


@pytest.mark.parametrize("command", ["report", "schedule"])
def test_a_report_says_which_horizon_it_has(tmp_path, example_store, command):
    options = ["--period", "2026-11"] if command == "report" else ["--now", "monthly"]
    (tmp_path / "smsanalytics.toml").write_text('[reports.monthly]\ncron = "0 8 1 * *"\nperiod = "last-month"\n')
    run(tmp_path, command, *options, "--data", str(example_store), "--horizon", "5")
    [page] = (tmp_path / "reports").glob("*.html")
    assert re.search(r"older than 5\sh\b", page.read_text("utf-8"))


def test_a_notebook_is_given_the_horizon(tmp_path, example_store):
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": []}
    notebook = {
        "cells": [cell | {"source": "print(horizon_hours)"}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (tmp_path / "own.ipynb").write_text(json.dumps(notebook))
    options = ["--notebook", "own.ipynb", "--period", "2026-11", "--data", str(example_store), "--horizon", "5"]
    run(tmp_path, "report", *options)
    [page] = (tmp_path / "reports").glob("*.html")
    assert "5.0" in page.read_text("utf-8")
