"""Stage 2: any method trained on a store; the result is a model folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import lightning
import torch
from torch import Tensor

from melp import __version__
from melp.data.bank import StatementBank
from melp.data.batches import StoreBatches, TextAugmentation
from melp.data.duplicates import duplicates_note
from melp.data.store import Store
from melp.errors import MelpError
from melp.hub.folder import WEIGHTS, load_weights, save
from melp.hub.initialise import initialise_encoder
from melp.hub.records import write_training_records
from melp.methods import get_method
from melp.methods._base import Bank, Inputs, Method
from melp.signal.preprocessing import Preprocessing
from melp.text.model import LanguageModel
from melp.text.tokenizer import ReportEncoder
from melp.training.checks import check_records, check_trainable
from melp.training.fit import fit, step_counts
from melp.training.module import PretrainingModule
from melp.training.pretrain_text import reports_of, train_language_model
from melp.training.processes import check_processes, is_first
from melp.training.recipe import Recipe
from melp.training.run_folder import train_once


@dataclass(frozen=True)
class _Run:
    """Arguments of `pretrain`."""

    name: str
    store: Store
    recipe: Recipe
    out: Path
    progress: bool
    language: Path


def pretrain(
    name: str,
    store: Store,
    recipe: Recipe,
    out: Path,
    progress: bool = True,
    language: Path | None = None,
) -> Path:
    """Pretrain a method on a store; an interrupted training resumes from its last checkpoint.

    Args:
        name: name of the method.
        store: training and validation records.
        recipe: everything else.
        out: becomes the model folder.
        progress: whether to show progress bars.
        language: folder of stage 1, if it is run; runs with the same stage 1 and records may share it. By
            default `out`/text.

    Returns:
        `out`.

    Raises:
        MelpError: `out` contains a training with other settings, or the options do not fit together.
    """
    check_processes(recipe.training.ranks)
    return _pretrain(_Run(name, store, recipe, out, progress, language or out / "text"))


def _pretrain(run: _Run) -> Path:
    """Train one stage, after the stages before it."""
    get_method(run.name)
    preprocessing = Preprocessing.from_dict(run.recipe.preprocessing)
    settings = {"name": run.name, "store": run.store.address, **asdict(run.recipe)}
    train_once(run.out, settings, run.recipe.training.ranks, lambda: _train(run, preprocessing))
    return run.out


def _train(run: _Run, preprocessing: Preprocessing) -> None:
    recipe, store, out = run.recipe, run.store, run.out
    _check(run)
    language, before = _language(run), _previous_stage(run)
    lightning.seed_everything(recipe.training.seed, verbose=False)
    length = getattr(recipe.method, "text_length", 127)
    encode = ReportEncoder(language.tokenizer, length) if language else None
    augmentation = TextAugmentation(recipe.data.statement_sampling, recipe.data.statement_shuffle)
    exclude = recipe.data.exclude_duplicates
    train = StoreBatches(store, recipe.data.train_folds, encode, augmentation, exclude)
    train.bank = bank = _bank(run, train)
    method = _method(run, preprocessing, language, before, bank.statements if bank else ())
    if train.duplicates and is_first():
        note = duplicates_note(train.duplicates, "data.exclude_duplicates=false")
        print(f"{store.path}: {note}", file=sys.stderr)
    held_out = recipe.data.validation_folds
    validation = StoreBatches(store, held_out, encode, bank=bank) if held_out else None
    if bank:
        method.begin(cast(Bank, train.encoded_bank))
    initial_models = [Path(folder) for folder in (before, recipe.init_from) if folder]
    if is_first():
        write_training_records(out, store, train.rows, initial_models)
    steps, _ = step_counts(len(train), recipe.training)
    seed = recipe.training.seed
    module = PretrainingModule(method, recipe.optimiser, steps, seed, preprocessing, store.rate)

    def write() -> None:
        save(out, method, run.name, preprocessing, _about(recipe, store, len(train)))

    fit(module, train, validation, recipe.training, out, write, run.name, run.progress)


def _check(run: _Run) -> None:
    """Check the records before anything is trained on them, stage 1 included."""
    text = "text" in get_method(run.name).needs
    # Which records have a report does not depend on the language model.
    encode, data = _no_tokens if text else None, run.recipe.data
    check_trainable(run.name, run.recipe, StoreBatches(run.store, data.train_folds, encode))
    if data.validation_folds:
        StoreBatches(run.store, data.validation_folds, encode)


def _no_tokens(reports: Sequence[Sequence[str]]) -> Mapping[str, Tensor]:
    return {}


def _language(run: _Run) -> LanguageModel | None:
    """Load the language model of a method that needs text; stage 1 trains it if the recipe names none."""
    recipe = run.recipe
    if "text" not in get_method(run.name).needs:
        return None
    if recipe.text:
        return LanguageModel.load(recipe.text)
    train, validation = (
        reports_of(run.store, folds) for folds in (recipe.data.train_folds, recipe.data.validation_folds)
    )
    check_records(len(train), recipe.stage1.training, "stage1.training")
    folder = train_language_model(train, validation, recipe.stage1, run.language, run.progress)
    return LanguageModel.load(folder)


def _bank(run: _Run, train: StoreBatches) -> StatementBank | None:
    """Return the bank of the reports of the training records, for a method that needs one.

    Reports without a recording are left out: no ECG could show what only they state.
    """
    kind = get_method(run.name)
    if "bank" not in kind.needs:
        return None
    bank = kind.new_bank(run.recipe.method, train.reports)
    if is_first():
        print(f"{run.name}: a bank of {len(bank.statements)} statements", file=sys.stderr)
    return bank


def _previous_stage(run: _Run) -> Path | None:
    """Train the stage before the recipe's, if it is not yet trained, and return its folder."""
    name, recipe = run.name, run.recipe
    stages = get_method(name).stages
    if unknown := sorted(set(recipe.stages) - set(stages[:-1])):
        wanted = ", ".join(stages[:-1]) or f"none, {name} has one stage only"
        raise MelpError(f"stages: {unknown[0]!r} found, wanted {wanted}")
    number = stages.index(recipe.method.stage) if stages else 0
    if number == 0:
        return None
    stage = stages[number - 1]
    settings = vars(recipe.stages[stage]) if stage in recipe.stages else {}
    earlier = replace(recipe, method=replace(recipe.method, stage=stage), init_from="", **settings)
    return _pretrain(replace(run, recipe=earlier, out=run.out / stage))


def _method(
    run: _Run,
    preprocessing: Preprocessing,
    language: LanguageModel | None,
    before: Path | None,
    statements: Sequence[str],
) -> Method:
    """Build the method with its initial weights."""
    leads = preprocessing.leads
    inputs = Inputs(len(leads), preprocessing.samples, preprocessing.rate, language, leads, statements)
    method = get_method(run.name)(run.recipe.method, inputs)
    if before is not None:
        load_weights(method, before / WEIGHTS)
    if run.recipe.init_from:
        summary = initialise_encoder(method, Path(run.recipe.init_from), preprocessing)
        if is_first():
            print(summary, file=sys.stderr)
    return method


def _about(recipe: Recipe, store: Store, records: int) -> dict[str, Any]:
    """Return the entries of `config.json` that describe the training."""
    return {
        "optimiser": asdict(recipe.optimiser),
        "training": asdict(recipe.training),
        "data": asdict(recipe.data),
        "store": {"corpus": store.manifest.get("corpus"), "records": records},
        "versions": {"melp": __version__, "torch": torch.__version__},
    }
