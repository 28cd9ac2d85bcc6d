"""`melp methods`: which pretraining methods there are, and what each is."""

from __future__ import annotations

import inspect

import typer

from melp.cli import app
from melp.cli.tables import print_table


@app.command("methods")
def methods_command(
    name: str = typer.Argument(None, help="A method, to read what it does and which options it has."),
) -> None:
    """Lists the pretraining methods, or describes one: idea, formula in words, paper, options."""
    if name is None:
        _list()
    else:
        _describe(name)


def _list() -> None:
    from melp.methods import get_method, list_methods

    kinds = {name: get_method(name) for name in list_methods()}
    rows = [(name, ", ".join(kind.needs), kind.paper) for name, kind in kinds.items()]
    print_table(("method", "needs", "paper"), rows)
    typer.echo("\n`melp methods METHOD` tells more of one, `melp pretrain METHOD` trains it.")


def _describe(name: str) -> None:
    from melp.methods import get_method
    from melp.methods._options import list_options
    from melp.recipes import list_recipes

    kind = get_method(name)
    typer.echo(f"{name} (needs {', '.join(kind.needs)})\n\n{inspect.cleandoc(kind.__doc__ or '')}\n")
    options = [
        (f"method.{option.name}={_text(option.default)}", option.meaning)
        for option in list_options(kind.Config)
    ]
    typer.echo(inspect.cleandoc(kind.Config.__doc__ or "") + "\n")
    print_table(("option and default", "meaning"), options)
    recipes = [recipe for recipe in list_recipes() if recipe.startswith(f"{name}/")]
    typer.echo(f"\nrecipes: {', '.join(recipes) or 'none'}")


def _text(default: object) -> str:
    """A default as it is written on the command line."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple | list):
        return f"[{','.join(map(_text, default))}]"
    return str(default)
