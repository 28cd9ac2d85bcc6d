"""`melp pretrain METHOD`: a method on a store."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app


@app.command(context_settings={"allow_interspersed_args": True})
def pretrain(
    method: str = typer.Argument(help="Name of the method, such as melp; `melp methods` lists them."),
    options: list[str] = typer.Argument(
        None, help="key=value options of the recipe, such as method.beats=12."
    ),
    data: Path = typer.Option(..., "--data", help="Store to train on."),
    out: Path = typer.Option(..., "--out", help="Folder of the run, which becomes the model."),
    recipe: str = typer.Option(None, "--recipe", help="Recipe by name (melp/laptop) or YAML file."),
) -> None:
    """Pretrain a method on a store; a killed training goes on where it was last saved."""
    from melp.data.store import Store
    from melp.methods import get_method
    from melp.recipes import load_recipe
    from melp.training.pretrain import pretrain as run

    settings = load_recipe(method, recipe, options or [])
    run(method, Store(data), settings, out)
    judges = "`melp zero-shot` and `melp probe`" if "text" in get_method(method).needs else "`melp probe`"
    typer.echo(f"{out}: {method} pretrained; judge it with {judges}")
