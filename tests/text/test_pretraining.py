"""Stage 1: masking, and the written folder, against Hugging Face."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers

from melp.nn.bert import BertConfig
from melp.text.hugging_face import folder_config
from melp.text.model import LanguageModel
from melp.text.pretraining import MaskedLanguageModel
from melp.text.tokenizer import ReportEncoder

TEXTS = ["sinus rhythm", "atrial fibrillation with rapid ventricular response", "left bundle branch block"]
BERT = BertConfig(dim=16, layers=2, heads=2, feedforward=32, positions=40, dropout=0, attention_dropout=0)


@pytest.fixture(scope="module")
def model() -> MaskedLanguageModel:
    torch.manual_seed(0)
    model = MaskedLanguageModel(
        LanguageModel.from_scratch([text + "." for text in TEXTS * 4], 150, BERT), 0.15
    )
    # At BERT's initial scale all predictions are nearly equal, which would hide differences.
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def batch(model: MaskedLanguageModel, reports: list[list[str]]) -> dict[str, torch.Tensor]:
    key = torch.arange(len(reports)) + 100
    return {**ReportEncoder(model.language.tokenizer)(reports), "key": key}


def test_fractions_of_masked_replaced_and_unchanged(model: MaskedLanguageModel) -> None:
    tokenizer, rows, width = model.language.tokenizer, 500, 200
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(6, len(tokenizer), (rows, width), generator=generator)
    maskable = torch.rand(rows, width, generator=generator) < 0.9
    chosen, inputs = model._mask(tokens, torch.arange(rows), maskable)
    assert not chosen[~maskable].any()
    assert torch.equal(inputs[~chosen], tokens[~chosen])
    masked = inputs == tokenizer.mask_token_id
    replaced = chosen & ~masked & (inputs != tokens)
    unchanged = chosen & (inputs == tokens)
    count = int(maskable.sum())
    for selected, share, of in (
        (chosen, 0.15, count),
        (masked, 0.12, count),
        # One replacement in a vocabulary is the word itself.
        (replaced, 0.015 * (1 - 2 / len(tokenizer)), count),
        (unchanged, 0.015, count),
    ):
        spread = (share * (1 - share) / of) ** 0.5
        assert int(selected.sum()) / of == pytest.approx(share, abs=5 * spread)
    counts = torch.bincount(inputs[replaced], minlength=len(tokenizer))
    assert (counts > 0).float().mean() > 0.95, "replacements come from the whole vocabulary"


def test_specials_are_never_predicted(model: MaskedLanguageModel) -> None:
    tokenizer = model.language.tokenizer
    rows = ReportEncoder(tokenizer)([TEXTS[:1], TEXTS] * 300)
    chosen, inputs = model._mask(rows["tokens"], torch.arange(600), rows["sentence"] >= 0)
    specials = torch.isin(rows["tokens"], torch.tensor([0, 1, 2, 3, 4, 5]))
    assert specials.any() and not chosen[specials].any()
    assert torch.equal(inputs[specials], rows["tokens"][specials])


def test_masking_is_a_function_of_the_key(model: MaskedLanguageModel) -> None:
    tokens = torch.randint(6, 60, (4, 30))
    maskable = torch.ones_like(tokens, dtype=torch.bool)
    keys = torch.tensor([5, -7, 2**62, 5])
    chosen, inputs = model._mask(tokens, keys, maskable)
    order = torch.tensor([2, 0, 3, 1])
    permuted_mask, permuted = model._mask(tokens[order], keys[order], maskable)
    assert torch.equal(permuted_mask, chosen[order]) and torch.equal(permuted, inputs[order])
    assert torch.equal(chosen[0], chosen[3]) and not torch.equal(chosen[0], chosen[1])


@torch.no_grad()
def test_folder_opens_as_hugging_faces_masked_language_model(
    model: MaskedLanguageModel, tmp_path: Path
) -> None:
    from melp.hub.folder import write_weights

    tokenizer = model.language.tokenizer
    config = folder_config(model.bert.config, tokenizer.pad_token_id)
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_weights(tmp_path / "model.safetensors", model.hugging_face_state())
    theirs, report = transformers.BertForMaskedLM.from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation="eager"
    )
    assert not report["missing_keys"] and not report["mismatched_keys"]
    inputs = batch(model, [TEXTS, TEXTS[:1], TEXTS[1:]])
    chosen, masked = model._mask(inputs["tokens"], inputs["key"], inputs["sentence"] >= 0)
    assert chosen.any()
    masked = torch.where(masked == tokenizer.bos_token_id, tokenizer.cls_token_id, masked)
    logits = theirs.eval()(masked, attention_mask=(inputs["tokens"] != tokenizer.pad_token_id).long()).logits
    wanted = torch.nn.functional.cross_entropy(logits[chosen], inputs["tokens"][chosen])
    outputs = model(inputs)
    torch.testing.assert_close(outputs["loss"], wanted, rtol=1e-5, atol=1e-5)
    accuracy = (logits.argmax(-1) == inputs["tokens"])[chosen].float().mean()
    assert float(outputs["accuracy"]) == pytest.approx(float(accuracy))


@torch.no_grad()
def test_loss_does_not_depend_on_padding_or_order(model: MaskedLanguageModel) -> None:
    inputs = batch(model, [TEXTS, TEXTS[:1], TEXTS[1:]])
    wanted = model(inputs)["loss"]
    order = torch.tensor([1, 2, 0])
    permuted = model({name: value[order] for name, value in inputs.items()})["loss"]
    torch.testing.assert_close(permuted, wanted)
    assert wanted > 0


def test_loss_is_zero_without_targets(model: MaskedLanguageModel) -> None:
    outputs = model(batch(model, [[], []]))
    assert float(outputs["loss"]) == 0 and float(outputs["accuracy"]) == 0
    outputs["loss"].backward()


def test_stage_1_folder(tiny_run: Path) -> None:
    theirs, report = transformers.BertForMaskedLM.from_pretrained(
        tiny_run / "text", output_loading_info=True, attn_implementation="eager"
    )
    assert not report["missing_keys"] and not report["mismatched_keys"]
    language = LanguageModel.load(tiny_run / "text")
    tokens = ReportEncoder(language.tokenizer)([["sinus rhythm", "left bundle branch block"]])["tokens"]
    with torch.no_grad():
        wanted = theirs.eval().bert(tokens).last_hidden_state
        states = language.bert.eval()(tokens, torch.arange(tokens.shape[1])[None])
    torch.testing.assert_close(states, wanted, rtol=1e-5, atol=1e-5)
