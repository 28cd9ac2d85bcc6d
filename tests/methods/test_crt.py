"""CRT: dropped patches, reconstructions, and both losses against slow versions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from melp.errors import MelpError
from melp.losses.instance_discrimination import instance_discrimination
from melp.methods._base import Inputs
from melp.methods.crt import CRT, CRTConfig
from melp.nn.crt import CrossReconstructionTransformer, spectrum
from melp.nn.crt import CRTConfig as Sizes
from small_methods import rows_of

SIZES = {"patch": 10, "dim": 16, "layers": 1, "heads": 2, "feedforward": 32, "extractor": [8], "dropout": 0}


def crt(**options: float) -> CRT:
    torch.manual_seed(0)
    inputs = Inputs(leads=3, samples=200, rate=100)
    sizes = {"encoder": "crt_narrow", "encoder_options": SIZES, "decoder_layers": 1, "decoder_heads": 2}
    return CRT(CRTConfig(**sizes, **options), inputs)  # type: ignore[arg-type]


def batch(step: int = 0, records: int = 4) -> dict[str, Any]:
    ecg = torch.randn(records, 3, 200, generator=torch.Generator().manual_seed(1))
    return {"ecg": ecg, "key": torch.arange(records) + 70, "step": step, "steps": 10}


def test_spectrum_is_unitary() -> None:
    ecg = batch()["ecg"]
    magnitude, phase = spectrum(ecg)
    bins = np.fft.fft(ecg.double().numpy())[..., :100] / math.sqrt(200)
    np.testing.assert_allclose(magnitude.numpy(), np.abs(bins), rtol=1e-4, atol=1e-5)
    turned = np.angle(np.exp(1j * (phase.double().numpy() * np.pi - np.angle(bins))))
    assert np.abs(turned)[np.abs(bins) > 1e-2].max() < 1e-4
    assert float(phase.abs().max()) <= 1
    # Parseval: the first half of the bins has half the energy, but for the last bin of all.
    last = np.abs(np.fft.fft(ecg.double().numpy())[..., 100]) ** 2 / 200
    energy = 2 * magnitude.square().sum(-1) - magnitude[..., 0].square() + torch.from_numpy(last)
    torch.testing.assert_close(energy.float(), ecg.square().sum(-1))


def test_phases_without_power_are_zero() -> None:
    ecg = torch.zeros(2, 3, 200)
    ecg[:, 0] = torch.sin(2 * math.pi * 5 * torch.arange(200) / 200)
    magnitude, phase = spectrum(ecg)
    assert set(magnitude[0].gt(1e-3).nonzero().flatten().tolist()) == {0, 5}
    assert phase.count_nonzero() == 2, "of the one bin with power, in both recordings"
    assert float(phase[0, 0, 5]) == pytest.approx(-0.5, abs=1e-4)


@pytest.mark.parametrize("records", [1, 2, 5])
def test_instance_discrimination_over_all_pairs(records: int) -> None:
    before, after = torch.randn(2, records, 6, dtype=torch.float64)
    pairs = [
        math.exp(float(torch.dot(before[i], after[j]) / before[i].norm() / after[j].norm()))
        for i in range(records)
        for j in range(records)
        if i != j
    ]
    expected = 1 + math.log(sum(pairs) / len(pairs)) if pairs else 0.0
    assert float(instance_discrimination(before, after)) == pytest.approx(expected, abs=1e-6)
    same = torch.ones(records, 6)
    assert float(instance_discrimination(same, same)) == pytest.approx(2.0 if pairs else 0.0)


@pytest.mark.parametrize(("step", "dropped"), [(0, 0.3), (2, 0.3), (5, 0.5), (9, 0.8), (10, 0.8)])
def test_dropped_share_rises_during_training(step: int, dropped: float) -> None:
    times, magnitudes, phases = crt()._kept(batch(step), [20, 10, 10])
    assert times.shape[1] == 20 - round(dropped * 20)
    assert magnitudes.shape[1] == 10 - round(dropped * 10)
    assert torch.equal(magnitudes, phases), "the same frequencies"
    assert bool((times.diff(dim=1) > 0).all()) and len(set(map(tuple, times.tolist()))) > 1


def test_dropped_patches_depend_on_the_key_only() -> None:
    method, full = crt(), batch(5)
    part = rows_of(full, torch.tensor([2]))
    for one, other in zip(method._kept(full, [20, 10, 10]), method._kept(part, [20, 10, 10]), strict=True):
        assert torch.equal(one[2:3], other)


@torch.no_grad()
def test_encoder_does_not_read_dropped_patches() -> None:
    encoder, ecg = crt().encoder.eval(), batch()["ecg"]
    patches = encoder.patchify(ecg)
    assert [tuple(part.shape) for part in patches] == [(4, 20, 3, 10), (4, 10, 3, 10), (4, 10, 3, 10)]
    assert torch.equal(patches[0][1, 4, 2], ecg[1, 2, 40:50])
    kept = [torch.tensor([[0, 3, 7]] * 4), torch.tensor([[1, 2]] * 4), torch.tensor([[1, 2]] * 4)]
    expected = encoder.encode(patches, kept)
    changed = [part.clone() for part in patches]
    for part, numbers in zip(changed, kept, strict=True):
        dropped = [number for number in range(part.shape[1]) if number not in numbers[0].tolist()]
        part[:, dropped] = 9.0
    result = encoder.encode(changed, kept)
    assert result[0].shape == result[1].shape == (4, 3 + 3 + 2 + 2, 16)
    assert torch.equal(result[1], expected[1])
    changed[0][:, 3] = 9.0
    assert not torch.equal(encoder.encode(changed, kept)[1], expected[1])


@torch.no_grad()
def test_a_patch_keeps_its_position_if_others_are_dropped() -> None:
    encoder = crt().encoder.eval()
    patches = encoder.patchify(batch()["ecg"])
    every = encoder.encode(patches)[0]
    kept = [torch.tensor([[2, 9]] * 4), torch.tensor([[4]] * 4), torch.tensor([[4]] * 4)]
    some = encoder.encode(patches, kept)[0]
    torch.testing.assert_close(some, every[:, [0, 1, 2, 3 + 2, 3 + 9, 23 + 4, 33 + 4]])


@torch.no_grad()
def test_loss_is_the_error_of_all_patches() -> None:
    method, given = crt(discrimination_weight=0.5).eval(), batch(5)
    result = method(given)
    patches = method.encoder.patchify(given["ecg"])
    kept = method._kept(given, [20, 10, 10])
    before, after = method.encoder.encode(patches, kept)
    reconstruction = method._decode(after, kept, [20, 10, 10])
    errors = []
    for one, other in zip(reconstruction, patches, strict=True):
        for record, patch in np.ndindex(*other.shape[:2]):
            errors += (one[record, patch].view(3, 10) - other[record, patch]).square().flatten().tolist()
    assert len(errors) == 4 * 3 * 400
    assert float(result["reconstruction"]) == pytest.approx(float(np.mean(errors)), rel=1e-5)
    discrimination = instance_discrimination(before.mean(1), after.mean(1))
    total = float(result["reconstruction"] + 0.5 * discrimination)
    assert float(result["loss"]) == pytest.approx(total, rel=1e-6)


@torch.no_grad()
def test_a_kept_patch_is_reconstructed_from_its_own_token() -> None:
    method, given = crt().eval(), batch()
    # Without attention, a patch is reconstructed from the token at its position only.
    for layer in method.decoder:
        layer.attention.output.weight.zero_()  # type: ignore[union-attr, operator]
    kept = method._kept(given, [20, 10, 10])
    _, after = method.encoder.encode(method.encoder.patchify(given["ecg"]), kept)
    expected = method._decode(after, kept, [20, 10, 10])[0]
    changed = after.clone()
    changed[:, 3] += torch.randn(16)
    moved = (method._decode(changed, kept, [20, 10, 10])[0] - expected).abs().amax(2) > 1e-6
    for record in range(4):
        assert moved[record].nonzero().flatten().tolist() == [int(kept[0][record, 0])]


def test_recordings_of_another_length() -> None:
    sizes = Sizes(leads=3, samples=200, patch=10, dim=16, layers=1, heads=2, feedforward=32, extractor=(8,))
    encoder = CrossReconstructionTransformer(sizes).eval()
    assert encoder(torch.randn(2, 3, 155)).shape == (2, 15, 16)
    assert encoder.embed(torch.randn(2, 3, 155)).shape == (2, 16)
    for time in (19, 201):
        with pytest.raises(MelpError, match=f"crt: recordings of {time} samples found, wanted 20 to 200"):
            encoder(torch.randn(2, 3, time))


@torch.no_grad()
def test_a_probe_reads_the_three_class_tokens() -> None:
    ecg = batch()["ecg"]
    method = crt().eval()
    tokens = method.encoder.encode(method.encoder.patchify(ecg))[1]
    assert torch.equal(method.embed(ecg), torch.cat([tokens[:, 0], tokens[:, 1], tokens[:, 2]], dim=1))
    torch.testing.assert_close(method.encoder.embed(ecg), (tokens[:, 0] + tokens[:, 1] + tokens[:, 2]) / 3)
    method = crt(probe="stages").eval()  # type: ignore[arg-type]
    torch.testing.assert_close(method.embed(ecg), tokens[:, 3:23].mean(1))


def test_wrong_options_are_named() -> None:
    with pytest.raises(MelpError, match=r"method\.most_dropped: 0\.2 found, wanted 0\.3 to 0\.99"):
        crt(most_dropped=0.2)
    with pytest.raises(MelpError, match="'resnet18' found, wanted one of crt_base, crt_narrow"):
        CRT(CRTConfig(encoder="resnet18"), Inputs())
