"""Rates: a line with its interval over time, a dot with its interval for other groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from smsanalytics.charts import axes, rows, series, theme
from smsanalytics.charts.frames import Groups, read
from smsanalytics.charts.volumes import bars
from smsanalytics.charts.words import Words


@dataclass(frozen=True)
class Rate:
    """A rate: its column, what 100 % is, and the counts it is made of."""

    name: str
    whole: str
    counts: tuple[str, ...]


DELIVERY = Rate("delivery_rate", "submitted", ("submitted", "delivered", "failed", "pending", "stuck"))
REPLY = Rate("reply_rate", "recipients", ("recipients", "repliers"))
CONFIRMATION = Rate("confirmation_success", "requests", ("requests", "confirmed", "expired", "open"))
REACHABILITY = Rate("reachability", "checked", ("checked", "reachable", "unreachable", "pending", "unknown"))


def delivery_rate(rates: Any, *, lang: str = "en") -> alt.LayerChart:
    """
    Draw delivery rates with their Wilson 95 % intervals.

    Parameters
    ----------
    rates : frame of `metrics.delivery_rate`
        Of any engine. Over ``day``, ``hour``, ``week`` or ``month`` it becomes a line, with a colour and a shape for
        each value of the other columns; by other columns a dot for each group, the best on top.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns
        If this is no frame of delivery rates.
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> import smsanalytics as sms
    >>> rates = sms.open_store(example_store).delivery_rate(["operator"])
    >>> delivery_rate(rates).to_dict()["title"]["text"]
    'Delivery rate by operator'
    """
    return _drawn(DELIVERY, rates, Words(lang))


def reply_rate(rates: Any, *, lang: str = "en") -> alt.LayerChart:
    """
    Draw which share of recipients replied, with Wilson 95 % intervals.

    Parameters
    ----------
    rates : frame of `metrics.reply_rate`
        Drawn as `delivery_rate` is.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns, UnknownName
        As `delivery_rate`.

    Examples
    --------
    >>> import pandas as pd
    >>> rates = pd.DataFrame({
    ...     "operator": ["MTS"], "recipients": [100], "repliers": [3], "matured": True,
    ...     "reply_rate": [0.03], "reply_rate_low": [0.01], "reply_rate_high": [0.08],
    ... })
    >>> reply_rate(rates).to_dict()["title"]["text"]
    'Share of recipients who replied by operator'
    """
    return _drawn(REPLY, rates, Words(lang))


def confirmation_success(rates: Any, *, lang: str = "en") -> alt.LayerChart:
    """
    Draw which share of confirmation requests a call confirmed, with Wilson 95 % intervals.

    Without any request there is no rate: the calls are drawn instead, and the title says so.

    Parameters
    ----------
    rates : frame of `metrics.confirmation_success`
        Drawn as `delivery_rate` is.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns, UnknownName
        As `delivery_rate`.

    Examples
    --------
    >>> import pandas as pd
    >>> rates = pd.DataFrame({
    ...     "purpose": ["login"], "requests": [0], "confirmed": [0], "expired": [0], "open": [0], "matured": True,
    ...     "confirmation_success": [None], "confirmation_success_low": [None], "confirmation_success_high": [None],
    ...     "calls": [12],
    ... })
    >>> confirmation_success(rates).to_dict()["title"]["text"]
    'Confirmation calls by purpose: requests are not known'
    """
    words = Words(lang)
    groups = _read(CONFIRMATION, rates, words, "calls")
    if len(groups.frame) and groups.frame["requests"].sum() == 0:
        title = f"{words.title('calls', groups.by)}: {words('requests_unknown')}"
        return bars(groups, "calls", title, words, words.count(groups.frame["calls"].sum(), "calls"))
    return _picture(CONFIRMATION, groups, words)


def reachability(rates: Any, *, lang: str = "en") -> alt.LayerChart:
    """
    Draw which share of the numbers checked by HLR or ping was reachable, with Wilson 95 % intervals.

    Parameters
    ----------
    rates : frame of `metrics.reachability`
        Drawn as `delivery_rate` is.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    MissingColumns, UnknownName
        As `delivery_rate`.

    Examples
    --------
    >>> import pandas as pd
    >>> rates = pd.DataFrame({
    ...     "country": ["Russia"], "checked": [100], "reachable": [78], "unreachable": [20], "pending": [2],
    ...     "unknown": [0],
    ...     "reachability": [0.78], "reachability_low": [0.69], "reachability_high": [0.85],
    ... })
    >>> reachability(rates).to_dict()["title"]["text"]
    'Share of checked numbers that are reachable by country'
    """
    return _drawn(REACHABILITY, rates, Words(lang))


def _drawn(rate: Rate, rates: Any, words: Words) -> alt.LayerChart:
    return _picture(rate, _read(rate, rates, words), words)


def _read(rate: Rate, rates: Any, words: Words, *more: str) -> Groups:
    matured = () if rate is REACHABILITY else ("matured",)
    names = [rate.name, f"{rate.name}_low", f"{rate.name}_high", *rate.counts, *matured, *more]
    return read(rates, words, rate.whole, names)


def _picture(rate: Rate, groups: Groups, words: Words) -> alt.LayerChart:
    title, number = words.title(rate.name, groups.by), theme.SERIES if groups.time else theme.ROWS
    whole = words("is_whole", n=words.count(groups.frame[rate.whole].sum(), rate.whole))
    if rate is REPLY and len(groups.frame) > 1:
        whole = words("people_of_each")  # who is in several groups is counted in each: there is no sum of them
    lines = [f"{whole}, {words('wilson')}"]
    drawn, count = groups.largest(rate.whole, number)
    lines.append(theme.dropped(words, number, count))
    if groups.calendar and "matured" in drawn.frame and not drawn.frame["matured"].all():
        lines.append(words("young"))
    lines = theme.notes(groups, words, *lines)
    if drawn.frame[rate.name].notna().sum() == 0:
        return theme.blank(title, lines, words)
    frame = drawn.frame
    frame["_rate"] = frame[rate.name]
    frame["_low"], frame["_high"] = frame[f"{rate.name}_low"], frame[f"{rate.name}_high"]
    frame["_young"] = ~frame["matured"] if groups.calendar and "matured" in frame else False
    return theme.finished((_lines if groups.time else _dots)(rate, drawn, words), title, lines, words)


def _tooltip(rate: Rate, words: Words) -> list[alt.Tooltip]:
    shares = [
        alt.Tooltip(f"{field}:Q", title=title, format=".2%")
        for field, title in (("_rate", words(rate.name)), ("_low", words("low")), ("_high", words("high")))
    ]
    return [*shares, *(alt.Tooltip(f"{name}:Q", title=words(name), format=",.0f") for name in rate.counts)]


def _lines(rate: Rate, groups: Groups, words: Words) -> alt.LayerChart:
    frame = groups.frame.dropna(subset=["_rate"])
    scale, title = axes.share_scale(frame["_low"].min(), frame["_high"].max()), words(f"axis_{rate.name}")
    value, low = (alt.Y(f"{name}:Q", title=title, axis=axes.share_axis(), scale=scale) for name in ("_rate", "_low"))
    return series.lines(groups, frame, words, value, _tooltip(rate, words), band=(low, "_high"))


def _dots(rate: Rate, groups: Groups, words: Words) -> alt.LayerChart:
    frame = groups.frame.sort_values(["_order", "_rate"], ascending=[True, False], kind="stable")
    frame["_text"] = [
        words("of", part=words.percent(value), whole=words.number(whole)) if whole else words("none_of")
        for value, whole in zip(frame["_rate"], frame[rate.whole], strict=True)
    ]
    known, y = frame.dropna(subset=["_rate"]), rows.axis(frame["_group"])
    scale, title = axes.share_scale(known["_low"].min(), known["_high"].max()), words(f"axis_{rate.name}")
    value, low = (alt.X(f"{name}:Q", title=title, axis=axes.share_axis(), scale=scale) for name in ("_rate", "_low"))
    base = alt.Chart(theme.data(known)).encode(y=y)
    rules = base.mark_rule(strokeWidth=3, color=theme.PALETTE[0], opacity=0.45).encode(x=low, x2=alt.X2("_high:Q"))
    dots = base.mark_point(size=90, filled=True, color=theme.PALETTE[0], opacity=1)
    dots = dots.encode(x=value, tooltip=[*groups.tooltip(words), *_tooltip(rate, words)])
    return rows.stacked(rules, dots, rows.beside(frame, y))
