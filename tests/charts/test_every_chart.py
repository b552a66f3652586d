"""Every chart, by every grouping, in both languages: drawn by the real renderer, and looked at as text."""

from __future__ import annotations

import html
import re
from itertools import cycle

import figures
import pandas as pd
import pytest
import vl_convert

from smsanalytics import charts
from smsanalytics.errors import MissingColumns, UnknownName

GROUPINGS = [
    [],
    ["day"],
    ["month", "sender"],
    ["day", "hour"],
    ["weekday", "hour"],
    ["weekday", "mcc", "mnc", "country", "type", "parts"],
    ["account", "to_number", "purpose", "tag", "status", "err"],
]
LANGUAGE = dict(zip((f"{name} {by}" for name in figures.METRICS for by in GROUPINGS), cycle(["en", "ru"])))
OWN = {"failure_mix": ("status", "err")}  # columns that these metrics have themselves
TITLES = {  # what the title claims, and what 100 % or the number is
    "delivery_rate": ("Delivery rate by operator", "2 000 messages submitted = 100 %",
                      "Доля доставленных по операторам", "2 000 отправленных сообщений = 100 %"),
    "reply_rate": ("Share of recipients who replied by operator", "the recipients in each group = 100 %",
                   "Доля ответивших получателей по операторам", "получатели в каждой группе = 100 %"),
    "confirmation_success": ("Share of requests confirmed by a call by operator", "200 confirmation requests = 100 %",
                             "Доля подтверждённых звонком запросов по операторам", "200 запросов подтверждения = 100 %"),
    "reachability": ("Share of checked numbers that are reachable by operator", "400 numbers checked = 100 %",
                     "Доля доступных номеров среди проверенных по операторам", "400 проверенных номеров = 100 %"),
    "latency": ("Delivery time by operator", "1 800 messages with a known delivery time, of 2 000 submitted",
                "Время доставки по операторам", "1 800 сообщений с известным временем доставки, из 2 000 отправленных"),
    "callback_lag": ("Lag of callbacks behind their events by operator", "10 000 callbacks with a known time",
                     "Отставание уведомлений от событий по операторам", "10 000 уведомлений с известным временем"),
    "latency_distribution": ("How soon messages arrive by operator", "200 delivered messages with a known delivery time = 100 %",
                             "Как скоро доходят сообщения по операторам", "200 доставленных сообщений с известным временем = 100 %"),
    "inbound_volume": ("Incoming messages by operator", "2 400 incoming messages",
                       "Входящие сообщения по операторам", "2 400 входящих сообщений"),
    "failure_mix": ("Why messages failed by operator", "200 failed messages = 100 %",
                    "Почему сообщения не доставлены по операторам", "200 недоставленных сообщений = 100 %"),
    "cost": ("Cost per delivered message by operator", "1 900 delivered messages",
             "Стоимость одного доставленного сообщения по операторам", "1 900 доставленных сообщений"),
    "data_health": ("Health of the data by operator", "Coverage is best at 100 %, every other share at 0",
                    "Качество данных по операторам", "Охват хорош при 100 %, все остальные доли — при 0"),
}  # fmt: skip


def spec(name, by, lang="en", **values):
    return getattr(charts, name)(figures.METRICS[name](by, **values), lang=lang).to_dict(validate=False)


def seen(chart):
    """What can be read in a picture."""
    svg = vl_convert.vegalite_to_svg(chart)
    assert "NaN" not in svg, "something was placed nowhere"
    return html.unescape(svg).replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.parametrize("name", figures.METRICS)
def test_letters_are_measured_as_wide_as_any_reader_shows_them_so_that_none_is_cut_off(name):
    families = set(re.findall(r'font-family="([^"]*)"', vl_convert.vegalite_to_svg(spec(name, ["operator"]))))
    assert families == {"DejaVu Sans, sans-serif"}


@pytest.mark.parametrize("by", GROUPINGS, ids=lambda by: "-".join(by) or "all")
@pytest.mark.parametrize("name", figures.METRICS)
def test_every_grouping_is_drawn(name, by):
    lang = LANGUAGE[f"{name} {by}"]
    by = [column for column in by if column not in OWN.get(name, ())]
    one = {"account": ["shop"]} if name == "cost" and "account" not in by else {}
    chart = spec(name, by, lang, **one)
    said = seen(chart)
    assert chart["title"]["text"].replace("\u202f", " ") in said
    assert ("November 2026" if lang == "en" else "ноября 2026") in said
    assert ("no data" if lang == "en" else "нет данных") not in said
    if "operator" in by or "country" in by:
        assert ("(not reported)" if lang == "en" else "(не сообщено)") in said


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("name", figures.METRICS)
def test_the_title_says_what_is_claimed_of_which_period_and_of_how_many(name, lang):
    title = spec(name, ["operator"], lang, **({"account": ["shop"]} if name == "cost" else {}))["title"]
    claim, whole = TITLES[name][:2] if lang == "en" else TITLES[name][2:]
    period, received = {
        "en": ("1 November 2026 to 30 November 2026", "as received by 30 November 2026 23:59 · all times Europe/Moscow"),
        "ru": ("с 1 ноября 2026 по 30 ноября 2026", "по данным, полученным до 30 ноября 2026 23:59 · время — Europe/Moscow"),
    }[lang]  # fmt: skip
    lines = [line.replace("\u202f", " ") for line in title["subtitle"]]
    assert title["text"] == claim
    assert lines[0].startswith(f"{period} · {whole}")
    assert lines[1].startswith(received)


@pytest.mark.parametrize("by", [["day"], ["operator"]], ids=str)
@pytest.mark.parametrize("name", figures.METRICS)
def test_a_frame_of_nothing_is_a_chart_that_says_so(name, by):
    frame = figures.METRICS[name](by).iloc[:0]
    chart = getattr(charts, name)(frame, lang="ru").to_dict(validate=False)
    assert "нет данных" in seen(chart)
    assert chart["title"]["text"]


@pytest.mark.parametrize("name", figures.METRICS)
def test_hostile_names_stay_text(name):
    by = ["sender"] if name in ("delivery_rate", "inbound_volume", "cost") else ["day", "sender"]
    svg = vl_convert.vegalite_to_svg(spec(name, by))
    assert "<img" not in svg
    assert "</script" not in svg
    assert "&lt;img" in svg or "&lt;/script" in svg, "the name is not in the picture at all"


@pytest.mark.parametrize("name", figures.METRICS)
def test_another_frame_or_language_is_refused(name):
    draw = getattr(charts, name)
    with pytest.raises(MissingColumns, match="need column"):
        draw(pd.DataFrame({"day": [], "seen": []}))
    with pytest.raises(UnknownName, match="'de'; there are en, ru"):
        draw(figures.METRICS[name](["day"]), lang="de")


@pytest.mark.parametrize("name", figures.METRICS)
def test_frames_of_other_engines_are_drawn(name):
    ours = figures.METRICS[name](["day", "operator"])
    ours.attrs = {}
    theirs = pytest.importorskip("polars").from_pandas(ours)
    draw = getattr(charts, name)
    assert draw(theirs).to_dict(validate=False)["title"] == draw(ours).to_dict(validate=False)["title"]


def test_charts_follow_the_schema():
    """Elsewhere charts are not validated, which would take longer than drawing them."""
    for name, metric in figures.METRICS.items():
        assert getattr(charts, name)(metric(["day", "operator"])).to_dict()
