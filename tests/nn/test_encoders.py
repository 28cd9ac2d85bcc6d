"""ECG encoders: frames, presets, gradients, errors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from melp.errors import MelpError
from melp.nn import build_encoder, list_encoders
from melp.nn.clocs import SmallCNN
from melp.nn.resnet import ResNet1dConfig
from melp.nn.vit import ViT1d


@pytest.mark.parametrize(
    ("name", "time", "frames"),
    [
        ("wav2vec2_tiny", 5000, 312),
        ("wav2vec2_tiny", 2500, 156),
        ("resnet18_narrow", 5000, 313),
        ("resnet18_narrow", 1000, 63),
        ("vit_narrow", 1000, 100),
        ("st_mem_narrow", 1000, 20),
        ("cnn", 2500, 10),
        ("heartlang_narrow", 1000, 40),
    ],
)
@torch.no_grad()
def test_number_of_frames(name: str, time: int, frames: int) -> None:
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
    assert found["resnet18"] == resnet_parameters((2, 2, 2, 2))
    assert found["resnet34"] == resnet_parameters((3, 4, 6, 3))
    assert found["resnet50"] == resnet_parameters((3, 4, 6, 3), 4)
    assert found["resnet101"] == resnet_parameters((3, 4, 23, 3), 4)
    for size, dim in (("tiny", 192), ("small", 384), ("base", 768)):
        positions = 5000 // 50 * dim
        assert found[f"vit_{size}"] == 12 * 50 * dim + positions + 12 * vit_layer(dim, dim, 4 * dim) + 2 * dim
    for size, dim in (("small", 384), ("base", 768)):
        embedding = 2 * 75 + 75 * dim + dim + 2 * dim + dim + 12 * dim
        assert found[f"st_mem_{size}"] == embedding + 12 * vit_layer(dim, dim, 4 * dim) + 2 * dim
    embedding = 3 * 96 * 768 + (13 + 16 + 257 + 1) * 768
    assert found["heartlang_base"] == embedding + 12 * vit_layer(768, 8 * 64, 1024) + 2 * 768


def vit_layer(dim: int, inner: int, feedforward: int) -> int:
    """Parameters of a pre-norm block."""
    attention = 3 * (dim * inner + inner) + inner * dim + dim
    return attention + 2 * dim * feedforward + feedforward + dim + 4 * dim


def resnet_parameters(blocks: tuple[int, ...], expansion: int = 1) -> int:
    """Parameters of a ResNet of 12 leads, widths 64 to 512, by counting kernels."""
    total, before = 12 * 64 * 7 + 2 * 64, 64
    for stage, (width, count) in enumerate(zip((64, 128, 256, 512), blocks, strict=True)):
        after = width * expansion
        for block in range(count):
            if expansion == 1:
                total += 3 * before * width + 3 * width * width + 4 * width
            else:
                total += before * width + 3 * width * width + width * after + 4 * width + 2 * after
            if block == 0 and (stage > 0 or before != after):
                total += before * after + 2 * after
            before = after
    return total


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
def test_wav2vec2_convolutions_depend_on_16_samples_each() -> None:
    encoder = build_encoder("wav2vec2_tiny").eval()
    ecg = torch.randn(1, 12, 320)
    swapped = torch.cat([ecg[..., 160:], ecg[..., :160]], dim=-1)
    features = encoder.conv_features(ecg)
    torch.testing.assert_close(
        encoder.conv_features(swapped), torch.cat([features[..., 10:], features[..., :10]], dim=-1)
    )


SMALL = [
    "cnn",
    "wav2vec2_tiny",
    "resnet18_narrow",
    "resnet50",
    "vit_narrow",
    "st_mem_narrow",
    "heartlang_narrow",
    "beat_resnet_narrow",
    "s4d_narrow",
]


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_has_a_gradient_in_bfloat16(name: str, vector: bool) -> None:
    encoder = build_encoder(name, leads=3, ecg_samples=400, ecg_rate=100)
    with torch.autocast("cpu", torch.bfloat16):
        ecg = torch.randn(2, 3, 400)
        loss = (encoder.embed(ecg) if vector else encoder(ecg)).float().square().mean()
    loss.backward()
    for weight in encoder.parameters():
        assert weight.grad is not None and bool(weight.grad.isfinite().all())


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("samples", [400, 413, 1000])
def test_frame_count_equals_the_frames(name: str, samples: int) -> None:
    encoder = build_encoder(name).train()
    state = {key: value.clone() for key, value in encoder.state_dict().items()}
    count = encoder.frame_count(samples)
    assert encoder.training and all(torch.equal(value, state[key]) for key, value in state.items())
    frames = encoder.eval()(torch.randn(1, 12, samples))
    assert frames.shape == (1, count, encoder.dim)
    assert encoder.stages(torch.randn(1, 12, samples))[-1].shape == (1, encoder.dim, count)


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
def test_one_ecg_equals_the_ecg_in_a_batch(name: str) -> None:
    encoder = build_encoder(name).eval()
    ecg = torch.randn(3, 12, 400)
    torch.testing.assert_close(encoder(ecg)[1:2], encoder(ecg[1:2]), rtol=1e-4, atol=1e-5)
    vector = encoder.embed(ecg)
    assert vector.shape == (3, encoder.dim)
    torch.testing.assert_close(encoder.embed(ecg[1:2]), vector[1:2], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_bottleneck_by_its_convolutions() -> None:
    block = (
        build_encoder("resnet50", widths=[4, 8], blocks=[1, 1], strides=[1, 2]).eval().residual_stages[1][0]
    )
    x = torch.randn(2, 16, 30)
    y = F.relu(block.norm1(F.conv1d(x, block.conv1.weight)))
    y = F.relu(block.norm2(F.conv1d(y, block.conv2.weight, stride=2, padding=1)))
    y = block.norm3(F.conv1d(y, block.conv3.weight))
    convolution, norm = block.shortcut
    wanted = F.relu(y + norm(F.conv1d(x, convolution.weight, stride=2)))
    assert wanted.shape == (2, 32, 15)
    torch.testing.assert_close(block(x), wanted)


@torch.no_grad()
def test_wav2vec2_in_parts() -> None:
    encoder, ecg = build_encoder("wav2vec2_tiny").eval(), torch.randn(2, 12, 320)
    frames = encoder.project(encoder.conv_features(ecg))
    assert torch.equal(encoder.contextualise(frames), encoder(ecg))
    normed = encoder.conv_norm(encoder.conv_features(ecg).transpose(1, 2))
    assert torch.equal(frames, encoder.projection(normed))


def test_encoders_of_a_class() -> None:
    assert list_encoders(SmallCNN) == ["cnn"]
    assert list_encoders(ViT1d) == ["vit_base", "vit_narrow", "vit_small", "vit_tiny"]


def test_overrides_and_errors() -> None:
    encoder = build_encoder(
        "resnet18_narrow", leads=2, widths=[8, 16], blocks=(1, 1), strides=(2, 2), kernel=5, dropout=0.1
    )
    assert encoder(torch.randn(2, 2, 64)).shape == (2, 8, 16)
    with pytest.raises(MelpError, match=r"encoder: 'resnet' found, wanted one of .*resnet18"):
        build_encoder("resnet")
    with pytest.raises(MelpError, match="encoder resnet18: option 'depth' found, wanted one of blocks"):
        build_encoder("resnet18", depth=3)
    with pytest.raises(MelpError, match="cnn: recordings of 387 samples found, wanted 388 or more"):
        build_encoder("cnn")(torch.randn(2, 12, 387))
    with pytest.raises(MelpError, match="4 widths, 4 blocks and 1 strides found"):
        ResNet1dConfig(strides=(1,))
    with pytest.raises(MelpError, match="kernels 4 and 7 found, wanted odd ones"):
        ResNet1dConfig(kernel=4)
