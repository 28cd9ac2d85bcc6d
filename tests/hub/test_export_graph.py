"""What goes into an exported file: the preprocessing as operations that ONNX has, on mV at any rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.evaluation.answers import any_of
from melp.hub import Model
from melp.hub.export.graph import Graph, filter_matrix
from melp.hub.export.heads import SimilarityHead, any_of_single
from melp.hub.export.to_onnx import differences, refusal, write_onnx
from melp.nn.base import Encoder
from melp.nn.classifier import Classifier
from melp.nn.encoders import build_encoder, get_preset
from melp.signal.filters import FILTERS, apply_filter
from melp.signal.preprocessing import SCALINGS, Preprocessing

MIMIC = (*LEADS[:4], "aVF", "aVL", *LEADS[6:])


class Passing(torch.nn.Module):
    """A method whose embedding is its input."""

    def embed(self, ecg: torch.Tensor) -> torch.Tensor:
        return ecg.flatten(1)


def model(preprocessing: Preprocessing) -> Model:
    return Model(Passing(), preprocessing, {"name": "passing"}, Path("passing"))


def signals(rate: float, seconds: float) -> torch.Tensor:
    """Baselines, waves and offsets in mV, three records."""
    time = torch.arange(round(rate * seconds)) / rate
    generator = torch.Generator().manual_seed(1)
    waves = torch.randn(3, 12, len(time), generator=generator).cumsum(-1) / 50
    return waves + torch.sin(2 * torch.pi * 0.2 * time) + torch.linspace(-2, 2, 12)[:, None]


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"none"}))
def test_the_matrix_of_a_filter_is_the_filter(name: str) -> None:
    signal = signals(100, 6)
    found = signal @ filter_matrix(600, 100, name)
    assert (found - apply_filter(signal, 100, name)).abs().max() < 1e-5  # mV


@pytest.mark.parametrize("rate", [50, 100, 250, 360])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_file_preprocesses_as_melp_does(rate: float, scaling: str) -> None:
    preprocessing = Preprocessing(100, 4, MIMIC, "highpass", scaling)
    graph = Graph(model(preprocessing), rate, None)
    assert graph.samples == 4 * rate and graph.names == ("embedding",)
    signal = signals(rate, 4)
    (found,) = graph(signal)
    records = [ECG(row.numpy(), rate) for row in signal]
    wanted = torch.stack([preprocessing.from_ecg(record) for record in records]).flatten(1)
    assert (found - wanted).abs().max() < 1e-4 * max(1, float(wanted.abs().max()))
    torch.testing.assert_close(graph.reference(signal)["embedding"], wanted)


def test_without_a_filter_there_is_no_matrix() -> None:
    graph = Graph(model(Preprocessing()), 500, None)
    assert not list(graph.buffers())
    filtered = Graph(model(replace(Preprocessing(), seconds=1, filter="bandpass")), 500, None)
    assert [tuple(buffer.shape) for buffer in filtered.buffers()] == [(500, 500)]


def test_labels_need_a_space_shared_with_text() -> None:
    with pytest.raises(MelpError, match="passing: passing has no space shared with text, wanted no labels"):
        Graph(model(Preprocessing()), 500, SimilarityHead(["a"], torch.ones(3, 1)))


@pytest.mark.parametrize("count", [1, 8])
def test_any_of_several_statements_in_single_precision(count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5000, count, generator=generator) * 6 - 4
    found, exact = any_of_single(logits), any_of(logits.double())
    assert (found - exact).abs().max() < 1e-4
    assert any_of_single(torch.tensor([[-40.0], [40.0]])).tolist() == pytest.approx([-40, 40], abs=1e-3)


def test_a_classifier_gives_probabilities() -> None:
    torch.manual_seed(0)
    classifier = Classifier(build_encoder("cnn", 12, 400, 100), 3).eval()
    graph = Graph(Model(classifier, Preprocessing(100, 4), {"name": "cnn"}, Path("cnn")), 200, None)
    signal = signals(200, 4)
    found = dict(zip(graph.names, graph(signal), strict=True))
    ecg = Preprocessing(100, 4)(signal, 200)
    torch.testing.assert_close(found["probability"], classifier.logits(ecg).sigmoid())
    torch.testing.assert_close(found["embedding"], classifier.embed(ecg))


class Encoded(torch.nn.Module):
    """A method that is an encoder."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def embed(self, ecg: torch.Tensor) -> torch.Tensor:
        return self.encoder.embed(ecg)


def encoder_graph(name: str) -> Graph:
    """A graph of an encoder with random weights, on 2 s."""
    rate = get_preset(name).rate
    torch.manual_seed(0)
    method = Encoded(build_encoder(name, 12, round(2 * rate), rate))
    return Graph(Model(method, Preprocessing(rate, 2), {"name": name}, Path(name)), rate, None).eval()


@pytest.mark.parametrize("name", ["beat_resnet_narrow", "crt_narrow", "heartlang_narrow"])
def test_encoders_with_fourier_transforms_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        MelpError, match=rf"^{name}: aten\._fft_[rc]2[rc]\.default has no accurate form in ONNX"
    ):
        write_onnx(encoder_graph(name), tmp_path / "model.onnx", name)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cnn", "resnet18_narrow", "resnet50", "st_mem_narrow", "vit_narrow", "wav2vec2_tiny"]
)
def test_all_other_encoders_are_exported(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    graph = encoder_graph(name)
    write_onnx(graph, tmp_path / "model.onnx", name)
    ecgs = signals(graph.rate, 2).numpy()
    assert differences(graph, tmp_path / "model.onnx", [ecgs[:1], ecgs])["embedding"] < 1e-4


ERRORS: dict[str, tuple[Any, str]] = {
    "unknown": (
        "No ONNX function found for <OpOverload(op='aten.fft_rfftfreq', overload='default')>. Failure",
        "aten.fft_rfftfreq has no form in ONNX",
    ),
    "other": ("Constraints violated (batch)!\nmore", "Constraints violated"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_the_operation_that_has_no_form_is_named(kind: str) -> None:
    text, message = ERRORS[kind]
    error = RuntimeError("Failed to convert the program.\nSee more")
    error.__cause__ = RuntimeError(text)
    assert message in refusal(error) and "\n" not in refusal(error)
