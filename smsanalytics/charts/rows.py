"""A row for each group: its name to the left, its figures in words to the right."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import pandas as pd

from smsanalytics.charts import theme


def axis(names: Iterable[str], field: str = "_group", *, limit: int = 240, grid: bool = True) -> alt.Y:
    """Return the axis of rows, in this order from the top."""
    scale = alt.Scale(domain=list(dict.fromkeys(names)))
    return alt.Y(field, type="nominal", title=None, sort=None, scale=scale, axis=alt.Axis(grid=grid, labelLimit=limit))


def beside(frame: pd.DataFrame, y: alt.Y) -> alt.Chart:
    """Return the column ``_text`` as letters to the right of the rows."""
    texts = alt.Chart(theme.data(frame)).mark_text(align="left", dx=10, color=theme.INK)
    placed: alt.Chart = texts.encode(y=y, x=alt.value("width"), text=alt.Text("_text:N"))
    return placed


def stacked(*layers: alt.Chart) -> alt.LayerChart:
    """Return layers on rows of the usual size."""
    return alt.LayerChart(layer=list(layers)).properties(width=theme.ROW_WIDTH, height=alt.Step(theme.ROW_HEIGHT))
