"""
What all charts share: colours, sizes, titles, the lines below them, the way numbers are written.

The colours are those of Okabe and Ito, which colour-blind readers can tell apart; series differ in shape or dash too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import altair as alt
import pandas as pd

from smsanalytics.charts.chosen import chosen
from smsanalytics.charts.frames import Groups
from smsanalytics.charts.labels import MONTHS, WEEKDAYS
from smsanalytics.charts.words import NARROW, Words

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
DASHES = [[1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [10, 4], [4, 4], [1, 3], [12, 2, 2, 2, 2, 2]]
SCHEME = alt.SchemeParams(name="viridis")  #: even steps of lightness: the same to all readers, and in print
SHADES = {"p50": PALETTE[0], "p90": "#9CC6E3", "p99": "#D9E9F4"}  # of one blue; the darker, the more usual
GREY, INK = "#999999", "#333333"
WIDTH, HEIGHT, PANEL = 640, 280, 110
ROW_WIDTH, ROW_HEIGHT = 400, 30
FONT = (
    "DejaVu Sans, sans-serif"  #: the widest of the usual ones: a reader's own may be narrower, and nothing is cut off
)
SERIES, ROWS = len(PALETTE), 40  #: more groups are not drawn, and a line below the title says so

Picture = TypeVar("Picture", bound=alt.LayerChart | alt.VConcatChart)


def data(frame: pd.DataFrame) -> alt.InlineData:
    """Return a frame as values in the chart itself, however many rows it has; layers that share it hold it once."""
    return alt.InlineData(values=alt.to_values(frame)["values"])


def notes(groups: Groups, words: Words, *lines: str) -> list[str]:
    """Return the lines below a title: what is chosen, period and what is counted, moment and zone, then others."""
    frame, facts = groups.frame, groups.facts
    days = (frame["day"].min(), frame["day"].max()) if "day" in groups.by else facts.get("period")
    first, *rest = lines
    if days and not any(map(pd.isna, days)):
        start, end = (words.date(pd.Timestamp(day)) for day in days)
        first = f"{start if start == end else words('period', first=start, last=end)} · {first}"
    moment = []
    zone = facts.get("timezone", "UTC")
    if facts.get("as_of") is not None and not pd.isna(facts["as_of"]):
        at = pd.Timestamp(facts["as_of"]).tz_convert(zone)
        moment.append(words("as_of", moment=f"{words.date(at)} {at:%H:%M}"))
    if "timezone" in facts:
        moment.append(words("zone", zone=zone))
    if "account" in facts:
        moment.append(words("account", name=facts["account"]))
    timeless = [words("timeless", n=words.number(groups.timeless))] if groups.timeless else []
    return [line for line in (*chosen(facts, days, words), first, " · ".join(moment), *rest, *timeless) if line]


def dropped(words: Words, drawn: int, count: int, label: str = "dropped") -> str:
    """Return the line that says how many groups are not drawn, empty if all are."""
    return words(label, drawn=words.number(drawn), all=words.number(count)) if count > drawn else ""


def finished(chart: Picture, title: str, lines: Sequence[str], words: Words) -> Picture:
    """Give a chart its title and the language of its numbers and dates."""
    heading = alt.TitleParams(
        title, subtitle=list(lines), anchor="start", frame="bounds", subtitleColor="#555", offset=14, fontSize=14,
        subtitleLineHeight=15, subtitlePadding=5,
    )  # fmt: skip
    picture: Picture = chart.properties(title=heading, background="white").configure(
        font=FONT,
        locale=_locale(words),
        legend=alt.LegendConfig(labelLimit=320, titleLimit=320),
        axis=alt.AxisConfig(titleFontWeight="normal", titleColor="#555", labelFlush=False, gridColor="#e8e8e8"),
        view=alt.ViewConfig(stroke="#ddd"),
    )
    return picture


def blank(title: str, lines: Sequence[str], words: Words) -> alt.LayerChart:
    """Return a chart of nothing that says so."""
    nothing = (
        alt.Chart(data(pd.DataFrame({"nothing": [0]})))
        .mark_text(color=GREY, fontSize=14)
        .encode(text=alt.TextValue(words("no_data")))
    )
    return finished(alt.LayerChart(layer=[nothing]).properties(width=WIDTH, height=80), title, lines, words)


def panels(charts: Mapping[str, alt.LayerChart]) -> alt.VConcatChart:
    """Return charts one below the other, each with its name above."""
    return alt.vconcat(
        *(
            chart.properties(title=alt.TitleParams(name, anchor="start", fontSize=11, offset=4))
            for name, chart in charts.items()
        ),
        spacing=14,
    )


def legend(title: str | None, **options: Any) -> alt.Legend:
    """Return a legend above the picture."""
    return alt.Legend(orient="top", title=title, titleFontWeight="normal", titleColor="#555", **options)


def _locale(words: Words) -> alt.Locale:
    _, months, short = MONTHS[words.lang]
    days, short_days = WEEKDAYS[words.lang]
    number = alt.NumberLocale(
        decimal="," if words.lang == "ru" else ".", thousands=NARROW, grouping=[3], currency=["", ""],
        percent=f"{NARROW}%",
    )  # fmt: skip
    return alt.Locale(
        number=number,
        time=alt.TimeLocale(
            dateTime="%-d %B %Y %H:%M", date="%-d %B %Y", time="%H:%M", periods=["", ""],
            days=[*days[-1:], *days[:-1]], shortDays=[*short_days[-1:], *short_days[:-1]],
            months=list(months), shortMonths=list(short),
        ),
    )  # fmt: skip
