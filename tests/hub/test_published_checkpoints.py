"""Published checkpoints of MELP and MERL, converted, give the numbers of the published models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import small_published as twin
from melp.errors import MelpError
from melp.evaluation.embed import require
from melp.hub import Model, load
from melp.hub.published import convert_checkpoint

TEXT = "sinus rhythm. t wave inversion."
WORDS = ["sinus", "rhythm", "t", "wave", "inversion", "."]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of 129 word pieces, to which melp adds [BOS]."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    entries = special + WORDS + [f"word{number}" for number in range(129 - len(special) - len(WORDS))]
    pieces = Tokenizer(models.WordPiece({word: n for n, word in enumerate(entries)}, unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.decoder = decoders.WordPiece()
    names = dict(
        zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True)
    )
    folder = tmp_path_factory.mktemp("heart_bert")
    PreTrainedTokenizerFast(tokenizer_object=pieces, **names).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def signal() -> Tensor:
    """Two records in mV, 500 Hz, in the standard order."""
    return torch.randn(2, 12, 5000, generator=torch.Generator().manual_seed(5)).cumsum(-1) / 50


def embedded(model: Model, signal: Tensor) -> Tensor:
    """The embedding of a signal in mV at 500 Hz."""
    vectors: Tensor = model.method.embed(model.inputs(signal.numpy(), 500))
    return vectors


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-5 * float(wanted.abs().max()))


@torch.no_grad()
def same_as_published(model: Model, state: dict[str, Tensor], signal: Tensor) -> None:
    """Embeddings, text vector and report logits of a converted MELP are those of the published one."""
    method: Any = model.method
    frames = twin.wav2vec2(twin.part(state, "ecg_encoder.ecg_encoder."), twin.published_input(signal))
    beats = twin.melp_pooled(state, "contrast", frames)
    close(embedded(model, signal), beats.mean(1))
    ecg = model.inputs(signal.numpy(), 500)
    shared = torch.nn.functional.normalize((beats @ state["ecg_encoder.proj_contrast"]).mean(1), dim=-1)
    close(method.project_ecg(ecg), shared)
    special = method.text.special
    tokens = method.reports([TEXT.split(". ")])["tokens"]
    latent, states = twin.melp_text(state, tokens[0], special.pad, special.cls)
    close(method.embed_text([TEXT.split(". ")]), latent)
    ecg_tokens = twin.melp_pooled(state, "caption", frames)[:1]
    wanted = twin.melp_logits(state, states, ecg_tokens)[:, : tokens.shape[1]]
    own_tokens = method.token_norm(method.token_pooler(method.encoder(ecg[:1])))
    close(method.decoder(method.text.decoder_states(tokens), own_tokens), wanted)


@pytest.mark.parametrize("beats", [10, 12, 13, 14])
def test_melp(parity: Path, text: Path, signal: Tensor, tmp_path: Path, beats: int) -> None:
    state = twin.filled(twin.manifest(parity, beats))
    file = tmp_path / "epoch=3.ckpt"
    torch.save({"state_dict": state, "epoch": 3, "hyper_parameters": {"lr": 2e-4}}, file)
    conversion = convert_checkpoint(file, tmp_path / "melp", text)
    assert conversion.beats == beats
    assert conversion.used + len(conversion.unused) == len(state) == 550
    same_as_published(load(tmp_path / "melp"), state, signal)


@pytest.mark.slow
def test_melp_at_full_size(parity: Path, text: Path, signal: Tensor, tmp_path: Path) -> None:
    state = twin.filled(twin.manifest(parity, small=False))
    save_file(state, tmp_path / "melp.safetensors")
    convert_checkpoint(tmp_path / "melp.safetensors", tmp_path / "melp", text)
    same_as_published(load(tmp_path / "melp"), state, signal)


def test_what_is_not_used_is_listed(parity: Path, text: Path, tmp_path: Path) -> None:
    file = tmp_path / "melp.safetensors"
    save_file(twin.filled(twin.manifest(parity)), file)
    conversion = convert_checkpoint(file, tmp_path / "melp", text)
    assert set(conversion.unused) == {
        "ecg_encoder.logit_scale",
        *(f"ecg_encoder.bn.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")),
        "ecg_encoder.ecg_encoder.mask_emb",
        "ecg_encoder.ecg_encoder.quantizer.vars",
        *(
            f"ecg_encoder.ecg_encoder.{module}.{kind}"
            for module in ("quantizer.weight_proj", "project_q", "final_proj")
            for kind in ("weight", "bias")
        ),
        "lm_model.cls.predictions.bias",
        *(
            f"lm_model.cls.predictions.{module}.{kind}"
            for module in ("transform.dense", "transform.LayerNorm", "decoder")
            for kind in ("weight", "bias")
        ),
    }
    assert conversion.lines()[0] == "melp with 14 beat queries: 531 tensors used, 19 not used"
    (line,) = (line for line in conversion.lines() if "self-supervised" in line)
    assert line.startswith("not used (only for the self-supervised pretraining of the encoder): ecg_encoder.")
    config = load(tmp_path / "melp").config
    assert config["published"]["unused"] == conversion.unused
    assert config["preprocessing"] == {
        "rate": 500, "seconds": 10, "filter": "none", "scaling": "minmax",
        "leads": ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"],
    }  # fmt: skip


def test_the_encoder_of_melp_alone(parity: Path, signal: Tensor, tmp_path: Path) -> None:
    whole = twin.filled(twin.manifest(parity))
    state = twin.part(whole, "ecg_encoder.")
    save_file(state, tmp_path / "encoder.safetensors")
    conversion = convert_checkpoint(tmp_path / "encoder.safetensors", tmp_path / "melp")
    assert conversion.used + len(conversion.unused) == len(state)
    assert "ecg_encoder.attn_pool_caption.query" in conversion.unused
    model = load(tmp_path / "melp")
    with torch.no_grad():
        frames = twin.wav2vec2(twin.part(state, "ecg_encoder."), twin.published_input(signal))
        close(
            embedded(model, signal),
            twin.melp_pooled(whole, "contrast", frames).mean(1),
        )
    assert repr(model).endswith("it can embed)")
    for ability in ("project_ecg", "embed_text", "beat_vectors", "generate"):
        with pytest.raises(MelpError, match="converted from an encoder alone, so it has no "):
            require(model, ability)


def merl_shapes(parity: Path) -> dict[str, tuple[int, ...]]:
    """The encoder has the published size; the language model is narrow."""
    parameters = json.loads((parity / "meta.json").read_text())["resnet18_1d"]["parameters"]
    shapes = {f"ecg_encoder.{name}": tuple(shape) for name, shape in parameters}
    norms = [name for name in shapes if name.endswith("running_var")]
    shapes |= {name.replace("running_var", "num_batches_tracked"): () for name in norms}
    bert = twin.part(twin.manifest(parity), "lm_model.bert.")  # type: ignore[arg-type]
    shapes |= {f"lm_model.{name}": shape for name, shape in bert.items()}  # type: ignore[misc]
    shapes["lm_model.embeddings.word_embeddings.weight"] = (129, 64)
    pool = {
        "cls_token": (1, 1, 256), "positional_embedding": (1, 314, 256),
        "mhsa.in_proj_weight": (768, 256), "mhsa.in_proj_bias": (768,),
        "mhsa.out_proj.weight": (256, 256), "mhsa.out_proj.bias": (256,),
        "c_proj.weight": (256, 256), "c_proj.bias": (256,),
    }  # fmt: skip
    return {
        **shapes,
        **{f"att_pool_head.{name}": shape for name, shape in pool.items()},
        "lm_model.pooler.dense.weight": (64, 64), "lm_model.pooler.dense.bias": (64,),
        "downconv.weight": (256, 512, 1), "downconv.bias": (256,),
        "linear1.weight": (256, 256), "linear2.weight": (256, 256),
        "proj_t.0.weight": (256, 64), "proj_t.0.bias": (256,),
        "proj_t.2.weight": (256, 256), "proj_t.2.bias": (256,),
    }  # fmt: skip


@torch.no_grad()
def test_merl(parity: Path, text: Path, signal: Tensor, tmp_path: Path) -> None:
    state = twin.filled(merl_shapes(parity))
    torch.save(state, tmp_path / "res18_best_ckpt.pth")
    conversion = convert_checkpoint(tmp_path / "res18_best_ckpt.pth", tmp_path / "merl", text)
    assert set(conversion.unused) == {"ecg_encoder.linear.weight", "ecg_encoder.linear.bias"}
    model = load(tmp_path / "merl")
    method: Any = model.method
    ecg = twin.published_input(signal)
    close(
        embedded(model, signal),
        twin.resnet(twin.part(state, "ecg_encoder."), ecg).mean(-1),
    )
    close(method.project_ecg(model.inputs(signal.numpy(), 500)), twin.merl_ecg(state, ecg))
    tokens = method.reports([TEXT.split(". ")])["tokens"][0]
    tokens[0] = method.text.special.cls
    close(method.embed_text([TEXT.split(". ")]), twin.merl_text(state, tokens))
    close(method.copies[1][0].weight, state["linear2.weight"])


VIT_LAYER = {
    "attn.fn.to_qkv": (576, 192),
    "attn.fn.to_out.0": (192, 192),
    "ff.fn.net.0": (768, 192),
    "ff.fn.net.3": (192, 768),
}


@torch.no_grad()
def test_the_encoders_of_merl_alone(parity: Path, signal: Tensor, tmp_path: Path) -> None:
    state = twin.part(twin.filled(merl_shapes(parity)), "ecg_encoder.")
    torch.save(state, tmp_path / "res18_best_encoder.pth")
    convert_checkpoint(tmp_path / "res18_best_encoder.pth", tmp_path / "resnet")
    model = load(tmp_path / "resnet")
    close(
        embedded(model, signal),
        twin.resnet(state, twin.published_input(signal)).mean(-1),
    )
    with pytest.raises(MelpError, match="converted from an encoder alone"):
        require(model, "project_ecg")
    shapes: dict[str, tuple[int, ...]] = {
        "to_patch_embedding.weight": (192, 12, 50), "pos_embedding": (1, 100, 192),
        "norm.weight": (192,), "norm.bias": (192,),
    }  # fmt: skip
    for block in range(12):
        for name, shape in VIT_LAYER.items():
            shapes |= {f"block{block}.{name}.weight": shape, f"block{block}.{name}.bias": shape[:1]}
        for name in ("attn.norm", "ff.norm"):
            shapes |= {f"block{block}.{name}.weight": (192,), f"block{block}.{name}.bias": (192,)}
    torch.save(twin.filled(shapes), tmp_path / "vit_tiny_best_encoder.pth")
    conversion = convert_checkpoint(tmp_path / "vit_tiny_best_encoder.pth", tmp_path / "vit")
    vit = load(tmp_path / "vit")
    assert (conversion.used, vit.config["method"]["encoder"]) == (len(shapes), "vit_tiny")
    assert vit.config["method"]["encoder_options"] == {}
    weight = twin.filled(shapes)["block3.attn.fn.to_qkv.weight"]
    close(vit.method.encoder.layers[3].attention.value.weight, weight[384:])


class Code:
    """Pickled as a call, which an unpickler would make."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("this must not run",)


