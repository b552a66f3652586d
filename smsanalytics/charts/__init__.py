"""
Metric frame → Altair chart.

Marks fit the data: a rate is a line or a dot with its interval drawn, a duration stands on a log scale, causes are
sorted bars. Colours are those of Okabe and Ito, which colour-blind readers can tell apart. The title says what is
claimed, the subtitle of which period and of how many.
"""

from smsanalytics.charts.costs import cost
from smsanalytics.charts.durations import callback_lag, latency, latency_distribution
from smsanalytics.charts.failures import failure_mix
from smsanalytics.charts.health import data_health
from smsanalytics.charts.heatmaps import calendar
from smsanalytics.charts.page import to_html
from smsanalytics.charts.rates import confirmation_success, delivery_rate, reachability, reply_rate
from smsanalytics.charts.volumes import inbound_volume

__all__ = [
    "calendar",
    "callback_lag",
    "confirmation_success",
    "cost",
    "data_health",
    "delivery_rate",
    "failure_mix",
    "inbound_volume",
    "latency",
    "latency_distribution",
    "reachability",
    "reply_rate",
    "to_html",
]


def __dir__() -> list[str]:
    """Offer what is public, and none of the files behind it."""
    return __all__
