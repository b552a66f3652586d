"""Volumes: bars over time, stacked where grouped; a heat map of the week; a bar for each other group."""

from __future__ import annotations

from typing import Any

import altair as alt

from smsanalytics.charts import rows, series, theme
from smsanalytics.charts.frames import Groups, read
from smsanalytics.charts.heatmaps import week
from smsanalytics.charts.words import Words


def inbound_volume(volumes: Any, *, lang: str = "en") -> alt.LayerChart:
    """
    Draw how many messages came in.

    Parameters
    ----------
    volumes : frame of `metrics.inbound_volume`
        Of any engine. Over ``day``, ``hour``, ``week`` or ``month`` it becomes bars, stacked by the other columns; by
        ``weekday`` and ``hour`` a heat map; by other columns a bar for each group.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns
        If this is no frame of volumes.
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> import pandas as pd
    >>> volumes = pd.DataFrame({"to_number": ["79001230000"], "incoming": [2], "senders": [1]})
    >>> inbound_volume(volumes).to_dict()["title"]["text"]
    'Incoming messages by receiving number'
    """
    words = Words(lang)
    groups = read(volumes, words, "incoming", ["senders"])
    title, whole = words.title("incoming", groups.by), words.count(groups.frame["incoming"].sum(), "incoming")
    if set(groups.by) == {"weekday", "hour"} and len(groups.frame):
        return theme.finished(week(groups, "incoming", words), title, theme.notes(groups, words, whole), words)
    return bars(groups, "incoming", title, words, whole)


def bars(groups: Groups, measure: str, title: str, words: Words, whole: str) -> alt.LayerChart:
    """Draw counts; small groups are gathered, so that no bar is lower than it should be."""
    if not len(groups.frame) or not (groups.time or groups.frame[measure].notna().any()):
        return theme.blank(title, theme.notes(groups, words, whole), words)
    number = theme.SERIES - 1 if groups.time else theme.ROWS
    largest, count = groups.largest(measure, number if groups.frame["_group"].nunique() > number + 1 else number + 1)
    gathered = count > largest.frame["_group"].nunique()
    label = "gathered" if groups.time else "dropped"
    lines = theme.notes(groups, words, whole, theme.dropped(words, number, count, label) if gathered else "")
    if groups.time:
        names = largest.series()
        rest = words("other")
        groups.frame["_group"] = groups.frame["_group"].where(groups.frame["_group"].isin(names), rest)
        chart = _columns(groups, measure, [*names, rest] if gathered else names, words)
    else:
        chart = _rows(largest, measure, words)
    return theme.finished(chart, title, lines, words)


def _columns(groups: Groups, measure: str, names: list[str], words: Words) -> alt.LayerChart:
    keys = ["_at", "_label", "_group"]
    frame = groups.frame.groupby(keys, as_index=False, sort=False)[[measure]].sum()
    frame = series.stacked(frame.assign(_place=frame["_group"].map(names.index)), measure)
    colors = [*theme.PALETTE[: len(names) - 1], theme.GREY] if names[-1] == words("other") else theme.PALETTE
    color = alt.Color(
        "_group:N",
        scale=alt.Scale(domain=names, range=colors[: len(names)]),
        legend=theme.legend(groups.heading(words), columns=4) if groups.others else None,
    )
    value = alt.Tooltip(f"{measure}:Q", title=words(f"axis_{measure}"), format=",.0f")
    y = alt.Y("_bottom:Q", title=words(f"axis_{measure}"), axis=alt.Axis(format=",.0f", tickMinStep=1))
    return series.columns(groups, frame, words, y, color, [value])


def _rows(groups: Groups, measure: str, words: Words) -> alt.LayerChart:
    frame = groups.frame.sort_values(["_order", measure], ascending=[True, False], kind="stable")
    frame["_text"] = [words.number(value) for value in frame[measure]]
    y = rows.axis(frame["_group"])
    axis = alt.Axis(format=",.0f", tickMinStep=1, tickCount=5)
    x = alt.X(f"{measure}:Q", title=words(f"axis_{measure}"), axis=axis)
    senders = [alt.Tooltip("senders:Q", title=words("senders"), format=",.0f")] if "senders" in frame else []
    value = alt.Tooltip(f"{measure}:Q", title=words(f"axis_{measure}"), format=",.0f")
    bar = alt.Chart(theme.data(frame)).mark_bar(color=theme.PALETTE[0], height=16)
    return rows.stacked(bar.encode(x=x, y=y, tooltip=[*groups.tooltip(words), value, *senders]), rows.beside(frame, y))
