"""Our modules, given the published implementations' weights, give the published numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reference import (
    DECODER_RULES,
    PRETRAINING_ONLY,
    WAV2VEC2_RULES,
    Reference,
    assert_close,
    renamed,
    split_packed,
)
from torch import Tensor

from melp.losses.caption import caption_loss
from melp.losses.contrastive import global_contrastive
from melp.losses.local_alignment import (
    LocalAlignment,
    local_alignment_loss,
    local_attention,
)
from melp.nn.bert import Bert, BertConfig
from melp.nn.pooling import AttentionPooler, ClassTokenPooler
from melp.nn.report_decoder import ReportDecoder
from melp.nn.resnet import ResNet1d, ResNet1dConfig
from melp.nn.vit import ViT1d, ViT1dConfig
from melp.nn.wav2vec2 import Wav2Vec2Config, Wav2Vec2Encoder
from melp.text.hugging_face import from_hugging_face
from melp.text.tower import SpecialTokens, TextTower


def test_wav2vec2_encoder(parity: Path) -> None:
    reference = Reference(parity, "wav2vec2_encoder")
    meta = reference.meta
    config = Wav2Vec2Config(
        leads=reference.given["ecg"].shape[1],
        dim=meta["embed_dim"],
        heads=meta["heads"],
        layers=meta["layers"],
        feedforward=meta["ffn"],
        conv_channels=meta["conv_channels"],
        conv_layers=meta["conv_layers"],
        conv_kernel=meta["kernel"],
        conv_stride=meta["stride"],
        position_kernel=meta["conv_pos"],
        position_groups=meta["conv_pos_groups"],
    )
    encoder = Wav2Vec2Encoder(config).eval()
    weights = {name: value for name, value in reference.weights.items() if name not in PRETRAINING_ONLY}
    encoder.load_state_dict(renamed(weights, WAV2VEC2_RULES))
    with torch.no_grad():
        assert_close(encoder.conv_features(reference.given["ecg"]), reference.wanted["conv_features"])
        assert_close(encoder(reference.given["ecg"]), reference.wanted["features"])


def test_attention_pooler(parity: Path) -> None:
    reference = Reference(parity, "attention_pooler")
    meta = reference.meta
    pooler = AttentionPooler(meta["d_model"], meta["context_dim"], meta["queries"], meta["heads"]).eval()
    rules = {r"^ln_q\.": "query_norm.", r"^ln_k\.": "context_norm."}
    pooler.load_state_dict(renamed(split_packed(reference.weights), rules))
    with torch.no_grad():
        assert_close(pooler(reference.given["tokens"]), reference.wanted["pooled"])


def load_decoder(reference: Reference) -> ReportDecoder:
    meta = reference.meta
    decoder = ReportDecoder(meta["width"], meta["vocab"], meta["layers"], meta["heads"]).eval()
    decoder.load_state_dict(renamed(split_packed(reference.weights), DECODER_RULES))
    return decoder


def test_report_decoder(parity: Path) -> None:
    reference = Reference(parity, "report_decoder")
    with torch.no_grad():
        logits = load_decoder(reference)(reference.given["text_states"], reference.given["ecg_tokens"])
    assert_close(logits, reference.wanted["logits"])


@torch.no_grad()
def test_report_decoder_step_by_step(parity: Path) -> None:
    reference = Reference(parity, "report_decoder")
    decoder = load_decoder(reference)
    states, cache = reference.given["text_states"], decoder.new_cache()
    half = states.shape[1] // 2
    steps = [decoder(states[:, :half], reference.given["ecg_tokens"], cache)]
    steps += [decoder(states[:, place : place + 1], cache=cache) for place in range(half, states.shape[1])]
    assert_close(torch.cat(steps, dim=1), reference.wanted["logits"])


def load_tower(reference: Reference) -> TextTower:
    meta, weights = reference.meta, reference.weights
    bert = Bert(
        BertConfig(
            vocabulary=meta["vocab"],
            dim=meta["hidden"],
            layers=meta["layers"],
            heads=meta["heads"],
            feedforward=meta["intermediate"],
            positions=meta["max_positions"],
        )
    )
    from_hugging_face(bert, {name: value for name, value in weights.items() if name.startswith("bert.")})
    hidden, projected = weights["proj_t.0.weight"].shape[0], weights["proj_t.2.weight"].shape[0]
    special = SpecialTokens(pad=meta["pad_id"], cls=meta["cls_id"])
    tower = TextTower(
        bert,
        special,
        meta["attention"],
        projection_hidden=hidden,
        projection_dim=projected,
        cls_position=meta["cls_position"],
    )
    projection = {name: value for name, value in weights.items() if name.startswith("proj_t.")}
    tower.projection.load_state_dict(renamed(projection, {r"^proj_t\.": ""}))
    return tower.eval()


def sentences_by_full_stop(tokens: Tensor, meta: dict[str, Any]) -> Tensor:
    """The published rule: a sentence ends with its full stop, and what follows the last one is dropped."""
    stop = tokens == meta["period_id"]
    sentence = stop.long().cumsum(1) - stop.long()
    special = torch.isin(tokens, torch.tensor([meta[f"{name}_id"] for name in ("cls", "pad", "sep", "bos")]))
    return sentence.masked_fill(special | (sentence >= stop.sum(1, keepdim=True)), -1)


@pytest.mark.parametrize("padding", [0, 1, 20, None])
def test_text_tower(parity: Path, padding: int | None) -> None:
    reference = Reference(parity, "text_tower")
    real = reference.given["attention_mask"].bool()
    length = real.shape[1] if padding is None else int(real.sum(1).max()) + padding
    tokens = reference.given["ids"][:, :length]
    with torch.no_grad():
        features = load_tower(reference)(tokens, sentences_by_full_stop(tokens, reference.meta))
    assert_close(F.normalize(features.latent, dim=-1), reference.wanted["latent"])
    (wanted,) = (value for name, value in reference.wanted.items() if name.startswith("token_states"))
    compared = min(wanted.shape[1], length)
    counted = real[:, :compared, None]
    assert_close(features.states[:, :compared] * counted, wanted[:, :compared] * counted)
    assert_close(features.statements, reference.wanted["sentences"])


def flat(sentences: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Statements of all reports, and the report of each."""
    return sentences[mask.bool()], mask.nonzero()[:, 0]


