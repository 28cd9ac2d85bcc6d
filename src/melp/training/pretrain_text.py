"""Stage 1: a language model trained on the reports of stores and on text files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import lightning

from melp.data.batches import TextAugmentation, TextBatches
from melp.data.store import Store
from melp.errors import MelpError
from melp.hub.folder import CONFIG, WEIGHTS, write_text, write_weights
from melp.nn.bert import BertConfig
from melp.text.hugging_face import folder_config
from melp.text.model import LanguageModel
from melp.text.pretraining import MaskedLanguageModel, MaskedLanguageModelConfig
from melp.text.sources import ReportSentences, Text, Texts, iterate_reports, read_text_file
from melp.text.tokenizer import ReportEncoder
from melp.training.config import DataConfig
from melp.training.fit import fit, step_counts
from melp.training.module import PretrainingModule
from melp.training.processes import check_processes
from melp.training.recipe import TextRecipe
from melp.training.run_folder import train_once

_HELD_OUT_EVERY = 50  # of the texts of a file without folds


def pretrain_text(
    train: Sequence[Sequence[str]],
    validation: Sequence[Sequence[str]],
    recipe: TextRecipe,
    out: Path,
    progress: bool = True,
) -> Path:
    """Train a language model on texts, each a non-empty list of statements or sentences.

    Returns:
        `out`, a Hugging Face BERT folder that `LanguageModel.load` reads.

    Raises:
        MelpError: `out` contains a training with other settings, or the options do not fit together.
    """
    check_processes(recipe.training.ranks)
    return train_language_model(train, validation, recipe, out, progress, shared=False)


def train_language_model(
    train: Sequence[Sequence[str]],
    validation: Sequence[Sequence[str]],
    recipe: TextRecipe,
    out: Path,
    progress: bool,
    shared: bool = True,
) -> Path:
    """Train a language model as `pretrain_text` does, also as a part of a training of more processes.

    If it is `shared`, wait for another training of it; otherwise this is an error.
    """

    def train_model() -> None:
        _train(train, validation, recipe, out, progress)

    train_once(out, asdict(recipe), recipe.training.ranks, train_model, shared=shared)
    return out


def _train(
    train: Sequence[Sequence[str]],
    validation: Sequence[Sequence[str]],
    recipe: TextRecipe,
    out: Path,
    progress: bool,
) -> None:
    lightning.seed_everything(recipe.training.seed, verbose=False)
    language = _initial_model(recipe.model, train)
    encode = ReportEncoder(language.tokenizer, recipe.model.max_length)
    augmentation = TextAugmentation(recipe.data.statement_sampling, recipe.data.statement_shuffle)
    batches = TextBatches(train, encode, augmentation)
    held_out = TextBatches(validation, encode) if len(validation) else None
    model = MaskedLanguageModel(language, recipe.model.masked)
    steps, _ = step_counts(len(batches), recipe.training)
    module = PretrainingModule(model, recipe.optimiser, steps, recipe.training.seed)

    def save() -> None:
        language.tokenizer.save_pretrained(out)
        config = folder_config(language.bert.config, language.tokenizer.pad_token_id)
        write_text(out / CONFIG, json.dumps(config, indent=2) + "\n")
        write_weights(out / WEIGHTS, model.hugging_face_state())

    fit(module, batches, held_out, recipe.training, out, save, "stage 1", progress)


def _initial_model(config: MaskedLanguageModelConfig, texts: Sequence[Sequence[str]]) -> LanguageModel:
    """Load the pretrained BERT of the config, or build a new one with a tokenizer trained on the texts."""
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
        language = LanguageModel.from_scratch(ReportSentences(texts), config.vocabulary, sizes)
    positions = language.bert.config.positions
    if config.max_length > positions:
        raise MelpError(
            f"model.max_length: {config.max_length} found, wanted at most BERT's {positions} positions"
        )
    return language


def reports_of(store: Store, folds: Sequence[int]) -> Texts:
    """Return the statements of all reports of a store in these folds, with or without a recording."""
    return Texts.of(text for _, _, text in iterate_reports(store, folds))


def texts_of(sources: Sequence[str | Path], data: DataConfig) -> tuple[Texts, Texts]:
    """Return the training and validation texts of stores and files.

    Texts are divided by fold. Of a file without folds, every fiftieth text is for validation.

    Args:
        sources: stores, `.txt` and `.parquet` files.
        data: the folds.

    Raises:
        MelpError: a source cannot be read, or the sources contain no training text.
    """
    train = Texts.of(_texts_in(sources, data.train_folds, held_out=False))
    validation = Texts.of(_texts_in(sources, data.validation_folds, held_out=True))
    if not train:
        raise MelpError(f"{', '.join(map(str, sources))}: no texts found to train on")
    return train, validation


def _texts_in(sources: Sequence[str | Path], folds: Sequence[int], held_out: bool) -> Iterator[Text]:
    for source in sources:
        if Path(source).is_file() or str(source).endswith((".txt", ".parquet")):
            for number, (text, fold) in enumerate(read_text_file(Path(source))):
                if fold in folds or (fold is None and (number % _HELD_OUT_EVERY == 0) == held_out):
                    yield text
        else:
            yield from (text for _, _, text in iterate_reports(Store(source), folds))
