"""
The definitions: pure functions on frames of any engine that narwhals reads.

Each takes rows as a `Store` hands them out (one per message, incoming message, status or attempt to confirm) and
returns a frame of the engine that came in.
"""

from smsanalytics.metrics.confirmation import attempts, confirmation_success
from smsanalytics.metrics.cost import cost
from smsanalytics.metrics.delivery import delivery_rate
from smsanalytics.metrics.failures import failure_mix
from smsanalytics.metrics.health import data_health
from smsanalytics.metrics.inbound import inbound_volume, reply_rate
from smsanalytics.metrics.latency import callback_lag, latency, latency_distribution
from smsanalytics.metrics.messages import prepare, with_calendar
from smsanalytics.metrics.reachability import reachability

__all__ = [
    "attempts",
    "callback_lag",
    "confirmation_success",
    "cost",
    "data_health",
    "delivery_rate",
    "failure_mix",
    "inbound_volume",
    "latency",
    "latency_distribution",
    "prepare",
    "reachability",
    "reply_rate",
    "with_calendar",
]


def __dir__() -> list[str]:
    """Offer what is public, and none of the files behind it."""
    return __all__
