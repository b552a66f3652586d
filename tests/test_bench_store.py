"""The benchmark of the store in its smallest form: all ways to an answer agree, and what it cannot measure it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks.collector.disk import in_memory
from benchmarks.store import step
from benchmarks.store.history import History
from benchmarks.store.lines import lines
from benchmarks.store.questions import QUESTIONS
from benchmarks.store.result import AT_LEAST, AT_MOST, RATIOS, doubts, judged, targets
from benchmarks.store.rounds import alternating, differences
from benchmarks.store.sheet import show
from benchmarks.store.traffic import PHONES, Traffic
from smsanalytics.storage import journal
from smsanalytics.storage.journal import DAY

ROOT = Path(__file__).parents[1]
DAYS, MESSAGES = 2, 3_000


def bench(*options):
    command = [sys.executable, "-m", "benchmarks.store", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=30)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    found = History(tmp_path_factory.mktemp("bench"))
    found.store.mkdir()
    found.make(days=DAYS, messages=MESSAGES, seed=1, say=lambda _: None, run=step.here)
    return found


@pytest.fixture(scope="module")
def result(history):
    [(rows, wrong)] = alternating(history, [*QUESTIONS], days=DAYS, rounds=1, memory=True, times={}, run=step.here)
    told = {"asked": [*QUESTIONS], "history": history.told(), "rounds": [rows], "differences": wrong}
    return judged(told | {"skipped": [], "early_days": 4})


def test_all_ways_to_an_answer_agree(result, history):
    assert result["differences"] == []
    ways = {name.rpartition("/")[2] for name in result["rounds"][0]}
    assert ways == {"api", "sql", "scan", "raw", "pandas_memory", "polars_memory", "pandas_raw"}
    [rates] = [pd.read_parquet(path) for path in (history.folder / "answers").glob("store-rate_by_day_operator-api*")]
    assert rates["submitted"].sum() == DAYS * MESSAGES
    assert (rates[["delivered", "failed", "pending"]].sum() > 0).all()
    assert rates["day"].nunique() == DAYS


def test_answers_that_differ_are_told(history, result):
    answers = [pd.read_parquet(path) for path in sorted((history.folder / "answers").glob("store-latency*-api*"))]
    [ours] = answers
    wrong = ours.assign(p99=ours["p99"] + (ours.index == 3))
    assert differences(ours, wrong) == ["p99 is not the same"]
    assert differences(ours, ours.assign(within_10s=ours["within_10s"] * (1 + 1e-8))) == ["within_10s is not the same"]
    assert differences(ours, ours.iloc[1:]) == [f"{len(ours)} rows, not {len(ours) - 1}"]
    assert differences(ours.sample(frac=1, random_state=1), ours) == []
    spoilt = judged(result | {"differences": ["store/latency_by_operator/raw: p99 is not the same"]})
    assert not spoilt["valid"]
    assert spoilt["doubts"] == ["the answers differ: store/latency_by_operator/raw: p99 is not the same"]


def test_every_figure_is_there(result, capsys):
    assert {*result["ratios"], "fold_day30_vs_day9"} == {*RATIOS}
    assert {*AT_MOST, *AT_LEAST} <= {*result["figures"], *RATIOS}
    assert result["targets"] == {}  # there is too little of everything
    assert all(0 < share < 1 for share in result["scan_share"].values())
    show(result)
    printed = capsys.readouterr().out
    assert all(question.title in printed for question in QUESTIONS.values())
    assert "api_vs_sql: " in printed


def test_a_target_is_judged_where_there_is_enough(result):
    days = [result["history"]["by_day"][0]] * 30
    month = {**result["history"], "days": 30, "messages_per_day": 1_000_000, "by_day": days}
    told = judged(result | {"history": month})["targets"]
    assert told.keys() == {*AT_MOST, *AT_LEAST}
    assert told["fold_day30_vs_day9"] == {"at_most": 1.3, "is": 1.0, "met": True}
    assert told["bytes_per_message"]["met"] is (told["bytes_per_message"]["is"] <= 35.0)
    assert told["rollup_vs_raw"] == {"at_least": 50.0, "is": result["ratios"]["rollup_vs_raw"], "met": False}
    assert targets(result | {"history": {**month, "days": 2}}).keys() == {
        "bytes_per_event",
        "bytes_per_message",
        "flush_events_per_second",
    }


def test_a_busy_machine_makes_a_run_invalid(result):
    row = result["history"]["by_day"][0]
    busy = {**result["history"], "by_day": [row | {"fold": row["fold"] | {"others_busy": 0.4}}] * 2}
    assert doubts(result | {"history": busy}) == ["fold: other programs took 40% of the cores"]


def test_the_store_is_as_the_maintenance_leaves_it(history):
    size = history.told()["size"]
    assert size["messages"] == DAYS * MESSAGES
    assert size["events_files"] == size["messages_files"] == DAYS
    assert len(list((history.store / "statuses").rglob("*.parquet"))) == DAYS
    assert size["repetitions"] > 0
    [told] = duckdb.sql(f"""
        SELECT count(*) FILTER (extra <> MAP {{}}), count(*) FILTER (time_source <> 'ts'), sum(copies)
        FROM '{history.store}/statuses/*/*.parquet'
    """).fetchall()
    flushed = sum(row["flush"]["events"] for row in history.told()["by_day"])
    assert told == (0, 0, flushed)
    assert not any(row["flush"]["unreadable"] for row in history.told()["by_day"])


def test_a_line_is_the_one_that_the_journal_writes():
    traffic = Traffic(300, seed=7)
    _, events = traffic.next()
    senders = {f"Sender {number:02}" for number in range(1, 49)}
    for number, text in enumerate(lines(events, traffic.networks)):
        event = json.loads(text)
        fields = event["fields"]
        network = traffic.networks[events.operator[number]]
        kept = {name: event[name] for name in ("account", "kind", "signed_by", "key", "fields", "extra")}
        assert text == journal.line(journal.entry(**kept), int(events.received_at[number]))
        assert fields["phone"] == f"7900{events.phone[number]:07}"
        assert (fields["operator"], fields["mcc"], fields["mnc"]) == (network.operator, network.mcc, network.mnc)
        assert float(fields["cost"]) == events.cost[number] / 10_000
        assert fields["sender"] in senders


def test_the_events_are_such_as_a_large_customer_has():
    traffic = Traffic(20_000, seed=3)
    days = [traffic.next() for _ in range(6)]
    for day, events in days:
        number = (day - days[0][0]).days + days[0][1].received_at[0] // DAY
        assert (events.received_at // DAY == number).all()
        assert (np.diff(events.received_at) >= 0).all()
    _, last = days[-1]
    assert len(last) / 20_000 == pytest.approx(2.65, abs=0.05)
    behind = (last.received_at // DAY) - last.status_at // 86_400
    assert behind.min() >= 0
    assert (np.diff(last.status_at) < 0).mean() > 0.01  # some are overtaken
    final = np.isin(last.status, [-1, 0], invert=True)
    known = np.concatenate([events.message_id[events.status == 0] for _, events in days[1:5]])
    late = np.isin(last.message_id[final], known) & ~np.isin(last.message_id[final], last.message_id[last.status == 0])
    assert 0.02 < late.mean() < 0.06  # outcomes of the four days before
    assert 0 <= last.phone.min() <= last.phone.max() < PHONES
    _, sizes = np.unique(last.operator, return_counts=True)
    assert sizes[0] / sizes[1] == pytest.approx(2, rel=0.1)
    again, other = Traffic(20_000, seed=3).next()[1], Traffic(20_000, seed=4).next()[1]
    assert (again.message_id == days[0][1].message_id).all()
    assert len(other) != len(again) or (other.message_id != again.message_id).any()


def test_a_step_is_a_process_of_its_own(history):
    held = bytearray(400 * 2**20)
    held[:: 2**12] = b"x" * len(held[:: 2**12])  # what this process holds is not counted there
    told = step.run("size", data=history.store)
    assert told["messages"] == DAYS * MESSAGES
    assert 50e6 < told["peak_bytes"] < 380e6
    with pytest.raises(RuntimeError, match="fold failed"):
        step.run("fold", data=history.folder / "nothing", until="no date")


def test_what_cannot_be_measured_is_refused(tmp_path):
    if in_memory(tmp_path):
        pytest.skip("the temporary directory lies in memory")
    done = bench("--folder", tmp_path, "--days", 10**9, "--messages", 10, "--out", tmp_path / "out.json")
    assert done.returncode == 2
    assert " GiB free and needs " in done.stderr
    assert done.stderr.endswith("; choose another --folder, or fewer --days\n")
    done = bench("--folder", tmp_path, "--reuse", tmp_path, "--out", tmp_path / "out.json")
    assert done.returncode == 2
    assert "holds no finished history" in done.stderr
    assert [*tmp_path.iterdir()] == []
