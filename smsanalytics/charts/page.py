"""One chart as a page of its own that needs no network."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import vl_convert

ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:">
<title>smsanalytics</title>
</head>
<body>
<div id="chart"></div>
<script>
%s
</script>
<script>
vegaEmbed("#chart", %s, {mode: "vega-lite", actions: false});
</script>
</body>
</html>
"""


def to_html(chart: Any) -> str:
    """
    Make a page of one chart, with its tooltips.

    Parameters
    ----------
    chart : altair chart
        As the functions of this package return.

    Returns
    -------
    str
        HTML with all its scripts in it. In the chart ``<``, ``>``, ``&`` and the line ends that JavaScript knows are
        escaped, so that a name in it cannot end the script.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsanalytics import charts
    >>> volumes = pd.DataFrame({"to_number": ["</script>"], "incoming": [2], "senders": [1]})
    >>> "\\\\u003c/script\\\\u003e" in charts.to_html(charts.inbound_volume(volumes))
    True
    """
    return PAGE % (_scripts(), json.dumps(chart.to_dict()).translate(ESCAPES))


@cache
def _scripts() -> str:
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle
