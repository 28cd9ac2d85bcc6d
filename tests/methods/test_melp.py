"""MELP: losses against loops, forms of the text tower, generated reports."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from melp.errors import MelpError
from melp.losses.contrastive import global_contrastive
from melp.losses.local_alignment import local_alignment_loss
from melp.methods import get_method, list_methods
from melp.methods._reports import matching_reports
from melp.text.generation import beam_search
from small_methods import Workshop

ATTENTIONS = {
    "causal": (),
    "bidirectional": ("text_attention=bidirectional",),
    "statement": ("text_attention=statement", "text_pooling=statements"),
}
forms = pytest.mark.parametrize("attention", ATTENTIONS)


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def sharpen(method: Any) -> Any:
    """Increase the scale of the weights, because at BERT's own scale leaks would be too small to detect."""
    for weight in method.text.bert.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return method


def test_methods_are_listed_by_file() -> None:
    assert "melp" in list_methods() and not any(name.startswith("_") for name in list_methods())
    assert get_method("melp").__name__ == "MELP"
    with pytest.raises(MelpError, match=r"method: '_base' found, wanted one of .*melp"):
        get_method("_base")


@forms
def test_loss_is_the_weighted_sum(workshop: Workshop, attention: str) -> None:
    weights = ("global_weight=0.5", "caption_weight=3", "local_weight=0.25", "lead_masking=0")
    method: Any = workshop.method("melp", (*ATTENTIONS[attention], *weights)).eval()
    batch = workshop.batch("melp")
    with torch.no_grad():
        result = method(batch)
        text = method.text(batch["tokens"], batch["sentence"])
        beats = method._beats(method.encoder(batch["ecg"])) @ method.beat_projection
        ecg = F.normalize(beats.mean(1), dim=1)
        global_loss = global_contrastive(ecg, F.normalize(text.latent, dim=1), 1 / 0.07)
        owner, rows = [], []
        for row, report in enumerate(text.statements):
            for place, vector in enumerate(report):
                if text.statement_mask[row, place]:
                    owner.append(row)
                    rows.append(method.statement_projection(vector))
        local = local_alignment_loss(beats, torch.stack(rows), torch.tensor(owner))
    torch.testing.assert_close(result["global"], global_loss)
    torch.testing.assert_close(result["local"], local)
    total = 0.5 * result["global"] + 3 * result["caption"] + 0.25 * result["local"]
    torch.testing.assert_close(result["loss"], total)


@torch.no_grad()
@forms
def test_caption_loss_of_the_whole_report_token_by_token(workshop: Workshop, attention: str) -> None:
    method: Any = sharpen(workshop.method("melp", (*ATTENTIONS[attention], "decoder_tied=true")).eval())
    batch = workshop.batch("melp")
    total, count = 0.0, 0
    for row in range(len(batch["ecg"])):
        tokens = batch["report"][row][batch["report"][row] != method.text.special.pad]
        ecg_tokens = method.token_norm(method.token_pooler(method.encoder(batch["ecg"][row : row + 1])))
        for place in range(1, len(tokens)):
            states = method.text.decoder_states(tokens[None, :place])
            logits = method.decoder(states, ecg_tokens, embeddings=method._word_embeddings())[0, -1]
            total -= float(logits.log_softmax(0)[tokens[place]])
            count += 1
    assert float(method(batch)["caption"]) == pytest.approx(total / count, rel=1e-4)


@torch.no_grad()
@forms
def test_logits_do_not_depend_on_their_target(workshop: Workshop, attention: str) -> None:
    method: Any = sharpen(workshop.method("melp", ATTENTIONS[attention]).eval())
    batch = workshop.batch("melp", size=2)
    ecg_tokens = method.token_norm(method.token_pooler(method.encoder(batch["ecg"])))

    def logits(tokens: Tensor) -> Tensor:
        states = method.text(tokens, batch["sentence"]).states
        return method.decoder(states, ecg_tokens)

    tokens = batch["tokens"]
    expected = logits(tokens)
    written = int((tokens[0] != method.text.special.pad).sum())
    assert written > 3
    for place in range(1, written):
        changed = tokens.clone()
        changed[0, place] = (changed[0, place] + 7) % 200 + 10
        result = logits(changed)
        # Logits predict the next word, so those before `place` must not depend on it.
        torch.testing.assert_close(result[0, :place], expected[0, :place])
        assert not torch.allclose(result[0, place], expected[0, place])
        torch.testing.assert_close(result[1], expected[1])


