"""The command line as a whole, and the options that its commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smsanalytics import __version__

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[Path | None, typer.Option(help="The store.  [default: data]", show_default=False)]
Config = Annotated[Path | None, typer.Option(help="Settings file.  [default: smsanalytics.toml]", show_default=False)]
Horizon = Annotated[
    float | None,
    typer.Option(
        "--horizon",
        help="Hours after which a message without an outcome is stuck.  [default: 72]",
        show_default=False,
        metavar="HOURS",
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed makes the same traffic, counted back from now.")]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"smsanalytics {__version__}")
        raise typer.Exit


@app.callback()
def smsanalytics(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keep the signed callbacks of the SMS Center gateway in Parquet, and turn them into delivery rates."""
