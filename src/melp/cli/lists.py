"""`melp methods`, `melp encoders`, `melp formats`, `melp tasks`, `melp recipes`: list and describe them."""

from __future__ import annotations

import inspect

import typer

from melp.cli import app
from melp.cli.tables import print_table


@app.command("methods")
def methods_command(name: str = typer.Argument(None, help="Describe this method and its options.")) -> None:
    """List the pretraining methods, or describe one: idea, formula in words, paper, options."""
    from melp.methods import get_method, list_methods
    from melp.recipes import list_recipes

    if name is None:
        methods = {name: get_method(name) for name in list_methods()}
        rows = [(name, ", ".join(method.needs), method.paper) for name, method in methods.items()]
        print_table(("method", "needs", "paper"), rows)
        typer.echo("\nSee `melp methods METHOD` for one method; train it with `melp pretrain METHOD`.")
        return
    method = get_method(name)
    typer.echo(f"{name} (needs {', '.join(method.needs)})\n")
    _print_docstring(method)
    _print_docstring(method.Config)
    _print_options(method.Config(), "method.")
    recipes = [recipe for recipe in list_recipes() if recipe.startswith(f"{name}/")]
    typer.echo(f"\nrecipes: {', '.join(recipes) or 'none'}")


@app.command("encoders")
def encoders_command(name: str = typer.Argument(None, help="Describe this encoder and its sizes.")) -> None:
    """List the ECG encoders, or describe one. Select an encoder with method.encoder=NAME."""
    from melp.nn.encoders import describe_encoder, get_preset, list_encoders

    if name is None:
        columns = ("encoder", "parameters", "width", "Hz", "frames/s", "needs")
        print_table(columns, [describe_encoder(name) for name in list_encoders()])
        typer.echo("\nSee `melp encoders NAME` for one encoder; select it with method.encoder=NAME.")
        return
    preset = get_preset(name)
    typer.echo(f"{name}, sizes for {preset.rate:g} Hz\n")
    _print_docstring(preset.build)
    _print_options(preset.config)


@app.command("formats")
def formats_command() -> None:
    """List the file formats of recordings that can be read. The content of a file decides, not its name."""
    from melp.io import list_formats

    columns = ("format", "usual endings", "needs melp[formats]")
    rows = [(one.name, ", ".join(one.endings), "yes" if one.needs else "") for one in list_formats()]
    print_table(columns, rows)


@app.command("tasks")
def tasks_command(name: str = typer.Argument(None, help="Describe this task and its classes.")) -> None:
    """List the benchmarks, or describe one: its classes with their codes and prompts, and its folds."""
    from melp.tasks import get_task, list_tasks

    if name is None:
        tasks = [get_task(name) for name in list_tasks()]
        rows = [(task.name, task.corpus, len(task.classes), task.title) for task in tasks]
        print_table(("task", "corpus", "classes", "title"), rows)
        return
    task = get_task(name)
    sides = {"train": task.train_folds, "validation": task.validation_folds, "test": task.test_folds}
    typer.echo(f"{task.name}: {task.title}, corpus {task.corpus}")
    folds = ", ".join(f"{side} {' '.join(map(str, some))}" for side, some in sides.items())
    typer.echo(f"folds: {folds}\n")
    rows = [(one, " ".join(task.codes[one]), "; ".join(task.prompts[one])) for one in task.classes]
    print_table(("class", "codes", "prompts"), rows)


@app.command("recipes")
def recipes_command(name: str = typer.Argument(None, help="Print this recipe.")) -> None:
    """List the recipes of `melp pretrain` and `melp text pretrain`, or print one."""
    from melp.recipes import list_recipes, read_recipe

    if name is not None:
        typer.echo(read_recipe(name), nl=False)
        return
    rows = [(one.partition("/")[0], one) for one in list_recipes()]
    print_table(("method", "recipe"), rows)


def _print_docstring(kind: type) -> None:
    typer.echo(inspect.cleandoc(kind.__doc__ or "") + "\n")


def _print_options(config: object, prefix: str = "") -> None:
    """Print the fields of a dataclass, as they are written on the command line, and their descriptions."""
    from melp.methods._options import list_options

    options = list_options(type(config))
    rows = [(f"{prefix}{one.name}={_text(getattr(config, one.name))}", one.meaning) for one in options]
    print_table(("option and default", "meaning"), rows)


def _text(value: object) -> str:
    """Format a value as on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{','.join(map(_text, value))}]"
    return str(value)
