"""Heat maps: the days of a calendar, the hours of a week."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import altair as alt
import narwhals as nw
import pandas as pd

from smsanalytics.charts import axes, theme
from smsanalytics.charts.frames import Groups, read
from smsanalytics.charts.labels import COLUMNS, LABELS, MONTHS, WEEKDAYS
from smsanalytics.charts.words import Words
from smsanalytics.errors import MissingColumns, UnknownName

MEASURES = {  # what a frame is about: what stands behind it, and how it is written
    "delivery_rate": ("submitted", "share"),
    "reply_rate": ("recipients", "share"),
    "confirmation_success": ("requests", "share"),
    "reachability": ("checked", "share"),
    "p50": ("n_timed", "seconds"),
    "incoming": ("incoming", "count"),
    "cost_per_delivered": ("n_delivered", "amount"),
}
ENDINGS = {"_share": "share", "_rate": "share", "_final": "share", "_low": "share", "_high": "share"}


def calendar(frame: Any, *, measure: str | None = None, lang: str = "en") -> alt.LayerChart:
    """
    Draw a measure of each day on a calendar: weeks side by side from Monday to Sunday, a line between months.

    Parameters
    ----------
    frame : frame of a metric by ``["day"]``
        Of any engine; an ``account`` beside the day is fine if there is one only.
    measure : str, optional
        The column to be drawn; by default what the frame is about: its rate, the median, or the count.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns
        If there is no such measure, or no day.
    UnknownName
        If the frame has other groups than days, or there are no words in that language.

    Examples
    --------
    >>> import smsanalytics as sms
    >>> rates = sms.open_store(example_store).delivery_rate(["day"])
    >>> calendar(rates, measure="failed_share").to_dict()["title"]["text"]
    'Share of failed messages by day'
    """
    words = Words(lang)
    names = [str(name) for name in nw.from_native(frame).collect_schema().names()]
    by = list(takewhile(COLUMNS.__contains__, names))
    measure = measure or next((name for name in MEASURES if name in names), None)
    if missing := {"day", measure or " or ".join(MEASURES)} - set(names):
        raise MissingColumns.of(missing, names)
    if set(by) - {"account"} != {"day"}:
        raise UnknownName.of("grouping of a calendar", ", ".join(by), ["day"])
    groups = read(frame, words, names[len(by)], [str(measure)])
    if groups.frame["day"].duplicated().any():
        raise UnknownName.of("grouping of a calendar, for several accounts", ", ".join(by), ["day"])
    return _calendar(groups, str(measure), words)


def _calendar(groups: Groups, measure: str, words: Words) -> alt.LayerChart:
    frame = groups.frame
    title = words.title(_title(frame, measure), ["day"]).replace("p50", measure)
    weight, kind = MEASURES.get(measure, (_weight(frame, measure), _kind(measure)))
    noun = {"n_timed": "timed" if "submitted" in frame else "callbacks"}.get(weight, weight)
    counted = words.count(frame[weight].sum(), noun) if weight else ""
    lines = [words("is_whole", n=counted) if kind == "share" and counted else counted]
    if frame[measure].notna().sum() == 0:
        return theme.blank(title, theme.notes(groups, words, *lines), words)
    days = pd.DataFrame({"day": pd.date_range(frame["day"].min(), frame["day"].max(), freq="D")})
    cells = days.merge(frame.drop(columns=["_group", "_order"]), on="day", how="left")
    cells["_text"] = [_said(value, kind, words) for value in cells[measure]]
    cells["_label"] = [words.value("day", day) for day in cells["day"]]
    cells["_young"] = ~cells["matured"].fillna(True).astype(bool) if "matured" in cells else False
    if cells["_young"].any():
        lines.append(words("young_cell"))
    if cells[measure].isna().any():
        lines.append(words("hollow_day"))
    chart = _cells(cells, measure, kind, words)
    return theme.finished(chart, title, theme.notes(groups, words, *lines), words)


def _title(frame: pd.DataFrame, measure: str) -> str:
    if measure in ("p50", "p90", "p95", "p99"):
        return "latency_p" if "submitted" in frame else "callback_lag_p" if "n_untimed" in frame else "seconds_p"
    return measure if measure in LABELS else "measure"


def _weight(frame: pd.DataFrame, measure: str) -> str:
    """What stands behind a measure that is not the main one of its frame."""
    known = [weight for main, (weight, _) in MEASURES.items() if main in frame and weight in frame]
    return known[0] if known else ""


def _kind(measure: str) -> str:
    if measure in ("p90", "p95", "p99"):
        return "seconds"
    return next((kind for ending, kind in ENDINGS.items() if measure.endswith(ending)), "amount")


def _said(value: float, kind: str, words: Words) -> str:
    if kind == "share":
        return words.percent(value)
    if kind == "seconds":
        return words.seconds(value)
    return words.number(value, 0 if float(value).is_integer() else 2) if not pd.isna(value) else words("no_data")


def _cells(cells: pd.DataFrame, measure: str, kind: str, words: Words) -> alt.LayerChart:
    monday = cells["day"].iloc[0] - pd.Timedelta(days=cells["day"].iloc[0].weekday())
    since = (cells["day"] - monday).dt.days
    cells["_x"], cells["_y"] = since // 7, since % 7
    cells["_x2"], cells["_y2"] = cells["_x"] + 1, cells["_y"] + 1
    cells["_number"] = cells["day"].dt.day
    drawn = axes.on_log(cells[measure]) if kind == "seconds" else cells[measure]
    cells["_value"] = drawn
    weeks = int(cells["_x"].max()) + 1
    step = min(44.0, max(11.0, theme.WIDTH / weeks))
    height = 30 if step > 25 else 18
    x = alt.X("_x:Q", title=None, axis=_months(cells, step, words), scale=alt.Scale(domain=[0, weeks], nice=False))
    y = alt.Y("_y:Q", title=None, axis=_weekdays(words), scale=alt.Scale(domain=[0, 7], nice=False, reverse=True))
    color = _color(drawn, kind, words, words.title(_title(cells, measure)).replace("p50", measure))
    tooltip = [
        alt.Tooltip("_label:N", title=words.column("day")),
        alt.Tooltip("_text:N", title=words.title(_title(cells, measure)).replace("p50", measure)),
    ]
    base = alt.Chart(theme.data(cells)).encode(x=x, y=y, x2=alt.X2("_x2:Q"), y2=alt.Y2("_y2:Q"))
    empty = base.mark_rect(color="#f2f2f2", stroke="white", strokeWidth=1)
    rect = base.mark_rect(stroke="white", strokeWidth=1).encode(color=color, tooltip=tooltip)
    layers = [
        empty,
        rect.transform_filter("isValid(datum._value)"),
        *_borders(cells, x, y),
        *_inside(cells, step, x, y),
    ]
    return alt.LayerChart(layer=layers).properties(width=step * weeks, height=height * 7)


def _color(drawn: pd.Series[float], kind: str, words: Words, title: str) -> alt.Color:
    if kind == "seconds":
        low, high = axes.log_domain(drawn)
        scale = alt.Scale(scheme=theme.SCHEME, reverse=True, type="log", domain=[low, high], nice=False)
        ticks, labels = axes.log_ticks(low, high, words)
        legend = alt.Legend(title=None, values=ticks, labelExpr=labels, gradientLength=180)
    else:
        scale = alt.Scale(scheme=theme.SCHEME, reverse=True, zero=False)
        form = {"share": "~%", "count": ",.0f"}.get(kind, ",~f")
        legend = alt.Legend(title=None, format=form, gradientLength=180, tickCount=5)
    return alt.Color("_value:Q", scale=scale, legend=legend)


def _months(cells: pd.DataFrame, step: float, words: Words) -> alt.Axis:
    """A name above the first week of each month; one without room before the next is left out."""
    starts = cells[(cells["day"].dt.day == 1) | (cells.index == 0)]
    kept: list[tuple[int, str]] = []
    for day, at in reversed(list(zip(starts["day"], starts["_x"], strict=True))):
        name = MONTHS[words.lang][1][day.month - 1]
        said = name[:3] if step <= 25 else f"{name} {day.year}"
        if step <= 25 and (day.month == 1 or len(kept) == len(starts) - 1):
            said = f"{said} {day.year}"
        if not kept or (kept[-1][0] - at) * step > 7 * len(said):
            kept.append((int(at), said))
    return alt.Axis(
        orient="top", values=[at for at, _ in kept], labelExpr=axes.lookup(dict(kept)), labelAlign="left",
        grid=False, ticks=False, domain=False,
    )  # fmt: skip


def _weekdays(words: Words) -> alt.Axis:
    names = ", ".join(f"'{name}'" for name in WEEKDAYS[words.lang][1])
    return alt.Axis(
        values=[at + 0.5 for at in range(7)], labelExpr=f"[{names}][floor(datum.value)]",
        grid=False, ticks=False, domain=False,
    )  # fmt: skip


def _borders(cells: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Lines between the last days of a month and the first of the next."""
    left, above = [], []
    for day, at, row in zip(cells["day"], cells["_x"], cells["_y"], strict=True):
        if at and (day - pd.Timedelta(days=7)).month != day.month:
            left.append({"_x": at, "_y": row, "_y2": row + 1})
        if row and day.day == 1 and day > cells["day"].iloc[0]:
            above.append({"_x": at, "_x2": at + 1, "_y": row})
    upright = alt.Chart(theme.data(pd.DataFrame(left))).mark_rule(color=theme.INK, strokeWidth=1.5)
    level = alt.Chart(theme.data(pd.DataFrame(above))).mark_rule(color=theme.INK, strokeWidth=1.5)
    return [upright.encode(x=x, y=y, y2=alt.Y2("_y2:Q"))] * bool(left) + [
        level.encode(x=x, x2=alt.X2("_x2:Q"), y=y)
    ] * bool(above)