def numbers(*reports: str) -> Tensor:
    width = max(len(report.split()) for report in reports)
    rows = [[sum(map(ord, word)) for word in report.split()] for report in reports]
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


@pytest.mark.parametrize("option", ["negatives", "positives", "implied"])
def test_matching_reports_by_sets(option: str) -> None:
    reports = ["a b", "b a", "a", "c a b", "d", "", "a b d", "d"]
    shown = ["a", "b a", "a", "b", "d", "", "d a", "d"]
    batch: Any = {"all_statements": numbers(*reports), "shown_statements": numbers(*shown)}
    result = matching_reports(batch, option)
    if option == "negatives":
        assert result is None
        return
    for ecg in range(len(reports)):
        for text in range(len(shown)):
            statements, shown_statements = set(reports[ecg].split()), set(shown[text].split())
            if option == "positives":
                statements, same = set(shown[ecg].split()), set(shown[ecg].split()) == shown_statements
            else:
                same = shown_statements <= statements
            assert bool(result[ecg, text]) == (same and bool(shown_statements)), (ecg, text)


def test_identical_reports_may_be_positives(workshop: Workshop) -> None:
    batch = workshop.batch("melp", size=4)
    for name in ("tokens", "sentence", "shown_statements", "all_statements", "report"):
        batch[name] = batch[name][:1].expand(4, -1)
    losses = {}
    for option in ("negatives", "positives", "implied"):
        method: Any = workshop.method("melp", (f"identical_reports={option}", "lead_masking=0")).eval()
        with torch.no_grad():
            losses[option] = method(batch)
    for name in ("global", "local"):
        assert float(losses["positives"][name]) == pytest.approx(float(losses["implied"][name]))
    # All texts are the same: the rows are uniform and their loss is log 4.
    assert float(losses["negatives"]["global"]) > math.log(4)
    assert float(losses["positives"]["local"]) < float(losses["negatives"]["local"]) + 1e-3


@torch.no_grad()
@forms
def test_text_vectors_do_not_depend_on_the_batch(workshop: Workshop, attention: str) -> None:
    method: Any = sharpen(workshop.method("melp", ATTENTIONS[attention]).eval())
    texts = ["sinus rhythm", "left bundle branch block with st depression in v4 to v6", "", "normal ecg"]
    for name in ("embed_text", "embed_statements"):
        together = getattr(method, name)(texts)
        alone = torch.cat([getattr(method, name)([text]) for text in texts])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        assert torch.pdist(together).min() > 1e-3
    assert method.embed_text(texts).norm(dim=1).tolist() == pytest.approx([1] * 4)


@torch.no_grad()
def test_statement_vectors_do_not_depend_on_the_report(workshop: Workshop) -> None:
    method: Any = sharpen(workshop.method("melp", ATTENTIONS["statement"]).eval())
    reports = workshop.store.index["statements"].tolist()[:24]
    batch = method.reports(reports)
    features = method.text(batch["tokens"], batch["sentence"])
    result = method.statement_projection(features.statements)
    for row, report in enumerate(reports):
        for place, statement in enumerate(report):
            alone = method.embed_statements([statement])[0]
            torch.testing.assert_close(result[row, place], alone, rtol=1e-4, atol=1e-5)
    assert features.statement_mask.sum(1).tolist() == [len(report) for report in reports]


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 3])
@forms
def test_generation_is_the_same_without_caches(workshop: Workshop, attention: str, beams: int) -> None:
    method: Any = sharpen(workshop.method("melp", ATTENTIONS[attention]).eval())
    ecg = workshop.batch("melp", size=3)["ecg"]
    ecg_tokens = method.token_norm(method.token_pooler(method.encoder(ecg))).repeat_interleave(beams, 0)
    tokenizer = method.reports.tokenizer
    prefixes = torch.empty(3 * beams, 0, dtype=torch.int64)

    def step(newest: Tensor) -> Tensor:
        nonlocal prefixes
        prefixes = torch.cat([prefixes, newest], dim=1)
        return method.decoder(method.text.decoder_states(prefixes), ecg_tokens)[:, -1]

    def reorder(rows: Tensor) -> None:
        nonlocal prefixes
        prefixes = prefixes[rows]

    names = ("pad", "cls", "bos", "mask", "unk")
    banned = tuple(getattr(tokenizer, f"{name}_token_id") for name in names)
    start, end = tokenizer.bos_token_id, tokenizer.sep_token_id
    expected = beam_search(step, reorder, 3, start, end, 14, beams, banned)
    result = method.generate(ecg, beams=beams, max_length=14)
    assert result == [method.reports.decode(tokens) for tokens in expected]
    assert not any("[" in text for text in result)
    assert [text for row in range(3) for text in method.generate(ecg[row : row + 1], beams, 14)] == result


