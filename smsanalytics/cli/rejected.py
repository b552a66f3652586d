"""Commands of refused callbacks: `rejected list`, `show`, `replay`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smsanalytics.cli.app import Config, Data, app
from smsanalytics.cli.maintenance import publish
from smsanalytics.errors import SettingsError, UnknownName
from smsanalytics.settings import Settings, load, text

if TYPE_CHECKING:
    from smsanalytics.collector.accounts import Account
    from smsanalytics.ops.replay import Span

rejected = typer.Typer(no_args_is_help=True, help="Find out why callbacks were refused, and recover what can be.")
app.add_typer(rejected, name="rejected")

OfAccount = Annotated[str | None, typer.Option("--account", help="Of this account only.", show_default=False)]
ForReason = Annotated[
    str | None, typer.Option("--reason", help="signature, structure, malformed, address.", show_default=False)
]
From = Annotated[str | None, typer.Option("--from", help="First day or moment of receipt, ISO.")]
To = Annotated[str | None, typer.Option("--to", help="The day or moment after the last.")]
Zone = Annotated[str, typer.Option(help="Zone of days and times.")]


@rejected.command("list")
def list_rejected(
    account: OfAccount = None,
    reason: ForReason = None,
    from_: From = None,
    to: To = None,
    tz: Zone = "UTC",
    format_: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    data: Data = None,
    config: Config = None,
) -> None:
    """Count them by account and reason; say how many would be accepted now, and what to do."""
    settings = load(config, data=data)
    from smsanalytics.analysis.export import FORMATS
    from smsanalytics.analysis.periods import zone_of
    from smsanalytics.ops import replay_output
    from smsanalytics.ops.replay import judged
    from smsanalytics.storage.catalog import Layout
    from smsanalytics.storage.rejected import Rejected

    if format_ not in FORMATS or format_ == "parquet":
        raise UnknownName.of("format", format_, ["table", "csv", "json"])
    zone, span = zone_of(tz), _span(account, reason, from_, to, tz)
    with Rejected(Layout(settings.data)) as refused:
        groups = replay_output.grouped(judged(refused, _accounts(settings), span))
    if format_ == "table":
        lines = [*replay_output.advice(groups, zone)] or ["nothing was refused that is not recovered"]
        typer.echo("\n".join([*lines, ""] if groups else lines))
    if groups or format_ != "table":
        typer.echo(FORMATS[format_](replay_output.overview(groups, zone)))


@rejected.command("show")
def show_rejected(
    account: OfAccount = None,
    reason: ForReason = None,
    from_: From = None,
    to: To = None,
    tz: Zone = "UTC",
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest first.")] = 10,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show phones and texts as they came.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show single ones: what is wrong with each, or that it would be accepted now."""
    settings = load(config, data=data)
    from smsanalytics.analysis.periods import zone_of
    from smsanalytics.ops.replay import judged
    from smsanalytics.ops.replay_output import shown
    from smsanalytics.storage.catalog import Layout
    from smsanalytics.storage.rejected import Rejected

    zone, span, accounts = zone_of(tz), _span(account, reason, from_, to, tz), _accounts(settings)
    with Rejected(Layout(settings.data)) as refused:
        for one in itertools.islice(judged(refused, accounts, span, newest_first=True), limit):
            typer.echo(shown(one, accounts.get(one.refused.account), zone, unmasked=unmasked))


@rejected.command("retry")
def retry_rejected(
    account: OfAccount = None,
    from_: From = None,
    to: To = None,
    tz: Zone = "UTC",
    secret_file: Annotated[
        Path | None,
        typer.Option(help="File that holds one more secret to try, such as an old one.", exists=True, dir_okay=False),
    ] = None,
    label: Annotated[str, typer.Option(help="Of that secret, for the column key.")] = "retry",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be recovered, and leave it at that.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """
    Store those that the settings of now accept, with the time they were received.

    What was received on one UTC date is stored together or not at all; what is recovered already is left alone. It may
    run beside a collector, be interrupted, and be run again.
    """
    settings = load(config, data=data).for_serving()
    if settings.pseudonym_key or not settings.keep_texts:
        raise SettingsError(
            "with pseudonym_key, or keep_texts = false, nothing can be recovered: refused callbacks are kept without "
            "their bodies, and what was recovered could not be told from them"
        )
    from smsanalytics.ops import replay
    from smsanalytics.ops.replay_output import outcome
    from smsanalytics.storage.catalog import Layout

    accounts, span, layout = _accounts(settings), _span(account, None, from_, to, tz), Layout(settings.data)
    if secret_file is not None:
        name = account or (next(iter(accounts)) if len(accounts) == 1 else "")
        if name not in accounts:
            raise UnknownName.of("--account, which --secret-file needs,", name, accounts)
        accounts[name] = replay.with_secret(accounts[name], label, text.word(secret_file))
    if dry_run:
        done = replay.rehearse(layout, accounts, span)
    else:
        done = replay.retry(layout, accounts, span, allow_network=settings.allow_network_journal)
    typer.echo("\n".join(outcome(done, dry_run=dry_run)))
    if done.recovered and not dry_run:
        publish(settings)


def _accounts(settings: Settings) -> dict[str, Account]:
    """The accounts whose callbacks can be verified, or of which the settings say that they need not be."""
    from smsanalytics.collector.accounts import routes_of

    accounts = {account.name: account for account in routes_of(settings).values()}
    return {name: one for name, one in accounts.items() if one.terms.secrets or not settings.verify_signatures}


def _span(account: str | None, reason: str | None, start: str | None, end: str | None, tz: str) -> Span:
    from smsanalytics.analysis.periods import moment_of, zone_of
    from smsanalytics.ops.replay import Span

    zone = zone_of(tz)
    return Span(account, reason, moment_of(start, zone), moment_of(end, zone))
