import pandas as pd
import pytest
import vl_convert

import smsanalytics as sms
from smsanalytics import charts
from smsanalytics.errors import MissingColumns

HOSTILE = "</script><img src=x onerror=alert(1)>"


def messages(**columns):
    frame = {
        "state": ["delivered", "failed"] * 50,
        "type": 0,
        "err": 0,
        "matured": True,
        "day": pd.Timestamp("2026-11-21"),
    }
    return pd.DataFrame(frame | columns)


def rates(by, **columns):
    return sms.metrics.delivery_rate(messages(**columns), by=by)


@pytest.mark.parametrize(
    "by",
    [["day"], ["hour"], ["operator"], ["day", "operator"], ["hour", "sender"], ["sender", "operator", "type"], []],
    ids=str,
)
def test_every_grouping_is_drawn(by):
    spec = charts.delivery_rate(rates(by, hour=9, operator=["MTS", None] * 50, sender="SHOP")).to_dict()
    svg = vl_convert.vegalite_to_svg(spec)
    assert "100 messages submitted = 100 %" in svg.replace("&nbsp;", " ")
    assert "21 November 2026 to 21 November 2026" in svg
    if "operator" in by:
        assert "(not reported)" in svg


def test_the_chart_says_what_it_claims_of_which_period_and_of_how_many(example_store):
    store = sms.open_store(example_store, tz="Europe/Moscow")
    title = charts.delivery_rate(store.delivery_rate(["sender"])).to_dict()["title"]
    assert title["text"] == "Delivery rate by sender"
    assert title["subtitle"] == [
        "21 November 2026 to 21 November 2026 · 2 messages submitted = 100 %, with Wilson 95 % intervals",
        "as received by 22 November 2026 00:30 · all times Europe/Moscow",
    ]


def test_the_interval_is_drawn():
    spec = charts.delivery_rate(rates(["day"])).to_dict()
    marks = {layer["mark"]["type"]: layer["encoding"] for layer in spec["layer"]}
    assert marks["area"]["y"]["field"] == "delivery_rate_low"
    assert marks["area"]["y2"]["field"] == "delivery_rate_high"


def test_days_that_are_not_matured_are_hollow_and_it_says_so():
    young = charts.delivery_rate(rates(["day"], matured=False)).to_dict()["title"]["subtitle"]
    assert "hollow: messages of that day may still be pending" in young
    assert not any("hollow" in line for line in charts.delivery_rate(rates(["day"])).to_dict()["title"]["subtitle"])


def test_more_lines_than_colours_are_not_dropped_in_silence():
    many = charts.delivery_rate(
        rates(["day", "operator"], operator=[f"operator {n % 10}" for n in range(100)])
    ).to_dict()
    assert "only the 8 largest of 10 groups are drawn" in many["title"]["subtitle"]


def test_hostile_names_stay_text():
    svg = vl_convert.vegalite_to_svg(charts.delivery_rate(rates(["sender"], sender=HOSTILE)).to_dict())
    assert "<img" not in svg


def test_frames_of_other_engines_are_drawn(example_store):
    frame = sms.metrics.delivery_rate(sms.open_store(example_store).messages(), by=["day"])
    assert charts.delivery_rate(frame).to_dict()["title"]["text"] == "Delivery rate by day"


def test_another_frame_is_refused():
    with pytest.raises(MissingColumns, match="delivery_rate_low"):
        charts.delivery_rate(pd.DataFrame({"day": [], "submitted": []}))
