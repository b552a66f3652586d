"""Durations on a log scale: ribbons of quantiles over time, a row of quantiles per group, the whole distribution."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from smsanalytics.charts import axes, rows, theme
from smsanalytics.charts.frames import Groups, read
from smsanalytics.charts.words import Words

QUANTILES = ("p50", "p90", "p99")
POINTS = 300  #: of a cumulative line; between two of its points the eye sees no step


@dataclass(frozen=True)
class Duration:
    """What is timed, and the noun of what has a time."""

    name: str
    noun: str


DELIVERY = Duration("latency", "timed")
LAG = Duration("callback_lag", "callbacks")


def latency(times: Any, *, lang: str = "en") -> alt.LayerChart | alt.VConcatChart:
    """
    Draw quantiles of the delivery time on a log scale.

    Parameters
    ----------
    times : frame of `metrics.latency`
        Of any engine. Over ``day``, ``hour``, ``week`` or ``month`` it becomes a line of medians with bands to p90 and
        p99, a panel for each value of the other columns; by other columns a row p50, p90, p99 for each group, the
        fastest on top.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart

    Raises
    ------
    MissingColumns
        If this is no frame of delivery times.
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> quantiles = {"p50": [4], "p90": [9], "p99": [60]}
    >>> times = pd.DataFrame({"operator": ["MTS"], "submitted": [9], "n_timed": [8], **quantiles})
    >>> latency(times).to_dict()["title"]["text"]
    'Delivery time by operator'
    """
    words = Words(lang)
    groups = read(times, words, "submitted", ["n_timed", *QUANTILES])
    timed = words.count(groups.frame["n_timed"].sum(), "timed")
    submitted = words.count(groups.frame["submitted"].sum(), "of_submitted")
    return _drawn(DELIVERY, groups, words, f"{timed}, {words('out_of', n=submitted)}")


def callback_lag(lags: Any, *, lang: str = "en") -> alt.LayerChart | alt.VConcatChart:
    """
    Draw quantiles of the time from an event to the receipt of its callback; below 1 s there is one place.

    Parameters
    ----------
    lags : frame of `metrics.callback_lag`
        Drawn as `latency` is.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart

    Raises
    ------
    MissingColumns, UnknownName
        As `latency`.

    Examples
    --------
    >>> quantiles = {"p50": [0], "p90": [2], "p99": [30]}
    >>> lags = pd.DataFrame({"account": ["shop"], "n_timed": [9], "n_untimed": [0], "n_negative": [1], **quantiles})
    >>> callback_lag(lags).to_dict()["title"]["text"]
    'Lag of callbacks behind their events by account'
    """
    words = Words(lang)
    groups = read(lags, words, "n_timed", ["n_untimed", "n_negative", *QUANTILES])
    lines = [words.count(groups.frame["n_timed"].sum(), "callbacks")]
    for label, name in (("untimed", "n_untimed"), ("negative", "n_negative")):
        if number := groups.frame[name].sum():
            lines.append(words(label, n=words.number(number)))
    return _drawn(LAG, groups, words, *lines)


def latency_distribution(times: Any, *, lang: str = "en") -> alt.LayerChart:
    """
    Draw which share of the delivered messages had arrived after which time, on a log scale.

    Parameters
    ----------
    times : frame of `metrics.latency_distribution`
        Of any engine; a line for each group.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns
        If this is no distribution of delivery times.
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> times = pd.DataFrame({"seconds": [4, 60], "delivered": [9, 1]})
    >>> latency_distribution(times).to_dict()["title"]["text"]
    'How soon messages arrive'
    """
    words = Words(lang)
    groups = read(times, words, "seconds", ["delivered"])
    title, count = (
        words.title("latency_distribution", groups.by),
        words.count(groups.frame["delivered"].sum(), "delivered"),
    )
    if groups.time:  # lines are for groups here, those of time too
        groups.frame["_order"] = groups.frame["_at"].rank(method="dense")
        groups.frame["_group"] = [
            f"{label} · {group}" if groups.others else label
            for label, group in zip(groups.frame["_label"], groups.frame["_group"], strict=True)
        ]
    drawn, number = groups.largest("delivered", theme.SERIES)
    lines = theme.notes(
        groups, words, words("is_whole", n=count), words("delivered_only"), theme.dropped(words, theme.SERIES, number)
    )
    if not drawn.frame["delivered"].sum():
        return theme.blank(title, lines, words)
    return theme.finished(_cumulative(drawn, words), title, lines, words)


def _drawn(duration: Duration, groups: Groups, words: Words, *lines: str) -> alt.LayerChart | alt.VConcatChart:
    title, number = words.title(duration.name, groups.by), theme.SERIES if groups.time else theme.ROWS
    drawn, count = groups.largest("n_timed", number)
    below = theme.notes(groups, words, *lines, theme.dropped(words, number, count))
    if not drawn.frame["p50"].notna().any():
        return theme.blank(title, below, words)
    for name in QUANTILES:
        drawn.frame[f"_{name}"] = axes.on_log(drawn.frame[name])
        drawn.frame[f"_{name}_text"] = [words.seconds(value) for value in drawn.frame[name]]
    draw = _ribbons if groups.time else _rows
    return theme.finished(draw(duration, drawn, words), title, below, words)


def _tooltip(frame: pd.DataFrame, words: Words) -> list[alt.Tooltip]:
    names = (str(name) for name in frame)
    shares = sorted((name for name in names if re.fullmatch(r"within_\d+s", name)), key=lambda name: int(name[7:-1]))
    return [
        *(alt.Tooltip(f"_{name}_text:N", title=words(name)) for name in QUANTILES),
        *(alt.Tooltip(f"{name}:Q", title=_within(name, words), format=".1%") for name in shares),
        alt.Tooltip("n_timed:Q", title=words("n_timed"), format=",.0f"),
    ]


def _within(name: str, words: Words) -> str:
    return words("within", time=words.seconds(int(name[7:-1])))


def _ribbons(duration: Duration, groups: Groups, words: Words) -> alt.LayerChart | alt.VConcatChart:
    domain = axes.log_domain(pd.concat([groups.frame["_p50"], groups.frame["_p99"]]))
    if not groups.others:
        return _ribbon(groups.frame, groups, words, domain, title=words(f"axis_{duration.name}"))
    names = groups.series()
    return theme.panels(
        {
            name: _ribbon(groups.of(name).frame, groups, words, domain, height=theme.PANEL, axis=name == names[-1])
            for name in names
        }
    )


def _ribbon(
    frame: pd.DataFrame, groups: Groups, words: Words, domain: tuple[float, float], *,
    title: str | None = None, height: int = theme.HEIGHT, axis: bool = True,
) -> alt.LayerChart:  # fmt: skip
    def y(field: str) -> alt.Y:
        return axes.log_seconds(alt.Y, field, title, words, domain)

    frame = frame.sort_values("_at")
    base = alt.Chart(theme.data(frame)).encode(x=axes.over_time(groups, words, axis=axis))
    outer = base.mark_area(color=theme.SHADES["p99"]).encode(y=y("_p90"), y2=alt.Y2("_p99"))
    inner = base.mark_area(color=theme.SHADES["p90"]).encode(y=y("_p50"), y2=alt.Y2("_p90"))
    tail = base.mark_rule(color=theme.SHADES["p99"], strokeWidth=4).encode(y=y("_p50"), y2=alt.Y2("_p99"))
    body = base.mark_rule(color=theme.SHADES["p90"], strokeWidth=4).encode(
        y=y("_p50"), y2=alt.Y2("_p90")
    )  # seen where a day is alone
    line = base.mark_line(color=theme.SHADES["p50"], strokeWidth=2).encode(y=y("_p50"))
    dots = base.mark_point(color=theme.SHADES["p50"], filled=True, size=30, opacity=1)
    dots = dots.encode(y=y("_p50"), tooltip=[*groups.tooltip(words), *_tooltip(frame, words)])
    layers = [tail, body, outer, inner, line, dots, *_ends(frame.dropna(subset=["_p50"]), domain, height)]
    return alt.LayerChart(layer=layers).properties(width=theme.WIDTH, height=height)


def _ends(frame: pd.DataFrame, domain: tuple[float, float], height: int) -> list[alt.Chart]:
    """The names of the quantiles, to the right of the last of them and clear of each other."""
    low, high = (math.log(one) for one in domain)
    layers, free = [], height + 12.0
    for name in QUANTILES if len(frame) else ():
        free = min(height * (1 - (math.log(frame[f"_{name}"].iloc[-1]) - low) / (high - low)), free - 12.0)
        text = alt.Chart(theme.data(pd.DataFrame({"name": [name]}))).mark_text(
            align="left", dx=6, color=theme.INK, fontSize=11
        )
        layers.append(text.encode(x=alt.value("width"), y=alt.value(free), text=alt.TextValue(name)))
    return layers


def _rows(duration: Duration, groups: Groups, words: Words) -> alt.LayerChart:
    def x(field: str) -> alt.X:
        return axes.log_seconds(alt.X, field, words(f"axis_{duration.name}"), words, domain)

    frame = groups.frame.sort_values(["_order", "_p50"], kind="stable")
    frame["_text"] = [_figures(row, words) for row in frame.to_dict("records")]
    domain = axes.log_domain(pd.concat([frame["_p50"], frame["_p99"]]))
    known, y = frame.dropna(subset=["_p50"]), rows.axis(frame["_group"])
    base = alt.Chart(theme.data(known)).encode(y=y)
    tail = base.mark_rule(color=theme.SHADES["p99"], strokeWidth=4).encode(x=x("_p50"), x2=alt.X2("_p99"))
    body = base.mark_rule(color=theme.SHADES["p90"], strokeWidth=8).encode(x=x("_p50"), x2=alt.X2("_p90"))
    names = [words(name) for name in QUANTILES]
    long = pd.concat([known.assign(_quantile=words(name), _seconds=known[f"_{name}"]) for name in QUANTILES])
    shape = alt.Shape(
        "_quantile:N", title=None, legend=theme.legend(None, symbolFillColor=theme.PALETTE[0], columns=3),
        scale=alt.Scale(domain=names, range=["circle", "diamond", "triangle-right"]),
    )  # fmt: skip
    dots = alt.Chart(theme.data(long)).mark_point(filled=True, color=theme.PALETTE[0], size=70, opacity=1)
    dots = dots.encode(y=y, x=x("_seconds"), shape=shape, tooltip=[*groups.tooltip(words), *_tooltip(frame, words)])
    return rows.stacked(tail, body, dots, rows.beside(frame, y))


def _figures(row: dict[Any, Any], words: Words) -> str:
    if pd.isna(row["p50"]):
        return words("none_of")
    return f"{' · '.join(words.seconds(row[name]) for name in QUANTILES)}\u2003n = {words.number(row['n_timed'])}"


def _cumulative(groups: Groups, words: Words) -> alt.LayerChart:
    names = groups.series()
    curves = [_curve(groups.of(name).frame) for name in names]
    legends = [_legend(name, curve, words) for name, curve in zip(names, curves, strict=True)]
    points = pd.concat([curve.assign(_name=legend) for curve, legend in zip(curves, legends, strict=True)])
    domain = axes.log_domain(points["_at"])
    points = pd.concat([_thinned(curve, domain).assign(_name=one) for curve, one in zip(curves, legends, strict=True)])
    points["_text"] = [words.seconds(value) for value in points["seconds"]]
    heading = ", ".join(words.column(name) for name in groups.by)
    legend = theme.legend(heading, columns=2, symbolType="stroke", symbolStrokeWidth=2.5, symbolSize=300)
    key: dict[str, Any] = {"legend": legend if len(names) > 1 else None, "title": heading}
    color = alt.Color("_name:N", scale=alt.Scale(domain=legends, range=theme.PALETTE[: len(names)]), **key)
    dash = alt.StrokeDash("_name:N", scale=alt.Scale(domain=legends, range=theme.DASHES[: len(names)]), **key)
    x = axes.log_seconds(alt.X, "_at", words("axis_latency"), words, domain)
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 0.9, 1], format="~%")
    y = alt.Y("share:Q", title=words("axis_latency_distribution"), scale=scale, axis=axis)
    line = alt.Chart(theme.data(points)).mark_line(interpolate="step-after", strokeWidth=2)
    line = line.encode(
        x=x, y=y, color=color, strokeDash=dash,
        tooltip=[alt.Tooltip("_text:N", title=words("within", time="").strip()), alt.Tooltip("share:Q", format=".1%")],
    )  # fmt: skip
    layers = [line] if len(names) > 1 else [line, *_quantile_rules(curves[0], x, y, words)]
    return alt.LayerChart(layer=layers).properties(width=theme.WIDTH, height=theme.HEIGHT)


def _curve(frame: pd.DataFrame) -> pd.DataFrame:
    """The cumulative share of one group, a row for each second with deliveries."""
    counts = frame.groupby("seconds")["delivered"].sum().sort_index()
    curve = (counts.cumsum() / counts.sum()).rename("share").reset_index()
    return pd.DataFrame(curve).assign(_at=axes.on_log(curve["seconds"]))


def _quantile(curve: pd.DataFrame, share: float) -> float:
    """The smallest second by which a share had arrived."""
    return float(curve.loc[curve["share"] >= share - 1e-12, "seconds"].iloc[0])


def _legend(name: str, curve: pd.DataFrame, words: Words) -> str:
    said = " · ".join(f"{one} {words.seconds(_quantile(curve, int(one[1:]) / 100))}" for one in QUANTILES)
    return f"{name}: {said}"


def _thinned(curve: pd.DataFrame, domain: tuple[float, float]) -> pd.DataFrame:
    """The steps of a curve that can be seen, and its ends at both sides of the picture."""
    low, high = (math.log(one) for one in domain)
    places = curve["_at"].map(lambda at: int((math.log(at) - low) / (high - low) * POINTS))
    seen = curve.loc[~places.duplicated(keep="last")]
    start = pd.DataFrame({"seconds": [0.0], "share": [0.0], "_at": [domain[0]]})
    end = pd.DataFrame({"seconds": [domain[1]], "share": [1.0], "_at": [domain[1]]})
    both: pd.DataFrame = pd.concat([start, seen, end], ignore_index=True)
    return both


def _quantile_rules(curve: pd.DataFrame, x: alt.X, y: alt.Y, words: Words) -> list[alt.Chart]:
    marks = []
    for name in QUANTILES:
        seconds, share = _quantile(curve, int(name[1:]) / 100), int(name[1:]) / 100
        marks.append(
            {
                "_at": seconds if seconds >= 1 else axes.UNDER,
                "share": share,
                "zero": 0,
                "text": f"{words(name)} {words.seconds(seconds)}",
            }
        )
    base = alt.Chart(theme.data(pd.DataFrame(marks)))
    rules = base.mark_rule(strokeDash=[4, 3], color=theme.GREY).encode(x=x, y=y, y2=alt.Y2("zero:Q"))
    dots = base.mark_point(filled=True, size=50, color=theme.PALETTE[0], opacity=1).encode(x=x, y=y)
    texts = base.mark_text(align="left", dx=7, dy=12, color=theme.INK).encode(x=x, y=y, text=alt.Text("text:N"))
    return [rules, dots, texts]