CHANGES: dict[str, tuple[Any, str]] = {
    "unknown": (
        lambda state: state.update({"ecg_encoder.extra.weight": torch.ones(2)}),
        r"ecg_encoder\.extra\.weight of shape \(2,\) found, wanted no ecg_encoder\.extra\.weight",
    ),
    "missing": (
        lambda state: state.pop("ecg_encoder.ln_contrast.weight"),
        r"no beat_norm\.weight found, wanted beat_norm\.weight of shape \(256,\)",
    ),
    "no sizes": (
        lambda state: state.pop("ecg_encoder.ecg_encoder.post_extract_proj.weight"),
        r"no encoder\.projection\.weight found, wanted all tensors of melp",
    ),
    "other shape": (
        lambda state: state.update({"sent_proj.weight": torch.ones(256, 65)}),
        r"statement_projection\.weight of shape \(256, 65\) found, wanted",
    ),
    "vocabulary": (
        lambda state: state.update({"lm_model.bert.embeddings.word_embeddings.weight": torch.ones(140, 64)}),
        "a tokenizer with 130 word pieces found, wanted the 140 of",
    ),
    "twice": (
        lambda state: state.update({"decoder.output": state["text_decoder.text_projection"]}),
        r"text_decoder\.text_projection and decoder\.output found, both decoder",
    ),
    "something else": (
        lambda state: [state.pop(name) for name in list(state) if "contrast" in name or "norm" in name],
        "found, wanted the tensors of MELP or MERL as published",
    ),
    "no tensors": (lambda state: state.update(epoch=3), "something else than named tensors found"),
    "code": (
        lambda state: state.update(callback=Code()),
        "refused, because it cannot be opened with weights_only=True",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_refused(parity: Path, text: Path, tmp_path: Path, change: str, capfd: Any) -> None:
    state: dict[str, Any] = twin.filled(twin.manifest(parity))
    alter, message = CHANGES[change]
    alter(state)
    torch.save(state, tmp_path / "melp.ckpt")
    with pytest.raises(MelpError, match=message) as caught:
        convert_checkpoint(tmp_path / "melp.ckpt", tmp_path / "melp", text)
    assert "\n" not in str(caught.value) and not (tmp_path / "melp").exists()
    assert "this must not run" not in capfd.readouterr().out


def test_files_that_are_no_checkpoint(parity: Path, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match=r"nothing\.ckpt: no such file"):
        convert_checkpoint(tmp_path / "nothing.ckpt", tmp_path / "melp")
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    with pytest.raises(MelpError, match="cannot be opened with weights_only=True"):
        convert_checkpoint(tmp_path / "text.ckpt", tmp_path / "melp")
    torch.save(twin.filled(twin.manifest(parity)), tmp_path / "melp.ckpt")
    with pytest.raises(MelpError, match="no tokenizer found, wanted --text FOLDER"):
        convert_checkpoint(tmp_path / "melp.ckpt", tmp_path / "melp")
