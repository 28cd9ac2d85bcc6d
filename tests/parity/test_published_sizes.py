"""At full size, every parameter of the published model has its counterpart of the same shape in ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from reference import (
    DECODER_RULES,
    PRETRAINING_ONLY,
    WAV2VEC2_RULES,
    renamed,
    split_packed,
)
from torch import Tensor, nn

from melp.nn import build_encoder
from melp.nn.bert import Bert, BertConfig
from melp.nn.pooling import AttentionPooler
from melp.nn.report_decoder import ReportDecoder
from melp.nn.wav2vec2 import WAV2VEC2_PRESETS
from melp.text.hugging_face import to_hugging_face


def published(folder: Path, prefix: str) -> dict[str, Tensor]:
    path = folder / "melp_state_dict_manifest.json"
    if not path.is_file():
        pytest.skip(f"{folder} has no manifest of the published model")
    manifest = json.loads(path.read_text())
    return {
        name.removeprefix(prefix): torch.empty(shape, device="meta")
        for name, shape in manifest.items()
        if name.startswith(prefix)
    }


def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in tensors.items()}


def on_meta(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return shapes(module.state_dict())


def test_ecg_encoder(parity: Path) -> None:
    weights = published(parity, "ecg_encoder.ecg_encoder.")
    wanted = {name: value for name, value in weights.items() if name not in PRETRAINING_ONLY}
    assert set(weights) - set(wanted) == PRETRAINING_ONLY
    with torch.device("meta"):
        assert on_meta(build_encoder("wav2vec2_small")) == shapes(renamed(wanted, WAV2VEC2_RULES))


def test_poolers(parity: Path) -> None:
    dim = WAV2VEC2_PRESETS["small"].dim
    for name in ("contrast", "caption"):
        weights = published(parity, f"ecg_encoder.attn_pool_{name}.")
        queries, width = weights["query"].shape
        rules = {r"^ln_q\.": "query_norm.", r"^ln_k\.": "context_norm."}
        with torch.device("meta"):
            found = on_meta(AttentionPooler(width, dim, queries))
        assert found == shapes(renamed(split_packed(weights), rules))


def test_report_decoder(parity: Path) -> None:
    weights = published(parity, "text_decoder.")
    width, vocabulary = weights["text_projection"].shape
    # A causal mask kept as a buffer is no weight.
    weights.pop("attn_mask", None)
    with torch.device("meta"):
        found = on_meta(ReportDecoder(width, vocabulary))
    assert found == shapes(renamed(split_packed(weights), DECODER_RULES))


def test_language_model(parity: Path) -> None:
    weights = published(parity, "lm_model.bert.")
    vocabulary = weights["embeddings.word_embeddings.weight"].shape[0]
    with torch.device("meta"):
        bert = Bert(BertConfig(vocabulary=vocabulary))
    assert shapes(to_hugging_face(bert)) == shapes(weights)
