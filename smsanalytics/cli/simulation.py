"""Commands that need no provider: `demo`, `simulate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from smsanalytics.cli.app import Seed, app
from smsanalytics.settings import text


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="Keep the store here.  [default: a new directory]", show_default=False)
    ] = None,
    messages: Annotated[int, typer.Option(min=100, help="How many messages to simulate.")] = 10_000,
    seed: Seed = 1,
    flush_seconds: Annotated[
        float, typer.Option(min=0.1, help="How long the collector waits before it publishes; no figure depends on it.")
    ] = 2.0,
) -> None:
    """See it work: collect a fortnight's simulated callbacks, and hold the delivery rates against the truth."""
    from smsanalytics.demo import run

    raise typer.Exit(0 if run(data, messages=messages, seed=seed, flush_seconds=flush_seconds) else 1)


@app.command()
def simulate(
    url: Annotated[str, typer.Option(help="Handler address of the collector.")],
    secret_file: Annotated[
        Path, typer.Option(help="File that holds the secret to sign with.", exists=True, dir_okay=False)
    ],
    messages: Annotated[int, typer.Option(min=1, help="How many messages the world has.")] = 10_000,
    seed: Seed = 1,
    truth: Annotated[Path | None, typer.Option(help="Write what really happened, as Parquet.")] = None,
) -> None:
    """Play the provider: send the signed callbacks of a fortnight's made-up traffic."""
    from smsanalytics.simulator.client import World, send

    world = World.make(messages, seed=seed)
    if truth:
        world.write_truth(truth)
    secret = text.word(secret_file)
    answers = send(url, world.posts(secret), progress=sys.stderr.isatty())
    counts = ", ".join(f"{count} answered {status}" for status, count in sorted(answers.items()))
    typer.echo(f"{counts}; one in a hundred is forged, and answered 403")
    if not answers[200]:
        typer.echo(
            "smsanalytics: nothing was accepted; check the address and that the secret is the collector's", err=True
        )
        raise typer.Exit(1)
