"""Reports handed to a command of yours."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from smsanalytics.errors import DeliveryFailed

TIMEOUT = 300.0  #: [s]
OURS = "SMSANALYTICS_"  #: prefix of variables that may hold secrets


def call(command: Sequence[str], file: Path, *, about: Mapping[str, str], timeout: float = TIMEOUT) -> None:
    """
    Run a command with the file of a report as its last argument, without a shell.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    file : Path
        Of the report.
    about : mapping of str to str
        Variables for its environment, which is ours without ``SMSANALYTICS_…``.
    timeout : float, default 300
        After this it is killed, with whatever it started. [s]

    Raises
    ------
    DeliveryFailed
        If it cannot be started, does not end in time, or ends with another code than 0.

    Examples
    --------
    >>> call(["test", "-e"], Path("/"), about={"SMSREPORT_JOB": "weekly"})
    >>> call(["test", "-f"], Path("/"), about={"SMSREPORT_JOB": "weekly"})
    Traceback (most recent call last):
    smsanalytics.errors.DeliveryFailed: exit code 1
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | dict(about)
    try:
        process = subprocess.Popen(  # noqa: S603 - the command of the settings
            [*command, str(file.absolute())],
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the schedule, which lets it finish
        )
    except OSError as error:
        raise DeliveryFailed(f"not started: {error.strerror}") from None
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise DeliveryFailed(f"not done after {timeout:g} s") from None
    if code:
        raise DeliveryFailed(f"exit code {code}" if code > 0 else f"ended by signal {-code}")
