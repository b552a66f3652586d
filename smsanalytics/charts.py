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
    if missing := {RATE, f"{RATE}_low", f"{RATE}_high", "submitted", "matured"} - set(frame.columns):
        raise MissingColumns.of(missing, map(str, frame.columns))
    by = [str(name) for name in frame.columns[: list(frame.columns).index("submitted")]]
    time = next((name for name in ("day", "hour") if name in by), None)
    others = [name for name in by if name != time]
    frame["group"] = frame[others].map(_word).agg(" · ".join, axis=1) if others and len(frame) else "all"
    notes = _notes(frame, rates)
    if time:
        largest = frame.groupby("group")["submitted"].sum().nlargest(len(PALETTE)).index
        if len(largest) < frame["group"].nunique():
            notes.append(f"only the {len(largest)} largest of {frame['group'].nunique()} groups are drawn")
        if time == "day" and not frame["matured"].all():
            notes.append("hollow: messages of that day may still be pending")
        chart = _lines(frame[frame["group"].isin(largest)].copy(), time, others, list(largest))
    else:
        chart = _dots(frame)
    title = alt.TitleParams(
        f"Delivery rate by {' and '.join(by)}" if by else "Delivery rate",
        subtitle=notes, anchor="start", frame="group", subtitleColor="#555", offset=12,
    )  # fmt: skip
    return chart.properties(title=title)


def _pandas(rates: Any) -> pd.DataFrame:
    frame = nw.from_native(rates)
    eager = frame.collect("pandas") if isinstance(frame, nw.LazyFrame) else frame
    return eager.to_pandas().copy()


def _word(value: Any) -> str:
    return "(not reported)" if pd.isna(value) else str(value)


def _notes(frame: pd.DataFrame, rates: Any) -> list[str]:
    """The lines below the title: period, number of messages, denominator, moment, zone."""
    attrs = rates.attrs if isinstance(rates, pd.DataFrame) else {}
    count = f"{int(frame['submitted'].sum()):,}".replace(",", "\u202f")
    first = f"{count} messages submitted = 100 %, with Wilson 95 % intervals"
    days = (frame["day"].min(), frame["day"].max()) if "day" in frame else attrs.get("period")
    if days and not any(map(pd.isna, days)):
        first = f"{days[0]:%-d %B %Y} to {days[1]:%-d %B %Y} · {first}"
    if attrs.get("as_of") is None:
        return [first]
    as_of = pd.Timestamp(attrs["as_of"]).tz_convert(attrs["timezone"])
    return [first, f"as received by {as_of:%-d %B %Y %H:%M} · all times {attrs['timezone']}"]


def _percent(low: float) -> alt.Scale:
    """From a round share below the lowest interval up to 1; a dot or a line may leave 0 out where a bar may not."""
    return alt.Scale(domain=[max(0.0, int(low * 20) / 20), 1.0], nice=False)


def _tooltip(names: list[str]) -> list[alt.Tooltip]:
    rates = [alt.Tooltip(f"{RATE}{end}:Q", title=title, format=".2%") for end, title in
             (("", "delivery rate"), ("_low", "95 % from"), ("_high", "95 % to"))]  # fmt: skip
    counts = [alt.Tooltip(f"{name}:Q", format=",") for name in ("submitted", "delivered", "failed", "pending", "stuck")]
    return [*(alt.Tooltip(f"{name}:N") for name in names), *rates, *counts]


def _lines(frame: pd.DataFrame, time: str, others: list[str], groups: list[str]) -> alt.LayerChart:
    if time == "day":
        frame["label"] = frame["day"].dt.strftime("%-d %b %Y")
        x = alt.X("day:T", title=None, axis=alt.Axis(format="%-d %b", labelFlush=False, labelOverlap=True))
    else:
        frame["label"] = frame["hour"].map(lambda hour: f"{int(hour):02}:00")
        hours = alt.Axis(values=list(range(0, 24, 3)))
        x = alt.X("hour:Q", title="hour of the day", scale=alt.Scale(domain=[0, 23], nice=False), axis=hours)
    legend = alt.Legend(orient="top", symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=3) if others else None
    colors = alt.Scale(domain=groups, range=PALETTE[: len(groups)])
    color = alt.Color("group:N", title=" and ".join(others) or None, scale=colors, legend=legend)
    scale, axis = _percent(frame[f"{RATE}_low"].min() if len(frame) else 0.0), alt.Axis(format=".0%")
    rate = alt.Y(f"{RATE}:Q", title="delivered / submitted", axis=axis, scale=scale)
    low = alt.Y(f"{RATE}_low:Q", title="delivered / submitted", axis=axis, scale=scale)
    base = alt.Chart(frame).encode(x=x, color=color)
    band = base.mark_area(opacity=0.18 if len(groups) == 1 else 0.08).encode(y=low, y2=f"{RATE}_high:Q")
    line = base.mark_line(strokeWidth=2).encode(y=rate)
    full = color if time == "hour" else alt.condition("datum.matured", color, alt.value("white"))
    dots = base.mark_point(size=40, filled=True, opacity=1).encode(
        y=rate, stroke=color, fill=full, tooltip=_tooltip(["label", *others])
    )
    return alt.LayerChart(layer=[band, line, dots]).properties(width=WIDTH, height=280)


def _dots(frame: pd.DataFrame) -> alt.LayerChart:
    order = list(frame.sort_values(RATE, ascending=False)["group"])
    y = alt.Y("group:N", title=None, sort=order, axis=alt.Axis(grid=True, labelLimit=200))
    scale = _percent(frame[f"{RATE}_low"].min() if len(frame) else 0.0)
    base = alt.Chart(frame).encode(y=y)
    low = alt.X(f"{RATE}_low:Q", title="delivered / submitted", scale=scale, axis=alt.Axis(format=".0%"))
    bars = base.mark_rule(strokeWidth=3, color=PALETTE[0], opacity=0.45).encode(x=low, x2=f"{RATE}_high:Q")
    dots = base.mark_point(size=90, filled=True, color=PALETTE[0], opacity=1).encode(
        x=alt.X(f"{RATE}:Q", scale=scale), tooltip=_tooltip(["group"])
    )
    label = f"format(datum.{RATE}, '.1%') + ' of ' + format(datum.submitted, ',')"
    text = base.transform_calculate(label=label).mark_text(align="left", color="#333")
    return alt.LayerChart(layer=[bars, dots, text.encode(x=alt.value(WIDTH + 10), text="label:N")]).properties(
        width=WIDTH, height=alt.Step(30)
    )
