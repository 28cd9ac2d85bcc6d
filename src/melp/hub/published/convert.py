"""Conversion of the published checkpoints of MELP and MERL into model folders.

MELP: the whole model (a Lightning checkpoint), or the ECG encoder with its poolers. MERL: the whole model, or
the encoder (ResNet or ViT). Every tensor is used once, or listed with the reason why it is not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from melp.errors import MelpError
from melp.hub.folder import check_tensors, save, shorten
from melp.hub.published import names, sizes
from melp.hub.published.read import read_checkpoint
from melp.methods import get_method
from melp.methods._base import Inputs, Method
from melp.nn.bert import Bert, BertConfig
from melp.signal.preprocessing import Preprocessing
from melp.text.model import LanguageModel
from melp.text.tokenizer import load_tokenizer, train_tokenizer

# Both were trained on MIMIC-IV-ECG, whose files have aVF before aVL.
LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
PREPROCESSING = Preprocessing(rate=500, seconds=10, leads=LEADS, filter="none", scaling="minmax")


@dataclass(frozen=True)
class Conversion:
    """What became of the tensors of a published checkpoint.

    Attributes:
        method: name of the method.
        beats: number of beat queries; 0 for a method without.
        used: number of tensors of the checkpoint that the model has.
        unused: names of the others, with the reason.
        untrained: parts of the model that the checkpoint lacks.
    """

    method: str
    beats: int
    used: int
    unused: Mapping[str, str]
    untrained: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the report: the counts, and a line per reason."""
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.unused.items():
            by_reason.setdefault(reason, []).append(name)
        beats = f" with {self.beats} beat queries" if self.beats else ""
        lines = [f"{self.method}{beats}: {self.used} tensors used, {len(self.unused)} not used"]
        lines += [f"not used ({reason}): {shorten(found)}" for reason, found in by_reason.items()]
        if self.untrained:
            lines.append(f"not in the file, so the model has no texts: {', '.join(self.untrained)}")
        return lines


@dataclass(frozen=True)
class _Kind:
    """A published model. `untrained` are the parts that its encoder alone does not have."""

    method: str
    rules: names.Rules
    unused: Mapping[str, str]
    options: Callable[[sizes.Shapes, bool], dict[str, Any]]
    untrained: tuple[str, ...]


_MELP = _Kind(
    "melp",
    names.MELP,
    names.MELP_UNUSED,
    sizes.melp_options,
    ("text", "statement_projection", "token_pooler", "token_norm", "decoder", "logit_scale"),
)
_MERL = _Kind(
    "merl",
    names.MERL,
    names.MERL_UNUSED,
    sizes.merl_options,
    ("text", "copies", "reduction", "pooler", "projector"),
)


def convert_checkpoint(file: Path, out: Path, text: Path | None = None) -> Conversion:
    """Write a published checkpoint of MELP or MERL as a model folder.

    The folder's preprocessing is that of the publication: 500 Hz, 10 s, the leads in the order of
    MIMIC-IV-ECG, one minimum and maximum for the whole record, no filter. The numbers of beat queries,
    caption tokens and layers are those of the tensors.

    Args:
        file: a checkpoint; a pickle is only opened with `weights_only=True`.
        out: the folder to write.
        text: folder with the tokenizer of the model, which no checkpoint contains (`fuyingw/heart_bert` for
            MELP, `ncbi/MedCPT-Query-Encoder` for MERL). Not needed for an encoder alone.

    Returns:
        What is used, and what is not.

    Raises:
        MelpError: the file is refused, is no such checkpoint, has an unknown tensor, lacks one or has one of
            another shape; there is no tokenizer, or it has another vocabulary.
    """
    kind, state = _recognise(file, read_checkpoint(file))
    whole = any(name.startswith("lm_model.") for name in state)
    reasons = kind.unused if whole else {**kind.unused, **names.CAPTION_UNUSED}
    unused = {
        name: reason for name in state for pattern, reason in reasons.items() if re.search(pattern, name)
    }
    tensors = _renamed(file, {name: state[name] for name in state if name not in unused}, kind.rules)
    language = _language(file, tensors, text, kind) if whole else _no_language()
    inputs = Inputs(len(LEADS), PREPROCESSING.samples, PREPROCESSING.rate, language, LEADS)
    method = _build(file, tensors, kind, inputs, whole)
    untrained = () if whole else tuple(part for part in kind.untrained if hasattr(method, part))
    mine = {name: value for name, value in method.state_dict().items() if name.split(".")[0] in untrained}
    check_tensors(file, tensors | mine, method)
    method.load_state_dict(tensors | mine)
    used = len(state) - len(unused)
    conversion = Conversion(kind.method, getattr(method.config, "beats", 0), used, unused, untrained)
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    published = {"file": file.name, "sha256": digest, **asdict(conversion)}
    settings = {"published": published, "without_text": not whole, "store": {"corpus": "mimic-iv-ecg"}}
    save(out, method, kind.method, PREPROCESSING, settings)
    return conversion


