"""`melp encoders`: which ECG encoders there are."""

from __future__ import annotations

import typer

from melp.cli import app
from melp.cli.tables import print_table


@app.command("encoders")
def encoders_command(
    name: str = typer.Argument(None, help="An encoder, to read what it is and which sizes it takes."),
) -> None:
    """Lists the ECG encoders, or describes one; method.encoder=NAME takes it."""
    if name is None:
        _list()
    else:
        _describe(name)


def _list() -> None:
    import torch

    from melp.nn.encoders import ENCODERS, build_encoder, list_encoders

    rows = []
    for name in list_encoders():
        preset = ENCODERS[name]
        # Without memory for weights, of which the largest have a gigabyte.
        with torch.device("meta"):
            encoder = build_encoder(name)
        parameters = sum(weight.numel() for weight in encoder.parameters())
        frames = encoder.frame_count(round(10 * preset.rate)) / 10
        size = f"{parameters / 1e6:.1f} M"
        rows.append((name, size, str(encoder.dim), f"{preset.rate:g}", f"{frames:g}", encoder.needs))
    print_table(("encoder", "parameters", "width", "Hz", "frames a second", "needs"), rows)
    typer.echo("\n`melp encoders NAME` tells its sizes, method.encoder=NAME takes it.")


def _describe(name: str) -> None:
    import inspect

    from melp.errors import MelpError
    from melp.methods._options import list_options
    from melp.nn.encoders import ENCODERS, list_encoders

    if name not in ENCODERS:
        raise MelpError(f"encoder: {name!r} found, wanted one of {', '.join(list_encoders())}")
    preset = ENCODERS[name]
    typer.echo(f"{name}, sizes for {preset.rate:g} Hz\n\n{inspect.cleandoc(preset.build.__doc__ or '')}\n")
    rows = [
        (f"{option.name}={getattr(preset.config, option.name)}", option.meaning)
        for option in list_options(type(preset.config))
    ]
    print_table(("size", "meaning"), rows)
