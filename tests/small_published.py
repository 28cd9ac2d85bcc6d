"""MELP and MERL as published, written slowly from their description, on tensors with the published names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = Mapping[str, Tensor]

# One record at 500 Hz in the order of MIMIC-IV-ECG: aVF before aVL.
MIMIC = [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]
# A width of 64 instead of 768, in all that the manifest derives from it; heads are 64 wide in both.
SCALED = {768: 64, 3072: 256, 2304: 192, 48: 4}


def published_input(signal: Tensor) -> Tensor:
    """What both methods read of records in mV in the standard order."""
    signal = signal[:, MIMIC]
    low, high = signal.amin((1, 2), keepdim=True), signal.amax((1, 2), keepdim=True)
    return (signal - low) / (high - low + 1e-8)


def manifest(parity: Path, beats: int = 14, small: bool = True) -> dict[str, tuple[int, ...]]:
    """Names and shapes of MELP with any number of beat queries, at full size or narrow."""
    shapes: dict[str, list[int]] = json.loads((parity / "melp_state_dict_manifest.json").read_text())
    unscaled = {"ecg_encoder.attn_pool_contrast.attn.in_proj_bias"}
    scale = SCALED if small else {}
    changed = {
        name: shape if name in unscaled else [scale.get(size, size) for size in shape]
        for name, shape in shapes.items()
    }
    changed["ecg_encoder.attn_pool_contrast.query"][0] = beats
    return {name: tuple(shape) for name, shape in changed.items()}


def filled(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Random tensors: matrices that keep the scale of their input, scales and variances around 1."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        fan = max(value[0].numel(), 1) if len(shape) > 1 else 1
        state[name] = value * 0.5 * fan**-0.5
        if name.endswith(("running_var", "original0")) or (name.endswith("weight") and len(shape) == 1):
            state[name] = 1 + 0.1 * value.abs()
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
    return state


def part(state: State, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def norm(state: State, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.layer_norm(x, weight.shape, weight, state[f"{name}.bias"], eps)


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))


def attention(state: State, heads: int, x: Tensor, context: Tensor, causal: bool = False) -> Tensor:
    """torch's own module, which has the published names."""
    width = context.shape[-1]
    module = nn.MultiheadAttention(x.shape[-1], heads, kdim=width, vdim=width, batch_first=True)
    module.load_state_dict(state)
    mask = torch.full((x.shape[1], context.shape[1]), -torch.inf).triu(1) if causal else None
    return module(x, context, context, attn_mask=mask, need_weights=False)[0]


def wav2vec2(state: State, ecg: Tensor) -> Tensor:
    x = ecg
    for number in range(4):
        x = F.conv1d(x, state[f"feature_extractor.conv_layers.{number}.0.weight"], stride=2)
        if number == 0:
            scale, shift = (state[f"feature_extractor.conv_layers.0.2.{name}"] for name in ("weight", "bias"))
            x = F.group_norm(x, x.shape[1], scale, shift)
        x = F.gelu(x)
    x = linear(state, "post_extract_proj", norm(state, "layer_norm", x.transpose(1, 2)))
    conv = part(state, "conv_pos.pos_conv.0.")
    direction = conv["parametrizations.weight.original1"]
    weight = direction / direction.pow(2).sum((0, 1), keepdim=True).sqrt()
    weight = weight * conv["parametrizations.weight.original0"]
    places = F.conv1d(x.transpose(1, 2), weight, conv["bias"], padding=64, groups=16)[..., :-1]
    x = norm(state, "encoder.layer_norm", x + F.gelu(places).transpose(1, 2))
    for number in range(8):
        layer = part(state, f"encoder.layers.{number}.")
        query, key, value = (
            linear(layer, f"self_attn.{name}_proj", x).unflatten(-1, (-1, 64)).transpose(1, 2)
            for name in "qkv"
        )
        weights = (query @ key.transpose(2, 3) / 8).softmax(-1)
        attended = linear(layer, "self_attn.out_proj", (weights @ value).transpose(1, 2).flatten(2))
        x = norm(layer, "self_attn_layer_norm", x + attended)
        x = norm(layer, "final_layer_norm", x + linear(layer, "fc2", F.gelu(linear(layer, "fc1", x))))
    return x


def melp_pooled(state: State, which: str, frames: Tensor) -> Tensor:
    """`contrast`: the beats before their projection; `caption`: the ECG tokens of the decoder."""
    pooler = part(state, f"ecg_encoder.attn_pool_{which}.")
    query = norm(pooler, "ln_q", pooler["query"]).expand(len(frames), -1, -1)
    pooled = attention(part(pooler, "attn."), 8, query, norm(pooler, "ln_k", frames))
    return norm(state, f"ecg_encoder.ln_{which}", pooled)