@pytest.mark.parametrize("aggregation", ["sum", "mean"])
def test_local_alignment_double_softmax(parity: Path, aggregation: str) -> None:
    reference = Reference(parity, "local_alignment_double_softmax")
    meta, mask = reference.meta, reference.given["sentence_mask"]
    settings = LocalAlignment(
        "code", aggregation, meta["temp_attention"], meta["temp_similarity"], meta["temp_logits"]
    )
    beats = reference.given["beats"].clone().requires_grad_()
    sentences = reference.given["sentences"].clone().requires_grad_()
    loss = local_alignment_loss(beats, *flat(sentences, mask), settings)
    assert_close(loss.detach(), reference.wanted[f"loss_{aggregation}"])
    attention = local_attention(beats, *flat(sentences, mask), settings)
    assert_close(attention.detach(), reference.wanted["attention_of_true_pairs"][mask.bool()])
    if aggregation == "sum":
        loss.backward()
        assert beats.grad is not None and sentences.grad is not None
        assert_close(beats.grad, reference.wanted["grad_beats"], 1e-4)
        assert_close(sentences.grad, reference.wanted["grad_sentences"], 1e-4)


def test_global_and_caption(parity: Path) -> None:
    reference = Reference(parity, "global_and_caption")
    ecg, text = (reference.given[name].clone().requires_grad_() for name in ("ecg", "text"))
    loss = global_contrastive(ecg, text, reference.meta["logit_scale"])
    assert_close(loss.detach(), reference.wanted["contrastive"])
    loss.backward()
    assert ecg.grad is not None and text.grad is not None
    assert_close(ecg.grad, reference.wanted["grad_ecg"], 1e-4)
    assert_close(text.grad, reference.wanted["grad_text"], 1e-4)
    caption = caption_loss(reference.given["logits"], reference.given["labels"], reference.meta["pad_id"])
    assert_close(2 * caption, reference.wanted["caption_weighted_by_2"])


RESNET_RULES = {
    r"^conv1\.": "stem.0.",
    r"^bn1\.": "stem.1.",
    r"^layer(\d+)\.": lambda match: f"residual_stages.{int(match[1]) - 1}.",
    r"\.bn(\d)\.": r".norm\1.",
}


