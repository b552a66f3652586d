import figures
import pandas as pd
import pytest
import vl_convert

from smsanalytics import charts
from smsanalytics.errors import MissingColumns, UnknownName

DAYS = [pd.Timestamp("2026-10-28") + pd.Timedelta(days=n) for n in range(30) if n != 3]


def cells(chart):
    return {row["day"][:10]: row for row in figures.rows(chart.to_dict())}


@pytest.mark.parametrize(
    ("metric", "title"),
    [
        ("delivery_rate", "Доля доставленных по дням"),
        ("reply_rate", "Доля ответивших получателей по дням"),
        ("confirmation_success", "Доля подтверждённых звонком запросов по дням"),
        ("reachability", "Доля доступных номеров среди проверенных по дням"),
        ("latency", "Время доставки, p50, по дням"),
        ("callback_lag", "Отставание уведомлений, p50, по дням"),
        ("inbound_volume", "Входящие сообщения по дням"),
        ("cost", "Стоимость одного доставленного сообщения по дням"),
    ],
)
def test_the_calendar_draws_what_a_frame_is_about(metric, title):
    one = {"account": ["shop"]} if metric == "cost" else {}
    chart = charts.calendar(figures.METRICS[metric](["day"], day=DAYS, **one), lang="ru").to_dict()
    assert chart["title"]["text"] == title
    svg = vl_convert.vegalite_to_svg(chart)
    assert "ноябрь" in svg
    assert "NaN" not in svg


def test_weeks_stand_side_by_side_from_monday():
    found = cells(charts.calendar(figures.delivery_rate(["day"], day=DAYS)))
    assert [(found[day]["_x"], found[day]["_y"]) for day in ("2026-10-28", "2026-11-01", "2026-11-02")] == [
        (0, 2), (0, 6), (1, 0),
    ]  # fmt: skip


def test_a_day_without_a_figure_is_grey_and_it_says_so():
    chart = charts.calendar(figures.delivery_rate(["day"], day=DAYS))
    assert cells(chart)["2026-10-31"]["_value"] is None
    assert "grey: nothing counted on that day" in chart.to_dict()["title"]["subtitle"]


def test_lines_part_the_months():
    layers = charts.calendar(figures.delivery_rate(["day"], day=DAYS)).to_dict()["layer"]
    upright, level = (layer["data"]["values"] for layer in layers if layer["mark"]["type"] == "rule")
    assert upright == [{"_x": 1, "_y": row, "_y2": row + 1} for row in range(6)]
    assert level == [{"_x": 0, "_x2": 1, "_y": 6}]


def test_another_measure_can_be_chosen():
    chart = charts.calendar(figures.latency(["day"], day=DAYS), measure="p99").to_dict()
    assert chart["title"]["text"] == "Delivery time, p99, by day"
    assert chart["layer"][1]["encoding"]["color"]["scale"]["type"] == "log"
    assert charts.calendar(figures.delivery_rate(["day"]), measure="failed_share").to_dict()["title"]["text"] == (
        "Share of failed messages by day"
    )
    assert charts.calendar(figures.inbound_volume(["day"]), measure="senders").to_dict()["title"]["text"] == (
        "distinct senders by day"
    )


def test_only_days_make_a_calendar():
    with pytest.raises(UnknownName, match="day, operator"):
        charts.calendar(figures.delivery_rate(["day", "operator"]))
    with pytest.raises(UnknownName, match="several accounts"):
        charts.calendar(figures.cost(["day"]))
    with pytest.raises(MissingColumns, match="day"):
        charts.calendar(figures.delivery_rate(["week"]))
    with pytest.raises(MissingColumns, match="mine"):
        charts.calendar(figures.delivery_rate(["day"]), measure="mine")


def test_a_calendar_of_nothing_says_so():
    assert "no data" in vl_convert.vegalite_to_svg(charts.calendar(figures.delivery_rate(["day"]).iloc[:0]).to_dict())
