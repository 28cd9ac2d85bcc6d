"""A trained model: its weights, and the preprocessing of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from melp.ecg import ECG, LEADS
from melp.signal.preprocessing import Preprocessing

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Model:
    """A trained method in evaluation mode, with the preprocessing of its training.

    `about` is what tables show of it instead of what is known from its folder: name, recipe, seed.
    """

    method: Any
    preprocessing: Preprocessing
    config: dict[str, Any]
    folder: Path
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the method."""
        return str(self.config["name"])

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next((parameter.device for parameter in self.method.parameters()), torch.device("cpu"))

    def inputs(
        self,
        signals: Int16[np.ndarray, "record lead time"] | Float[np.ndarray, "record lead time"] | ECG,
        rate: float = 0.0,
    ) -> Float[Tensor, "record model_lead samples"]:
        """Return the preprocessed input for an ECG, or for signals at `rate` Hz (int16 microvolts, or mV).

        It is computed on the device of the model.
        """
        if isinstance(signals, ECG):
            return self.preprocessing.from_ecg(signals, self.device)[None]
        return self.preprocessing(torch.from_numpy(signals).to(self.device), rate, LEADS)

    @torch.no_grad()
    def embed(
        self, signals: Int16[np.ndarray, "record lead time"] | ECG, rate: float = 0.0
    ) -> Float[Tensor, "record dim"]:
        """Return the embeddings that a linear probe reads; arguments as for `inputs`."""
        embeddings: Tensor = self.method.embed(self.inputs(signals, rate))
        return embeddings
