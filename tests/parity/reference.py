"""Reference tensors of the published implementations, and their parameter names in ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor


class Reference:
    """One file of reference tensors with its entry of meta.json."""

    def __init__(self, folder: Path, name: str) -> None:
        tensors = load_file(folder / f"{name}.safetensors")
        self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())[name]
        self.given = {key[3:]: value for key, value in tensors.items() if key.startswith("in.")}
        self.wanted = {key[4:]: value for key, value in tensors.items() if key.startswith("out.")}
        self.weights = {key[6:]: value for key, value in tensors.items() if key.startswith("param.")}


def assert_close(found: Tensor, wanted: Tensor, tolerance: float = 1e-5) -> None:
    """Within the tolerance times the largest value."""
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= tolerance * float(wanted.abs().max())


def renamed(weights: dict[str, Tensor], rules: dict[str, str]) -> dict[str, Tensor]:
    """Names changed by all rules in turn."""
    result = {}
    for name, value in weights.items():
        for pattern, replacement in rules.items():
            name = re.sub(pattern, replacement, name)
        result[name] = value
    return result


def split_packed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Packed projections of torch's MultiheadAttention as separate ones, under our names."""
    result = {}
    for name, value in weights.items():
        if ".in_proj_" in name:
            stem, kind = name.split("in_proj_")
            parts = value.chunk(3)
            result |= {
                f"{stem}{part}.{kind}": chunk
                for part, chunk in zip(("query", "key", "value"), parts, strict=True)
            }
        else:
            result[re.sub(r"\b([qkv])_proj_weight", lambda m: f"{_PARTS[m[1]]}.weight", name)] = value
    return renamed(result, {r"\battn\.": "attention.", r"\bout_proj\.": "output."})


_PARTS = {"q": "query", "k": "key", "v": "value"}

WAV2VEC2_RULES = {
    r"^feature_extractor\.conv_layers\.(\d+)\.0\.": r"conv_stack.layers.\1.",
    r"^feature_extractor\.conv_layers\.0\.2\.": "conv_stack.norm.",
    r"^layer_norm\.": "conv_norm.",
    r"^post_extract_proj\.": "projection.",
    r"^conv_pos\.pos_conv\.0\.": "positions.conv.",
    r"^encoder\.layer_norm\.": "norm.",
    r"^encoder\.layers\.": "layers.",
    r"\.self_attn\.out_proj\.": ".attention.output.",
    r"\.self_attn\.q_proj\.": ".attention.query.",
    r"\.self_attn\.k_proj\.": ".attention.key.",
    r"\.self_attn\.v_proj\.": ".attention.value.",
    r"\.self_attn_layer_norm\.": ".attention_norm.",
    r"\.final_layer_norm\.": ".feedforward_norm.",
}
PRETRAINING_ONLY = {
    "mask_emb",
    "quantizer.vars",
    "quantizer.weight_proj.weight",
    "quantizer.weight_proj.bias",
    "project_q.weight",
    "project_q.bias",
    "final_proj.weight",
    "final_proj.bias",
}

DECODER_RULES = {
    r"^resblocks\.(\d+)\.": lambda match: f"layers.{2 * int(match[1])}.",
    r"^cross_attn\.(\d+)\.": lambda match: f"layers.{2 * int(match[1]) + 1}.",
    r"\.ln_1_kv\.": ".context_norm.",
    r"\.ln_1\.": ".attention_norm.",
    r"\.ln_2\.": ".feedforward_norm.",
    r"\.mlp\.c_fc\.": ".fc1.",
    r"\.mlp\.c_proj\.": ".fc2.",
    r"^ln_final\.": "norm.",
    r"^text_projection$": "output",
}
