"""Series over time: a line for each group, which differ in colour and in the shape of their dots; stacked bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from smsanalytics.charts import axes, theme
from smsanalytics.charts.frames import Groups
from smsanalytics.charts.words import Words

DENSE = 90  #: moments, beyond which dots are small


def lines(
    groups: Groups, frame: pd.DataFrame, words: Words, value: alt.Y, tooltip: Sequence[alt.Tooltip], *,
    band: tuple[alt.Y, str] | None = None,
) -> alt.LayerChart:  # fmt: skip
    """
    Draw lines.

    Parameters
    ----------
    groups : Groups
        Whose names and times there are.
    frame : pandas.DataFrame
        The rows to be drawn; where ``_young`` the dot is hollow.
    words : Words
        Of the chart's language.
    value : altair.Y
        What is drawn.
    tooltip : sequence of altair.Tooltip
        Of each dot, after time and group.
    band : altair.Y and str, optional
        The lower end of the interval, and the column of the upper end.
    """
    names, dense = groups.series(), frame["_at"].nunique() > DENSE
    colors = alt.Scale(domain=names, range=theme.PALETTE[: len(names)])
    shapes = alt.Scale(domain=names, range=theme.SHAPES[: len(names)])
    heading = groups.heading(words)
    legend = theme.legend(heading, columns=4, symbolOpacity=1) if groups.others else None
    key: dict[str, Any] = {"legend": legend, "title": heading}
    color = alt.Color("_group:N", scale=colors, **key)
    base = alt.Chart(theme.data(frame)).encode(x=axes.over_time(groups, words))
    layers = []
    if band:
        low, high = band
        area = base.mark_area(opacity=0.18 if len(names) == 1 else 0.08)
        alone = alt.Chart(theme.data(frame[~frame.duplicated("_group", keep=False)]))
        rule = alone.mark_rule(strokeWidth=3, opacity=0.45).encode(x=axes.over_time(groups, words))
        layers += [layer.encode(y=low, y2=alt.Y2(high), color=color) for layer in (area, rule)]
    line = base.mark_line(strokeWidth=1 if dense else 2).encode(y=value, color=color)
    dots = base.mark_point(size=12 if dense else 45, filled=True, opacity=1).encode(
        y=value,
        stroke=alt.Stroke("_group:N", scale=colors, **key),
        shape=alt.Shape("_group:N", scale=shapes, **key),
        fill=alt.condition("datum._young", alt.value("white"), color),
        tooltip=[*groups.tooltip(words), *tooltip],
    )
    return alt.LayerChart(layer=[*layers, line, dots]).properties(width=theme.WIDTH, height=theme.HEIGHT)


def stacked(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Put what happened at a time one upon the other, in the order of ``_place``, as ``_bottom`` and ``_top``."""
    frame = frame.sort_values(["_at", "_place"])
    top = frame.groupby("_at")[measure].cumsum()
    return frame.assign(_top=top, _bottom=top - frame[measure])


def columns(
    groups: Groups, frame: pd.DataFrame, words: Words, y: alt.Y, color: alt.Color, tooltip: Sequence[alt.Tooltip], *,
    height: int = theme.HEIGHT, axis: bool = True,
) -> alt.LayerChart:  # fmt: skip
    """Draw stacked bars; their time is labelled if there is an axis."""
    half = axes.half(groups)
    frame = frame.assign(_from=frame["_at"] - half, _to=frame["_at"] + half)
    bars = alt.Chart(theme.data(frame)).mark_rect(stroke="white", strokeWidth=0.5)
    bars = bars.encode(
        x=axes.over_time(groups, words, field="_from", axis=axis), x2=alt.X2("_to"), y=y, y2=alt.Y2("_top:Q"),
        color=color, tooltip=[*groups.tooltip(words), *tooltip],
    )  # fmt: skip
    return alt.LayerChart(layer=[bars]).properties(width=theme.WIDTH, height=height)
