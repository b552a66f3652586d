"""
Metric frame → Altair chart.

Marks fit the data: a rate is a line or a dot with its interval drawn. Colours are those of Okabe and Ito, which
colour-blind readers can tell apart. The title says what is claimed, the subtitle of which period and of how many.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import narwhals as nw
import pandas as pd

from smsanalytics.errors import MissingColumns

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
WIDTH = 640
MOST_LINES = len(PALETTE)
RATE = "delivery_rate"


def delivery_rate(rates: Any) -> alt.LayerChart:
    """
    Draw delivery rates with their Wilson 95 % intervals.

    Parameters
    ----------
    rates : frame of `metrics.delivery_rate`
        Of any engine. By ``day`` or ``hour`` it becomes a line, with a colour for each value of one more column;
        by other columns a dot for each group, the best on top.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns
        If this is no frame of delivery rates.

    Examples
    --------
    >>> import smsanalytics as sms
    >>> rates = sms.open_store(example_store).delivery_rate(["operator"])
    >>> delivery_rate(rates).to_dict()["title"]["text"]
    'Delivery rate by operator'
    """
    frame = _pandas(rates)
    if missing := {RATE, f"{RATE}_low", f"{RATE}_high", "submitted"} - set(frame.columns):
        raise MissingColumns.of(missing, map(str, frame.columns))
    by = [str(name) for name in frame.columns[: list(frame.columns).index("submitted")]]
    frame = _with_words(frame, by)
    time = next((name for name in ("day", "hour") if name in by), None)
    others = [name for name in by if name != time]
    frame["group"] = frame[others].agg(" · ".join, axis=1) if others else "all"
    title = f"Delivery rate by {' and '.join(by)}" if by else "Delivery rate"
    chart = _lines(frame, time, others) if time else _dots(frame)
    return chart.properties(
        title=alt.TitleParams(title, subtitle=_subtitle(frame, rates), anchor="start", subtitleColor="#555", offset=12)
    )


def _pandas(rates: Any) -> pd.DataFrame:
    frame = nw.from_native(rates)
    eager = frame.collect("pandas") if isinstance(frame, nw.LazyFrame) else frame
    return eager.to_pandas().copy()


def _with_words(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Group values as a reader sees them: what is missing says so."""
    for name in set(by) - {"day", "hour"}:
        frame[name] = frame[name].map(lambda value: "(not reported)" if pd.isna(value) else str(value))
    return frame


def _subtitle(frame: pd.DataFrame, rates: Any) -> list[str]:
    attrs = rates.attrs if isinstance(rates, pd.DataFrame) else {}
    count = int(frame["submitted"].sum())
    first = f"{count:,} messages submitted = 100 %".replace(",", "\u202f")
    days = (frame["day"].min(), frame["day"].max()) if "day" in frame else attrs.get("period")
    if days and not any(map(pd.isna, days)):
        first = f"{days[0]:%-d %B %Y} to {days[1]:%-d %B %Y} · {first}"
    second = "bands and bars: Wilson 95 % interval"
    if attrs.get("as_of") is not None:
        second += f" · as received by {attrs['as_of']:%-d %B %Y %H:%M} UTC · days and hours in {attrs['timezone']}"
    return [first, second]


def _percent(low: float) -> alt.Scale:
    """From a round share below the lowest interval up to 1; a dot or a line may leave 0 out where a bar may not."""
    return alt.Scale(domain=[max(0.0, int(low * 20) / 20), 1.0], nice=False)


def _tooltip(names: list[str]) -> list[alt.Tooltip]:
    rates = [alt.Tooltip(f"{RATE}{end}:Q", title=title, format=".2%") for end, title in
             (("", "delivery rate"), ("_low", "95 % from"), ("_high", "95 % to"))]  # fmt: skip
    counts = [alt.Tooltip(f"{name}:Q", format=",") for name in ("submitted", "delivered", "failed", "pending", "stuck")]
    return [*(alt.Tooltip(f"{name}:N") for name in names), *rates, *counts]


def _lines(frame: pd.DataFrame, time: str, others: list[str]) -> alt.LayerChart:
    if time == "day":
        frame["label"] = frame["day"].dt.strftime("%-d %b %Y")
        x = alt.X("day:T", title=None, axis=alt.Axis(format="%-d %b", labelFlush=False, tickCount="day"))
    else:
        frame["label"] = frame["hour"].map(lambda hour: f"{int(hour):02}:00")
        x = alt.X(
            "hour:Q",
            title="hour of the day",
            scale=alt.Scale(domain=[0, 23], nice=False),
            axis=alt.Axis(values=list(range(0, 24, 3))),
        )
    largest = frame.groupby("group")["submitted"].sum().nlargest(MOST_LINES).index
    frame = frame[frame["group"].isin(largest)]
    color = alt.Color(
        "group:N", title=" and ".join(others) or None,
        scale=alt.Scale(domain=list(largest), range=PALETTE[: len(largest)]),
        legend=alt.Legend(orient="top", symbolType="stroke") if others else None,
    )  # fmt: skip
    scale, axis = _percent(frame[f"{RATE}_low"].min()), alt.Axis(format=".0%")
    rate = alt.Y(f"{RATE}:Q", title="delivered / submitted", axis=axis, scale=scale)
    low = alt.Y(f"{RATE}_low:Q", title="delivered / submitted", axis=axis, scale=scale)
    base = alt.Chart(frame).encode(x=x, color=color)
    band = base.mark_area(opacity=0.18).encode(y=low, y2=f"{RATE}_high:Q")
    line = base.mark_line(strokeWidth=2).encode(y=rate)
    dots = base.mark_point(size=40, filled=True, opacity=1).encode(
        y=rate,
        fill=alt.condition("datum.matured", color, alt.value("white")),
        stroke=color,
        tooltip=_tooltip(["label", *others]),
    )
    return alt.LayerChart(layer=[band, line, dots]).properties(width=WIDTH, height=280)


def _dots(frame: pd.DataFrame) -> alt.LayerChart:
    order = list(frame.sort_values(RATE, ascending=False)["group"])
    y = alt.Y("group:N", title=None, sort=order, axis=alt.Axis(grid=True, labelLimit=200))
    scale = _percent(frame[f"{RATE}_low"].min() if len(frame) else 0.0)
    base = alt.Chart(frame).encode(y=y)
    axis = alt.Axis(format=".0%")
    bars = base.mark_rule(strokeWidth=3, color=PALETTE[0], opacity=0.45).encode(
        x=alt.X(f"{RATE}_low:Q", title="delivered / submitted", scale=scale, axis=axis), x2=f"{RATE}_high:Q"
    )
    dots = base.mark_point(size=90, filled=True, color=PALETTE[0], opacity=1).encode(
        x=alt.X(f"{RATE}:Q", scale=scale), tooltip=_tooltip(["group"])
    )
    text = (
        base.transform_calculate(label=f"format(datum.{RATE}, '.1%') + ' of ' + format(datum.submitted, ',')")
        .mark_text(align="left", dx=8, color="#333")
        .encode(x=alt.X(f"{RATE}_high:Q", scale=scale), text="label:N")
    )
    return alt.LayerChart(layer=[bars, dots, text]).properties(width=WIDTH, height=alt.Step(30))
