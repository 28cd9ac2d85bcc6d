"""Recipes: YAML files that override defaults, and are overridden by the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from melp.errors import MelpError, one_of
from melp.evaluation.finetune import FineTuneRecipe
from melp.methods import get_method, recipe_folders
from melp.training.recipe import Recipe, TextRecipe


def list_recipes() -> list[str]:
    """Return the names METHOD/SETTING of all recipes, including those of other packages."""
    return sorted(_recipe_files())


def read_recipe(recipe: str) -> str:
    """Return the text of a recipe, with its comments.

    Raises:
        MelpError: there is none of this name, and no file.
    """
    return _file(recipe).read_text(encoding="utf-8")


def _recipe_files() -> dict[str, Path]:
    home = Path(str(files("melp.recipes")))
    recipes = {str(file.relative_to(home).with_suffix("")): file for file in home.glob("*/*.yaml")}
    recipes = {name: file for name, file in recipes.items() if not name.startswith("plans/")}
    for method, folder in recipe_folders().items():
        recipes |= {f"{method}/{file.stem}": file for file in folder.glob("*.yaml")}
    return recipes


def load_recipe(method: str, recipe: str | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Merge the defaults, a recipe and the `key=value` options of a method; the later ones override.

    Args:
        method: name of the method.
        recipe: a name of `list_recipes()` or a YAML file.
        overrides: options such as `method.global_weight=0`; a mapping replaces that of the recipe.

    Raises:
        MelpError: unknown recipe, unknown key, or a value of the wrong type.
    """
    options = get_method(method).Config
    if recipe is not None and recipe in list_recipes() and not recipe.startswith(f"{method}/"):
        raise MelpError(f"recipe: {recipe!r} found for the method {method!r}, wanted one of its own")
    # Accepted as options of the method, although they belong to the training.
    folders = ("method.text=", "method.init_from=")
    overrides = [item.removeprefix("method.") if item.startswith(folders) else item for item in overrides]
    merged = _merge(Recipe(method=options()), recipe, overrides, {"method": options})
    return Recipe(**{field.name: getattr(merged, field.name) for field in dataclasses.fields(Recipe)})


def load_text_recipe(recipe: str | None = None, overrides: Sequence[str] = ()) -> TextRecipe:
    """Merge the defaults, a recipe and the options of stage 1."""
    merged: TextRecipe = _merge(TextRecipe(), recipe, overrides, {})
    return merged


def load_finetune_recipe(overrides: Sequence[str] = ()) -> FineTuneRecipe:
    """Merge the defaults and the `key=value` options of training with labels."""
    merged: FineTuneRecipe = _merge(FineTuneRecipe(), None, overrides, {})
    return merged


def _merge(defaults: Any, recipe: str | None, overrides: Sequence[str], parts: dict[str, type]) -> Any:
    return merge_file(defaults, None if recipe is None else _file(recipe), overrides, parts)


def merge_file(
    defaults: Any,
    file: Path | None,
    overrides: Sequence[str],
    parts: Mapping[str, type] | None = None,
    complete: Callable[[DictConfig], DictConfig] = lambda chosen: chosen,
) -> Any:
    """Merge a dataclass with a YAML file and options.

    Args:
        defaults: the dataclass.
        file: the YAML file; None for none.
        overrides: the options, key=value.
        parts: the classes of sections typed `Any`.
        complete: returns the file with its options as the dataclass has them.

    Raises:
        MelpError: the file cannot be read, an unknown key, or a value of the wrong type.
    """
    schema = OmegaConf.structured(defaults)
    for name, kind in (parts or {}).items():
        schema[name] = OmegaConf.structured(kind())
    try:
        chosen = OmegaConf.create() if file is None else OmegaConf.load(file)
        if not isinstance(chosen, DictConfig):
            raise MelpError(f"{file}: a list found, wanted sections such as method")
        for option in overrides:
            key, equals, value = option.partition("=")
            if not key or not equals:
                raise MelpError(f"options: {option!r} found, wanted key=value")
            # Replaced, not merged: another encoder must not inherit the encoder options of the recipe.
            OmegaConf.update(chosen, key, OmegaConf.from_dotlist([f"value={value}"])["value"], merge=False)
        return OmegaConf.to_object(OmegaConf.merge(schema, complete(chosen)))
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise MelpError(
            f"{file or 'recipe'}, options {' '.join(overrides)}: cannot be read ({reason})"
        ) from error
    except OmegaConfBaseException as error:
        where = getattr(error, "full_key", None) or " ".join(overrides) or file
        message = str(getattr(error, "msg", None) or error).splitlines()[0]
        raise MelpError(f"{where}: {message}") from error


def _file(recipe: str) -> Path:
    recipes = _recipe_files()
    if recipe in recipes:
        return recipes[recipe]
    file = Path(recipe)
    if not file.is_file():
        raise MelpError(f"recipe: {recipe!r} found, wanted a YAML file or {one_of(recipe, sorted(recipes))}")
    return file