def _inside(cells: pd.DataFrame, step: float, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The day of the month where there is room, and a dot where the day is too young to be final."""
    dark = cells["_value"] > (cells["_value"].min() + cells["_value"].max()) / 2
    middle = cells.assign(_x=cells["_x"] + 0.5, _y=cells["_y"] + 0.5, _ink=dark.map({True: "white", False: "black"}))
    ink = alt.Color("_ink:N", scale=None)
    numbers = (
        alt.Chart(theme.data(middle)).mark_text(fontSize=11).encode(x=x, y=y, text=alt.Text("_number:Q"), color=ink)
    )
    young = alt.Chart(theme.data(middle[middle["_young"]]))
    shift = 10 if step > 25 else 0
    dots = young.mark_point(filled=True, size=14, opacity=1, xOffset=shift + shift / 2, yOffset=-shift / 1.2)
    dots = dots.encode(x=x, y=y, color=ink)
    return [numbers] * (step > 25) + [dots] * bool(middle["_young"].any())


def week(groups: Groups, measure: str, words: Words) -> alt.LayerChart:
    """Draw a count for each hour of each weekday; an hour without any is 0."""
    counts = groups.frame.dropna(subset=["weekday", "hour"]).set_index(["weekday", "hour"])[measure]
    hours = pd.MultiIndex.from_product([range(1, 8), range(24)], names=["weekday", "hour"])
    cells = counts.groupby(level=[0, 1]).sum().reindex(hours, fill_value=0).reset_index()
    cells["_x2"], cells["_y"], cells["_y2"] = cells["hour"] + 1, cells["weekday"] - 1, cells["weekday"]
    cells["_label"] = [
        f"{words.value('weekday', day)} {words.value('hour', hour)}"
        for day, hour in zip(cells["weekday"], cells["hour"], strict=True)
    ]
    title = words(f"axis_{measure}")
    rect = alt.Chart(theme.data(cells)).mark_rect(stroke="white", strokeWidth=1)
    x = alt.X(
        "hour:Q", title=words("axis_hour"), scale=alt.Scale(domain=[0, 24], nice=False),
        axis=alt.Axis(values=list(range(0, 25, 3)), grid=False),
    )  # fmt: skip
    rect = rect.encode(
        x=x, x2=alt.X2("_x2:Q"), y2=alt.Y2("_y2:Q"),
        y=alt.Y("_y:Q", title=None, axis=_weekdays(words), scale=alt.Scale(domain=[0, 7], reverse=True, nice=False)),
        color=alt.Color(
            f"{measure}:Q", scale=alt.Scale(scheme=theme.SCHEME, reverse=True, domainMin=0),
            legend=alt.Legend(title=None, format=",.0f", gradientLength=180, tickCount=4),
        ),
        tooltip=[
            alt.Tooltip("_label:N", title=words.column("hour")),
            alt.Tooltip(f"{measure}:Q", title=title, format=",.0f"),
        ],
    )  # fmt: skip
    return alt.LayerChart(layer=[rect]).properties(width=theme.WIDTH, height=30 * 7)
