import subprocess
import sys

import pandas as pd
import pytest

import smsanalytics as sms
from smsanalytics.cli.metric import QUESTIONS, answer
from smsanalytics.errors import UnknownName


@pytest.fixture
def store(example_store):
    return sms.open_store(example_store, tz="Europe/Moscow")


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_can_be_asked(store, name):
    assert answer(
        store, name, by="account" if name != "latency_distribution" else "", period="2026-11", format="csv"
    ).count("\n") >= (name != "reachability")


@pytest.mark.parametrize(
    ("asked", "submitted"),
    [
        ({}, 2), ({"where": ["operator=MTS"]}, 1), ({"where": ["operator=MTS", "operator=Beeline"]}, 2), ({"where": ["tag="]}, 2),
        ({"where": ["operator=MTS", "status=20"]}, 0), ({"where": ["day=2026-11-21", "type=0"]}, 2), ({"type": "4,5"}, 0),
        ({"period": "2026-11-21"}, 2), ({"start": "2026-11-21 12:00"}, 1), ({"end": "2026-11-21 12:00"}, 1),
    ],
    ids=str,
)  # fmt: skip
def test_a_question_is_narrowed_by_period_type_and_values(store, asked, submitted):
    lines = answer(store, "delivery-rate", by="", format="csv", **asked).splitlines()
    assert (int(lines[1].split(",")[0]) if len(lines) > 1 else 0) == submitted


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"name": "speed"}, "unknown metric 'speed'; there are callback_lag, confirmation_success, cost, data_health"),
        ({"format": "xml"}, "unknown format 'xml'; there are csv, json, parquet, table"),
        ({"by": "day,colour"}, "unknown column to group by 'colour'; there are account, country, day"),
        ({"where": ["operator"]}, "--where takes COLUMN=VALUE, such as operator=MTS, not 'operator'"),
        ({"where": ["phone=79001230001"]}, "unknown column to choose by 'phone'; there are account"),
        ({"where": ["hour=noon"]}, "'noon' is no hour"),
        ({"period": "someday"}, "'someday' is no period; there are today"),
        ({"period": "today", "start": "2026-11-21"}, "give a --period, or --from and --to, not both"),
        ({"type": "hlr"}, "a message type is a number such as 4, not 'hlr'"),
        ({"name": "inbound_volume", "type": "4"}, "inbound_volume knows no message types"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_word_gets_a_sentence(store, asked, words):
    with pytest.raises(UnknownName) as refusal:
        answer(store, asked.pop("name", "delivery_rate"), **asked)
    assert str(refusal.value).startswith(words)


def test_the_command_line_prints_answers_and_keeps_its_exit_codes(example_store, tmp_path):
    def run(*words, **more):
        return subprocess.run(
            [sys.executable, "-m", "smsanalytics", "metric", *words, "--data", str(example_store)],
            capture_output=True,
            cwd=tmp_path,
            **more,
        )

    done = run("confirmation_success", "--by", "purpose", "--tz", "Europe/Moscow")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "login" in done.stdout.decode()
    assert "31" in done.stdout.decode()
    answer = tmp_path / "answer.parquet"
    answer.write_bytes(run("latency", "--by", "", "--format", "parquet").stdout)
    assert pd.read_parquet(answer)["p50"].tolist() == [7]
    wrong = run("speed")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count(b"\n")) == (2, b"", 1)
