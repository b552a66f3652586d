import html
import re

import figures
import pytest
import vl_convert

from smsanalytics import charts, load_sample
from smsanalytics.charts.chosen import chosen
from smsanalytics.charts.words import Words

WHERE = {"tag": "login", "operator": ["MegaFon", None]}
ASKED = {"where": WHERE, "type": [0, 4], "start": "2026-11-01T00:00:00+03:00", "end": "2026-11-08T09:30:00+03:00"}
LINES = {
    "en": [
        "only tag login · operator MegaFon or (not reported) · message types: SMS (0) or HLR (4)",
        "asked for: 1 November 2026 to 8 November 2026 09:30",
    ],
    "ru": [
        "только: метка login · оператор MegaFon или (не сообщено) · типы сообщений: SMS (0) или HLR-запрос (4)",
        "запрошено: с 1 ноября 2026 по 8 ноября 2026 09:30",
    ],
}


def seen(chart):
    """The texts of a picture, those of a line together."""
    svg = html.unescape(vl_convert.vegalite_to_svg(chart.to_dict(validate=False)))
    return " ".join(re.findall(r">([^<>]+)<", svg)).replace("\u202f", " ")


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("empty", [False, True], ids=["full", "empty"])
@pytest.mark.parametrize("name", figures.METRICS)
def test_every_chart_says_what_it_is_narrowed_to(name, empty, lang):
    frame = figures.METRICS[name](["day"])
    frame.attrs |= ASKED
    picture = seen(getattr(charts, name)(frame.iloc[:0] if empty else frame, lang=lang))
    for line in LINES[lang]:
        assert all(word in picture for word in line.split(" · ")), line


def test_a_calendar_says_so_too():
    frame = figures.delivery_rate(["day"])
    frame.attrs |= ASKED
    assert list(charts.calendar(frame).title.subtitle)[:2] == LINES["en"]


def test_what_is_not_narrowed_has_no_such_line():
    everything = dict.fromkeys(("type", "start", "end")) | {"where": {}}
    frame = figures.delivery_rate(["operator"])
    plain = charts.delivery_rate(frame).title.subtitle
    frame.attrs |= everything
    assert list(charts.delivery_rate(frame).title.subtitle) == list(plain)


def test_an_answer_of_a_store_carries_it_into_its_chart():
    store = load_sample()
    part = store.delivery_rate(
        "day", where={"tag": "login", "operator": "MegaFon"}, start="2026-10-01", end="2026-11-01"
    )
    lines = list(charts.delivery_rate(part, lang="ru").title.subtitle)
    assert lines[0] == "только: метка login · оператор MegaFon"
    assert lines[1].startswith("с 1 октября 2026 по 31 октября 2026 · ")  # as asked: not named twice
    assert not any("запрошено" in line for line in lines)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"start": "2026-11-01T00:00:00+03:00"}, "asked for: from 1 November 2026"),
        ({"end": "2026-11-01T00:00:00+03:00"}, "asked for: up to 31 October 2026"),
        ({"start": "2026-11-01T00:00:00+03:00", "end": "2026-11-02T00:00:00+03:00"}, "asked for: 1 November 2026"),
        ({"start": "2026-11-01T00:00:00+03:00", "end": "2026-11-03T00:00:00+03:00"}, "asked for: 1 November 2026 to 2 November 2026"),
        ({"where": {"operator": []}}, "only operator (no value)"),
        ({"where": {"operator": ["A", "B", "C", "D", "E"]}}, "only operator A, B, C or 2 more"),
        ({"where": {"sender": ""}}, "only sender (not reported)"),
        ({"where": {"sender": "a\nb\x1b"}}, "only sender a\ufffdb\ufffd"),
        ({"where": {"hour": "9", "weekday": 1, "month": "2026-11", "day": "2026-11-21"}}, "only hour 09:00 · weekday Monday · month November 2026 · day 21 Nov 2026"),
        ({"where": {"status": 20}}, None),
    ],
)  # fmt: skip
def test_each_kind_of_narrowing_in_words(asked, line):
    [said] = chosen(asked, None, Words("en"))
    assert said == line or (line is None and said.startswith("only status ") and said.endswith(" (20)"))


def test_long_filters_are_cut_and_broken_into_lines():
    where = {"sender": "S" * 100, "operator": ["O" * 30] * 9, "tag": "one two three " * 10}
    lines = chosen({"where": where}, None, Words("en"))
    assert len(lines) > 1
    assert max(map(len, lines)) <= 100


def test_hostile_values_stay_text():
    frame = figures.delivery_rate(["day"])
    frame.attrs |= {"where": {"tag": figures.HOSTILE}}
    chart = charts.delivery_rate(frame)
    assert "<img" not in vl_convert.vegalite_to_svg(chart.to_dict(validate=False))
    assert "<img src=x" not in charts.to_html(chart)
