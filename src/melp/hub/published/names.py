"""Names of the tensors in published checkpoints, and those of the same tensors in melp.

A rule is a regular expression and its replacement. All rules of a checkpoint apply to each name, in turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

Rules = Mapping[str, str | Callable[[re.Match[str]], str]]

_WAV2VEC2: Rules = {
    r"^encoder\.feature_extractor\.conv_layers\.(\d+)\.0\.": r"encoder.conv_stack.layers.\1.",
    r"^encoder\.feature_extractor\.conv_layers\.0\.2\.": "encoder.conv_stack.norm.",
    r"^encoder\.encoder\.layers\.(\d+)\.final_layer_norm\.": r"encoder.layers.\1.feedforward_norm.",
    r"^encoder\.encoder\.layers\.(\d+)\.self_attn_layer_norm\.": r"encoder.layers.\1.attention_norm.",
    r"^encoder\.encoder\.layers\.(\d+)\.self_attn\.(.+)_proj\.": r"encoder.layers.\1.attention.\2.",
    r"^encoder\.encoder\.layers\.": "encoder.layers.",
    r"^encoder\.layer_norm\.": "encoder.conv_norm.",
    r"^encoder\.encoder\.layer_norm\.": "encoder.norm.",
    r"^encoder\.post_extract_proj\.": "encoder.projection.",
    r"^encoder\.conv_pos\.pos_conv\.0\.": "encoder.positions.conv.",
}

_DECODER: Rules = {
    r"^text_decoder\.resblocks\.(\d+)\.": lambda found: f"decoder.layers.{2 * int(found[1])}.",
    r"^text_decoder\.cross_attn\.(\d+)\.": lambda found: f"decoder.layers.{2 * int(found[1]) + 1}.",
    r"^text_decoder\.ln_final\.": "decoder.norm.",
    r"^text_decoder\.text_projection$": "decoder.output",
    r"\.ln_1_kv\.": ".context_norm.",
    r"\.ln_1\.": ".attention_norm.",
    r"\.ln_2\.": ".feedforward_norm.",
    r"\.mlp\.c_fc\.": ".fc1.",
    r"\.mlp\.c_proj\.": ".fc2.",
}

_BERT: Rules = {
    r"^text\.bert\.embeddings\.LayerNorm\.": "text.bert.embedding_norm.",
    r"^text\.bert\.embeddings\.": "text.bert.",
    r"^text\.bert\.encoder\.layer\.": "text.bert.layers.",
    r"\.attention\.self\.": ".attention.",
    r"\.attention\.output\.LayerNorm\.": ".attention_norm.",
    r"\.attention\.output\.dense\.": ".attention.output.",
    r"\.intermediate\.dense\.": ".fc1.",
    r"^(text\.bert\.layers\.\d+)\.output\.dense\.": r"\1.fc2.",
    r"\.output\.LayerNorm\.": ".feedforward_norm.",
}

# Of torch's and of wav2vec 2.0's attention, after which the packed projections are split.
_ATTENTION: Rules = {
    r"\.(?:attn|mhsa)\.": ".attention.",
    r"\.attention\.([qkv])_proj_weight$": r".attention.\1.weight",
    r"\.attention\.out(?:_proj)?\.": ".attention.output.",
    r"\.attention\.q\.": ".attention.query.",
    r"\.attention\.k\.": ".attention.key.",
    r"\.attention\.v\.": ".attention.value.",
}

MELP: Rules = {
    r"^ecg_encoder\.ecg_encoder\.": "encoder.",
    r"^ecg_encoder\.attn_pool_contrast\.": "beat_pooler.",
    r"^ecg_encoder\.attn_pool_caption\.": "token_pooler.",
    r"^ecg_encoder\.ln_contrast\.": "beat_norm.",
    r"^ecg_encoder\.ln_caption\.": "token_norm.",
    r"^ecg_encoder\.proj_contrast$": "beat_projection",
    r"_pooler\.ln_q\.": "_pooler.query_norm.",
    r"_pooler\.ln_k\.": "_pooler.context_norm.",
    r"^lm_model\.bert\.": "text.bert.",
    r"^proj_t\.": "text.projection.",
    r"^sent_proj\.": "statement_projection.",
    **_BERT,
    **_WAV2VEC2,
    **_DECODER,
    **_ATTENTION,
}

MELP_UNUSED = {
    r"^ecg_encoder\.logit_scale$": "a temperature that no loss of MELP reads",
    r"^ecg_encoder\.bn\.": "statistics of a batch norm that MELP does not apply",
    r"^ecg_encoder\.ecg_encoder\.(mask_emb$|quantizer\.|project_q\.|final_proj\.)": (
        "only for the self-supervised pretraining of the encoder"
    ),
    r"^lm_model\.cls\.": "the word prediction of the language model; the report decoder has its own",
    r"^lm_model\.bert\.embeddings\.position_ids$": "the numbers 0, 1, 2 ...",
}
"""Tensors without a place in melp, by the reason."""

CAPTION_UNUSED = {
    r"^ecg_encoder\.(attn_pool|ln)_caption\.": "read by the report decoder, which the file does not contain",
}

MERL: Rules = {
    r"^ecg_encoder\.": "encoder.",
    r"^encoder\.conv1\.": "encoder.stem.0.",
    r"^encoder\.bn1\.": "encoder.stem.1.",
    r"^encoder\.layer(\d+)\.": lambda found: f"encoder.residual_stages.{int(found[1]) - 1}.",
    r"\.bn(\d)\.": r".norm\1.",
    r"^encoder\.to_patch_embedding\.": "encoder.patch_embedding.",
    r"^encoder\.pos_embedding$": "encoder.positions",
    r"^encoder\.block(\d+)\.": r"encoder.layers.\1.",
    r"\.attn\.norm\.": ".attention_norm.",
    r"\.ff\.norm\.": ".feedforward_norm.",
    r"\.attn\.fn\.to_qkv\.": ".attention.in_proj_",
    r"\.attn\.fn\.to_out\.0\.": ".attention.output.",
    r"\.ff\.fn\.net\.0\.": ".fc1.",
    r"\.ff\.fn\.net\.3\.": ".fc2.",
    r"^downconv\.": "reduction.",
    r"^att_pool_head\.": "pooler.",
    r"^pooler\.cls_token$": "pooler.token",
    r"^pooler\.positional_embedding$": "pooler.positions",
    r"^pooler\.c_proj\.": "pooler.projection.",
    r"^linear(\d)\.": lambda found: f"copies.{int(found[1]) - 1}.0.",
    r"^proj_e\.": "projector.",
    r"^proj_t\.(\d)\.": lambda found: f"text.projection.{int(found[1]) + 2}.",
    r"^lm_model\.pooler\.dense\.": "text.projection.0.",
    r"^lm_model\.": "text.bert.",
    **_BERT,
    **_ATTENTION,
}

MERL_UNUSED = {
    r"^ecg_encoder\.linear\.": "a classifier that MERL does not apply",
    r"^lm_model\.embeddings\.position_ids$": "the numbers 0, 1, 2 ...",
}


SQUEEZED = ("reduction.weight", "pooler.token", "pooler.positions", "encoder.positions")
"""Tensors of MERL that have axes of length 1 more than ours."""


def rename(name: str, rules: Rules) -> str:
    """Return the name in melp of a tensor, after all rules."""
    for pattern, replacement in rules.items():
        name = re.sub(pattern, replacement, name)
    return name


def split_packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with `in_proj_weight` and `in_proj_bias` split into those of query, key and value."""
    split: dict[str, Tensor] = {}
    for name, value in tensors.items():
        stem, packed, kind = name.partition("in_proj_")
        if packed:
            parts = zip(("query", "key", "value"), value.chunk(3), strict=True)
            split |= {f"{stem}{part}.{kind}": chunk for part, chunk in parts}
        else:
            split[name] = value
    return split
