"""From a store to a model folder: stage 1 (text) and stage 2 (any method)."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from melp import __version__
from melp.data.batches import StoreBatches, TextAugmentation, TextBatches
from melp.data.store import Store
from melp.errors import MelpError
from melp.hub.folder import CONFIG, WEIGHTS, load_weights, save, write_text, write_weights
from melp.hub.initialise import initialise_encoder
from melp.hub.records import write_records
from melp.methods import get_method
from melp.methods._base import Inputs, Method
from melp.nn.bert import BertConfig
from melp.signal.preprocessing import Preprocessing
from melp.text.hugging_face import folder_config
from melp.text.model import LanguageModel
from melp.text.pretraining import MaskedLanguageModel, MaskedLanguageModelConfig
from melp.text.sources import Sentences
from melp.text.tokenizer import ReportEncoder
from melp.training.callbacks import CHECKPOINT, is_finished
from melp.training.config import DataConfig, OptimiserConfig, TrainingConfig
from melp.training.fit import fit, step_counts
from melp.training.module import PretrainingModule
from melp.training.texts import reports_of

RECIPE = "recipe.json"


@dataclass
class TextRecipe:
    """Stage 1, as merged from defaults, recipe and command line."""

    model: MaskedLanguageModelConfig = field(default_factory=MaskedLanguageModelConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)


@dataclass
class StageRecipe:
    """How an earlier stage of a method with several is trained."""

    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass
class Recipe:
    """Stage 2, as merged from defaults, recipe and command line."""

    method: Any = None
    """Options of the method: its `Config`."""
    text: str = ""
    """Folder or hub name of the language model; empty is stage 1 on the store's reports first."""
    stage1: TextRecipe = field(default_factory=TextRecipe)
    """How stage 1 is run where `text` is empty."""
    init_from: str = ""
    """Run whose encoder this one begins with; empty is a new one."""
    stages: dict[str, StageRecipe] = field(default_factory=dict)
    """Of the method's earlier stages by name; those that are not here are trained as the last is."""
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.signal.preprocessing.Preprocessing`."""


def pretrain_text(
    train: Sequence[Sequence[str]],
    validation: Sequence[Sequence[str]],
    recipe: TextRecipe,
    out: Path,
    progress: bool = True,
) -> Path:
    """Stage 1: train a language model on texts, given as lists of statements or sentences, none empty.

    Returns:
        `out`, a Hugging Face BERT folder that `LanguageModel.load` takes.
    """
    settings = asdict(recipe)
    if _finished(out, settings):
        return out
    lightning.seed_everything(recipe.training.seed, verbose=False)
    language = _language_to_train(recipe.model, train)
    encode = ReportEncoder(language.tokenizer, recipe.model.max_length)
    augmentation = TextAugmentation(recipe.data.statement_sampling, recipe.data.statement_shuffle)
    batches = TextBatches(train, encode, augmentation)
    held_out = TextBatches(validation, encode) if len(validation) else None
    model = MaskedLanguageModel(language, recipe.model.masked)

    def write() -> None:
        language.tokenizer.save_pretrained(out)
        write_text(
            out / CONFIG,
            json.dumps(folder_config(language.bert.config, language.tokenizer.pad_token_id), indent=2) + "\n",
        )
        write_weights(out / WEIGHTS, model.hugging_face_state())

    steps, _ = step_counts(len(batches), recipe.training)
    module = PretrainingModule(model, recipe.optimiser, steps, recipe.training.seed)
    with _nothing_left_behind(out):
        _begin(out, settings)
        fit(module, batches, held_out, recipe.training, out, write, "stage 1", progress)
    return out


def _language_to_train(config: MaskedLanguageModelConfig, texts: Sequence[Sequence[str]]) -> LanguageModel:
    """The BERT to begin with: one that is there, or a new one with a tokenizer trained on the texts."""
    if config.init:
        language = LanguageModel.load(config.init)
    else:
        sizes = BertConfig(
            dim=config.dim,
            layers=config.layers,
            heads=config.heads,
            feedforward=4 * config.dim,
            positions=config.positions,
            dropout=config.dropout,
            attention_dropout=config.dropout,
        )
        language = LanguageModel.from_scratch(Sentences(texts), config.vocabulary, sizes)
    positions = language.bert.config.positions
    if config.max_length > positions:
        raise MelpError(
            f"model.max_length: {config.max_length} found, wanted at most BERT's {positions} positions"
        )
    return language


@contextmanager
def _nothing_left_behind(out: Path) -> Iterator[None]:
    """Takes a new folder away again where its training cannot be begun, or fails before it first saved."""
    new = not out.exists()
    try:
        yield
    except (MelpError, OSError):
        if new and not (out / CHECKPOINT).exists():
            shutil.rmtree(out, ignore_errors=True)
        raise


def pretrain(name: str, store: Store, recipe: Recipe, out: Path, progress: bool = True) -> Path:
    """Pretrain a method on a store; a killed training is taken up where it was last saved.

    Args:
        name: of the method.
        store: what it is trained on.
        recipe: everything else.
        out: becomes the model folder.
        progress: whether to show progress bars.

    Raises:
        MelpError: `out` holds a training with other settings, or the options do not fit together.
    """
    settings = {"name": name, "store": store.address, **asdict(recipe)}
    kind, preprocessing = get_method(name), Preprocessing.from_dict(recipe.preprocessing)
    if not _finished(out, settings):
        with _nothing_left_behind(out):
            _begin(out, settings)
            language = _language(kind, store, recipe, out, progress)
            before = _stage_before(name, store, recipe, out, progress)
            _train(name, store, recipe, preprocessing, language, before, out, progress)
    return out


def _stage_before(name: str, store: Store, recipe: Recipe, out: Path, progress: bool) -> Path | None:
    """The run of the method's stage before, trained first if need be; None in the first."""
    stages = get_method(name).stages
    if unknown := sorted(set(recipe.stages) - set(stages[:-1])):
        wanted = ", ".join(stages[:-1]) or f"none, {name} has one stage alone"
        raise MelpError(f"stages: {unknown[0]!r} found, wanted {wanted}")
    number = stages.index(recipe.method.stage) if stages else 0
    if number == 0:
        return None
    stage = stages[number - 1]
    settings = vars(recipe.stages[stage]) if stage in recipe.stages else {}
    earlier = replace(recipe, method=replace(recipe.method, stage=stage), init_from="", **settings)
    return pretrain(name, store, earlier, out / stage, progress)


def _train(
    name: str,
    store: Store,
    recipe: Recipe,
    preprocessing: Preprocessing,
    language: LanguageModel | None,
    before: Path | None,
    out: Path,
    progress: bool,
) -> None:
    lightning.seed_everything(recipe.training.seed, verbose=False)
    method = _method(name, recipe, preprocessing, language, before)
    encode = (
        ReportEncoder(language.tokenizer, getattr(recipe.method, "text_length", 127)) if language else None
    )
    augmentation = TextAugmentation(recipe.data.statement_sampling, recipe.data.statement_shuffle)
    train = StoreBatches(store, recipe.data.train_folds, encode, augmentation)
    held_out = (
        StoreBatches(store, recipe.data.validation_folds, encode) if recipe.data.validation_folds else None
    )
    about = {
        "optimiser": asdict(recipe.optimiser),
        "training": asdict(recipe.training),
        "data": asdict(recipe.data),
        "store": {"corpus": store.manifest.get("corpus"), "records": len(train)},
        "versions": {"melp": __version__, "torch": torch.__version__},
    }
    begun_with = [Path(run) for run in (before, recipe.init_from) if run]
    rank_zero_only(write_records)(out, store, train.rows, begun_with)
    steps, _ = step_counts(len(train), recipe.training)
    module = PretrainingModule(
        method, recipe.optimiser, steps, recipe.training.seed, preprocessing, store.rate
    )

    def write() -> None:
        save(out, method, name, preprocessing, about)

    fit(module, train, held_out, recipe.training, out, write, name, progress)


def _method(
    name: str,
    recipe: Recipe,
    preprocessing: Preprocessing,
    language: LanguageModel | None,
    before: Path | None,
) -> Method:
    """The method to be trained, with the weights that it begins with."""
    leads = preprocessing.leads
    inputs = Inputs(len(leads), preprocessing.samples, preprocessing.rate, language, leads)
    method = get_method(name)(recipe.method, inputs)
    if before is not None:
        load_weights(method, before / WEIGHTS)
    if recipe.init_from:
        said = initialise_encoder(method, Path(recipe.init_from), preprocessing)
        rank_zero_only(print)(said, file=sys.stderr)
    return method


def _language(
    kind: type[Method], store: Store, recipe: Recipe, out: Path, progress: bool
) -> LanguageModel | None:
    if "text" not in kind.needs:
        return None
    source: str | Path = recipe.text
    if not source:
        folds = recipe.data
        train, validation = reports_of(store, folds.train_folds), reports_of(store, folds.validation_folds)
        source = pretrain_text(train, validation, recipe.stage1, out / "text", progress)
    return LanguageModel.load(source)


def _begin(out: Path, settings: dict[str, Any]) -> None:
    """Note the settings of a training in its folder, or see that they are those of the training there."""
    file = out / RECIPE
    if out.exists() and not file.exists() and any(out.iterdir()):
        raise MelpError(f"{out}: not empty, and no training to be taken up; wanted a new folder")
    wanted = json.loads(json.dumps(settings))
    if file.exists() and (found := json.loads(file.read_text(encoding="utf-8"))) != wanted:
        field_name = next(_differences(found, wanted), "settings")
        raise MelpError(
            f"{out}: holds a training with another {field_name}; wanted the same settings or a new folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(settings, indent=2) + "\n")


def _differences(found: Any, wanted: Any, name: str = "") -> Any:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            yield from _differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
    elif found != wanted:
        yield name


def _finished(out: Path, settings: dict[str, Any]) -> bool:
    """Whether the training with these settings is done."""
    if not (out / RECIPE).exists() or not (out / WEIGHTS).exists() or not (out / CHECKPOINT).exists():
        return False
    _begin(out, settings)
    return is_finished(out)
