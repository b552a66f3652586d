"""
The definitions: pure functions on frames of any engine that narwhals reads.

Each takes one row per message, as `Store.messages` hands them out, and returns a frame of the engine that came in.
"""

from smsanalytics.metrics.delivery import delivery_rate
from smsanalytics.metrics.prepare import prepare

__all__ = ["delivery_rate", "prepare"]
