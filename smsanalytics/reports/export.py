"""A report as a file: made whole or not at all, as a page, as JSON or as CSV."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from smsanalytics.analysis import export
from smsanalytics.analysis.periods import period as days_of
from smsanalytics.analysis.periods import zone_of
from smsanalytics.analysis.store import Store
from smsanalytics.charts.drawing import Drawing
from smsanalytics.errors import UnknownName
from smsanalytics.reports.data import ASKED, Figures, Span, ask
from smsanalytics.reports.html import render, title
from smsanalytics.reports.say import Say
from smsanalytics.reports.tiles import tiles
from smsanalytics.storage.atomic import make_directory, replace

FORMATS = ("html", "json", "csv")
VERSION = 1  #: of what JSON and CSV look like


@dataclass(frozen=True)
class Written:
    """
    A report that was written.

    Attributes
    ----------
    path : Path
        The file.
    title : str
        What it is called, such as for the subject of a mail.
    lines : tuple of str
        Its headline, a sentence for each figure.
    """

    path: Path
    title: str
    lines: tuple[str, ...]


def write(
    store: Store,
    out: str | Path,
    *,
    period: str,
    lang: str = "en",
    format: str = "html",  # noqa: A002
    notebook: str | Path | None = None,
    name: str = "report",
    today: date | None = None,
    generated_at: datetime | None = None,
) -> Written:
    """
    Write the report of a period into a directory.

    Parameters
    ----------
    store : Store
        Its zone is that of the period and of all days.
    out : str or Path
        The directory; it is made if need be. The file is called ``<name>-<first day>--<last day>.<lang>.<format>`` and
        replaced if it is there.
    period : str
        As in `periods.period`, such as ``last-week`` or ``2026-10``.
    lang : str, default "en"
        ``"en"`` or ``"ru"``.
    format : str, default "html"
        ``html``, ``json`` (all figures of both periods) or ``csv`` (the same, a line for each).
    notebook : str or Path, optional
        A notebook to be run for the period and published instead of the report, as a page without its code.
    name : str, default "report"
        What the file's name begins with.
    today : date, optional
        The day from which names such as ``last-week`` are meant, by default that of the store's zone.
    generated_at : datetime, optional
        What the report says of when it was made; by default now.

    Returns
    -------
    Written

    Raises
    ------
    UnknownName
        If a word is not known; the message lists those that are.
    ReportError
        If the notebook fails; the message names the cell.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> written = write(store, mkdtemp(), period="2026-11", lang="en")
    >>> written.path.name, written.title
    ('report-2026-11-01--2026-11-30.en.html', 'SMS report: 1–30 November 2026')
    >>> written.lines[1]
    'Messages submitted: 2'
    """
    if format not in FORMATS:
        raise UnknownName.of("format", format, FORMATS)
    if notebook is not None and format != "html":
        raise UnknownName("a notebook is published as html; leave --format out")
    say = Say(lang)
    first, after = days_of(period, today=today or datetime.now(zone_of(store.tz)).date())
    made = generated_at or datetime.now(UTC)
    if format == "html" and notebook is None:
        with Drawing() as drawing:
            figures = ask(store, first, after, generated_at=made)
            content = render(figures, drawing, lang=lang)
    else:
        figures = ask(store, first, after, generated_at=made)
        content = _published(notebook, store, figures, lang) if notebook else MACHINE[format](figures, lang)
    target = Path(out) / f"{name}-{first}--{figures.now.last}.{lang}.{format}"
    make_directory(target.parent.resolve())
    replace(target, content.encode("utf-8"))
    return Written(target, title(figures, say), lines(figures, say))


def lines(figures: Figures, say: Say) -> tuple[str, ...]:
    """Return the headline as sentences."""
    said = []
    for tile in tiles(figures, say):
        change = tile.change and tile.change.known and say.text("change", change=say.change(tile.change))
        said.append(f"{tile.label}: {tile.text}" + (f" ({change})" if change else ""))
    return tuple(said)


def to_json(figures: Figures, lang: str = "en") -> str:
    """
    Return all figures of a report for programs: the period, and each answer with its facts and rows.

    Examples
    --------
    >>> figures = ask(store, date(2026, 11, 21), date(2026, 11, 22), generated_at=datetime(2026, 11, 23, tzinfo=UTC))
    >>> told = json.loads(to_json(figures))
    >>> told["period"]["first_day"], told["answers"]["delivery"]["rows"][0]["submitted"]
    ('2026-11-21', 2)
    """
    told: dict[str, Any] = {
        "version": VERSION,
        "title": title(figures, Say(lang)),
        "timezone": figures.tz,
        "as_of": figures.as_of and figures.as_of.isoformat(timespec="seconds"),
        "generated_at": figures.generated_at.isoformat(timespec="seconds"),
        "period": _days(figures.now),
        "compared_with": _days(figures.before),
        "answers": _answers(figures.answers),
        "earlier_answers": _answers(figures.earlier),
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def to_csv(figures: Figures, lang: str = "en") -> str:
    """
    Return all figures of a report for spreadsheets: a line for each figure of each group.

    Examples
    --------
    >>> figures = ask(store, date(2026, 11, 21), date(2026, 11, 22), generated_at=datetime(2026, 11, 23, tzinfo=UTC))
    >>> for line in to_csv(figures).splitlines()[:3]:
    ...     print(line)
    answer,period,by,group,figure,value
    delivery,now,,,submitted,2
    delivery,now,,,delivered,1
    """
    found = [
        (name, when, frame) for when, frames in (("now", figures.answers), ("before", figures.earlier))
        for name, frame in frames.items()
    ]  # fmt: skip
    rows = [row for name, when, frame in found for row in _long(name, when, frame)]
    return export.csv(pd.DataFrame(rows, columns=["answer", "period", "by", "group", "figure", "value"])) + "\n"


MACHINE: dict[str, Callable[[Figures, str], str]] = {"json": to_json, "csv": to_csv}


def _published(notebook: str | Path, store: Store, figures: Figures, lang: str) -> str:
    from smsanalytics.reports.notebook import published

    return published(Path(notebook), store, figures.now, lang=lang)


def _days(span: Span) -> dict[str, str]:
    return {"first_day": str(span.first), "last_day": str(span.last), "end": span.end.isoformat(timespec="seconds")}


def _answers(frames: dict[str, pd.DataFrame]) -> dict[str, Any]:
    return {
        name: {"question": ASKED[name].metric, "by": [*ASKED[name].by], **json.loads(export.to_json(frame))}
        for name, frame in frames.items()
    }


def _long(name: str, when: str, frame: pd.DataFrame) -> list[tuple[str, str, str, str, str, object]]:
    texts = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    codes = [column for column in ("status", "err", "seconds") if column in frame.columns]
    by = [column for column in frame.columns if column in {*ASKED[name].by, *texts, *codes}]
    return [
        (name, when, "/".join(by), "/".join(_shown(row[column]) for column in by), str(figure), row[figure])
        for row in frame.to_dict("records")
        for figure in frame.columns
        if figure not in by
    ]


def _shown(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)
