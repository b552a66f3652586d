"""Answers are kept in files and joined together, with what they say of themselves."""

import io
import json
import pickle
from datetime import date

import pandas as pd
import pytest

import smsanalytics as sms
from smsanalytics.metrics.counts import DENOMINATORS

FACTS = ["as_of", "timezone", "where", "type", "start", "end", "denominator", "excluded_n", "period"]
PERIODS = {"full": {}, "chosen": {"start": "2026-11-21", "where": {"account": ["default", None]}},
           "nothing-happened": {"end": "2020-01-02"}}  # fmt: skip


@pytest.fixture(scope="module")
def store(example_store):
    return sms.open_store(example_store, tz="Europe/Moscow")


@pytest.fixture(params=PERIODS)
def asked(request):
    return PERIODS[request.param]


@pytest.fixture(params=DENOMINATORS)
def answer(request, store, asked):
    return getattr(store, request.param)(["day"], **asked)


def test_facts_are_json_values_only(answer, asked):
    assert list(answer.attrs) == FACTS
    assert json.loads(json.dumps(answer.attrs)) == answer.attrs
    assert type(answer.attrs["excluded_n"]) is int
    assert answer.attrs["as_of"] == "2026-11-21T21:30:00+00:00"
    assert answer.attrs["where"] == asked.get("where", {})
    assert answer.attrs["start"] == ("2026-11-21T00:00:00+03:00" if "start" in asked else None)
    assert answer.attrs["end"] == ("2020-01-02T00:00:00+03:00" if "end" in asked else None)
    for day in answer.attrs["period"] or []:
        assert date.fromisoformat(day).year == 2026


def test_an_answer_is_kept_in_every_kind_of_file(answer, tmp_path):
    answer.to_parquet(tmp_path / "answer.parquet")
    back = pd.read_parquet(tmp_path / "answer.parquet")
    pd.testing.assert_frame_equal(back, answer)
    assert back.attrs == answer.attrs
    back = pickle.loads(pickle.dumps(answer))
    pd.testing.assert_frame_equal(back, answer)
    assert back.attrs == answer.attrs
    assert len(json.loads(answer.to_json(orient="records", date_format="iso"))) == len(answer)
    assert len(pd.read_csv(io.StringIO(answer.to_csv(index=False)))) == len(answer)
    answer.to_excel(tmp_path / "answer.xlsx", index=False)
    assert list(pd.read_excel(tmp_path / "answer.xlsx").columns) == list(answer.columns)


def test_answers_are_put_together(answer):
    both = pd.concat([answer, answer])
    assert len(both) == 2 * len(answer)
    assert both.attrs == answer.attrs
    beside = answer.merge(answer, on="day")
    assert len(beside) == sum(answer.groupby("day").size() ** 2)
    assert beside.attrs == answer.attrs


def test_answers_to_different_questions_are_put_together(store):
    all_of_it, part = store.delivery_rate(), store.delivery_rate(end="2026-11-21")
    assert len(pd.concat([all_of_it, part])) == 1
    assert len(all_of_it.merge(store.latency(), on="day")) == 1


def test_types_and_values_are_as_asked_and_plain(store):
    where = {"type": pd.Series([0, 1]), "day": pd.Timestamp("2026-11-21"), "operator": {"MTS"}, "tag": float("nan")}
    attrs = store.delivery_rate([], type=pd.Series([0, 7]).to_numpy()[0], where=where).attrs
    assert attrs["type"] == [0]
    assert attrs["where"] == {"type": [0, 1], "day": "2026-11-21T00:00:00", "operator": ["MTS"], "tag": None}
    assert attrs["period"] == ["2026-11-21", "2026-11-21"]
    assert store.reachability().attrs["type"] is None
    assert store.reachability(type=[4, 5]).attrs["type"] == [4, 5]
