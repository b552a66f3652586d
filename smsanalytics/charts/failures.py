"""Why messages failed: a Pareto chart of causes, or their shares per group."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from smsanalytics.charts import axes, rows, series, theme
from smsanalytics.charts.frames import Groups, read
from smsanalytics.charts.words import Words

CAUSES = 12  #: rows of the Pareto chart; the rest is gathered in one row more
PALE = {"#E69F00", "#56B4E9", "#F0E442", "#CC79A7", theme.GREY}  #: on these dark letters are read, on others white ones


def failure_mix(causes: Any, *, lang: str = "en") -> alt.LayerChart | alt.VConcatChart:
    """
    Draw why messages failed.

    Parameters
    ----------
    causes : frame of `metrics.failure_mix`
        Of any engine. Without groups it becomes a Pareto chart: a bar for each cause with its Wilson 95 % interval, the
        most frequent on top, and a line of their cumulative share. With groups a bar of 100 % for each, divided by
        cause; over time a panel for each value of the other columns.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart

    Raises
    ------
    MissingColumns
        If this is no frame of causes.
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> causes = pd.DataFrame({
    ...     "status": [20], "err": [1], "n": [3], "failed": [3],
    ...     "failure_share": [1.0], "failure_share_low": [0.44], "failure_share_high": [1.0],
    ... })
    >>> failure_mix(causes).to_dict()["title"]["text"]
    'Why messages failed'
    """
    words = Words(lang)
    needed = ["err", "n", "failed", "failure_share", "failure_share_low", "failure_share_high"]
    groups = read(causes, words, "status", needed)
    frame, title = groups.frame, words.title("failure_mix", groups.by)
    codes = list(zip(frame["status"], frame["err"], strict=True))
    frame["_cause"] = [words.cause(*code) for code in codes]
    frame["_meaning"] = [words.meaning(*code) for code in codes]
    whole = words("is_whole", n=words.count(frame["n"].sum(), "failed"))
    if not frame["n"].sum():
        return theme.blank(title, theme.notes(groups, words, whole), words)
    if not groups.by:
        lines = theme.notes(groups, words, f"{whole}, {words('wilson')}", f"{words('cumulative')} · {words('codes')}")
        return theme.finished(_pareto(frame, words), title, lines, words)
    number = theme.SERIES if groups.time else theme.ROWS
    drawn, count = groups.largest("n", number)
    lines = theme.notes(groups, words, whole, words("codes"), theme.dropped(words, number, count))
    return theme.finished(_divided(drawn, words), title, lines, words)


def _pareto(frame: pd.DataFrame, words: Words) -> alt.LayerChart:
    frame = frame.sort_values("n", ascending=False, kind="stable").reset_index(drop=True)
    if len(frame) > CAUSES + 1:
        tail = frame.iloc[CAUSES:]
        rest = {"n": tail["n"].sum(), "failure_share": tail["failure_share"].sum(), "_meaning": words("other")}
        rest["_cause"] = words("other_causes", n=words.count(len(tail), "causes"))
        frame = pd.concat([frame.iloc[:CAUSES], pd.DataFrame([rest])], ignore_index=True)
    frame["_sum"] = frame["failure_share"].cumsum().clip(upper=1)
    frame["_text"] = [
        f"{words.percent(share)} · {words.number(n)}"
        for share, n in zip(frame["failure_share"], frame["n"], strict=True)
    ]
    y = rows.axis(frame["_cause"], "_cause", limit=300)
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("failure_share:Q", title=words("axis_failure_mix"), scale=scale, axis=axes.share_axis())
    tooltip = [
        alt.Tooltip("_cause:N", title=words("cause")),
        alt.Tooltip("_meaning:N", title=words("meaning")),
        alt.Tooltip("n:Q", title=words("n"), format=",.0f"),
        alt.Tooltip("failure_share:Q", title=words("share"), format=".2%"),
        alt.Tooltip("failure_share_low:Q", title=words("low"), format=".2%"),
        alt.Tooltip("failure_share_high:Q", title=words("high"), format=".2%"),
    ]
    base = alt.Chart(theme.data(frame)).encode(y=y)
    bars = base.mark_bar(color=theme.PALETTE[0], height=16, opacity=0.85).encode(x=x, tooltip=tooltip)
    low = alt.X("failure_share_low:Q", title=words("axis_failure_mix"), scale=scale)
    rules = alt.Chart(theme.data(frame.dropna(subset=["failure_share_low"]))).mark_rule(color=theme.INK, strokeWidth=2)
    rules = rules.encode(y=y, x=low, x2=alt.X2("failure_share_high:Q"))
    so_far = alt.X("_sum:Q", title=words("axis_failure_mix"), scale=scale)
    line = base.mark_line(color=theme.PALETTE[1], strokeWidth=1.5).encode(x=so_far, order=alt.Order("_sum:Q"))
    dots = base.mark_point(color=theme.PALETTE[1], filled=True, size=30, opacity=1).encode(x=so_far)
    return rows.stacked(bars, rules, line, dots, rows.beside(frame, y))


def _divided(groups: Groups, words: Words) -> alt.LayerChart | alt.VConcatChart:
    frame = _gathered(groups, words)
    sums = frame.groupby("_cause")["n"].sum().sort_values(ascending=False, kind="stable")
    names = [name for name in sums.index if name != words("other")]
    names += [words("other")] * (words("other") in sums.index)
    colors = dict(zip(names, theme.PALETTE, strict=False)) | {words("other"): theme.GREY}
    frame["_place"] = frame["_cause"].map(names.index)
    frame["_ink"] = ["#222" if colors[cause] in PALE else "white" for cause in frame["_cause"]]
    legend = alt.Legend(orient="top", columns=2, title=None, symbolType="square")
    color = alt.Color(
        "_cause:N", scale=alt.Scale(domain=names, range=[colors[name] for name in names]), legend=legend, title=None
    )
    if not groups.time:
        return _rows(frame, color, groups, words)
    if not groups.others:
        return _columns(frame, color, groups, words)
    panels = {name: frame[frame["_group"] == name] for name in groups.series()}
    return theme.panels(
        {
            name: _columns(part, color, groups, words, height=theme.PANEL, axis=at == len(panels))
            for at, (name, part) in enumerate(panels.items(), 1)
        }
    )


def _gathered(groups: Groups, words: Words) -> pd.DataFrame:
    """The causes with a colour of their own and the others as one, as shares of all that failed in the group."""
    frame = groups.frame
    keys = ["_group", "_order", *(["_at", "_label"] if groups.time else [])]
    largest = frame.groupby("_cause")["n"].sum().nlargest(theme.SERIES).index
    if frame["_cause"].nunique() > theme.SERIES:
        largest = largest[: theme.SERIES - 1]
    cause = frame["_cause"].where(frame["_cause"].isin(largest), words("other"))
    counts = frame.assign(_cause=cause).groupby([*keys, "_cause"], as_index=False)[["n"]].sum()
    counts["_all"] = counts.groupby(keys)["n"].transform("sum")
    return counts.assign(_share=counts["n"] / counts["_all"], _code=counts["_cause"].str.rsplit(" · ").str[-1])


def _tooltip(words: Words) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("_cause:N", title=words("cause")),
        alt.Tooltip("_share:Q", title=words("share"), format=".1%"),
        alt.Tooltip("n:Q", title=words("n"), format=",.0f"),
        alt.Tooltip("_all:Q", title=words("failed"), format=",.0f"),
    ]


def _rows(frame: pd.DataFrame, color: alt.Color, groups: Groups, words: Words) -> alt.LayerChart:
    frame = frame.sort_values(["_order", "_all", "_group", "_place"], ascending=[True, False, True, True])
    end = frame.groupby("_group", sort=False)["_share"].cumsum()
    frame["_to"], frame["_from"] = end, end - frame["_share"]
    frame["_middle"] = end - frame["_share"] / 2
    frame["_text"] = [words.number(number) for number in frame["_all"]]
    y = rows.axis(frame["_group"])
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("_from:Q", title=words("axis_failure_mix"), scale=scale, axis=axes.share_axis())
    base = alt.Chart(theme.data(frame)).encode(y=y)
    bars = base.mark_bar(height=20, stroke="white", strokeWidth=0.5)
    bars = bars.encode(x=x, x2=alt.X2("_to:Q"), color=color, tooltip=[*groups.tooltip(words), *_tooltip(words)])
    wide = alt.Chart(theme.data(frame[frame["_share"] > 0.09])).mark_text(fontSize=10)
    codes = wide.encode(
        y=y, x=alt.X("_middle:Q", scale=scale), text=alt.Text("_code:N"), color=alt.Color("_ink:N", scale=None)
    )
    totals = rows.beside(frame.drop_duplicates("_group"), y)
    chart: alt.LayerChart = rows.stacked(bars, codes, totals).resolve_scale(color="independent")
    return chart


def _columns(
    frame: pd.DataFrame,
    color: alt.Color,
    groups: Groups,
    words: Words,
    *,
    height: int = theme.HEIGHT,
    axis: bool = True,
) -> alt.LayerChart:
    title = words("axis_failure_mix") if height == theme.HEIGHT else None
    scale = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y("_bottom:Q", title=title, scale=scale, axis=axes.share_axis())
    frame = series.stacked(frame, "_share")
    return series.columns(groups, frame, words, y, color, _tooltip(words), height=height, axis=axis)
