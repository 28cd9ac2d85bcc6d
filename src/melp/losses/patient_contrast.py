"""Contrastive loss whose positives are all pairs of the same patient (CLOCS)."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from melp.losses.patient_agreement import same_patient
from melp.signal.precision import without_autocast


def patient_contrast(
    first: Float[Tensor, "view batch dim"],
    second: Float[Tensor, "view batch dim"],
    patient: Int[Tensor, " batch"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Return the contrastive loss between pairs of views (CLOCS, Kiyasseh et al. 2021, equation 1).

    For a pair of views with vectors a_i, b_k of records i and k: -log( exp(cos(a_i, b_k) / t) / sum over j of
    exp(cos(a_i, b_j) / t) ), mean over the pairs (i, k) of the same patient, plus the same with a and b
    exchanged; mean over the pairs of views.

    Args:
        first, second: the two vectors of each record in each pair of views.
        patient: number of the patient of each record; below 0 for an unknown patient, who matches no other.
        temperature: t.
    """
    with without_autocast(first.device):
        first, second = F.normalize(first.float(), dim=-1), F.normalize(second.float(), dim=-1)
        logits = first @ second.transpose(1, 2) / temperature
        log_probability = logits.log_softmax(2) + logits.log_softmax(1)
        return -log_probability[:, same_patient(patient)].mean()
