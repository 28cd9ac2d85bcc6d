"""ECG-FM in training: what it reads of each half of a recording, and its loss term by term."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from scipy.stats import kstest
from torch import Tensor

import melp.methods.ecg_fm
from melp.losses.masked_frames import masked_frame_contrast
from melp.methods._base import Inputs
from melp.methods.ecg_fm import ECGFM, ECGFMConfig

RECORDS, SAMPLES = 6, 1280
SIZES = {"dim": 16, "heads": 2, "layers": 1, "feedforward": 32, "conv_channels": 16}
NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0}
PATIENTS = [4, 4, 5, 6, 5, -1]


@dataclass
class Seen:
    """What the parts of ECG-FM are given and return in one step; the rows are halves."""

    result: dict[str, Tensor]
    ecg: Tensor
    features: Tensor
    context: Tensor
    noise: Tensor
    contrast: dict[str, Tensor]


def batch() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    return {
        "ecg": torch.randn(RECORDS, 12, SAMPLES, generator=generator),
        "key": torch.arange(RECORDS) + 20,
        "patient": torch.tensor(PATIENTS),
        "step": 7,
        "steps": 10,
    }


@pytest.fixture(scope="module")
def method() -> ECGFM:
    torch.manual_seed(0)
    config = ECGFMConfig(
        encoder="wav2vec2_tiny", encoder_options=SIZES | NO_DROPOUT, entries=8, dim=16, span=4, negatives=5
    )
    return ECGFM(config, Inputs(samples=SAMPLES, rate=100)).train()


@pytest.fixture(scope="module")
def seen(method: ECGFM) -> Seen:
    """One training step, watched."""
    kept: dict[str, Any] = {}

    def contrast(
        context: Tensor, target: Tensor, entries: Tensor, masked: Tensor, draw: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        kept["contrast"] = {
            "context": context,
            "target": target,
            "entries": entries,
            "masked": masked,
            "draw": draw,
        }
        assert temperature == 0.1
        return masked_frame_contrast(context, target, entries, masked, draw, temperature)

    def stack(module: Any, given: tuple[Tensor, ...], output: Tensor) -> None:
        kept["ecg"], kept["features"] = given[0], output

    hooks = [
        method.encoder.conv_stack.register_forward_hook(stack),
        method.encoder.layers.register_forward_hook(
            lambda module, given, output: kept.update(context=output)
        ),
        method.quantiser.register_forward_pre_hook(lambda module, given: kept.update(noise=given[2])),
    ]
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(melp.methods.ecg_fm, "masked_frame_contrast", contrast)
        kept["result"] = method(batch())
    for hook in hooks:
        hook.remove()
    return Seen(**kept)


def test_each_half_is_read_with_about_half_of_its_leads(seen: Seen) -> None:
    half, masked = SAMPLES // 2, torch.zeros(2 * RECORDS, 12, dtype=torch.bool)
    for row in range(2 * RECORDS):
        first = row % 2 * half
        original = batch()["ecg"][row // 2, :, first : first + half]
        for lead in range(12):
            masked[row, lead] = not seen.ecg[row, lead].equal(original[lead])
            if masked[row, lead]:
                assert seen.ecg[row, lead].equal(original[lead].median().expand(half))
    assert 0.35 < float(masked.float().mean()) < 0.65 and not masked.all(1).any()
    assert len(masked.unique(dim=0)) == 2 * RECORDS, "no two halves have the same leads"


def test_the_two_halves_have_their_own_random_numbers(seen: Seen) -> None:
    for name, values in (
        ("spans", seen.contrast["masked"]),
        ("draw", seen.contrast["draw"]),
        ("noise", seen.noise),
    ):
        assert len(values.unique(dim=0)) == 2 * RECORDS, name


def test_noise_of_the_quantiser_is_gumbel(seen: Seen) -> None:
    # The distribution function of the standard Gumbel distribution is exp(-exp(-x)).
    assert kstest(torch.exp(-torch.exp(-seen.noise)).flatten().numpy(), "uniform").pvalue > 0.01
    assert float(seen.noise.mean()) == pytest.approx(0.5772, abs=0.05)


@torch.no_grad()
def test_masked_frames_are_replaced_by_the_mask_token(method: ECGFM, seen: Seen) -> None:
    frames, masked = method.encoder.project(seen.features), seen.contrast["masked"]
    for row in range(2 * RECORDS):
        for place in range(frames.shape[1]):
            if masked[row, place]:
                frames[row, place] = method.mask_token
    context = method.encoder.contextualise(frames)
    torch.testing.assert_close(seen.context, context)
    torch.testing.assert_close(seen.contrast["context"], method.context_projection(context))


@torch.no_grad()
def test_terms_of_the_loss_by_hand(method: ECGFM, seen: Seen) -> None:
    errors, _ = masked_frame_contrast(**seen.contrast, temperature=0.1)
    frames = float(errors.sum()) / int(seen.contrast["masked"].sum())

    logits = method.quantiser.logits(method.encoder.conv_norm(seen.features.transpose(1, 2))).unflatten(
        -1, (2, 8)
    )
    used = logits.softmax(-1).mean((0, 1))
    perplexities = [math.exp(-sum(share * math.log(share) for share in group)) for group in used.tolist()]
    diversity = 1 - sum(perplexities) / 16

    squares = [value * value for value in seen.features.flatten().tolist()]
    penalty = sum(squares) / len(squares)

    halves = contrast_of_halves(seen.context.mean(1))
    assert float(seen.result["frames"]) == pytest.approx(frames, rel=1e-4)
    assert float(seen.result["diversity_loss"]) == pytest.approx(diversity, rel=1e-4)
    assert float(seen.result["halves"]) == pytest.approx(halves, rel=1e-4)
    assert min(0.1 * diversity, 10 * penalty, halves) > 1e-3 * frames, "every term is seen in the sum"
    total = frames + 0.1 * diversity + 10 * penalty + halves
    assert float(seen.result["loss"]) == pytest.approx(total, rel=1e-5)


def contrast_of_halves(vectors: Tensor) -> float:
    """Return the mean over pairs of one patient, and over both directions, of -log softmax(cosine / 0.1)."""
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    first, second = unit[0::2], unit[1::2]
    losses = []
    for one, other in ((first, second), (second, first)):
        for i in range(RECORDS):
            cosines = [float(one[i] @ other[k]) / 0.1 for k in range(RECORDS)]
            same = [k for k in range(RECORDS) if i == k or PATIENTS[i] == PATIENTS[k] >= 0]
            losses += [math.log(sum(map(math.exp, cosines))) - cosines[k] for k in same]
    return sum(losses) / len(losses)
