"""What a delivered message costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import altair as alt

from smsanalytics.charts import rows, series, theme
from smsanalytics.charts.frames import Groups, read
from smsanalytics.charts.words import Words

FACTS = ("cost", "n_delivered", "n_cost_unknown", "parts_per_message")


def cost(costs: Any, *, lang: str = "en") -> alt.LayerChart:
    """
    Draw the cost per delivered message, in the currency of the account, which callbacks do not name.

    Parameters
    ----------
    costs : frame of `metrics.cost`
        Of any engine, the account first. Over ``day``, ``hour``, ``week`` or ``month`` it becomes a line for each
        account and value of the other columns; else a dot for each group, the cheapest on top.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns
        If this is no frame of costs.
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> import pandas as pd
    >>> costs = pd.DataFrame({
    ...     "account": ["shop"], "submitted": [4], "parts_per_message": [1.5], "cost": [12.4], "n_cost_unknown": [0],
    ...     "n_delivered": [3], "cost_per_delivered": [4.13],
    ... })
    >>> cost(costs).to_dict()["title"]["text"]
    'Cost per delivered message by account'
    """
    words = Words(lang)
    groups = read(costs, words, "submitted", [*FACTS, "cost_per_delivered"])
    title, frame = words.title("cost_per_delivered", groups.by), groups.frame
    whole = words.count(frame["n_delivered"].sum(), "n_delivered")
    number = theme.SERIES if groups.time else theme.ROWS
    drawn, count = groups.largest("n_delivered", number)
    unknown = frame["n_cost_unknown"].sum()
    lines = theme.notes(
        groups, words, whole,
        words("cost_unknown", n=words.number(unknown)) if unknown else "",
        words("currencies") if "account" in frame and frame["account"].nunique() > 1 else "",
        theme.dropped(words, number, count),
    )  # fmt: skip
    known = replace(drawn, frame=drawn.frame.dropna(subset=["cost_per_delivered"]))
    if known.frame.empty:
        return theme.blank(title, lines, words)
    return theme.finished((_lines if groups.time else _dots)(known, words), title, lines, words)


def _tooltip(words: Words) -> list[alt.Tooltip]:
    main = alt.Tooltip("cost_per_delivered:Q", title=words("cost_per_delivered"), format=",.3~f")
    return [main, *(alt.Tooltip(f"{name}:Q", title=words(name), format=",.3~f") for name in FACTS)]


def _lines(groups: Groups, words: Words) -> alt.LayerChart:
    y = alt.Y(
        "cost_per_delivered:Q", title=words("axis_cost_per_delivered"), scale=alt.Scale(zero=False, padding=10),
        axis=alt.Axis(format=",~f"),
    )  # fmt: skip
    return series.lines(groups, groups.frame.assign(_young=False), words, y, _tooltip(words))


def _dots(groups: Groups, words: Words) -> alt.LayerChart:
    frame = groups.frame.sort_values(["_order", "cost_per_delivered"], kind="stable")
    frame["_text"] = [
        words("cost_of", cost=words.number(one, 2), n=words.number(n))
        for one, n in zip(frame["cost_per_delivered"], frame["n_delivered"], strict=True)
    ]
    y, title = rows.axis(frame["_group"]), words("axis_cost_per_delivered")
    scale = alt.Scale(domain=[0, frame["cost_per_delivered"].max() * 1.05])
    x = alt.X("cost_per_delivered:Q", title=title, scale=scale, axis=alt.Axis(format=",~f"))
    dots = alt.Chart(theme.data(frame)).mark_point(size=90, filled=True, color=theme.PALETTE[0], opacity=1)
    dots = dots.encode(x=x, y=y, tooltip=[*groups.tooltip(words), *_tooltip(words)])
    return rows.stacked(dots, rows.beside(frame, y))
