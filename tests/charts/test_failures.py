import figures
import pandas as pd
import pytest

from smsanalytics import charts


def layers(chart):
    return {layer["mark"]["type"]: layer for layer in chart.to_dict(validate=False)["layer"]}


def test_the_most_frequent_cause_is_on_top_and_the_line_ends_at_all():
    drawn = layers(charts.failure_mix(figures.failure_mix([])))
    rows = drawn["bar"]["data"]["values"]
    assert [row["_cause"] for row in rows] == [
        "unknown subscriber · 20/1", "expired · 3/0", "unlisted code · 20/777", "invalid number · 22",
    ]  # fmt: skip
    assert [row["_sum"] for row in rows] == pytest.approx([0.6, 0.9, 0.98, 1])
    assert drawn["bar"]["encoding"]["y"]["scale"]["domain"] == [row["_cause"] for row in rows]
    assert drawn["line"]["encoding"]["x"]["field"] == "_sum"


def test_the_interval_is_drawn():
    rule = layers(charts.failure_mix(figures.failure_mix([])))["rule"]["encoding"]
    assert (rule["x"]["field"], rule["x2"]["field"]) == ("failure_share_low", "failure_share_high")


def test_the_tail_is_gathered():
    rows = [
        {"status": 20, "err": err, "n": 40 - err, "failed": 610}
        | figures.interval("failure_share", (40 - err) / 610, 0, 1)
        for err in range(1, 21)
    ]
    drawn = layers(charts.failure_mix(pd.DataFrame(rows), lang="ru"))["bar"]["data"]["values"]
    assert len(drawn) == 13
    assert drawn[-1]["_cause"] == "прочие: 8 причин"
    assert sum(row["n"] for row in drawn) == sum(row["n"] for row in rows)


@pytest.mark.parametrize("by", [["operator"], ["day"]], ids=str)
def test_the_causes_of_a_group_fill_100_per_cent(by):
    drawn = figures.rows(charts.failure_mix(figures.failure_mix(by)).to_dict())
    key = "_group" if by == ["operator"] else "_label"
    sums = pd.DataFrame(drawn).groupby(key)["_share"].sum()
    assert list(sums) == pytest.approx([1, 1])


def test_more_causes_than_colours_become_other():
    rows = [
        {"operator": operator, "status": 20, "err": err, "n": 40 - err, "failed": 610}
        | figures.interval("failure_share", (40 - err) / 610, 0, 1)
        for operator in ("MTS", "Beeline")
        for err in range(1, 21)
    ]
    bars = charts.failure_mix(pd.DataFrame(rows)).to_dict()["layer"][0]
    names = bars["encoding"]["color"]["scale"]["domain"]
    assert len(names) == 8
    assert names[-1] == "other"
    assert pd.DataFrame(bars["data"]["values"]).groupby("_group")["_share"].sum().tolist() == pytest.approx([1, 1])
