import altair as alt
import figures
import pandas as pd
import pytest
import vl_convert

import smsanalytics as sms
from smsanalytics import charts
from smsanalytics.errors import MissingColumns

RATES = ("delivery_rate", "reply_rate", "confirmation_success", "reachability")


def layers(chart):
    return {layer["mark"]["type"]: layer["encoding"] for layer in chart.to_dict(validate=False)["layer"]}


def lines_below(chart):
    return chart.to_dict(validate=False)["title"]["subtitle"]


def test_the_chart_says_what_it_claims_of_which_period_and_of_how_many(example_store):
    store = sms.open_store(example_store, tz="Europe/Moscow")
    title = charts.delivery_rate(store.delivery_rate(["sender"])).to_dict()["title"]
    assert title["text"] == "Delivery rate by sender"
    assert title["subtitle"] == [
        "21 November 2026 · 2 messages submitted = 100 %, with Wilson 95 % intervals",
        "as received by 22 November 2026 00:30 · all times Europe/Moscow",
    ]


@pytest.mark.parametrize("name", RATES)
def test_the_interval_is_drawn(name):
    over_time = layers(getattr(charts, name)(figures.METRICS[name](["day"])))
    assert over_time["area"]["y"]["field"] == "_low"
    assert over_time["area"]["y2"]["field"] == "_high"
    by_group = layers(getattr(charts, name)(figures.METRICS[name](["operator"])))
    assert by_group["rule"]["x"]["field"] == "_low"
    assert by_group["rule"]["x2"]["field"] == "_high"


def test_the_interval_of_a_single_day_is_a_rule_where_a_band_would_have_no_width():
    chart = charts.delivery_rate(figures.delivery_rate(["day"], day=[pd.Timestamp("2026-11-28")])).to_dict()
    [rule] = [layer for layer in chart["layer"] if layer["mark"]["type"] == "rule"]
    assert len(rule["data"]["values"]) == 1
    many = charts.delivery_rate(figures.delivery_rate(["day"])).to_dict()
    assert [layer["data"]["values"] for layer in many["layer"] if layer["mark"]["type"] == "rule"] == [[]]


def test_a_low_rate_is_not_pressed_to_the_floor_and_a_high_one_ends_at_1():
    low = layers(charts.reply_rate(figures.reply_rate(["day"])))["line"]["y"]["scale"]["domain"]
    high = layers(charts.delivery_rate(figures.delivery_rate(["day"])))["line"]["y"]["scale"]["domain"]
    assert low == [0, 0.04]
    assert high == [0.94, 1]


@pytest.mark.parametrize("by", [["day"], ["week"], ["month", "operator"]], ids=str)
def test_times_that_are_not_matured_are_hollow_and_it_says_so(by):
    young = figures.delivery_rate(by)
    young["matured"] = False
    assert "hollow: too young to be final, outcomes may still come" in lines_below(charts.delivery_rate(young))
    assert not any("hollow" in line for line in lines_below(charts.delivery_rate(figures.delivery_rate(by))))


def test_more_lines_than_colours_are_not_dropped_in_silence():
    many = figures.delivery_rate(["day", "operator"], operator=[f"operator {n}" for n in range(10)])
    assert "only the 8 largest of 10 groups are drawn" in lines_below(charts.delivery_rate(many))
    rows = figures.delivery_rate(["sender"], sender=[f"S{n}" for n in range(50)])
    assert "показаны только 40 самых крупных групп из 50" in lines_below(charts.delivery_rate(rows, lang="ru"))


def test_lines_differ_in_shape_too():
    dots = layers(charts.delivery_rate(figures.delivery_rate(["day", "operator"])))["point"]
    assert dots["shape"]["scale"]["domain"] == dots["stroke"]["scale"]["domain"] == ["MTS", "(not reported)"]
    legends = vl_convert.vegalite_to_vega(charts.delivery_rate(figures.delivery_rate(["day", "operator"])).to_dict())
    assert [(one["title"], one["shape"]) for one in legends["legends"]] == [("operator", "shape")]


def test_the_best_is_on_top_but_weekdays_keep_their_order():
    frame = figures.delivery_rate(["operator"])
    frame["delivery_rate"] = [0.9, 0.95]
    assert layers(charts.delivery_rate(frame))["point"]["y"]["scale"]["domain"] == ["(not reported)", "MTS"]
    week = figures.delivery_rate(["weekday"])
    week["delivery_rate"] = [0.9, 0.95]
    assert layers(charts.delivery_rate(week))["point"]["y"]["scale"]["domain"] == ["Monday", "Sunday"]


def test_a_group_of_nothing_has_a_row_and_no_dot():
    frame = figures.reachability(["operator"])
    frame.loc[0, ["checked", "reachability", "reachability_low", "reachability_high"]] = [0, None, None, None]
    chart = charts.reachability(frame).to_dict()
    values = {layer["mark"]["type"]: layer["data"]["values"] for layer in chart["layer"]}
    assert [row["_text"] for row in values["text"]] == ["75.0\u202f% of 200", "none to count"]
    assert len(values["point"]) == 1


def test_groups_without_a_time_are_not_lost_in_silence():
    frame = figures.delivery_rate(["day"], day=[pd.Timestamp("2026-11-28"), pd.NaT])
    assert "not drawn, time not reported: 1" in lines_below(charts.delivery_rate(frame))


@pytest.mark.parametrize("by", [["day"], ["purpose"], []], ids=str)
def test_without_requests_calls_are_drawn_and_the_title_says_why(by):
    for lang, words, count in (("en", "requests are not known", "calls"), ("ru", "запросы неизвестны", "звон")):
        title = charts.confirmation_success(figures.calls_only(by), lang=lang).to_dict(validate=False)["title"]
        assert title["text"].endswith(f": {words}")
        assert count in title["subtitle"][0]
        assert "100 %" not in title["subtitle"][0]


def test_frames_of_other_engines_are_drawn(example_store):
    frame = sms.metrics.delivery_rate(sms.open_store(example_store).messages(), by=["operator"])
    title = charts.delivery_rate(frame).to_dict()["title"]
    assert title["text"] == "Delivery rate by operator"
    assert title["subtitle"][0].startswith("21 November 2026 · 2 messages")


def test_another_frame_is_refused():
    with pytest.raises(MissingColumns, match="delivery_rate_low"):
        charts.delivery_rate(pd.DataFrame({"day": [], "submitted": []}))


def test_layers_that_share_their_data_hold_it_once(monkeypatch):
    monkeypatch.setattr(alt.data_transformers, "consolidate_datasets", True)
    chart = charts.delivery_rate(figures.delivery_rate(["day", "operator"])).to_dict()
    assert sorted(map(len, chart["datasets"].values())) == [0, 4]
