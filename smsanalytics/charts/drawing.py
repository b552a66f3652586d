"""A chart as a drawn picture for a page of ours: its heading apart, its colours those of the reader's light or dark."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from smsanalytics.charts.theme import GREY, INK, PALETTE, SHADES
from smsanalytics.errors import ReportError

PROGRAM = [
    sys.executable, "-P", "-c",
    "import json, sys, vl_convert\n"
    "vl_convert.vegalite_to_svg({'data': {'values': []}, 'mark': 'point'})\n"
    "for line in sys.stdin:\n"
    "    print(json.dumps(vl_convert.vegalite_to_svg(json.loads(line))), flush=True)\n",
]  # fmt: skip
DARK = {  # each colour of a chart as it is on a dark page
    "#000": "#e6e6e6",
    "#000000": "#e6e6e6",
    INK: "#dddddd",
    "#555": "#aaaaaa",
    "#888": "#777777",
    GREY: "#8a8a8a",
    "#ddd": "#444444",
    "#e8e8e8": "#2e3238",
    "#f2f2f2": "#2a2d33",
    PALETTE[0]: "#4da3e0",
    PALETTE[1]: "#f08a3c",
    PALETTE[2]: "#2cc295",
    SHADES["p90"]: "#2b5f86",
    SHADES["p99"]: "#1f3d54",
}


def heading(chart: Any) -> tuple[str, list[str]]:
    """
    Return the title of a chart and the lines below it.

    Parameters
    ----------
    chart : altair chart
        As the functions of this package return.

    Returns
    -------
    tuple of str and list of str

    Examples
    --------
    >>> import smsanalytics as sms
    >>> heading(sms.charts.delivery_rate(sms.open_store(example_store).delivery_rate(["operator"])))[0]
    'Delivery rate by operator'
    """
    return str(chart.title.text), [str(line) for line in chart.title.subtitle]


class Drawing:
    """
    Draws charts without their headings, to be placed into a page of HTML, in a process beside this one.

    What draws takes most of a second to start and holds up all else while it draws; beside, neither is waited for.

    Examples
    --------
    >>> import smsanalytics as sms
    >>> chart = sms.charts.delivery_rate(sms.open_store(example_store).delivery_rate(["operator"]))
    >>> with Drawing() as drawing:
    ...     picture = drawing.svg(chart)
    >>> picture.result()[:24]
    '<svg aria-hidden="true" '
    """

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._pool = ThreadPoolExecutor(1)
        return self

    def __exit__(self, *failure: object) -> None:
        if failure[0] is not None:
            self._process.kill()
        self._pool.shutdown(cancel_futures=failure[0] is not None)
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def svg(self, chart: Any, *, name: str = "chart", width: int | None = None) -> Future[str]:
        """
        Draw a chart.

        Parameters
        ----------
        chart : altair chart
            As the functions of this package return; every text in it is escaped.
        name : str
            What ids inside begin with: another for each picture of a page.
        width : int, optional
            Of the part that holds the data, instead of the chart's own. [px]

        Returns
        -------
        Future of str
            One SVG element on a transparent ground. It is for the eye alone, so the page should say in words what it
            shows; `dark_style` gives its colours on a dark page.
        """
        spec = chart.to_dict(validate=False)  # those of this package are valid: their tests see to it
        if width is not None:
            spec["width"] = width
        del spec["title"]
        spec["background"] = None
        spec["config"] |= {"aria": False}
        return self._pool.submit(self._drawn, json.dumps(spec), name)

    def _drawn(self, spec: str, name: str) -> str:
        to, of = self._process.stdin, self._process.stdout
        if to is None or of is None:
            raise ReportError("charts are drawn inside of `with` only")
        try:
            to.write(f"{spec}\n")
            to.flush()
            drawn: str = json.loads(of.readline())
        except (OSError, ValueError):
            raise ReportError("what draws the charts has ended; its words above say why") from None
        drawn = re.sub(r'(?<= id=")|(?<=url\(#)|(?<=href="#)', f"{name}-", drawn)
        return drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def dark_style(scope: str) -> str:
    """
    Return the style rules that give drawn charts their colours on a dark page.

    Parameters
    ----------
    scope : str
        Selector of what holds the charts.

    Returns
    -------
    str
        CSS, to be put where a dark page is styled; what is white but letters takes the colour ``var(--ground)``.

    Examples
    --------
    >>> dark_style(".chart").splitlines()[0]
    '.chart [fill="#000"] { fill: #e6e6e6; } .chart [stroke="#000"] { stroke: #e6e6e6; }'
    """
    colours = DARK | {"white": "var(--ground)"}
    return "\n".join(
        f'{scope} {"" if light != "white" else ":not(text)"}[fill="{light}"] {{ fill: {dark}; }} '
        f'{scope} [stroke="{light}"] {{ stroke: {dark}; }}'
        for light, dark in colours.items()
    )
