"""`melp pretrain METHOD`: pretrain a method on a store."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app, options


@app.command(context_settings={"allow_interspersed_args": True})
def pretrain(
    method: str = typer.Argument(help="Method, such as melp; see `melp methods`."),
    settings: list[str] = options.SETTINGS,
    data: Path = options.DATA,
    out: Path = typer.Option(help="Folder for the run; at the end it is a model folder."),
    recipe: str = options.RECIPE,
) -> None:
    """Pretrain a method on a store. The same command resumes a stopped training."""
    from melp.data.store import Store
    from melp.methods import get_method
    from melp.recipes import load_recipe
    from melp.training.pretrain import pretrain as run
    from melp.training.processes import is_first

    run(method, Store(data), load_recipe(method, recipe, settings or []), out)
    if not is_first():
        return
    commands = "`melp zero-shot` and `melp probe`" if "text" in get_method(method).needs else "`melp probe`"
    typer.echo(f"{out}: {method} pretrained; evaluate it with {commands}")
