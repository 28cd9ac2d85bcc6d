"""The text tower: padding, causality, leaks, caches, statements."""

from __future__ import annotations

from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from melp.errors import MelpError
from melp.nn.bert import Bert, BertConfig
from melp.text.tower import SpecialTokens, TextTower, statement_means

PAD, CLS, SEP, BOS = 4, 7, 1, 9
FORMS = [
    ("causal", "cls"),
    ("causal", "statements"),
    ("bidirectional", "cls"),
    ("bidirectional", "tokens"),
    ("bidirectional", "statements"),
    ("statement", "tokens"),
    ("statement", "statements"),
]


def tower(attention: str = "causal", pooling: str = "cls", **options: Any) -> TextTower:
    torch.manual_seed(0)
    bert = Bert(BertConfig(vocabulary=30, dim=16, layers=3, heads=4, feedforward=32, positions=40))
    sizes = {"projection_hidden": 12, "projection_dim": 8, "cls_position": 31}
    model = TextTower(bert, SpecialTokens(PAD, CLS), attention, pooling, **{**sizes, **options}).eval()
    # At BERT's initial scale the layers hardly change their input, which would hide leaks.
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model


def batch(*reports: list[list[int]], padding: int = 0) -> tuple[Tensor, Tensor]:
    """Return `tokens` and `sentence` of reports, given as lists of statements."""
    tokens = [[BOS, *chain(*report), SEP] for report in reports]
    sentence = [[-1, *(place for place, words in enumerate(report) for _ in words), -1] for report in reports]
    length = max(map(len, tokens)) + padding
    return (
        torch.tensor([row + [PAD] * (length - len(row)) for row in tokens]),
        torch.tensor([row + [-1] * (length - len(row)) for row in sentence]),
    )


REPORTS = ([[11, 12, 13], [14]], [[15, 16]], [[12], [17, 18], [19, 11]])