def _recognise(file: Path, state: Mapping[str, Tensor]) -> tuple[_Kind, Mapping[str, Tensor]]:
    """Return the kind of a checkpoint, and its tensors with the names that they have in the whole model."""
    if {"attn_pool_contrast.query", "conv1.weight", "to_patch_embedding.weight"} & set(state):
        state = {f"ecg_encoder.{name}": value for name, value in state.items()}
    if "ecg_encoder.attn_pool_contrast.query" in state:
        return _MELP, state
    if {"ecg_encoder.conv1.weight", "ecg_encoder.to_patch_embedding.weight"} & set(state):
        return _MERL, state
    found = shorten(sorted(state), 3)
    raise MelpError(f"{file}: {found} found, wanted the tensors of MELP or MERL as published")


def _renamed(file: Path, used: Mapping[str, Tensor], rules: names.Rules) -> dict[str, Tensor]:
    """Return the tensors with melp's names and shapes."""
    sources: dict[str, str] = {}
    for name in used:
        ours = names.rename(name, rules)
        if ours in sources:
            raise MelpError(f"{file}: {sources[ours]} and {name} found, both {ours}, wanted one of them")
        sources[ours] = name
    tensors = names.split_packed({ours: used[name] for ours, name in sources.items()})
    return {name: value.squeeze() if name in names.SQUEEZED else value for name, value in tensors.items()}


def _language(file: Path, tensors: dict[str, Tensor], text: Path | None, kind: _Kind) -> LanguageModel:
    """Return an untrained BERT of the sizes of the checkpoint, with the tokenizer of the folder `text`."""
    if text is None or not text.is_dir():
        raise MelpError(
            f"{text or file}: no tokenizer found, wanted --text FOLDER with that of the {kind.method} model"
        )
    tokenizer, words = load_tokenizer(text), "text.bert.word_embeddings.weight"
    if kind is _MERL and words in tensors and tokenizer.bos_token_id == len(tensors[words]):
        # MERL has no [BOS]. Its tower replaces it by [CLS], so that the embedding is never read.
        tensors[words] = F.pad(tensors[words], (0, 0, 0, 1))
    try:
        config = sizes.bert_config(sizes.Shapes(tensors))
    except KeyError as error:
        raise MelpError(f"{file}: no {error.args[0]} found, wanted the tensors of a BERT") from error
    if len(tokenizer) != config.vocabulary:
        found, wanted = len(tokenizer), config.vocabulary
        raise MelpError(f"{text}: a tokenizer with {found} word pieces found, wanted the {wanted} of {file}")
    return LanguageModel(Bert(config), tokenizer)


def _no_language() -> LanguageModel:
    """Return a stand-in for the language model of an encoder alone; the model refuses texts."""
    tokenizer = train_tokenizer([], 6)
    config = BertConfig(len(tokenizer), dim=8, layers=1, heads=1, feedforward=8)
    return LanguageModel(Bert(config), tokenizer)


def _build(file: Path, tensors: Mapping[str, Tensor], kind: _Kind, inputs: Inputs, whole: bool) -> Method:
    """Return a method of the sizes of the tensors, with random weights that are always the same."""
    method = get_method(kind.method)
    try:
        options = kind.options(sizes.Shapes(tensors), whole)
    except (KeyError, ValueError) as error:
        raise MelpError(f"{file}: no {error.args[0]} found, wanted all tensors of {kind.method}") from error
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return method(method.Config(**options), inputs)
