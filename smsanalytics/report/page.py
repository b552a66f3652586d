"""One offline HTML page: charts as drawn pictures, tables, words. No script, no network, nothing to trust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import altair as alt
import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph, and a chart or a table or both."""

    title: str
    text: str = ""
    chart: alt.LayerChart | alt.VConcatChart | None = None
    table: pd.DataFrame | None = None

    @property
    def picture(self) -> Markup:
        """The chart as SVG; vl-convert escapes every text in it."""
        return Markup(vl_convert.vegalite_to_svg(self.chart.to_dict())) if self.chart else Markup("")  # noqa: S704


def render(title: str, sections: Sequence[Section], *, summary: str = "") -> str:
    """
    Make a page.

    Parameters
    ----------
    title : str
        Of the page.
    sections : sequence of Section
        In order.
    summary : str
        A sentence below the title.

    Returns
    -------
    str
        HTML that needs no network; every text in it is escaped.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(files("smsanalytics").joinpath("report", "page.html").read_text("utf-8"))
    return template.render(title=title, summary=summary, sections=sections)