def bert(state: State, causal: bool) -> Any:
    """transformers' BERT, whose names the published language models have."""
    from transformers import BertConfig, BertLMHeadModel, BertModel

    prefix = "bert." if causal else ""
    vocabulary, dim = state[f"{prefix}embeddings.word_embeddings.weight"].shape
    layers = {found[1] for name in state if (found := re.search(r"layer\.(\d+)", name))}
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=dim,
        num_hidden_layers=len(layers),
        num_attention_heads=dim // 64,
        intermediate_size=state[f"{prefix}encoder.layer.0.intermediate.dense.weight"].shape[0],
        is_decoder=causal,
        tie_word_embeddings=False,
    )
    model = BertLMHeadModel(config) if causal else BertModel(config)
    missing, unknown = model.load_state_dict(state, strict=False)
    assert not unknown and all("position_ids" in name for name in missing), (missing, unknown)
    return model.eval()


def melp_text(state: State, ids: Tensor, pad: int, cls: int) -> tuple[Tensor, Tensor]:
    """Unit vector and token states of a text: `[BOS] words [SEP]`, padded to 127 places, and [CLS]."""
    model = bert(part(state, "lm_model."), causal=True).bert
    row = torch.cat([ids, torch.full((127 - len(ids),), pad), torch.tensor([cls])])[None]
    states = model(row, attention_mask=(row != pad).long()).last_hidden_state
    latent = linear(state, "proj_t.2", F.gelu(linear(state, "proj_t.0", states[:, 127])))
    return F.normalize(latent, dim=-1), states[:, :127]


def melp_logits(state: State, states: Tensor, ecg_tokens: Tensor) -> Tensor:
    x, decoder = states, part(state, "text_decoder.")
    for number in range(6):
        for block, context in ((f"resblocks.{number}.", None), (f"cross_attn.{number}.", ecg_tokens)):
            layer = part(decoder, block)
            query = norm(layer, "ln_1", x)
            source = query if context is None else norm(layer, "ln_1_kv", context)
            x = x + attention(part(layer, "attn."), 8, query, source, causal=context is None)
            x = x + linear(layer, "mlp.c_proj", F.gelu(linear(layer, "mlp.c_fc", norm(layer, "ln_2", x))))
    return norm(decoder, "ln_final", x) @ decoder["text_projection"]


def batch_norm(state: State, name: str, x: Tensor) -> Tensor:
    mean, var, weight, bias = (
        state[f"{name}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean, var, weight, bias)


def resnet(state: State, ecg: Tensor) -> Tensor:
    """[batch, channel, frame] of a ResNet with two basic blocks in each of four stages."""
    x = F.relu(batch_norm(state, "bn1", F.conv1d(ecg, state["conv1.weight"], stride=2, padding=3)))
    for stage in range(1, 5):
        for number in range(2):
            block, stride = part(state, f"layer{stage}.{number}."), 2 if stage > 1 and number == 0 else 1
            y = F.conv1d(x, block["conv1.weight"], stride=stride, padding=1)
            y = F.relu(batch_norm(block, "bn1", y))
            y = batch_norm(block, "bn2", F.conv1d(y, block["conv2.weight"], padding=1))
            if "shortcut.0.weight" in block:
                x = batch_norm(block, "shortcut.1", F.conv1d(x, block["shortcut.0.weight"], stride=stride))
            x = F.relu(x + y)
    return x


def merl_ecg(state: State, ecg: Tensor) -> Tensor:
    """Unit vectors: 1x1 convolution, and attention of a token, its position added twice, over the frames."""
    frames = resnet(part(state, "ecg_encoder."), ecg)
    frames = F.conv1d(frames, state["downconv.weight"], state["downconv.bias"]).transpose(1, 2)
    pool = part(state, "att_pool_head.")
    token = (pool["cls_token"] + pool["positional_embedding"][:, :1]).expand(len(frames), -1, -1)
    x = torch.cat([token, frames], 1) + pool["positional_embedding"]
    pooled = linear(pool, "c_proj", attention(part(pool, "mhsa."), 4, x[:, :1], x))
    return F.normalize(pooled[:, 0], dim=-1)


def merl_text(state: State, ids: Tensor) -> Tensor:
    """Unit vector of `[CLS] words [SEP]`, from BERT's pooling layer."""
    pooled = bert(part(state, "lm_model."), causal=False)(ids[None]).pooler_output
    return F.normalize(linear(state, "proj_t.2", F.gelu(linear(state, "proj_t.0", pooled))), dim=-1)
