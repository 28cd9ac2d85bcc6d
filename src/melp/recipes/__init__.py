"""Recipes: YAML files that override defaults, merged with what the command line says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from melp.errors import MelpError
from melp.evaluation.finetune import FineTuneRecipe
from melp.methods import get_method, recipe_folders
from melp.training.recipe import Recipe, TextRecipe


def list_recipes() -> list[str]:
    """Names of the recipes that come with `melp` and with other packages' methods: METHOD/SETTING."""
    return sorted(_recipe_files())


def _recipe_files() -> dict[str, Path]:
    home = Path(str(files("melp.recipes")))
    found = {str(file.relative_to(home).with_suffix("")): file for file in home.glob("*/*.yaml")}
    for method, folder in recipe_folders().items():
        found |= {f"{method}/{file.stem}": file for file in folder.glob("*.yaml")}
    return found


def load_recipe(method: str, recipe: str | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Defaults, recipe and `key=value` options of a method, in this order.

    Args:
        method: its name.
        recipe: a name of `list_recipes()` or a YAML file.
        overrides: such as `method.global_weight=0`; a mapping takes the place of the recipe's.

    Raises:
        MelpError: unknown recipe, unknown key, or a value of the wrong type.
    """
    options = get_method(method).Config
    if recipe is not None and recipe in list_recipes() and not recipe.startswith(f"{method}/"):
        raise MelpError(f"recipe: {recipe!r} found for the method {method!r}, wanted one of its own")
    # Asked for as the method's, they are the training's: a method gets weights, not folders.
    folders = ("method.text=", "method.init_from=")
    overrides = [item.removeprefix("method.") if item.startswith(folders) else item for item in overrides]
    merged = _merge(Recipe(method=options()), recipe, overrides, {"method": options})
    return Recipe(**{field.name: getattr(merged, field.name) for field in dataclasses.fields(Recipe)})


def load_text_recipe(recipe: str | None = None, overrides: Sequence[str] = ()) -> TextRecipe:
    """The same for stage 1."""
    merged: TextRecipe = _merge(TextRecipe(), recipe, overrides, {})
    return merged


def load_finetune_recipe(overrides: Sequence[str] = ()) -> FineTuneRecipe:
    """Defaults and `key=value` options of training with labels."""
    merged: FineTuneRecipe = _merge(FineTuneRecipe(), None, overrides, {})
    return merged


def _merge(defaults: Any, recipe: str | None, overrides: Sequence[str], parts: dict[str, type]) -> Any:
    schema = OmegaConf.structured(defaults)
    for name, kind in parts.items():
        schema[name] = OmegaConf.structured(kind())
    try:
        chosen = OmegaConf.create() if recipe is None else OmegaConf.load(_file(recipe))
        if not isinstance(chosen, DictConfig):
            raise MelpError(f"recipe {recipe}: a list found, wanted sections such as method")
        for option in overrides:
            key, equals, value = option.partition("=")
            if not key or not equals:
                raise MelpError(f"options: {option!r} found, wanted key=value")
            # Replaced, not merged: another encoder must not get the options of the recipe's.
            OmegaConf.update(chosen, key, OmegaConf.from_dotlist([f"value={value}"])["value"], merge=False)
        return OmegaConf.to_object(OmegaConf.merge(schema, chosen))
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        why = " ".join(str(error).split())
        raise MelpError(f"recipe {recipe}, options {' '.join(overrides)}: not to be read ({why})") from error
    except OmegaConfBaseException as error:
        where = getattr(error, "full_key", None) or " ".join(overrides) or recipe
        message = str(getattr(error, "msg", None) or error).splitlines()[0]
        raise MelpError(f"{where}: {message}") from error


def _file(recipe: str) -> Path:
    named = _recipe_files()
    if recipe in named:
        return named[recipe]
    file = Path(recipe)
    if not file.is_file():
        raise MelpError(f"recipe: {recipe!r} found, wanted a YAML file or one of {', '.join(sorted(named))}")
    return file
