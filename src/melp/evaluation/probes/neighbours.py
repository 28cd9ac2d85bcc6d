"""Nearest-neighbour probe: the classes of a record are those of the training records most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from melp.evaluation.metrics import auroc
from melp.evaluation.probes.parts import Rows, Scores, held_out_scores

__all__ = ["K_VALUES", "Neighbours", "fit_neighbours"]

K_VALUES = (5, 10, 20, 50, 100, 200)
"""Numbers of neighbours; if there are fewer training records, all of these."""
_TEMPERATURE = 0.07
_RECORDS = 1024  # compared at once


@dataclass(frozen=True)
class Neighbours:
    """A fitted probe: the training records, standardised and of length 1, and the selected number k."""

    mean: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]
    units: Float[Tensor, "training feature"]
    labels: Float[Tensor, "training class"]
    k: int = 0

    @property
    def selected(self) -> dict[str, float]:
        """What was selected in training."""
        return {"k": self.k}

    def __call__(self, features: Float[np.ndarray, "record feature"]) -> Float[np.ndarray, "record class"]:
        """Return the log-odds of each class; 0 for a class without a positive or a negative in training."""
        return self.log_odds(features, [self.k])[0]

    def log_odds(self, features: Float[np.ndarray, "record feature"], k_values: Sequence[int]) -> Scores:
        """Return the log-odds of each class for several numbers of neighbours."""
        units = _units((features - self.mean) / self.scale, self.units.device)
        parts = [self._votes(part, k_values) for part in units.split(_RECORDS)]
        votes = torch.cat(parts, dim=1).double()
        share = self.labels.mean(0).double()
        counts = votes.new_tensor([min(k, len(self.labels)) for k in k_values])[:, None, None]
        # One more neighbour, of mean weight, has the share of each class in training.
        odds = torch.log((votes * counts + share) / ((1 - votes) * counts + 1 - share))
        return odds.masked_fill((share == 0) | (share == 1), 0).cpu().numpy()

    def _votes(
        self, units: Float[Tensor, "record feature"], k_values: Sequence[int]
    ) -> Float[Tensor, "option record class"]:
        """Return the weighted share of the nearest neighbours that are positive."""
        nearest = (units @ self.units.T).topk(min(max(k_values), len(self.units)))
        weights = ((nearest.values - 1) / _TEMPERATURE).exp()
        positives = (weights[..., None] * self.labels[nearest.indices]).cumsum(1)
        votes = positives / weights.cumsum(1)[..., None]
        return torch.stack([votes[:, min(k, votes.shape[1]) - 1] for k in k_values]).clamp(0, 1)


def fit_neighbours(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    *,
    seed: int = 0,
    k_values: tuple[int, ...] = K_VALUES,
    device: torch.device | str = "cpu",
) -> Neighbours:
    """Keep the training records, and select the number k of neighbours.

    The k training records with the largest cosine similarity s to a record vote for their classes, with
    weights exp(s / 0.07) (Wu et al., CVPR 2018; Caron et al., ICCV 2021). k has the largest AUROC, mean over
    the classes, in a cross-validation on these records (see `held_out_scores`); a tie goes to the smaller k.

    Differences: classes are not mutually exclusive, so that the score of a class is the log-odds of its
    share of the votes. Features are standardised on the training records, because those of ECGs have a large
    mean and unequal scales. k is selected for each model; the published k is 20 for all. Shares of votes are
    not calibrated: on fold 8, the log-loss, by which a linear probe is selected, selected a worse k.
    """

    def score(training: Rows, held_out: Rows) -> Scores:
        return _keep(features[training], labels[training], device).log_odds(features[held_out], k_values)

    found = held_out_scores(score, labels, patients, seed)
    # A class without an area does not select.
    areas = [0.0] if found is None else [np.nan_to_num(auroc(scores, labels)).mean() for scores in found]
    return replace(_keep(features, labels, device), k=k_values[int(np.argmax(areas))])


def _keep(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    device: torch.device | str,
) -> Neighbours:
    mean, scale = features.mean(axis=0, dtype=float), features.std(axis=0, dtype=float)
    scale = np.where(scale > 1e-10 * np.abs(features).max(axis=0), scale, np.inf)
    units = _units((features - mean) / scale, device)
    return Neighbours(mean, scale, units, torch.tensor(labels, dtype=torch.float32, device=device))


def _units(
    features: Float[np.ndarray, "record feature"], device: torch.device | str
) -> Float[Tensor, "record feature"]:
    return F.normalize(torch.tensor(features, dtype=torch.float32, device=device))
