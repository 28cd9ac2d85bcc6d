"""`melp text`: the language model of stage 1."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app

text = typer.Typer(help="The cardiology language model (stage 1).", no_args_is_help=True)
app.add_typer(text, name="text")


@text.command()
def pretrain(
    options: list[str] = typer.Argument(None, help="key=value options, such as model.layers=2."),
    data: str = typer.Option(..., "--data", help="Stores, .txt or .parquet files, with commas between."),
    out: Path = typer.Option(..., "--out", help="Folder of the language model."),
    recipe: str = typer.Option(None, "--recipe", help="Recipe by name (text/laptop) or YAML file."),
) -> None:
    """Train a language model by masking; method.text=OUT then uses it."""
    from melp.recipes import load_text_recipe
    from melp.training.pretrain_text import pretrain_text, texts_of

    settings = load_text_recipe(recipe, options or [])
    train, validation = texts_of(data.split(","), settings.data)
    pretrain_text(train, validation, settings, out)
    typer.echo(f"{out}: language model; use it with `melp pretrain melp text={out}`")
