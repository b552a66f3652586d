import figures
import pandas as pd
import pytest

from smsanalytics import charts
from smsanalytics.charts import axes
from smsanalytics.charts.words import Words


def panels(chart):
    found = chart.to_dict(validate=False)
    return found.get("vconcat", [found])


@pytest.mark.parametrize("name", ["latency", "callback_lag"])
def test_seconds_stand_on_a_log_scale(name):
    [chart] = panels(getattr(charts, name)(figures.METRICS[name](["day"])))
    scales = [layer["encoding"]["y"]["scale"]["type"] for layer in chart["layer"] if "scale" in layer["encoding"]["y"]]
    assert set(scales) == {"log"}
    [rows] = panels(getattr(charts, name)(figures.METRICS[name](["operator"])))
    assert rows["layer"][0]["encoding"]["x"]["scale"]["type"] == "log"
    [curve] = panels(charts.latency_distribution(figures.latency_distribution([])))
    assert curve["layer"][0]["encoding"]["x"]["scale"]["type"] == "log"


def test_its_ticks_can_be_read():
    ticks, labels = axes.log_ticks(1, 86400, Words("en"))
    assert ticks == [1, 10, 60, 600, 3600, 86400]
    for label in ("1\u202fs", "10\u202fs", "1\u202fmin", "10\u202fmin", "1\u202fh", "1\u202fd"):
        assert f"'{label}'" in labels


@pytest.mark.parametrize(
    ("seconds", "domain"),
    [([7, 40], (5, 60)), ([10, 60], (5, 120)), ([0.5, 3], (0.5, 5)), ([float("nan")], (0.5, 120)), ([5, 5], (2, 10))],
)
def test_the_scale_ends_at_ticks_around_what_is_drawn(seconds, domain):
    assert axes.log_domain(seconds) == domain


def test_less_than_a_second_has_one_place_and_keeps_its_words():
    rows = charts.callback_lag(figures.callback_lag(["operator"])).to_dict()
    [text] = [layer["data"]["values"] for layer in rows["layer"] if layer["mark"]["type"] == "text"]
    assert text[0]["_p50"] == axes.UNDER
    assert text[0]["_text"].replace("\u202f", " ").startswith("−1 s · 0 s · 30 s")
    lines = rows["title"]["subtitle"]
    assert "negative, drawn as < 1 s: 6" in lines
    assert "left out, their time is not known: 8" in lines


def test_bands_reach_from_p50_over_p90_to_p99():
    [chart] = panels(charts.latency(figures.latency(["day"])))
    areas = [layer["encoding"] for layer in chart["layer"] if layer["mark"]["type"] == "area"]
    assert [(area["y"]["field"], area["y2"]["field"]) for area in areas] == [("_p90", "_p99"), ("_p50", "_p90")]


def test_each_group_has_its_panel_and_the_scales_are_the_same():
    frame = figures.latency(["day", "operator"])
    frame.loc[0, "p99"] = 90000
    found = panels(charts.latency(frame))
    assert [panel["title"]["text"] for panel in found] == ["MTS", "(not reported)"]
    assert len({str(panel["layer"][0]["encoding"]["y"]["scale"]) for panel in found}) == 1


def test_names_of_quantiles_do_not_overlap():
    frame = figures.latency(["day"])
    frame[["p50", "p90", "p95", "p99"]] = 7
    [chart] = panels(charts.latency(frame))
    heights = [layer["encoding"]["y"]["value"] for layer in chart["layer"] if layer["mark"]["type"] == "text"]
    assert heights[0] - heights[1] >= 12
    assert heights[1] - heights[2] >= 12


def test_a_group_without_times_has_a_row_that_says_so():
    frame = figures.latency(["operator"]).astype(dict.fromkeys(("p50", "p90", "p95", "p99"), "Int64"))
    frame.loc[0, ["n_timed", "p50", "p90", "p95", "p99"]] = [0, pd.NA, pd.NA, pd.NA, pd.NA]
    rows = charts.latency(frame, lang="ru").to_dict()
    [text] = [layer["data"]["values"] for layer in rows["layer"] if layer["mark"]["type"] == "text"]
    assert text[-1]["_text"] == "считать нечего"


def test_a_cumulative_line_passes_through_its_quantiles():
    chart = charts.latency_distribution(figures.latency_distribution([])).to_dict()
    points = {row["seconds"]: row["share"] for row in chart["layer"][0]["data"]["values"]}
    assert [points[seconds] for seconds in (7, 40, 4000)] == [0.6, 0.95, 1]
    texts = [row["text"].replace("\u202f", " ") for row in chart["layer"][-1]["data"]["values"]]
    assert texts == ["p50: half within 7 s", "p90: 90 % within 40 s", "p99: 99 % within 1 h 6 min"]


def test_a_long_distribution_stays_a_small_picture():
    times = pd.DataFrame({"seconds": range(20_000), "delivered": 1})
    chart = charts.latency_distribution(times).to_dict()
    assert len(chart["layer"][0]["data"]["values"]) < 400
    assert "20\u202f000 delivered messages" in chart["title"]["subtitle"][0]


def test_lines_of_groups_differ_in_dash_and_say_their_quantiles():
    line = charts.latency_distribution(figures.latency_distribution(["operator"])).to_dict()["layer"][0]["encoding"]
    names = line["strokeDash"]["scale"]["domain"]
    assert names == line["color"]["scale"]["domain"]
    assert names[0].replace("\u202f", " ") == "MTS: p50 7 s · p90 40 s · p99 1 h 6 min"
