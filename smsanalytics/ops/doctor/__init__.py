"""Examines a collector and what it stands on: settings, disk, clock, store, and a callback of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from smsanalytics.errors import SettingsError, SmsAnalyticsError
from smsanalytics.ops.doctor import backlog, clock, host, numbers, probe, secrets
from smsanalytics.ops.doctor.finding import Finding, State, fail, ok
from smsanalytics.settings import Read, Settings

__all__ = ["Finding", "State", "examine"]

Check = Callable[[], Iterator[Finding]]

STANDS_ON = {  # check: the settings without which it would examine something else
    "data": {"data"},
    "clock and store": {"data"},
    "store": {"data"},
    "numbers": {"data"},
    "collector": {"data", "host", "port", "admin"},
}


def examine(
    settings: Settings | Read,
    *,
    config: Path | None = None,
    offline: bool = False,
    forged: bool = False,
    further: Mapping[str, Check] = MappingProxyType({}),
) -> list[Finding]:
    """
    Examine everything there is. Nothing that is found has a secret, a phone or a text in it.

    Parameters
    ----------
    settings : Settings or Read
        As the collector is given them; of settings as they were read, what is wrong is found as well.
    config : Path, optional
        The file they are from.
    offline : bool
        Do not call the collector.
    forged : bool
        Also send it a callback that it must refuse, and keeps as refused.
    further : mapping of str to callable
        More checks by name, such as those of a schedule; each gives its findings.

    Returns
    -------
    list of Finding
        Those of each check, in order.
    """
    found = settings if isinstance(settings, Read) else Read(settings, [], frozenset(), "")
    known = found.settings
    checks: dict[str, Check] = {
        "secrets": lambda: secrets.look(known, config),
        "data": lambda: host.look(known),
        "clock and store": lambda: clock.look(known),
        "store": lambda: backlog.look(known),
        "numbers": lambda: numbers.look(known),
        **further,
        "collector": lambda: probe.look(known, forged=forged),
    }
    if offline:
        del checks["collector"]
    findings = list(_of_the_settings(found))
    if not found.mistakes:
        known = _for_serving(known)
    for what, check in checks.items():
        if missing := STANDS_ON.get(what, set()) & found.unknown:
            findings.append(fail(what, f"not examined: {', '.join(sorted(missing))} not known", "correct the settings"))
            continue
        try:
            findings += check()
        except OSError as error:
            why = f"{error.filename or what}: {os.strerror(error.errno or 0)}"
            findings.append(fail(what, f"could not be looked at: {why}", "run it as the user of the collector"))
        except SmsAnalyticsError as error:
            findings.append(fail(what, f"could not be looked at: {error}", "see the log of the collector"))
    return findings


def _of_the_settings(found: Read) -> Iterator[Finding]:
    """Each mistake; else whether a collector would start with them."""
    todo = "correct smsanalytics.toml or the environment"
    for mistake in found.mistakes:
        yield fail("settings", mistake, todo)
    try:
        found.settings.for_serving()
    except SettingsError as error:
        if "accounts" not in found.unknown and "secret_file" not in found.unknown:
            yield fail("settings", f"{error} (read: {found.sources})" if found.sources else str(error), todo)
    else:
        if not found.mistakes and found.sources:
            yield ok("settings", found.sources)


def _for_serving(settings: Settings) -> Settings:
    """As a collector serves with them, if one does."""
    try:
        return settings.for_serving()
    except SettingsError:
        return settings
