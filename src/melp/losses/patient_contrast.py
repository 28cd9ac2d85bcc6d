"""Contrast whose positives are all pairs of one patient (CLOCS)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from melp.losses.patient_agreement import same_patient


def patient_contrast(
    first: Float[Tensor, "view batch dim"],
    second: Float[Tensor, "view batch dim"],
    patient: Int[Tensor, " batch"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Contrastive loss of CLOCS between pairs of views (Kiyasseh, Zhu and Clifton 2021, equation 1).

    For a pair of views with vectors a_i, b_k of records i and k: -log( exp(cos(a_i, b_k) / t) / sum over j of
    exp(cos(a_i, b_j) / t) ), mean over the pairs (i, k) of one patient, plus the same with a and b exchanged;
    mean over the pairs of views.

    Args:
        first, second: the two vectors of each record, for each pair of views.
        patient: of each record; below 0 is an unknown one, who is nobody else's.
        temperature: t.
    """
    with torch.autocast(first.device.type, enabled=False):
        first, second = F.normalize(first.float(), dim=-1), F.normalize(second.float(), dim=-1)
        logits = first @ second.transpose(1, 2) / temperature
        found = logits.log_softmax(2) + logits.log_softmax(1)
        return -found[:, same_patient(patient)].mean()
