"""A model as one function of ECGs in mV, made of operations that ONNX has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.ecg import LEADS
from melp.errors import MelpError
from melp.hub.model import Model
from melp.nn.classifier import Classifier
from melp.signal.filters import apply_filter
from melp.signal.preprocessing import scale

# Rows of the filter's matrix that are computed at once.
_ROWS = 500


@dataclass(frozen=True)
class Head:
    """What a file answers besides the embedding.

    Attributes:
        labels: name of each column of `matrix`, in its order.
        matrix: the similarity of an ECG with each label is the product of its unit vector and this matrix.
    """

    labels: Sequence[str]
    matrix: Float[np.ndarray, "dim label"]


class Graph(nn.Module):
    """Preprocessing, encoder and head of a model.

    Input: mV at `rate` Hz, as many seconds as the model reads, twelve leads in the standard order. Outputs,
    by `names`: `similarity` with the labels of a head, or `probability` of the classes of a classifier; and
    `embedding`, what a linear probe reads.

    The filter is a matrix: it is linear, so its response to each sample decides its response to all. The
    Fourier transform of onnxruntime is not accurate at these lengths (1e-3 mV at 1,000 samples).

    Raises:
        MelpError: there is a head, but the method has no space shared with text.
    """

    filter: Float[Tensor, "samples samples"] | None
    matrix: Float[Tensor, "dim label"] | None

    def __init__(self, model: Model, rate: float, head: Head | None) -> None:
        super().__init__()
        self.rate, self.preprocessing, self.method = rate, model.preprocessing, model.method
        self.linear = replace(model.preprocessing, filter="none", scaling="millivolt")
        if head is not None and not hasattr(model.method, "project_ecg"):
            raise MelpError(f"{model.folder}: {model.name} has no space shared with text, wanted no labels")
        name, samples = model.preprocessing.filter, model.preprocessing.samples
        self.register_buffer(
            "filter", None if name == "none" else filter_matrix(samples, self.linear.rate, name)
        )
        self.register_buffer(
            "matrix", None if head is None else torch.tensor(head.matrix, dtype=torch.float32)
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
        return ("embedding",) if self.matrix is None else ("similarity", "embedding")

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
        if self.matrix is None:
            return (embedding,)
        return self.method.project_ecg(signal) @ self.matrix, embedding


def filter_matrix(samples: int, rate: float, name: str) -> Float[Tensor, "samples samples"]:
    """Return the matrix whose product with a signal, from the left, is the signal after the filter `name`."""
    impulses = torch.eye(samples)
    return torch.cat([apply_filter(some, rate, name) for some in impulses.split(_ROWS)])
