"""
Keeps the signed callbacks of the SMS Center gateway in Parquet and turns them into delivery rates you can defend.

>>> import smsanalytics as sms
>>> store = sms.open_store(example_store)
>>> rates = store.delivery_rate(by=["day"])
>>> chart = sms.charts.delivery_rate(rates)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smsanalytics import charts as charts
    from smsanalytics import metrics as metrics
    from smsanalytics import reports as reports
    from smsanalytics.analysis.store import Store as Store
    from smsanalytics.analysis.store import open_store as open_store
    from smsanalytics.codes.numbering import Numbering as Numbering
    from smsanalytics.sample import load_sample as load_sample

__version__ = "0.1.0"

_HOMES = {
    "open_store": "smsanalytics.analysis.store",
    "Store": "smsanalytics.analysis.store",
    "Numbering": "smsanalytics.codes.numbering",
    "load_sample": "smsanalytics.sample",
    "charts": "",
    "metrics": "",
    "reports": "",
}
__all__ = ["Numbering", "Store", "__version__", "charts", "load_sample", "metrics", "open_store", "reports"]


def __getattr__(name: str) -> Any:
    """Import on first use: the collector must not carry pandas about."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    return getattr(import_module(home), name) if home else import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    """Offer what is public, also before its first use."""
    return __all__
