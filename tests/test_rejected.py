"""A night with a wrong secret, on the command line, beside a real collector."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from serving import serving
from signing import SECRET, status_body

from smsanalytics import open_store
from smsanalytics.simulator.client import World, send

WRONG = "a-secret-that-was-pasted-wrongly"


def run(*words, cwd, secret=SECRET):
    return subprocess.run(
        [sys.executable, "-m", "smsanalytics", "rejected", *map(str, words), "--data", "data"],
        capture_output=True, text=True, cwd=cwd, env=os.environ | {"COLUMNS": "200", "SMSANALYTICS_SECRET": secret},
    )  # fmt: skip


def said(*words, **how):
    done = run(*words, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wrong_secret_is_found_and_all_it_refused_recovered_while_the_collector_runs(tmp_path):
    world = World.make(100, seed=3, until=datetime.now(UTC))
    posts = world.posts(SECRET, formats=0.1)
    authentic = len(world.posts(SECRET, formats=0.1, forged=False))
    with serving(tmp_path / "data", "--flush-seconds", "1", SMSANALYTICS_SECRET=WRONG) as collector:
        before = datetime.now(UTC)
        assert send(collector.url, posts, connections=4) == {403: len(posts)}
        blind = said("list", cwd=tmp_path, secret=WRONG)
    assert f"{len(posts)} callbacks of account default were refused as not authentic, the last at" in blind
    with serving(tmp_path / "data", "--flush-seconds", "1") as collector:
        found = said("list", cwd=tmp_path).splitlines()[0]
        assert re.fullmatch(
            rf"{authentic} callbacks of account default were refused as not authentic since {before:%Y-%m-%d} \d\d:\d\d UTC "
            "and would be accepted now: run `smsanalytics rejected retry`",
            found,
        )
        assert f"would recover {authentic} callbacks" in said("retry", "--dry-run", cwd=tmp_path)
        recovered = said("retry", cwd=tmp_path)
        assert recovered.startswith(
            f"recovered {authentic} callbacks of account default, accepted by the secret default\n"
        )
        assert collector.post(status_body(1)) == 200  # it goes on
        again = said("retry", cwd=tmp_path)
        assert f"{authentic} callbacks were recovered before" in again
        assert collector.stop() == 0
    store = open_store(tmp_path / "data")
    truth = world.truth()
    assert store.statuses().filter("message_id > 1").aggregate("count(DISTINCT message_id)").fetchall() == [
        (truth["first_status_at"].notna().sum(),)
    ]
    assert store.incoming().shape[0] == len(world.incoming)
    came = set(store.rejected().select("received_at").fetchall())
    kept = store.statuses().filter("message_id > 1").select("received_at").fetchall()
    assert came.issuperset(kept)  # to the microsecond
    delivered = store.messages().filter("message_id > 1 AND state = 'delivered'").shape[0]
    assert delivered == (truth["outcome"] == "delivered").sum()
    [row] = json.loads(said("list", "--format", "json", cwd=tmp_path))["rows"]
    assert (row["callbacks"], row["recovered"], row["acceptable"]) == (len(posts), authentic, 0)


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    with serving(folder / "data", "--no-maintain") as collector:
        for body in (
            status_body(1),
            status_body(2, secret=WRONG),
            b"\x1b[2J\xff",
            b"{",
            status_body(3, status="7\x07"),
        ):
            collector.post(body)
        collector.stop()
    return folder


def test_single_ones_are_shown_the_newest_first(refused):
    shown = said("show", cwd=refused)
    assert [line.split(" · ")[2] for line in shown.splitlines() if " · from " in line] == [
        "structure",
        "malformed",
        "structure",
        "signature",
    ]
    assert "id 2 · phone *********01 · status 1 · md5 32 hex digits" in shown
    unmasked = said("show", "--limit", "4", "--reason", "structure", "--unmasked", cwd=refused)
    assert (unmasked.count(" · from "), unmasked.count("79001230001")) == (2, 1)
    assert [sign for sign in shown + unmasked if not sign.isprintable() and sign != "\n"] == []
    assert said("show", "--account", "shop", cwd=refused) == ""


def test_figures_for_programs(refused):
    rows = list(csv.DictReader(said("list", "--format", "csv", "--tz", "Europe/Moscow", cwd=refused).splitlines()))
    assert [(row["reason"], row["callbacks"], row["acceptable"]) for row in rows] == [
        ("structure", "2", "0"),
        ("malformed", "1", "0"),
        ("signature", "1", "0"),
    ]
    assert all(row["first"].endswith("+03:00") for row in rows)
    assert said("list", "--account", "shop", cwd=refused) == "nothing was refused that is not recovered\n"


def test_an_old_secret_is_tried_from_a_file(refused):
    (refused / "old.txt").write_text(WRONG + "\n")
    tried = said("retry", "--dry-run", "--secret-file", "old.txt", "--label", "2025", cwd=refused)
    assert tried.startswith("would recover 1 callback of account default, accepted by the secret 2025\n")
    assert "4 callbacks" not in tried


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("list", "--format", "parquet"), "unknown format 'parquet'; there are csv, json, table"),
        (("list", "--from", "22.11.2026"), "'22.11.2026' is no date; an example is '2026-11-22'"),
        (("retry", "--secret-file", "old.txt", "--account", "shop"), "unknown --account, which --secret-file needs, 'shop'; there are default"),
        (("retry", "--secret-file", "old.txt", "--label", "default"), "the settings have a secret default already; choose another --label"),
        (("retry", "--secret-file", "empty.txt"), "empty.txt is empty; write into it what it is to hold, on one line"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_one_line(refused, words, what):
    (refused / "old.txt").write_text(WRONG + "\n")
    (refused / "empty.txt").write_text("\n")
    done = run(*words, cwd=refused)
    assert (done.returncode, done.stderr) == (2, f"smsanalytics: {what}\n")


def test_without_a_store_that_is_said(tmp_path):
    done = run("list", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "smsanalytics: there is no store at data; `smsanalytics serve --data data` makes one\n",
    )
