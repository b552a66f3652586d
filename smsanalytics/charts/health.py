"""Health of the data: a row for each check, or a heat map of checks over time."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from smsanalytics.charts import axes, rows, theme
from smsanalytics.charts.frames import Groups, read
from smsanalytics.charts.labels import CHECKS
from smsanalytics.charts.words import Words

LINEAR = 0.0001  #: below this share the scale is linear, so that it has a 0
TICKS = {0: 0, 0.0001: 2, 0.001: 1, 0.01: 0, 0.1: 0, 1: 0}  #: with the digits of their per cent


def data_health(checks: Any, *, lang: str = "en") -> alt.LayerChart | alt.VConcatChart:
    """
    Draw what is known about the quality of the data.

    Parameters
    ----------
    checks : frame of `metrics.data_health`
        Of any engine. A row for each check, its share on a scale that shows small shares, and "n of N"; with groups a
        panel for each. Over ``day``, ``hour``, ``week`` or ``month`` a row of cells for each check.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart

    Raises
    ------
    MissingColumns
        If this is no frame of checks.
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> checks = pd.DataFrame({"check": ["duplicates"], "n": [3], "of": [1000], "share": [0.003]})
    >>> data_health(checks).to_dict()["title"]["text"]
    'Health of the data'
    """
    words = Words(lang)
    groups = read(checks, words, "check", ["n", "of", "share"])
    title = words.title("data_health", groups.by)
    frame = groups.frame
    frame["_check"] = [_name(check, words) for check in frame["check"]]
    frame["_rank"] = [CHECKS.index(check) if check in CHECKS else len(CHECKS) for check in frame["check"]]
    frame["_text"] = [_said(n, of, words) for n, of in zip(frame["n"], frame["of"], strict=True)]
    frame["_percent"] = [words.percent(share) for share in frame["share"]]
    drawn, count = groups.largest("of", theme.SERIES)
    lines = theme.notes(groups, words, words("good_health"), theme.dropped(words, theme.SERIES, count))
    if frame.empty:
        return theme.blank(title, lines, words)
    draw = _cells if groups.time else _rows
    if not groups.others:
        return theme.finished(draw(drawn.frame, drawn, words), title, lines, words)
    panels = {name: draw(drawn.of(name).frame, drawn, words) for name in drawn.series()}
    return theme.finished(theme.panels(panels), title, lines, words)


def _name(check: str, words: Words) -> str:
    return words(f"check_{check}") if check in CHECKS else check


def _said(n: float, of: float, words: Words) -> str:
    if pd.isna(of):
        return words("whole_unknown", n=words.number(n))
    return words("of", part=words.number(n), whole=words.number(of)) if of else words("none_of")


def _scale(**options: Any) -> alt.Scale:
    return alt.Scale(type="symlog", constant=LINEAR, domain=[0, 1], nice=False, **options)


def _labels(words: Words) -> str:
    return axes.lookup({tick: f"{words.number(100 * tick, digits)}\u202f%" for tick, digits in TICKS.items()})


def _tooltip(groups: Groups, words: Words) -> list[alt.Tooltip]:
    named = [("_check", "check"), ("_percent", "share"), ("_text", "n_of")]
    return [*groups.tooltip(words), *(alt.Tooltip(f"{field}:N", title=words(label)) for field, label in named)]


def _rows(frame: pd.DataFrame, groups: Groups, words: Words) -> alt.LayerChart:
    frame = frame.sort_values("_rank", kind="stable")
    frame["_zero"] = 0
    frame["_text"] = frame["_percent"].where(frame["share"].notna(), "—") + "\u2003" + frame["_text"]
    y = rows.axis(frame["_check"], "_check", limit=320)
    known = frame.dropna(subset=["share"])
    axis = alt.Axis(values=list(TICKS), labelExpr=_labels(words))
    base = alt.Chart(theme.data(known)).encode(y=y)
    bars = base.mark_rule(strokeWidth=3, color=theme.PALETTE[0], opacity=0.35)
    bars = bars.encode(x=alt.X("_zero:Q", title=words("axis_share"), scale=_scale(), axis=axis), x2=alt.X2("share:Q"))
    dots = base.mark_point(size=90, filled=True, color=theme.PALETTE[0], opacity=1)
    dots = dots.encode(
        x=alt.X("share:Q", title=words("axis_share"), scale=_scale(), axis=axis), tooltip=_tooltip(groups, words)
    )
    return rows.stacked(bars, dots, rows.beside(frame, y))


def _cells(frame: pd.DataFrame, groups: Groups, words: Words) -> alt.LayerChart:
    frame = frame.sort_values("_rank", kind="stable")
    half = axes.half(groups) / 0.8
    frame = frame.assign(_from=frame["_at"] - half, _to=frame["_at"] + half)
    color = alt.Color(
        "share:Q", scale=_scale(scheme=theme.SCHEME, reverse=True),
        legend=alt.Legend(title=None, values=list(TICKS), labelExpr=_labels(words), gradientLength=180),
    )  # fmt: skip
    y = rows.axis(frame["_check"], "_check", limit=320, grid=False)
    base = alt.Chart(theme.data(frame)).mark_rect(stroke="white", strokeWidth=0.5)
    base = base.encode(
        x=axes.over_time(groups, words, field="_from"), x2=alt.X2("_to"), y=y, tooltip=_tooltip(groups, words)
    )
    known = base.transform_filter("isValid(datum.share)").encode(color=color)
    layers = [base.encode(color=alt.ColorValue("#f2f2f2")), known]
    return alt.LayerChart(layer=layers).properties(width=theme.ROW_WIDTH, height=alt.Step(22))