@torch.no_grad()
@pytest.mark.parametrize(("attention", "pooling"), FORMS)
def test_padding_has_no_effect(attention: str, pooling: str) -> None:
    model = tower(attention, pooling)
    tokens, sentence = batch(*REPORTS)
    wanted = model(tokens, sentence)
    features = model(*batch(*REPORTS, padding=9))
    torch.testing.assert_close(features.latent, wanted.latent, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(features.statements, wanted.statements, rtol=1e-5, atol=1e-5)
    assert torch.equal(features.statement_mask, wanted.statement_mask)
    torch.testing.assert_close(features.states[:, : tokens.shape[1]], wanted.states, rtol=1e-5, atol=1e-5)
    assert features.states[:, tokens.shape[1] :].abs().max() == 0
    alone = model(*batch(REPORTS[1]))
    torch.testing.assert_close(alone.latent[0], wanted.latent[1], rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("attention", "pooling"), FORMS)
def test_decoder_states_do_not_depend_on_later_tokens(attention: str, pooling: str) -> None:
    model = tower(attention, pooling)
    tokens, sentence = batch(REPORTS[2])
    wanted = model(tokens, sentence)
    for place in range(1, tokens.shape[1]):
        changed = tokens.clone()
        changed[0, place] = 20
        features = model(changed, sentence)
        torch.testing.assert_close(features.states[:, :place], wanted.states[:, :place])
        assert not torch.allclose(features.states[:, place], wanted.states[:, place])
        if sentence[0, place] >= 0:
            assert not torch.allclose(features.latent, wanted.latent)


@torch.no_grad()
def test_only_bidirectional_statements_depend_on_later_ones() -> None:
    tokens, sentence = batch(REPORTS[0])
    changed = tokens.clone()
    changed[0, 4] = 20
    for attention, depends in (("causal", False), ("bidirectional", True), ("statement", False)):
        model = tower(attention, "statements")
        first = [model(x, sentence).statements[0, 0] for x in (tokens, changed)]
        assert torch.allclose(*first, rtol=1e-5, atol=1e-6) is not depends


@torch.no_grad()
def test_statement_vectors_do_not_depend_on_the_report() -> None:
    model = tower("statement", "statements")
    features = model(*batch([[11, 12], [13, 14]], [[13, 14]], [[15], [16, 17, 18], [13, 14]]))
    torch.testing.assert_close(features.statements[0, 1], features.statements[1, 0])
    torch.testing.assert_close(features.statements[0, 1], features.statements[2, 2])


@torch.no_grad()
def test_causal_form_equals_its_published_layout() -> None:
    """The published layout: fixed length, [CLS] in the last column, padding masked."""
    model = tower()
    tokens, sentence = batch(*REPORTS)
    width = model.cls_position
    padded = F.pad(tokens, (0, width - tokens.shape[1]), value=PAD)
    published = torch.cat([padded, torch.full((len(tokens), 1), CLS)], dim=1)
    mask = torch.zeros(len(tokens), 1, width + 1, width + 1, dtype=torch.bool)
    for row in range(len(tokens)):
        for query in range(width + 1):
            for key in range(query + 1):
                mask[row, 0, query, key] = bool(published[row, key] != PAD) or key == query
    encoded = model.bert(published, torch.arange(width + 1)[None], mask=mask)
    features = model(tokens, sentence)
    torch.testing.assert_close(features.latent, model.projection(encoded[:, -1]), rtol=1e-5, atol=1e-5)
    real = tokens != PAD
    torch.testing.assert_close(
        features.states[real], encoded[:, : tokens.shape[1]][real], rtol=1e-5, atol=1e-5
    )


@torch.no_grad()
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_cached_states_with_reordered_beams(attention: str) -> None:
    model = tower(attention)
    tokens, sentence = batch([[11, 12, 13]], [[14, 15, 16]])
    wanted = model(tokens, sentence).states
    torch.testing.assert_close(model.decoder_states(tokens), wanted, rtol=1e-5, atol=1e-5)
    cache = model.new_cache()
    steps = [model.decoder_states(tokens[:, :2], cache)]
    cache.reorder(torch.tensor([1, 0]))
    rest = tokens.flip(0)[:, 2:]
    steps += [model.decoder_states(rest[:, place : place + 1], cache) for place in range(rest.shape[1])]
    torch.testing.assert_close(torch.cat(steps[1:], 1), wanted.flip(0)[:, 2:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(steps[0], wanted[:, :2], rtol=1e-5, atol=1e-5)


def test_statement_means_by_a_loop() -> None:
    states = torch.randn(3, 6, 4)
    sentence = torch.tensor([[-1, 0, 0, 1, -1, -1], [-1, -1, -1, -1, -1, -1], [-1, 0, 1, 2, 2, -1]])
    means, mask = statement_means(states, sentence)
    assert mask.tolist() == [[True, True, False], [False] * 3, [True] * 3]
    for row in range(3):
        for statement in range(3):
            chosen = states[row, sentence[row] == statement]
            wanted = chosen.mean(0) if len(chosen) else torch.zeros(4)
            torch.testing.assert_close(means[row, statement], wanted)


def test_only_frozen_layers_have_no_gradient() -> None:
    model = tower(frozen_layers=2).train()
    features = model(*batch(*REPORTS))
    (features.latent.sum() + features.states.square().sum()).backward()
    for name, weight in model.named_parameters():
        frozen = name.startswith(("bert.layers.0.", "bert.layers.1."))
        assert (weight.grad is None) is frozen, name


@pytest.mark.parametrize(("attention", "pooling"), FORMS)
def test_finite_in_bfloat16_and_without_statements(attention: str, pooling: str) -> None:
    model = tower(attention, pooling)
    with torch.autocast("cpu", torch.bfloat16):
        features = model(*batch(REPORTS[0], []))
    assert features.statement_mask.tolist() == [[True, True], [False, False]]
    loss = features.latent.float().square().sum() + features.states.float().square().sum()
    loss.backward()
    assert bool(loss.isfinite())
    assert all(bool(weight.grad.isfinite().all()) for weight in model.parameters() if weight.grad is not None)


def test_ids_of_the_tokenizer() -> None:
    tokenizer = SimpleNamespace(pad_token_id=4, cls_token_id=7)
    assert SpecialTokens.from_tokenizer(tokenizer) == SpecialTokens(pad=4, cls=7)
    with pytest.raises(MelpError, match="no cls_token_id found"):
        SpecialTokens.from_tokenizer(SimpleNamespace(pad_token_id=0, cls_token_id=None))


def test_bad_options_and_long_texts_raise() -> None:
    with pytest.raises(MelpError, match="attention 'both' found, wanted one of causal"):
        tower("both")
    with pytest.raises(MelpError, match="pooling 'cls' with statement attention found"):
        tower("statement", "cls")
    with pytest.raises(MelpError, match="cls_position 40 found, wanted less than 40"):
        tower(cls_position=40)
    with pytest.raises(MelpError, match="32 tokens found, wanted at most 31"):
        tower()(*batch([[11] * 30]))
