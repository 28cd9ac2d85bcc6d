"""ECG encoders: frames, presets, gradients, errors."""

from __future__ import annotations

import pytest
import torch

from melp.errors import MelpError
from melp.nn import build_encoder, list_encoders
from melp.nn.resnet import ResNet1dConfig


@pytest.mark.parametrize(
    ("name", "time", "frames"),
    [
        ("wav2vec2_tiny", 5000, 312),
        ("wav2vec2_tiny", 2500, 156),
        ("resnet18_narrow", 5000, 313),
        ("resnet18_narrow", 1000, 63),
    ],
)
@torch.no_grad()
def test_frames_are_the_published_number(name: str, time: int, frames: int) -> None:
    encoder = build_encoder(name).eval()
    assert encoder(torch.randn(2, 12, time)).shape == (2, frames, encoder.dim)


def test_published_sizes_in_millions_of_parameters() -> None:
    found = {}
    with torch.device("meta"):
        for name in list_encoders():
            found[name] = sum(weight.numel() for weight in build_encoder(name).parameters())
    assert list(found) == sorted(found)
    # 62.53 M of MELP's ECG tower, less mask vector, quantiser and two projections.
    unused = 768 + 640 * 128 + (256 * 640 + 640) + (256 * 256 + 256) + (768 * 256 + 256)
    assert round((found["wav2vec2_small"] + unused) / 1e6, 2) == 62.53
    layer = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    assert found["wav2vec2_base"] - found["wav2vec2_small"] == 4 * layer
    assert found["wav2vec2_large"] > 3e8
    assert found["resnet18_narrow"] < found["resnet18"]


def test_gradient_of_the_convolutions_is_a_tenth() -> None:
    ecg = torch.randn(2, 12, 160)
    gradients = []
    for factor in (0.1, 1.0):
        torch.manual_seed(0)
        encoder = build_encoder("wav2vec2_tiny", conv_gradient=factor).eval()
        encoder(ecg).square().sum().backward()
        gradients.append({name: weight.grad for name, weight in encoder.named_parameters()})
    for name, gradient in gradients[0].items():
        factor = 0.1 if name.startswith("conv_stack.") else 1.0
        torch.testing.assert_close(gradient, factor * gradients[1][name])


@torch.no_grad()
def test_wav2vec2_convolutions_see_their_own_16_samples_only() -> None:
    encoder = build_encoder("wav2vec2_tiny").eval()
    ecg = torch.randn(1, 12, 320)
    swapped = torch.cat([ecg[..., 160:], ecg[..., :160]], dim=-1)
    features = encoder.conv_features(ecg)
    torch.testing.assert_close(
        encoder.conv_features(swapped), torch.cat([features[..., 10:], features[..., :10]], dim=-1)
    )


@pytest.mark.parametrize("name", ["wav2vec2_tiny", "resnet18_narrow"])
def test_every_parameter_has_a_gradient_in_bfloat16(name: str) -> None:
    encoder = build_encoder(name, leads=3)
    with torch.autocast("cpu", torch.bfloat16):
        loss = encoder(torch.randn(2, 3, 320)).float().square().mean()
    loss.backward()
    for weight in encoder.parameters():
        assert weight.grad is not None and bool(weight.grad.isfinite().all())


@torch.no_grad()
@pytest.mark.parametrize("name", ["wav2vec2_tiny", "resnet18_narrow"])
def test_one_ecg_gives_the_same_as_in_a_batch(name: str) -> None:
    encoder = build_encoder(name).eval()
    ecg = torch.randn(3, 12, 320)
    torch.testing.assert_close(encoder(ecg)[1:2], encoder(ecg[1:2]), rtol=1e-4, atol=1e-5)


def test_overrides_and_errors() -> None:
    encoder = build_encoder(
        "resnet18_narrow", leads=2, widths=[8, 16], blocks=(1, 1), strides=(2, 2), kernel=5, dropout=0.1
    )
    assert encoder(torch.randn(2, 2, 64)).shape == (2, 8, 16)
    with pytest.raises(MelpError, match="encoder: 'resnet' found, wanted one of resnet18"):
        build_encoder("resnet")
    with pytest.raises(MelpError, match="encoder resnet18: option 'depth' found, wanted one of blocks"):
        build_encoder("resnet18", depth=3)
    with pytest.raises(MelpError, match="4 widths, 4 blocks and 1 strides found"):
        ResNet1dConfig(strides=(1,))
    with pytest.raises(MelpError, match="kernels 4 and 7 found, wanted odd ones"):
        ResNet1dConfig(kernel=4)
