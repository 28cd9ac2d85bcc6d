"""Recipes: those of the package are valid, and wrong options are named."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from melp.corpora._folds import held_out_fold
from melp.errors import MelpError
from melp.methods import get_method, list_methods
from melp.recipes import list_recipes, load_recipe, load_text_recipe
from melp.signal.preprocessing import Preprocessing
from melp.training.config import OptimiserConfig, TrainingConfig
from melp.training.fit import step_counts
from melp.training.recipe import TextRecipe


@pytest.mark.parametrize("name", list_recipes())
def test_recipes_of_the_package_are_valid(name: str) -> None:
    method = name.partition("/")[0]
    if method == "text":
        recipe = load_text_recipe(name)
        assert isinstance(recipe, TextRecipe) and isinstance(recipe.training, TrainingConfig)
        return
    recipe = load_recipe(method, name)
    assert isinstance(recipe.method, get_method(method).Config)
    assert isinstance(recipe.stage1, TextRecipe) and isinstance(recipe.optimiser, OptimiserConfig)
    Preprocessing.from_dict(recipe.preprocessing)


PUBLISHED, REDUCED = ([1, 2, 3, 4, 5, 6, 7, 8], [9]), ([1, 2, 3, 4, 5, 6, 7], [8])
"""Folds of training and validation: those of MIMIC-IV-ECG, and those of corpora judged on folds 9 and 10."""


@pytest.mark.parametrize("name", list_recipes())
def test_the_folds_of_every_recipe(name: str) -> None:
    method, _, setting = name.partition("/")
    expected = PUBLISHED if setting == "paper" else REDUCED
    if method == "text":
        parts = [load_text_recipe(name).data]
    else:
        recipe = load_recipe(method, name)
        # The language model is trained on the reports of the same folds.
        parts = [recipe.data, recipe.stage1.data] if "text" in get_method(method).needs else [recipe.data]
    for data in parts:
        assert (data.train_folds, data.validation_folds) == expected


def test_paper_folds_of_mimic_iv_ecg_have_the_published_share_of_patients() -> None:
    """MELP trains on 98 % of the patients, in 2,912 steps per epoch."""
    folds = [held_out_fold(str(number)) for number in range(10_000_000, 10_161_352)]
    train, validation = (np.isin(folds, part).mean() for part in PUBLISHED)
    assert (train, validation) == (pytest.approx(0.98, abs=1e-3), pytest.approx(0.01, abs=1e-3))
    config = load_recipe("melp", "melp/paper").training
    # An epoch of the paper has the incomplete last batch too.
    assert math.ceil(760_618 * 0.98 / (config.batch_size * config.ranks)) == 2912
    assert step_counts(round(760_618 * 0.98), config)[1] == 2911


@pytest.mark.parametrize("name", list_methods())
def test_defaults_without_a_recipe_and_a_tiny_recipe_for_each_method(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.method == get_method(name).Config()
    result, expected = (asdict(each) for each in (recipe.optimiser, OptimiserConfig()))
    assert tuple(result.pop("betas")) == expected.pop("betas") and result == expected
    assert f"{name}/tiny" in list_recipes()


def test_paper_recipe_has_the_published_values() -> None:
    recipe = load_recipe("melp", "melp/paper")
    assert recipe.method == get_method("melp").Config()
    assert (recipe.method.global_weight, recipe.method.caption_weight, recipe.method.local_weight) == (
        1,
        2,
        0.2,
    )
    assert (recipe.optimiser.lr, tuple(recipe.optimiser.betas), recipe.optimiser.weight_decay) == (
        2e-4,
        (0.9, 0.95),
        0.2,
    )
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.training.devices) == (100, 64, 4)
    assert recipe.preprocessing["leads"][3:6] == ["aVR", "aVF", "aVL"] and recipe.preprocessing["rate"] == 500
    assert recipe.text and recipe.training.precision == "bf16"


OWN = [name for name in list_methods() if get_method(name).__module__.startswith("melp.")]


@pytest.mark.parametrize("name", OWN)
def test_paper_recipes_do_not_change_the_published_options(name: str) -> None:
    recipe = load_recipe(name, f"{name}/paper")
    assert recipe.method == get_method(name).Config()
    assert bool(recipe.text) == ("text" in get_method(name).needs)
    assert set(recipe.stages) <= set(get_method(name).stages)


@pytest.mark.parametrize(
    ("name", "rate", "decay", "epochs", "together"),
    [
        ("ecg_fm", 5e-5, 0.01, 200, 512),
        ("st_mem", 1.5e-4, 0.01, 800, 256),
        ("merl", 2e-4, 1e-5, 50, 4096),
        ("heartlang", 5e-4, 0.05, 200, 512),
        ("ts_tcc", 3e-4, 3e-4, 40, 128),
        ("clocs", 1e-4, 0, 100, 256),
        ("crt", 1e-3, 0, 100, 128),
    ],
)
def test_paper_recipes_have_the_published_optimisers(
    name: str, rate: float, decay: float, epochs: int, together: int
) -> None:
    recipe = load_recipe(name, f"{name}/paper")
    assert (recipe.optimiser.lr, recipe.optimiser.weight_decay) == (rate, decay)
    training = recipe.training
    assert (training.epochs, training.batch_size * training.devices) == (epochs, together)


def test_options_override_the_recipe_and_the_recipe_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("method: {beats: 6, dim: 64}\noptimiser: {lr: 0.01}\n")
    recipe = load_recipe(
        "melp", str(file), ["method.dim=128", "training.epochs=3", "method.text=some/folder"]
    )
    assert (recipe.method.beats, recipe.method.dim, recipe.method.caption_tokens) == (6, 128, 128)
    assert (recipe.optimiser.lr, recipe.optimiser.weight_decay) == (0.01, 0.2)
    assert recipe.training.epochs == 3 and recipe.text == "some/folder"
    lists = load_recipe("melp", None, ["data.train_folds=[1,2]", "method.encoder_options={layers: 2}"])
    assert lists.data.train_folds == [1, 2] and lists.method.encoder_options == {"layers": 2}


def test_another_encoder_does_not_inherit_the_encoder_options() -> None:
    assert load_recipe("melp", "melp/tiny").method.encoder_options["widths"] == [8, 16]
    one = load_recipe("melp", "melp/tiny", ["method.encoder_options.kernel=5"])
    assert (one.method.encoder_options["widths"], one.method.encoder_options["kernel"]) == ([8, 16], 5)
    other = load_recipe("melp", "melp/tiny", ["method.encoder=wav2vec2_tiny", "method.encoder_options={}"])
    assert other.method.encoder_options == {} and other.method.dim == 32


WRONG = [
    ("method.nope=1", "nope"),
    ("nope=1", "nope"),
    ("method.encoder.nope=1", "encoder"),
    ("training.epochs=many", "training.epochs"),
    ("training.epochs=1.5", "training.epochs"),
    ("optimiser.betas=[0.9]", "betas"),
    ("method.decoder_tied=perhaps", "method.decoder_tied"),
    ("method=5", "method"),
    ("epochs", "options: 'epochs' found, wanted key=value"),
    ("=3", "options: '=3' found, wanted key=value"),
    ("method.beats=0", r"method\.beats: 0 found, wanted more than 0"),
    ("method.encoder=transformer", r"method\.encoder: 'transformer' found, wanted one of"),
    ("method.text_attention=both", r"method\.text_attention: 'both' found, wanted one of causal"),
    ("method.identical_reports=ignore", r"method\.identical_reports: 'ignore' found"),
    ("method.probe=all", r"method\.probe: 'all' found"),
    ("method.lead_fill=noise", r"method\.lead_fill: 'noise' found"),
    ("method.lead_masking=1.5", r"method\.lead_masking: 1\.5 found, wanted 0 to 1"),
    ("method.temperature=0", r"method\.temperature: 0\.0 found, wanted more than 0"),
    ("method.global_weight=-1", r"method\.global_weight: -1\.0 found, wanted 0 or more"),
    ("method.encoder_options={a: ", "options"),
    ("stage1.model.masked=1.5", r"masked: 1\.5 found, wanted 0 to 1"),
    ("stage1.training.batch_size=0", "batch_size: 0 found"),
]


@pytest.mark.parametrize(("option", "message"), WRONG, ids=[option for option, _ in WRONG])
def test_wrong_options_are_named(option: str, message: str) -> None:
    with pytest.raises(MelpError, match=message) as caught:
        load_recipe("melp", "melp/tiny", [option])
    assert len(str(caught.value)) < 500


def test_all_losses_disabled_is_refused() -> None:
    weights = [f"method.{name}_weight=0" for name in ("global", "caption", "local")]
    with pytest.raises(MelpError, match="all three losses have weight 0"):
        load_recipe("melp", "melp/tiny", weights)


@pytest.mark.parametrize(
    "content", ["method: [", "- a\n- b\n", "just words", "method: {nope: 3}", "\xff\xfe"]
)
def test_wrong_files_are_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(MelpError):
        load_recipe("melp", str(file))


def test_unknown_recipes_and_methods_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        MelpError, match=r"recipe: 'melp/huge' found, wanted a YAML file or one of .*melp/tiny"
    ):
        load_recipe("melp", "melp/huge")
    with pytest.raises(MelpError, match=r"method: 'clip' found, wanted one of .*melp"):
        load_recipe("clip")
    with pytest.raises(MelpError, match="recipe"):
        load_recipe("melp", str(tmp_path))
    with pytest.raises(MelpError, match="'text/laptop' found for the method 'melp', wanted one of its own"):
        load_recipe("melp", "text/laptop")
