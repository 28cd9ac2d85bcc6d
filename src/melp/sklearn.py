"""A step of a scikit-learn pipeline: ECGs to embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from melp.answers.describe import embedder
from melp.answers.sources import Recordings
from melp.hub import Model, find_device, load

__all__ = ["ECGEmbedder"]


class ECGEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embeds ECGs with a trained model; nothing is learned from them.

    Args:
        model: a model folder, or a loaded model; default: the model that is part of the package.
        space: "features" or "text", as in `melp.Model.embed`.
        rate: samples a second of arrays.
        leads: names of the rows of arrays; default: the twelve leads in standard order.
        unit: mV, uV, nV or V, of arrays; default: mV.
        batch_size: recordings per batch.
        device: auto, cpu or cuda, of a model that is not loaded yet.

    Attributes:
        model_: the loaded model.

    Examples:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> classifier = make_pipeline(ECGEmbedder("runs/melp", rate=500), LogisticRegression())
    """

    def __init__(
        self,
        model: str | Path | Model | None = None,
        *,
        space: str = "features",
        rate: float | None = None,
        leads: Sequence[str] | None = None,
        unit: str | None = None,
        batch_size: int = 64,
        device: str = "cpu",
    ) -> None:
        self.model = model
        self.space = space
        self.rate = rate
        self.leads = leads
        self.unit = unit
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Recordings, y: Shaped[np.ndarray, " record"] | None = None) -> Self:
        """Load the model. `X` and `y` are not used.

        Raises:
            MelpError: there is no such model, or it lacks the space.
        """
        given = self.model
        self.model_ = given if isinstance(given, Model) else load(given, find_device(self.device))
        preprocessing = self.model_.preprocessing
        blank = torch.zeros(1, len(preprocessing.leads), preprocessing.samples, device=self.model_.device)
        with torch.inference_mode():
            self._n_features_out = embedder(self.model_, self.space)(blank).shape[1]
        return self

    def transform(self, X: Recordings) -> Float[np.ndarray, "record dim"]:
        """Return the embeddings of recordings: arrays [record, lead, time], paths, ECGs, a store ...

        Raises:
            MelpError: a recording cannot be used.
        """
        check_is_fitted(self)
        table = self.model_.embed(
            X,
            space=self.space,
            rate=self.rate,
            leads=self.leads,
            unit=self.unit,
            batch_size=self.batch_size,
            progress=False,
        )
        return np.asarray(table.to_numpy())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.requires_fit = True
        return tags
