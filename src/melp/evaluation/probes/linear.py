"""Linear probe: L2 logistic regression of each class on the embeddings of a frozen model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped

from melp.evaluation.probes.logistic import fit_logistic
from melp.evaluation.probes.parts import Rows, Scores, held_out_scores, log_losses

__all__ = ["C_VALUES", "Probe", "fit_probe"]

C_VALUES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
"""Inverse strengths of the penalty, as in scikit-learn: the smallest is the strongest penalty."""


@dataclass(frozen=True)
class Probe:
    """A fitted probe: `features @ weights + bias`; `c` is the selected C."""

    weights: Float[np.ndarray, "feature class"]
    bias: Float[np.ndarray, " class"]
    c: float

    @property
    def selected(self) -> dict[str, float]:
        """What was selected in training."""
        return {"C": self.c}

    def __call__(self, features: Float[np.ndarray, "record feature"]) -> Float[np.ndarray, "record class"]:
        """Return the log-odds of each class; 0 for a class without a positive or a negative in training."""
        return np.asarray(features.astype(float) @ self.weights + self.bias)


def fit_probe(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    *,
    seed: int = 0,
    c_values: tuple[float, ...] = C_VALUES,
    device: torch.device | str = "cpu",
) -> Probe:
    """Fit one classifier per class, all with the same C.

    C has the smallest log-loss, summed over the classes, in a cross-validation on these records (five parts,
    no patient in two of them); a tie goes to the smaller C. With few positives the AUROC of the held-out
    parts is too noisy to select by. Features are standardised on the training records.

    Differences: the published probes are trained by a stochastic optimiser, and the labels of the validation
    fold stop them.

    Raises:
        MelpError: see `fit_logistic`.
    """

    def score(training: Rows, held_out: Rows) -> Scores:
        probes = _fit(features[training], labels[training], c_values, device)
        return np.stack([probe(features[held_out]) for probe in probes])

    found = held_out_scores(score, labels, patients, seed) if len(c_values) > 1 else None
    c = c_values[0 if found is None else int(np.argmin(log_losses(found, labels)))]
    return _fit(features, labels, [c], device)[0]


def _fit(
    features: Float[np.ndarray, "record feature"],
    labels: Bool[np.ndarray, "record class"],
    c_values: Sequence[float],
    device: torch.device | str,
) -> list[Probe]:
    """Return a probe for each C."""
    fitted = labels.any(axis=0) & ~labels.all(axis=0)
    weights = np.zeros((len(c_values), features.shape[1], labels.shape[1]))
    bias = np.zeros((len(c_values), labels.shape[1]))
    if fitted.any():
        inputs = torch.tensor(features, device=device), torch.tensor(labels[:, fitted], device=device)
        found, biases = fit_logistic(*inputs, c_values)
        weights[:, :, fitted], bias[:, fitted] = found.mT.cpu().numpy(), biases.cpu().numpy()
    return [Probe(*values) for values in zip(weights, bias, c_values, strict=True)]