def weights_by_rule(parameters: list[tuple[str, list[int]]]) -> dict[str, Tensor]:
    """The rule of meta.json: sines, scaled by fan-in, small for vectors and around 1 for scales."""
    weights = {}
    for place, (name, shape) in enumerate(parameters):
        index = torch.arange(math.prod(shape), dtype=torch.float64)
        sines = torch.sin(0.7 * place + 12.9898 * index)
        if len(shape) >= 2:
            values = sines * math.sqrt(2 / math.prod(shape[1:]))
        else:
            values = 0.05 * sines + (1 if name.endswith(("running_var", "weight")) else 0)
        weights[name] = values.reshape(shape).float()
    return weights


def test_resnet18_1d(parity: Path) -> None:
    reference = Reference(parity, "resnet18_1d")
    parameters = reference.meta["parameters"]
    weights = weights_by_rule(parameters)
    shapes = dict(parameters)
    widths = tuple(shapes[f"layer{stage}.0.conv1.weight"][0] for stage in range(1, 5))
    blocks = tuple(
        len({name.split(".")[1] for name in shapes if name.startswith(f"layer{stage}.")})
        for stage in range(1, 5)
    )
    encoder = ResNet1d(
        ResNet1dConfig(
            leads=shapes["conv1.weight"][1],
            widths=widths,
            blocks=blocks,
            kernel=shapes["layer1.0.conv1.weight"][2],
            stem_kernel=shapes["conv1.weight"][2],
        )
    )
    classifier = {"linear.weight", "linear.bias"}
    body = {name: value for name, value in weights.items() if name not in classifier}
    counters = {
        name: value for name, value in encoder.state_dict().items() if name.endswith("num_batches_tracked")
    }
    encoder.load_state_dict(renamed(body, RESNET_RULES) | counters)
    encoder.eval()
    with torch.no_grad():
        assert_close(encoder.conv_features(reference.given["ecg"]), reference.wanted["features"])
        assert_close(encoder(reference.given["ecg"]), reference.wanted["features"].transpose(1, 2))


VIT_RULES = {
    r"^to_patch_embedding\.": "patch_embedding.",
    r"^pos_embedding$": "positions",
    r"^block(\d+)\.": r"layers.\1.",
    r"\.attn\.norm\.": ".attention_norm.",
    r"\.attn\.fn\.to_qkv\.": ".attn.in_proj_",
    r"\.attn\.fn\.to_out\.0\.": ".attn.output.",
    r"\.ff\.norm\.": ".feedforward_norm.",
    r"\.ff\.fn\.net\.0\.": ".fc1.",
    r"\.ff\.fn\.net\.3\.": ".fc2.",
}


def test_vit_1d(parity: Path) -> None:
    reference = Reference(parity, "vit_1d")
    meta = reference.meta
    encoder = ViT1d(
        ViT1dConfig(
            leads=reference.given["ecg"].shape[1],
            samples=meta["seq_len"],
            patch=meta["patch"],
            dim=meta["width"],
            layers=meta["depth"],
            heads=meta["heads"],
            head_dim=meta["dim_head"],
            feedforward=meta["mlp_dim"],
        )
    ).eval()
    weights = split_packed(renamed(reference.weights, VIT_RULES))
    weights["positions"] = weights["positions"][0]
    encoder.load_state_dict(weights)
    with torch.no_grad():
        assert_close(encoder.embed(reference.given["ecg"]), reference.wanted["features"])


def test_merl_attention_pool(parity: Path) -> None:
    reference = Reference(parity, "merl_attention_pool")
    meta = reference.meta
    pooler = ClassTokenPooler(meta["embed_dim"], meta["output_dim"], meta["positions"], meta["heads"])
    rules = {
        r"^mhsa\.": "attn.",
        r"^c_proj\.": "projection.",
        r"^cls_token$": "token",
        r"^positional_embedding$": "positions",
    }
    weights = split_packed(renamed(reference.weights, rules))
    pooler.load_state_dict(weights | {"token": weights["token"][0, 0], "positions": weights["positions"][0]})
    with torch.no_grad():
        pooled = pooler.eval()(reference.given["features"].transpose(1, 2))
    assert_close(pooled[:, None], reference.wanted["pooled"])
