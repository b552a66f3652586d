"""The secrets: long enough, each used once, and in files that nobody else reads."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from smsanalytics.ops.doctor.finding import Finding, fail, ok, warn
from smsanalytics.settings import DEFAULT_FILE, SECRET_LENGTH, Settings, text

MAKE_ONE = "make one with `python3 -c 'import secrets; print(secrets.token_urlsafe(24))'` and rotate"


def look(settings: Settings, config: Path | None) -> Iterator[Finding]:
    """What there is to say of them, without saying them."""
    yield from _lengths(settings)
    yield from _shared(settings)
    for name, path in _files(settings):
        yield _of_file(name, path)
    yield from _in_the_settings_file(settings, config or DEFAULT_FILE)


def _lengths(settings: Settings) -> Iterator[Finding]:
    for name, account in settings.accounts.items():
        for label, secret in account.secrets.items():
            check, length = f"secret {label} of account {name}", len(secret.get_secret_value())
            if length < SECRET_LENGTH:
                yield fail(check, f"{length} characters, of {SECRET_LENGTH} or more that it needs", MAKE_ONE)
            else:
                yield ok(check, f"{length} characters")
        if not account.secrets:
            todo = "set a secret, and verify_signatures = true"
            yield fail(f"account {name}", "it has no secret, and stores what nobody signed", todo)


def _shared(settings: Settings) -> Iterator[Finding]:
    used: dict[str, list[str]] = defaultdict(list)
    for name, account in settings.accounts.items():
        for label, secret in account.secrets.items():
            used[secret.get_secret_value()].append(f"secret {label} of account {name}")
        if account.path_token:
            used[account.path_token.get_secret_value()].append(f"path token of account {name}")
    if settings.admin_token:
        used[settings.admin_token.get_secret_value()].append("admin token")
    for names in used.values():
        if len(names) > 1:
            yield fail("secrets", f"{' and '.join(names)} are the same", "give each its own")


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name, account in settings.accounts.items():
        for field in ("secret_file", "path_token_file"):
            if path := getattr(account, field):
                yield f"{field} of account {name}", path
    if settings.admin_token_file:
        yield "admin_token_file", settings.admin_token_file
    if settings.pseudonym_key_file:
        yield "pseudonym_key_file", settings.pseudonym_key_file
    if settings.mail and settings.mail.password_file:
        yield "mail.password_file", settings.mail.password_file


def _of_file(name: str, path: Path) -> Finding:
    found = path.stat()
    if found.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return fail(name, f"every user of this machine may read or change {path}", f"chmod 600 {path}")
    if found.st_gid and found.st_mode & (stat.S_IRGRP | stat.S_IWGRP):  # a systemd credential is of root's group
        return warn(name, f"its group may read or change {path}", f"chmod 600 {path}")
    if found.st_uid not in {0, os.geteuid()}:
        return warn(name, f"{path} belongs to another user, who may change it", f"chown it to uid {os.geteuid()}")
    return ok(name, "for this user only")


def _in_the_settings_file(settings: Settings, config: Path) -> Iterator[Finding]:
    if not config.is_file() or not config.stat().st_mode & stat.S_IROTH:
        return
    content = text.read(config)
    secrets = [one for account in settings.accounts.values() for one in (*account.secrets.values(), account.path_token)]
    if any(one and one.get_secret_value() in content for one in (*secrets, settings.admin_token)):
        todo = f"chmod 600 {config}, or use secret_file and the like"
        yield fail("settings file", f"{config} has a secret in it and is readable by every user of this machine", todo)