def test_leads_are_masked_by_key_and_in_training_only(workshop: Workshop) -> None:
    method = workshop.method("melp", ("encoder=wav2vec2_tiny", "encoder_options={}"))
    batch = workshop.batch("melp")
    other_keys = {**batch, "key": batch["key"] + 1}
    with torch.no_grad():
        method.train()
        first, second, other = (float(method(inputs)["loss"]) for inputs in (batch, batch, other_keys))
        assert first == second != other
        method.eval()
        assert float(method(batch)["loss"]) == float(method(other_keys)["loss"])


@torch.no_grad()
def test_embedding_is_the_mean_normalised_beat(workshop: Workshop) -> None:
    for probe in ("beats", "frames", "stages"):
        method: Any = workshop.method("melp", (f"probe={probe}",)).eval()
        for weight in method.beat_norm.parameters():
            torch.nn.init.normal_(weight)
        ecg = workshop.batch("melp")["ecg"]
        frames, expected = method.encoder(ecg), torch.empty(0)
        if probe == "beats":
            beats = method.beat_pooler(frames)
            deviation = beats.var(-1, unbiased=False, keepdim=True).add(1e-5).sqrt()
            normalised = (beats - beats.mean(-1, keepdim=True)) / deviation
            expected = (normalised * method.beat_norm.weight + method.beat_norm.bias).mean(1)
        elif probe == "frames":
            expected = frames.mean(1)
        else:
            expected = torch.cat([stage.mean(-1) for stage in method.encoder.stages(ecg)], dim=1)
        torch.testing.assert_close(method.embed(ecg), expected, rtol=1e-4, atol=1e-4)


def test_temperature_is_at_least_one_hundredth(workshop: Workshop) -> None:
    method: Any = workshop.method("melp", ("temperature=0.05",))
    assert float(method.logit_scale.exp().detach()) == pytest.approx(20)
    for start, expected in ((9.0, 100.0), (2.0, math.exp(2)), (-1.0, 1.0)):
        method.logit_scale.data.fill_(start)
        method.after_step(1, 2)
        assert float(method.logit_scale.exp().detach()) == pytest.approx(expected)


def test_incompatible_options_are_refused(workshop: Workshop) -> None:
    with pytest.raises(MelpError, match=r"pooling 'cls' with statement attention"):
        workshop.method("melp", ("text_attention=statement",))
    with pytest.raises(MelpError, match=r"text_length: 161 found, wanted at most 160|cls_position 161 found"):
        workshop.method("melp", ("text_attention=bidirectional", "text_length=161"))
    with pytest.raises(MelpError, match="cls_position 160 found, wanted less than 160"):
        workshop.method("melp", ("text_length=160",))
    with pytest.raises(MelpError, match="width 32 found, wanted a multiple of the 3 heads"):
        workshop.method("melp", ("pooler_heads=3",))
    with pytest.raises(MelpError, match=r"option 'depth' found, wanted one of"):
        workshop.method("melp", ("encoder_options={depth: 3}",))
    with pytest.raises(MelpError, match="not sizes of one"):
        workshop.method("melp", ("encoder_options={widths: 3}",))
