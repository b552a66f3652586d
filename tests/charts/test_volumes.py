import figures
import pandas as pd

from smsanalytics import charts


def bars(chart):
    return chart.to_dict(validate=False)["layer"][0]


def test_bars_of_a_day_are_stacked_without_a_gap():
    rows = figures.rows(charts.inbound_volume(figures.inbound_volume(["day", "to_number"])).to_dict())
    first = [(row["_bottom"], row["_top"]) for row in rows if row["_at"].startswith("2026-11-28")]
    assert first == [(0, 1200), (1200, 2400)]


def test_what_has_no_colour_of_its_own_is_gathered_so_that_bars_keep_their_height():
    numbers = [f"7900123{n:04}" for n in range(12)]
    chart = charts.inbound_volume(figures.inbound_volume(["day", "to_number"], to_number=numbers), lang="ru")
    drawn = bars(chart)
    assert drawn["encoding"]["color"]["scale"]["domain"][-1] == "прочие"
    assert len(drawn["encoding"]["color"]["scale"]["domain"]) == 8
    assert max(row["_top"] for row in figures.rows(chart.to_dict())) == 12 * 1200
    said = "кроме 7 самых крупных из 12, группы объединены в «прочие»"
    assert said in chart.to_dict()["title"]["subtitle"]


def test_eight_groups_need_no_other():
    numbers = [f"7900123{n:04}" for n in range(8)]
    chart = charts.inbound_volume(figures.inbound_volume(["day", "to_number"], to_number=numbers))
    assert bars(chart)["encoding"]["color"]["scale"]["domain"] == numbers
    assert len(chart.to_dict()["title"]["subtitle"]) == 2


def test_weekday_and_hour_become_a_heat_map_in_which_nothing_is_0():
    chart = charts.inbound_volume(figures.inbound_volume(["hour", "weekday"]))
    drawn, cells = bars(chart), pd.DataFrame(figures.rows(chart.to_dict()))
    assert drawn["mark"]["type"] == "rect"
    assert len(cells) == 7 * 24
    assert cells["incoming"].sum() == 4 * 1200
    assert drawn["encoding"]["color"]["scale"]["scheme"]["name"] == "viridis"
