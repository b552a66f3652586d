"""The command line. Exit codes: 0 done, 1 the answer is "no", 2 wrong usage or settings."""

from __future__ import annotations

import logging
import os

import typer

from smsanalytics.cli import collector, store, rejected, analysis, simulation  # isort: skip  # in this order in --help
from smsanalytics.cli import logs
from smsanalytics.cli.app import app
from smsanalytics.errors import SmsAnalyticsError

__all__ = ["analysis", "app", "collector", "main", "rejected", "simulation", "store"]


def main() -> None:
    """Run the command line."""
    os.umask(0o077)
    logs.configure()
    for foreign in ("uvicorn", "traitlets"):
        logging.getLogger(foreign).setLevel(logging.WARNING)
    try:
        app()
    except SmsAnalyticsError as error:
        typer.echo("\n".join(f"smsanalytics: {line}" for line in str(error).splitlines()), err=True)
        raise SystemExit(2) from None
    except OSError as error:
        typer.echo(f"smsanalytics: {error.filename or 'the system'}: {error.strerror}", err=True)
        raise SystemExit(2) from None
