"""A user's notebook, run for a period and published as a page without its code."""

from __future__ import annotations

import base64
import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from markupsafe import Markup

from smsanalytics.analysis.store import Store
from smsanalytics.errors import ReportError
from smsanalytics.reports.data import Span
from smsanalytics.reports.html import page
from smsanalytics.reports.say import Say

QUIET = ["--IPKernelApp.log_level=40"]
TAGS = {
    "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "div", "span", "p", "br", "hr", "b", "i", "em",
    "strong", "small", "code", "pre", "sub", "sup", "ul", "ol", "li", "dl", "dt", "dd", "h2", "h3", "h4", "h5", "h6",
    "blockquote",
}  # fmt: skip
ATTRIBUTES = {"th": {"colspan", "rowspan", "scope"}, "td": {"colspan", "rowspan"}}
SECONDS = 600  #: that a cell may take
TAG = "parameters"  #: of the cell with the defaults, as papermill has it; "injected-parameters" is put behind it


def published(path: Path, store: Store, span: Span, *, lang: str = "en") -> str:
    """
    Run a notebook and return it as a page: its words, tables and pictures.

    It gets ``data``, ``tz``, ``start``, ``end`` (ISO days, the last one not included) and ``lang`` in a cell behind the
    one tagged ``parameters``, or at the top where there is none. It runs in its own directory; the file stays as it is.

    Parameters
    ----------
    path : Path
        The notebook.
    store : Store
        Whose directory and zone it is told.
    span : Span
        The period.
    lang : str, default "en"
        The language it is told.

    Returns
    -------
    str
        HTML that runs no script and loads nothing, whatever the notebook shows. Unlike in a report, phone numbers are
        masked only where the notebook does so.

    Raises
    ------
    ReportError
        If it is no notebook, fails (the message names the cell and the error), or what runs notebooks is missing.
    """
    try:
        import nbclient
        import nbconvert  # noqa: F401 - before a long run
        import nbformat
        from jupyter_client.kernelspec import NoSuchKernel
    except ImportError as error:
        raise ReportError(
            f"{error.name} is missing, which runs notebooks: pip install 'smsanalytics[notebooks]'"
        ) from None
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        raise ReportError(f"{path} cannot be read as a notebook") from None
    values: dict[str, str | float] = {"data": str(store.path.resolve()), "tz": store.tz, "lang": lang}
    values |= {"horizon_hours": store.horizon / timedelta(hours=1)}
    values |= {"start": str(span.first), "end": str(span.after)}
    lines = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    place = next((at for at, cell in enumerate(notebook.cells, 1) if TAG in cell.metadata.get("tags", ())), 0)
    notebook.cells.insert(place, nbformat.v4.new_code_cell(lines, metadata={"tags": [f"injected-{TAG}"]}))
    where = {"metadata": {"path": str(path.resolve().parent)}}
    client = nbclient.NotebookClient(notebook, timeout=SECONDS, resources=where, extra_arguments=QUIET)
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        cell = sum(bool(one.get("execution_count")) for one in notebook.cells) - 1  # without ours
        raise ReportError(
            f"{path} fails in code cell {cell} with {error.ename}; run it in Jupyter to see why"
        ) from None
    except (NoSuchKernel, nbclient.exceptions.DeadKernelError, nbclient.exceptions.CellTimeoutError) as error:
        raise ReportError(f"{path} cannot be run: {type(error).__name__}") from None
    return shown(notebook, title=path.stem, lang=lang)


def shown(notebook: Any, *, title: str, lang: str = "en") -> str:
    """
    Return a notebook that ran as a page; what its cells show is made harmless.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its outputs.
    title : str
        Of a notebook without a heading.
    lang : str, default "en"
        Of the page.
    """
    from nbconvert import HTMLExporter

    for number, output in enumerate(one for cell in notebook.cells for one in cell.get("outputs", ())):
        if "data" in output:
            output.data = _harmless(output.data, f"{Say(lang).text('picture')} {number + 1}")
    body, _ = HTMLExporter(template_name="basic", exclude_input=True).from_notebook_node(notebook)
    return page("notebook.html", lang=lang, title=_title(notebook) or title, body=Markup(body))  # noqa: S704 - of outputs


def _harmless(data: dict[str, str], label: str) -> dict[str, str]:
    """What a cell shows, in one form: a picture, which runs nothing, cleaned HTML, or plain text."""
    import nh3

    if svg := data.get("image/svg+xml"):
        drawn = base64.b64encode(svg.encode()).decode("ascii")
        label = html.escape(_heading(svg)) or label
        return {"text/html": f'<img alt="{label}" src="data:image/svg+xml;base64,{drawn}">'}
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            return {"text/html": f'<img alt="{label}" src="data:{kind};base64,{data[kind].strip()}">'}
    if "text/html" in data:
        clean = nh3.clean(data["text/html"], tags=TAGS, attributes=ATTRIBUTES)
        return {"text/html": f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">{clean}</div>'}
    return {"text/plain": data.get("text/plain", "")}


def _heading(svg: str) -> str:
    """The title that our charts have."""
    found = re.search(r'class="mark-text role-title-text".*?<text[^>]*>([^<]+)<', svg, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def _title(notebook: Any) -> str:
    """The first heading."""
    words = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return next((line[2:] for text in words for line in text.splitlines() if line.startswith("# ")), "")
