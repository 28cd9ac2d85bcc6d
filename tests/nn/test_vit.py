"""MERL's ViT."""

from __future__ import annotations

import pytest
import torch

from melp.errors import MelpError
from melp.nn import build_encoder
from melp.nn.vit import ViT1d, ViT1dConfig

SMALL = ViT1dConfig(leads=3, samples=200, patch=20, dim=16, layers=2, heads=2, head_dim=8, feedforward=32)


@torch.no_grad()
def test_patches_are_ten_windows_of_all_leads() -> None:
    encoder, ecg = ViT1d(SMALL).eval(), torch.randn(2, 3, 200)
    weight = encoder.patch_embedding.weight
    wanted = torch.stack(
        [torch.einsum("bls,dls->bd", ecg[..., 20 * i : 20 * i + 20], weight) for i in range(10)], dim=1
    )
    x = wanted + encoder.positions
    for layer in encoder.layers:
        x = layer(x)
    torch.testing.assert_close(encoder(ecg), encoder.norm(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.embed(ecg), encoder.norm(x.mean(1)), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_shorter_recordings() -> None:
    encoder = build_encoder("vit_narrow", ecg_samples=600).eval()
    assert encoder.positions.shape[0] == 60
    assert encoder(torch.randn(2, 12, 600)).shape == (2, 60, encoder.dim)
    ecg = torch.randn(2, 12, 305)
    assert torch.equal(encoder(ecg), encoder(ecg[..., :300])), "the last 5 samples do not fill a patch"
    with pytest.raises(MelpError, match="vit: recordings of 610 samples found, wanted at most 600"):
        encoder(torch.randn(2, 12, 610))


def test_initial_scale_of_positions() -> None:
    assert abs(build_encoder("vit_tiny").positions.std() - 1) < 0.05
    assert abs(build_encoder("vit_narrow").positions.std() - 0.02) < 0.002
