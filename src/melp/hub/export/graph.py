"""A model as one function of ECGs in mV, made of operations that ONNX has."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.ecg import LEADS
from melp.errors import MelpError
from melp.hub.export.heads import Head
from melp.hub.model import Model
from melp.nn.classifier import Classifier
from melp.signal.filters import apply_filter
from melp.signal.preprocessing import scale

# Rows of the filter's matrix that are computed at once.
_ROWS = 500


class Graph(nn.Module):
    """Preprocessing, encoder and head of a model.

    Input: mV at `rate` Hz, as many seconds as the model reads, twelve leads in the standard order. Outputs,
    by `names`: `similarity` or `probability` of the labels of a head, or `probability` of the classes of a
    classifier; and `embedding`, what a linear probe reads.

    The filter is a matrix: it is linear, so its response to each sample decides its response to all. The
    Fourier transform of onnxruntime is not accurate at these lengths (1e-3 mV at 1,000 samples).

    Raises:
        MelpError: there is a head, but the method lacks what it needs.
    """

    filter: Float[Tensor, "samples samples"] | None

    def __init__(self, model: Model, rate: float, head: Head | None) -> None:
        super().__init__()
        self.rate, self.preprocessing, self.method = rate, model.preprocessing, model.method
        self.head = head
        self.linear = replace(model.preprocessing, filter="none", scaling="millivolt")
        if head is not None and not hasattr(model.method, head.needs):
            raise MelpError(f"{model.folder}: {model.name} has no space shared with text, wanted no labels")
        name, samples = model.preprocessing.filter, model.preprocessing.samples
        self.register_buffer(
            "filter", None if name == "none" else filter_matrix(samples, self.linear.rate, name)
        )

    @property
    def samples(self) -> int:
        """Samples of the input."""
        return round(self.preprocessing.seconds * self.rate)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        if isinstance(self.method, Classifier):
            return "probability", "embedding"
        return ("embedding",) if self.head is None else (self.head.output, "embedding")

    def preprocess(self, ecg: Float[Tensor, "batch 12 time"]) -> Float[Tensor, "batch lead samples"]:
        """Return the input of the encoder: the same numbers as `Preprocessing`, up to rounding."""
        signal = self.linear(ecg, self.rate, LEADS)
        if self.filter is not None:
            signal = signal @ self.filter
        return scale(signal, self.preprocessing.scaling)

    def forward(self, ecg: Float[Tensor, "batch 12 time"]) -> tuple[Tensor, ...]:
        """Return the outputs, in the order of `names`."""
        return self._answers(self.preprocess(ecg))

    def reference(self, ecg: Float[Tensor, "batch 12 time"]) -> dict[str, Float[Tensor, "batch dim"]]:
        """Return the outputs by name, after the model's own preprocessing instead of that of the graph."""
        answers = self._answers(self.preprocessing(ecg, self.rate, LEADS))
        return dict(zip(self.names, answers, strict=True))

    def _answers(self, signal: Float[Tensor, "batch lead samples"]) -> tuple[Tensor, ...]:
        embedding = self.method.embed(signal)
        if isinstance(self.method, Classifier):
            return self.method.head(embedding).sigmoid(), embedding
        return (embedding,) if self.head is None else (self.head(self.method, signal), embedding)


def filter_matrix(samples: int, rate: float, name: str) -> Float[Tensor, "samples samples"]:
    """Return the matrix whose product with a signal, from the left, is the signal after the filter `name`."""
    impulses = torch.eye(samples)
    return torch.cat([apply_filter(some, rate, name) for some in impulses.split(_ROWS)])
