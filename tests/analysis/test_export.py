import io
import json

import pandas as pd
import pytest

import smsanalytics as sms
from smsanalytics.analysis import export

HOSTILE = ["</script><img src=x onerror=alert(1)>", "=HYPERLINK(1)", "@SUM(1)", "\x1b[31mred", "[bold]x[/]", None]


@pytest.fixture
def rates(example_store):
    return sms.open_store(example_store, tz="Europe/Moscow").delivery_rate(["day", "operator"])


def test_a_table_shows_shares_in_percent_with_their_interval_and_the_facts_below(rates):
    text = export.table(rates)
    assert "2026-11-21" in text
    assert "100.0 % (20.7–100.0)" in text
    assert "delivery_rate_low" not in text
    assert text.endswith("excluded_n: 0\nfirst_day: 2026-11-21\nlast_day: 2026-11-21")
    assert "as_of: 2026-11-21T21:30:00+00:00\ntimezone: Europe/Moscow\ndenominator: submitted" in text


def test_csv_and_parquet_are_read_back_as_the_same_frame(rates):
    back = pd.read_csv(io.StringIO(export.csv(rates)), parse_dates=["day"])
    pd.testing.assert_frame_equal(back, rates, check_dtype=False)
    back = pd.read_parquet(io.BytesIO(export.parquet(rates)))
    pd.testing.assert_frame_equal(back, rates)
    assert back.attrs["denominator"] == rates.attrs["denominator"]


def test_json_holds_the_facts_and_every_figure_in_full(rates):
    said = json.loads(export.to_json(rates))
    assert said["facts"] == {"as_of": "2026-11-21T21:30:00+00:00", "timezone": "Europe/Moscow", "excluded_n": 0,
                             "denominator": "submitted: all messages of the cohort", "first_day": "2026-11-21", "last_day": "2026-11-21"}  # fmt: skip
    assert [row["day"] for row in said["rows"]] == ["2026-11-21", "2026-11-21"]
    assert said["rows"][1]["delivery_rate_low"] == pytest.approx(rates["delivery_rate_low"][1], abs=1e-14)


def test_facts_name_what_an_answer_was_narrowed_to(example_store):
    where = {"operator": "MTS", "tag": [None]}
    rates = sms.open_store(example_store).delivery_rate([], start="2026-11-21", type=[0, 1], where=where)
    lines = export.table(rates).splitlines()
    assert "where: operator=MTS, tag=" in lines
    assert "type: 0, 1" in lines
    assert "start: 2026-11-21T00:00:00+00:00" in lines
    assert not any(line.startswith("end:") for line in lines)
    assert json.loads(export.to_json(rates))["facts"]["where"] == where
    assert pd.read_parquet(io.BytesIO(export.parquet(rates))).attrs == rates.attrs


def test_hostile_texts_are_harmless_in_a_spreadsheet_and_in_a_terminal():
    frame = pd.DataFrame({"sender": HOSTILE, "submitted": -1})
    back = pd.read_csv(io.StringIO(export.csv(frame)))
    assert back["sender"].tolist()[1:3] == ["'=HYPERLINK(1)", "'@SUM(1)"]
    assert back["submitted"].tolist() == [-1] * 6  # a number is no formula
    text = export.table(frame)
    assert "\x1b" not in text
    assert "[bold]x[/]" in text


@pytest.mark.parametrize("form", export.FORMATS)
def test_an_empty_answer_has_its_columns(form, example_store):
    empty = sms.open_store(example_store).delivery_rate(start="2020-01-01", end="2020-01-02")
    text = export.FORMATS[form](empty)
    assert b"delivery_rate" in text if form == "parquet" else form == "json" or "delivery_rate" in text
