"""A trained model: its weights, and the preprocessing of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from melp.ecg import ECG, LEADS
from melp.signal.preprocessing import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


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

    @classmethod
    def from_pretrained(
        cls, name: str | Path, revision: str | None = None, device: str | torch.device = "cpu"
    ) -> Model:
        """Read a model folder, or a model of the hub; as `melp.load`."""
        from melp.hub.folder import load

        return load(name, device, revision)

    def save(self, folder: str | Path, scores: pd.DataFrame | None = None) -> None:
        """Write a model folder, with the scores (`melp.evaluation.cells.read_cells`) in its card."""
        from melp.hub.folder import write_model

        write_model(self, Path(folder), scores)

    def push_to_hub(
        self,
        name: str,
        private: bool = False,
        revision: str | None = None,
        scores: pd.DataFrame | None = None,
    ) -> str:
        """Upload the model to the Hugging Face Hub, without the list of its training records.

        Args:
            name: `user/name`; created if it does not exist.
            private: whether a new repository is private.
            revision: branch; the main branch if None.
            scores: as in `save`.

        Returns:
            The commit.

        Raises:
            MelpError: see `melp.hub.remote.push`.
        """
        from melp.hub.remote import push

        with TemporaryDirectory() as folder:
            self.save(folder, scores)
            return push(Path(folder), name, private, revision)
