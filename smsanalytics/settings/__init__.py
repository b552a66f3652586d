"""
The configuration: ``smsanalytics.toml``, the environment, the command line; read once and handed in.

Shortest form, for one account: ``SMSANALYTICS_SECRET`` and ``SMSANALYTICS_DATA``.
"""

from smsanalytics.settings.load import DEFAULT_FILE, Read, load, read
from smsanalytics.settings.model import (
    ALPHABET,
    DEFAULT_ACCOUNT,
    SECRET_LENGTH,
    Account,
    CallEvents,
    Mail,
    Report,
    Settings,
)

__all__ = [
    "ALPHABET",
    "DEFAULT_ACCOUNT",
    "DEFAULT_FILE",
    "SECRET_LENGTH",
    "Account",
    "CallEvents",
    "Mail",
    "Read",
    "Report",
    "Settings",
    "load",
    "read",
]
