"""ST-MEM's spatio-temporal ViT."""

from __future__ import annotations

import math

import pytest
import torch

from melp.errors import MelpError
from melp.nn.st_mem import SpatioTemporalViT, STMEMConfig, sine_positions

SMALL = STMEMConfig(leads=3, patch=20, dim=16, layers=2, heads=2, feedforward=32)


@pytest.fixture
def encoder() -> SpatioTemporalViT:
    torch.manual_seed(0)
    return SpatioTemporalViT(SMALL).eval()


@pytest.fixture
def ecg() -> torch.Tensor:
    return torch.randn(2, 3, 107, generator=torch.Generator().manual_seed(1))


def test_positions_by_their_formula() -> None:
    found = sine_positions(7, 8)
    for place in range(7):
        for rate in range(4):
            angle = place / 10_000 ** (rate / 4)
            assert found[place, rate].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert found[place, 4 + rate].item() == pytest.approx(math.cos(angle), abs=1e-6)
    with pytest.raises(MelpError, match="positions: width 5 found, wanted an even one"):
        sine_positions(3, 5)


@torch.no_grad()
def test_sequence_lead_by_lead(encoder: SpatioTemporalViT, ecg: torch.Tensor) -> None:
    positions = sine_positions(7, 16)
    sequences = []
    for signal in ecg:
        sequence = []
        for lead in range(3):
            own = encoder.lead_embeddings[lead]
            sequence.append(encoder.separator + positions[0] + own)
            for patch in range(5):
                samples = signal[lead, 20 * patch : 20 * patch + 20]
                sequence.append(encoder.patch_embedding(samples) + positions[patch + 1] + own)
            sequence.append(encoder.separator + positions[6] + own)
        sequences.append(torch.stack(sequence))
    x = torch.stack(sequences)
    for layer in encoder.layers:
        x = layer(x)
    x = x.unflatten(1, (3, 7))
    torch.testing.assert_close(encoder.encode(encoder.embed_patches(encoder.patchify(ecg))), x)
    patches = x[:, :, 1:-1]
    torch.testing.assert_close(encoder(ecg), encoder.norm(patches.mean(1)))
    torch.testing.assert_close(encoder.embed(ecg), encoder.norm(patches.mean((1, 2))))


def test_patchify_leaves_out_an_incomplete_patch(encoder: SpatioTemporalViT, ecg: torch.Tensor) -> None:
    patches = encoder.patchify(ecg)
    assert patches.shape == (2, 3, 5, 20)
    assert torch.equal(patches.flatten(2), ecg[..., :100])
    with pytest.raises(MelpError, match="st_mem: 19 samples found, wanted 20 or more"):
        encoder.patchify(ecg[..., :19])


@torch.no_grad()
def test_encoding_a_subset_of_patches(encoder: SpatioTemporalViT, ecg: torch.Tensor) -> None:
    embedded = encoder.embed_patches(encoder.patchify(ecg))
    whole = encoder.encode(embedded)
    order = torch.tensor([4, 2, 0, 1, 3]).expand(2, 3, 5)
    shuffled = encoder.encode(embedded, order)
    ends = torch.tensor([0, *(order[0, 0] + 1).tolist(), 6])
    torch.testing.assert_close(shuffled, whole[:, :, ends], rtol=1e-4, atol=1e-5)
    kept = torch.stack([torch.tensor([[0, 3], [1, 2], [4, 0]]), torch.tensor([[2, 4], [0, 1], [3, 1]])])
    some = encoder.encode(embedded, kept)
    assert some.shape == (2, 3, 4, 16)
    changed = embedded.clone()
    for row, lead in ((0, 0), (1, 2)):
        unseen = [patch for patch in range(5) if patch not in kept[row, lead]]
        changed[row, lead, unseen] = 100.0
    assert torch.equal(encoder.encode(changed, kept), some), "patches that are not kept have no effect"


@torch.no_grad()
def test_output_depends_on_the_order_of_leads(encoder: SpatioTemporalViT, ecg: torch.Tensor) -> None:
    assert not torch.allclose(encoder(ecg[:, [1, 0, 2]]), encoder(ecg), atol=1e-3)
