from __future__ import annotations

import math

import pytest
import torch

from melp.augment.leads import mask_leads
from melp.augment.streams import Stream
from melp.errors import MelpError
from melp.losses.masked_frames import diversity_loss, masked_frame_contrast
from melp.methods._base import Inputs
from melp.methods.ecg_fm import ECGFM, ECGFMConfig
from melp.nn.quantiser import GumbelQuantiser

SMALL = {"dim": 16, "heads": 2, "layers": 1, "feedforward": 32, "conv_channels": 16}


def small(samples: int = 1280, **options: object) -> ECGFM:
    torch.manual_seed(0)
    config = ECGFMConfig(encoder="wav2vec2_tiny", encoder_options=SMALL, entries=8, dim=16, **options)
    return ECGFM(config, Inputs(samples=samples, rate=100))


def slow_contrast(
    context: torch.Tensor,
    target: torch.Tensor,
    entries: torch.Tensor,
    masked: torch.Tensor,
    draw: torch.Tensor,
) -> list[float]:
    """Return the sum over the masked frames of each recording, with temperature 0.1."""
    sums = []
    for record in range(len(context)):
        places, total = masked[record].nonzero()[:, 0].tolist(), 0.0
        for place in places:
            others = [other for other in places if other != place]
            chosen = [others[int(number * len(others))] for number in draw[record, place].tolist()]
            kept = [other for other in chosen if not entries[record, other].equal(entries[record, place])]
            cosines = [
                float(torch.cosine_similarity(context[record, place], target[record, other], dim=0)) / 0.1
                for other in [place, *kept]
            ]
            total -= cosines[0] - math.log(sum(math.exp(cosine) for cosine in cosines))
        sums.append(total)
    return sums


def test_contrast_of_masked_frames() -> None:
    generator = torch.Generator().manual_seed(0)
    context, target = torch.randn(2, 3, 9, 5, generator=generator).unbind()
    entries = torch.randint(2, (3, 9, 2), generator=generator)
    masked = torch.zeros(3, 9, dtype=torch.bool)
    masked[0, 2:8], masked[1, [0, 8]], masked[2] = True, True, True
    draw = torch.rand(3, 9, 4, generator=generator)
    result, _ = masked_frame_contrast(context, target, entries, masked, draw, 0.1)
    expected = slow_contrast(context, target, entries, masked, draw)
    assert result.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_frame_is_correct_if_its_target_is_nearest() -> None:
    target = torch.eye(6)[None]
    context = target.clone()
    context[0, 4] = target[0, 5]
    entries, draw = torch.arange(6)[None, :, None], torch.rand(1, 6, 200)
    masked = torch.tensor([[True, True, True, False, True, True]])
    each, right = masked_frame_contrast(context, target, entries, masked, draw, 0.1)
    assert right.tolist() == [4] and float(each) > 10


def test_diversity_loss() -> None:
    assert float(diversity_loss(torch.full((2, 320), 1 / 320))) == pytest.approx(0, abs=1e-5)
    alone = torch.eye(320)[[3, 7]]
    assert float(diversity_loss(alone)) == pytest.approx(1 - 2 / 640, abs=1e-5)
    mean = torch.tensor([[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    assert float(diversity_loss(mean)) == pytest.approx((8 - 2 - 4) / 8, abs=1e-5)


def test_quantised_frames_are_concatenated_entries() -> None:
    torch.manual_seed(0)
    quantiser, frames = GumbelQuantiser(6, 8, 2, 5), torch.randn(2, 3, 6, requires_grad=True)
    noise = torch.randn(2, 3, 2, 5)
    result = quantiser(frames, 2.0, noise)
    logits = (frames @ quantiser.logits.weight.t() + quantiser.logits.bias).view(2, 3, 2, 5)
    best = (logits + noise).argmax(-1)
    assert result.entries.equal(best)
    expected = torch.cat([quantiser.codebooks[group][best[..., group]] for group in (0, 1)], dim=-1)
    torch.testing.assert_close(result.vectors, expected)
    torch.testing.assert_close(result.probabilities, logits.softmax(-1))
    # Straight through: the gradient is that of the mixture by the softmax.
    (straight,) = torch.autograd.grad(result.vectors.square().sum(), frames, retain_graph=True)
    soft = torch.einsum("btge,ged->btgd", ((logits + noise) / 2).softmax(-1), quantiser.codebooks).flatten(2)
    (wanted_gradient,) = torch.autograd.grad((soft * 2 * result.vectors.detach()).sum(), frames)
    torch.testing.assert_close(straight, wanted_gradient)


def test_masked_spans() -> None:
    method = small(span=4)
    masked = method._masked(torch.arange(2000), 40)
    # Spans that would cover 65 % without overlap: 6 or 7 spans of 4 in 40 frames.
    share = float(masked.float().mean())
    assert 0.45 < share < 0.6
    edges = torch.nn.functional.pad(masked.int(), (1, 1)).diff(dim=1)
    lengths = (edges == -1).nonzero()[:, 1] - (edges == 1).nonzero()[:, 1]
    assert int(lengths.min()) >= 4
    assert method._masked(torch.arange(5, 9), 40).equal(masked[5:9])


def test_masked_spans_and_masked_leads_are_independent() -> None:
    method, keys = small(span=4), torch.arange(6000)
    frames = method._masked(keys, 40).sum(1).float()
    ramp = torch.arange(3.0).expand(6000, 12, 3)
    blank = mask_leads(ramp, keys, 0.5, stream=Stream.ECG_FM_LEADS)[..., 0] != 0
    assert (blank.float().mean(0) - 0.5).abs().max() < 0.03
    # 6 or 7 spans: a seventh covers two frames more, on average.
    for lead in blank.t():
        assert abs(frames[lead].mean() - frames[~lead].mean()) < 0.4


def test_masked_frames_are_not_read() -> None:
    method = small(span=4, lead_masking=0.0).eval()
    ecg, keys = torch.randn(1, 12, 640), torch.tensor([3])
    masked = method._masked(keys, 40)
    features = method.encoder.conv_features(ecg)
    changed = features + 5 * masked[:, None] * torch.randn(features.shape)
    outputs = [
        method.encoder.contextualise(
            torch.where(masked[..., None], method.mask_token, method.encoder.project(each))
        )
        for each in (features, changed)
    ]
    assert outputs[0].equal(outputs[1])


@torch.no_grad()
def test_temperature_falls_and_terms_add_up() -> None:
    method = small(span=4).eval()
    generator = torch.Generator().manual_seed(0)
    batch = {
        "ecg": torch.randn(3, 12, 1280, generator=generator),
        "key": torch.arange(3),
        "patient": torch.tensor([4, 4, 5]),
        "step": 7,
        "steps": 10,
    }
    result = method(batch)
    temperatures = []
    method.quantiser.register_forward_pre_hook(lambda module, given: temperatures.append(given[1]))
    alone = small(span=4, patient_weight=0).eval()(batch)
    assert float(result["loss"] - alone["loss"]) == pytest.approx(float(result["halves"]), rel=1e-4)
    for step, expected in ((0, 2.0), (138_629, 1.0), (10**7, 0.5)):
        method({**batch, "step": step})
        assert temperatures[-1] == pytest.approx(expected, rel=1e-4)


def test_wrong_encoders_and_lengths_are_refused() -> None:
    with pytest.raises(MelpError, match="wanted one of wav2vec2_base, wav2vec2_large"):
        ECGFM(ECGFMConfig(encoder="resnet18_narrow"), Inputs())
    with pytest.raises(MelpError, match="half a recording has 6 frames"):
        small(samples=200)
