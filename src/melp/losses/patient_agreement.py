"""Similarity of all recordings of a patient, without negatives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from melp.signal.precision import without_autocast


def same_patient(patient: Int[Tensor, " batch"]) -> Bool[Tensor, "batch batch"]:
    """Return which pairs are of the same patient; numbers below 0 are unknown patients and match no other."""
    eye = torch.eye(len(patient), dtype=torch.bool, device=patient.device)
    return eye | ((patient[:, None] == patient) & (patient >= 0))


def patient_agreement(
    prediction: Float[Tensor, "batch dim"],
    target: Float[Tensor, "batch dim"],
    patient: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Return the mean of -cos(p_i, z_k) over the pairs (i, k) of the same patient, from 1 to -1.

    The loss of SimSiam (Chen and He 2021, equation 1) with all recordings of a patient as partners; no
    gradient reaches the target.
    """
    with without_autocast(prediction.device):
        cosines = F.normalize(prediction.float(), dim=1) @ F.normalize(target.detach().float(), dim=1).t()
        return -cosines[same_patient(patient)].mean()
