"""
A callback of the doctor's own to the collector, as the provider would send it.

It is a status with ``err`` 200, the provider's word for "nothing was really sent", of a message of its own: verified,
made durable and answered like any other, and left out of every metric of messages. What it leaves behind is one row of
``statuses`` and ``messages``, marked ``doctor`` in ``extra``; one status more, on time, in ``callback_lag`` and in what
``data_health`` looked at; and a fresh receipt, so for an hour a silent provider is not told from a talking one.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import time
from collections.abc import Iterator
from urllib.parse import urlencode

from smsanalytics.ops.doctor.finding import Finding, fail, ok, warn
from smsanalytics.settings import DEFAULT_ACCOUNT, Account, Settings
from smsanalytics.smsc.kinds import SIGNED, Kind
from smsanalytics.smsc.signature import HASHES
from smsanalytics.storage.catalog import Layout

PHONE = "79001230000"
FIRST_ID, IDS = 2_100_000_000, 47_483_647  #: up to the largest there is, where the provider's own may never come
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
PATIENCE = 30.0
SLOW = 1.0  #: [s]
MEANINGS = {  # answer: what it says of the collector, what to do
    400: ("does not read it", "see its log; is it of another version?"),
    403: ("does not accept this secret", "restart it: its settings are not those that were looked at"),
    404: ("does not know the account, or its path token", "restart it: its settings are not those that were looked at"),
    503: ("does not store it", "see its log, and /readyz of the admin listener"),
}


class _NoAnswer(Exception):
    """What came is none, or nothing did; in one word."""


def look(settings: Settings, *, forged: bool) -> Iterator[Finding]:
    """Whether a callback that comes now is kept."""
    address = EVERYWHERE.get(settings.host, settings.host), settings.port
    shown = _shown(address)
    try:
        status, _, _ = _ask(address, "GET", "/healthz")
    except _NoAnswer as why:
        todo = "start it, or leave it out with --offline"
        yield fail("collector", f"nothing answers at {shown} ({why})", todo)
        return
    if status != 200:
        yield fail("collector", f"what answers at {shown} is no collector", "set host and port, or stop the other")
        return
    yield ok("collector", f"it answers at {shown}")
    before = _journal(settings)
    signing = {
        name: account
        for name, account in settings.accounts.items()
        if account.secrets or not settings.verify_signatures
    }
    findings = [one for name, account in signing.items() for one in _of_account(address, name, account)]
    yield from findings
    if any(one.found.startswith("200") for one in findings) and _journal(settings) == before:
        todo = "set data, or --data, to the collector's"
        yield fail("its store", f"what it stores does not come to {settings.data}", todo)
    if forged:
        yield from _forged(address, settings)
    if settings.admin_address:
        yield _readiness(settings.admin_address)


def _of_account(address: tuple[str, int], name: str, account: Account) -> Iterator[Finding]:
    if account.addresses and not any(ipaddress.ip_address("127.0.0.1") in one for one in account.addresses):
        found = "not tried, for its addresses do not have 127.0.0.1"
        yield warn(f"callback to {name}", found, "send one from an address that may, through the proxy")
        return
    secrets = {label: secret.get_secret_value() for label, secret in account.secrets.items()} or {"": ""}
    for number, (label, secret) in enumerate(secrets.items()):
        yield _answered(address, name, account, label, _signed(account, secret, number))


def _answered(address: tuple[str, int], name: str, account: Account, label: str, body: str) -> Finding:
    check = f"callback to {name}" + (f", signed with {label}" if label else "")
    try:
        status, seconds, _ = _ask(address, "POST", _path(name, account), body)
    except _NoAnswer as why:
        return fail(check, f"no answer ({why})", "see the log of the collector")
    if status != 200:
        what, todo = MEANINGS.get(status, ("does not accept it", "see its log"))
        return fail(check, f"answered {status}: the collector {what}", todo)
    found = f"200 after {seconds * 1000:.0f} ms"
    return warn(check, found, "see what else writes to its disk") if seconds > SLOW else ok(check, found)


def _forged(address: tuple[str, int], settings: Settings) -> Iterator[Finding]:
    """It is kept in ``rejected``, where it counts; so it is sent only when asked for."""
    for name, account in settings.accounts.items():
        body = _signed(account, "not-a-secret-of-any-account", len(account.secrets))
        try:
            status, _, _ = _ask(address, "POST", _path(name, account), body)
        except _NoAnswer as why:
            yield fail(f"forged callback to {name}", f"no answer ({why})", "see the log of the collector")
            continue
        if status == 403:
            yield ok(f"forged callback to {name}", "403")
        else:
            todo = "set verify_signatures = true and a secret, and restart the collector"
            yield fail(f"forged callback to {name}", f"answered {status}, not 403", todo)


def _readiness(address: tuple[str, int]) -> Finding:
    admin = EVERYWHERE.get(address[0], address[0]), address[1]
    try:
        status, _, said = _ask(admin, "GET", "/readyz")
    except _NoAnswer as why:
        return fail("readiness", f"nothing answers at {_shown(admin)} ({why})", "set admin to the collector's")
    if status != 200:
        return fail("readiness", f"/readyz answered {status}: {said.strip()}", "mend that; see the log")
    return ok("readiness", "/readyz says so")


def _shown(address: tuple[str, int]) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def _signed(account: Account, secret: str, number: int) -> str:
    own = FIRST_ID + (time.time_ns() // 10**7 + number) % IDS
    fields = {"id": str(own), "phone": PHONE, "status": "0", "err": "200", "ts": str(int(time.time())), "doctor": "1"}
    text = ":".join([*(fields[name] for name in SIGNED[Kind.STATUS]), secret]).encode()
    hashes = {name: min(HASHES[name](text)).decode() for name in (account.algorithms or ("md5",)) if secret}
    return urlencode(fields | hashes)


def _path(name: str, account: Account) -> str:
    token = f"/{account.path_token.get_secret_value()}" if account.path_token else ""
    return "/callback" if name == DEFAULT_ACCOUNT and not token else f"/callback/{name}{token}"


def _ask(address: tuple[str, int], method: str, path: str, body: str = "") -> tuple[int, float, str]:
    """Status, seconds and text of an answer."""
    started = time.perf_counter()
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=PATIENCE)) as link:
        try:
            link.request(method, path, body)
            response = link.getresponse()
            text = response.read(1000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise _NoAnswer(type(error).__name__) from None
    return response.status, time.perf_counter() - started, text


def _journal(settings: Settings) -> set[tuple[str, int]]:
    """The segments of all writers, and how long each is."""
    layout = Layout(settings.data)
    paths = [path for writer in layout.slots() for path in layout.slot(writer).glob("*.*")]
    return {(str(path), path.stat().st_size) for path in paths if path.exists()}
