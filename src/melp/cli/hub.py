"""`melp convert-checkpoint`: models from and for other software."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app


@app.command("convert-checkpoint")
def convert_checkpoint_command(
    file: Path = typer.Argument(help="Checkpoint: a Lightning .ckpt, .pth, .bin or .safetensors file."),
    out: Path = typer.Option(help="Model folder to write."),
    text: Path | None = typer.Option(
        None, help="Folder with the tokenizer of the model: fuyingw/heart_bert or ncbi/MedCPT-Query-Encoder."
    ),
) -> None:
    """Convert a published checkpoint of MELP or MERL, and list the tensors that are not used.

    A pickle is only opened with weights_only=True, which runs no code of the file.
    """
    from melp.hub.published import convert_checkpoint

    for line in convert_checkpoint(file, out, text).lines():
        typer.echo(line)
    typer.echo(f"{out}: written")
