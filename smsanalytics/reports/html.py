"""A report as one page of HTML: drawn charts, tables, words. No script, no network, nothing to trust."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from smsanalytics import charts
from smsanalytics.charts.drawing import Drawing, dark_style, heading
from smsanalytics.reports import tables
from smsanalytics.reports.causes import Cause, causes, rarer
from smsanalytics.reports.data import Figures
from smsanalytics.reports.findings import findings
from smsanalytics.reports.labels import DEFINITIONS
from smsanalytics.reports.say import Say
from smsanalytics.reports.tiles import tiles

PATIENCE = 60.0  #: with what draws [s]
WIDE, NARROW = 640, 250  #: of a chart on a laptop or on paper, and on a phone: what surrounds the data comes on top


@dataclass(frozen=True)
class Picture:
    """A chart as it is drawn for a wide and for a narrow page, its title and the lines below it."""

    title: str
    lines: list[str]
    drawn: tuple[Future[str], Future[str]]

    @property
    def wide(self) -> Markup:
        """As it is on a laptop and on paper."""
        return Markup(self.drawn[0].result(PATIENCE))  # noqa: S704 - what draws it escapes every text

    @property
    def narrow(self) -> Markup:
        """As it is on a phone."""
        return Markup(self.drawn[1].result(PATIENCE))  # noqa: S704


@dataclass(frozen=True)
class Section:
    """A question with its answer; `count` is how many events that is about, 0 for nothing."""

    name: str
    title: str
    count: int
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    table: tables.Table | None = None
    causes: tuple[Cause, ...] = ()
    more: str = ""


def render(figures: Figures, drawing: Drawing, *, lang: str = "en") -> str:
    """
    Make the page of a report.

    Parameters
    ----------
    figures : Figures
        What it says.
    drawing : Drawing
        What draws its charts.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.

    Returns
    -------
    str
        HTML that needs no network and no script, for light and dark screens of any size and for paper; every text in
        it is escaped. Each figure is a ``data`` element whose ``value`` is that of the API.

    Raises
    ------
    UnknownName
        If there are no words in that language.

    Examples
    --------
    >>> from datetime import UTC, date, datetime
    >>> from smsanalytics.reports.data import ask
    >>> week = ask(store, date(2026, 11, 16), date(2026, 11, 23), generated_at=datetime(2026, 11, 23, tzinfo=UTC))
    >>> with Drawing() as drawing:
    ...     '<data value="0.5">50.0' in render(week, drawing)
    True
    """
    say = Say(lang)
    horizon = say.seconds(figures.horizon.total_seconds())
    as_of = say.text("nothing_received")
    if figures.as_of:
        as_of = say.text("received", moment=say.moment(figures.as_of, figures.tz), zone=figures.tz)
    return page(
        "report.html",
        lang=lang,
        title=title(figures, say),
        say=say,
        figures=figures,
        as_of=as_of,
        tiles=tiles(figures, say),
        findings=findings(figures, say),
        sections=list(_sections(figures, say, drawing)),
        definitions=[
            (term[say.index], text[say.index].format(horizon=horizon, as_of=as_of)) for term, text in DEFINITIONS
        ],
    )


def title(figures: Figures, say: Say) -> str:
    """Return what a report is called."""
    return f"{say.text('title')}: {say.days(figures.now)}"


def page(template: str, **values: Any) -> str:
    """Fill a template of this room; what is not `Markup` is escaped."""
    return _environment().get_template(template).render(dark_charts=Markup(dark_style(".chart")), **values)  # noqa: S704


@cache
def _environment() -> jinja2.Environment:
    room = files("smsanalytics").joinpath("reports")
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: room.joinpath(name).read_text("utf-8")),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip


def _sections(figures: Figures, say: Say, drawing: Drawing) -> Iterator[Section]:
    row, calls, lag = figures.row("delivery"), figures.row("confirmations"), figures.row("lag")
    submitted, failed = (int(row.get(name, 0)) for name in ("submitted", "failed"))
    requests, came = (int(calls.get(name, 0)) for name in ("requests", "calls"))
    make = _Maker(figures, say, drawing)
    words = {"horizon": say.seconds(figures.horizon.total_seconds())}
    yield make("delivery", submitted, ["delivery_by_day"], lambda: tables.outcomes(figures, say), words=words)
    timed = int(figures.row("latency").get("n_timed", 0))
    yield make("latency", timed, ["latency_distribution", "latency_by_day"], lambda: tables.times(figures, say))
    words = {"failed": say.whole(failed), "submitted": say.whole(submitted)}
    made = make("failures", failed, ["failures_by_day"], listed=lambda: causes(figures, say), words=words)
    yield replace(made, more=rarer(figures, say))
    yield make("operators", submitted, [], lambda: tables.deliveries(figures, "operators", "operator", say))
    yield make("senders", submitted, [], lambda: tables.deliveries(figures, "senders", "sender", say))
    incoming = int(figures.row("inbound").get("incoming", 0))
    yield make("inbound", incoming, ["inbound_by_day"], lambda: tables.numbers(figures, say))
    words = {name: say.whole(calls.get(f"{name}_calls", 0)) for name in ("unrequested", "stale")}
    asked = (lambda: tables.purposes(figures, say)) if requests else None
    made = make("confirmations", requests or came, ["confirmations_by_day"], asked, words=words)
    yield made if requests or not came else replace(made, text=say.text("confirmations_text_calls"))
    paid = int((figures.answers["cost"]["submitted"] - figures.answers["cost"]["n_cost_unknown"]).sum())
    yield make("cost", paid, [], lambda: tables.costs(figures, say))
    words = {name: say.seconds(lag[name]) for name in ("p50", "p95", "p99")} if lag else {}
    said = say.text("health_text") + (" " + say.text("lag_text", **words) if lag else "")
    yield replace(make("health", 1, [], lambda: tables.checks(figures, say)), text=said)


class _Maker:
    """Makes sections: their texts are called as they are, their charts as the question of their answer."""

    def __init__(self, figures: Figures, say: Say, drawing: Drawing) -> None:
        self.figures, self.say, self.drawing = figures, say, drawing

    def __call__(
        self,
        name: str,
        count: int,
        pictures: list[str],
        table: Callable[[], tables.Table] | None = None,
        *,
        listed: Callable[[], list[Cause]] | None = None,
        words: dict[str, str] | None = None,
    ) -> Section:
        """Make one; `count` is 0 where there is nothing of its kind."""
        heading = self.say.text(name)
        if not count:
            return Section(name, heading, 0)
        said, drawn = self.say.text(f"{name}_text", **(words or {})), tuple(map(self._picture, pictures))
        return Section(name, heading, count, said, drawn, table and table(), tuple(listed()) if listed else ())

    def _picture(self, name: str) -> Picture:
        frame = self.figures.answers[name]
        chart = getattr(charts, self.figures.metric(name))(frame, lang=self.say.lang)
        title, lines = heading(chart)
        wide, narrow = (self.drawing.svg(chart, name=f"{name}-{width}", width=width) for width in (WIDE, NARROW))
        return Picture(title, lines, (wide, narrow))
