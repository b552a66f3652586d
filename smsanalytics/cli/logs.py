"""The log of the processes that run by themselves: a line of text for a person, a line of JSON for a program."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class Json(logging.Formatter):
    """
    One JSON object on one line, whatever is logged.

    Examples
    --------
    >>> said = {"name": "smsanalytics.collector", "msg": "ready", "levelname": "INFO", "created": 0}
    >>> Json().format(logging.makeLogRecord(said))
    '{"at": "1970-01-01T00:00:00.000Z", "level": "info", "logger": "smsanalytics.collector", "message": "ready"}'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Of an exception only where it was raised is told: its text may quote values."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace and trace.tb_next:
                trace = trace.tb_next
            if trace:
                line["raised_in"] = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
        return json.dumps(line, ensure_ascii=False)


def configure() -> None:
    """Log to standard error: text if a person watches it, JSON otherwise."""
    handler = logging.StreamHandler()
    as_text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(as_text if sys.stderr.isatty() else Json())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
