"""
Figures for people: the report of a period as one page, or as JSON or CSV; a notebook run for a period; schedules.

>>> import smsanalytics as sms
>>> written = sms.reports.write(store, store.path / "reports", period="2026-11-21", lang="ru")
>>> written.title
'Отчёт по SMS: 21 ноября 2026'
"""

from smsanalytics.reports.export import Written, write

__all__ = ["Written", "write"]


def __dir__() -> list[str]:
    """Offer what is public, and none of the files behind it."""
    return __all__
