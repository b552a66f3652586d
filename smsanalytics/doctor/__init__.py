"""Examines a collector and what it stands on: settings, disk, clock, store, and a callback of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from smsanalytics.doctor import calls, clock, keys, numbers, place, waiting
from smsanalytics.doctor.finding import Finding, State, fail
from smsanalytics.errors import SettingsError, SmsAnalyticsError
from smsanalytics.settings import Settings

__all__ = ["Finding", "State", "examine"]


def examine(
    settings: Settings, *, config: Path | None = None, offline: bool = False, forged: bool = False
) -> list[Finding]:
    """
    Look at everything there is to look at. Nothing that is found has a secret, a phone or a text in it.

    Parameters
    ----------
    settings : Settings
        As the collector is given them.
    config : Path, optional
        The file they are from.
    offline : bool
        Do not call the collector.
    forged : bool
        Also send it a callback that it must refuse, and keeps as refused.

    Returns
    -------
    list of Finding
        One of each check, in order.
    """
    try:
        serving = settings.for_serving()
    except SettingsError as error:
        return [fail("settings", str(error), "correct smsanalytics.toml or the environment")]
    looks: dict[str, Callable[[], Iterator[Finding]]] = {
        "secrets": lambda: keys.look(serving, config),
        "data": lambda: place.look(serving),
        "clock and store": lambda: clock.look(serving),
        "store": lambda: waiting.look(serving),
        "numbers": lambda: numbers.look(serving),
        "collector": lambda: calls.look(serving, forged=forged),
    }
    if offline:
        del looks["collector"]
    found: list[Finding] = []
    for what, look in looks.items():
        try:
            found += look()
        except OSError as error:
            why = f"{error.filename or what}: {os.strerror(error.errno or 0)}"
            found.append(fail(what, f"could not be looked at: {why}", "run it as the user of the collector"))
        except SmsAnalyticsError as error:
            found.append(fail(what, f"could not be looked at: {error}", "see the log of the collector"))
    return found
