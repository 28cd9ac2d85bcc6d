"""`melp text`: train the language model of stage 1."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app, options

text = typer.Typer(help="Train the cardiology language model (stage 1).", no_args_is_help=True)
app.add_typer(text, name="text")


@text.command()
def pretrain(
    settings: list[str] = options.SETTINGS,
    data: str = typer.Option(help="Stores, .txt or .parquet files, separated by commas."),
    out: Path = typer.Option(help="Folder for the language model."),
    recipe: str = options.RECIPE,
) -> None:
    """Train a masked language model. To use it, set method.text=OUT."""
    from melp.recipes import load_text_recipe
    from melp.training.pretrain_text import pretrain_text, texts_of
    from melp.training.processes import is_first

    loaded = load_text_recipe(recipe, settings or [])
    train, validation = texts_of(data.split(","), loaded.data)
    pretrain_text(train, validation, loaded, out)
    if is_first():
        typer.echo(f"{out}: language model; use it with `melp pretrain melp method.text={out}`")
