"""Classify one recording by labels in words, or by a classifier's classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from melp.ecg import ECG
from melp.errors import MelpError
from melp.evaluation.embed import require
from melp.evaluation.zero_shot import embed_prompts, similarities
from melp.hub import Model

__all__ = ["DISCLAIMER", "classify", "probabilities"]

DISCLAIMER = "Not a medical device: for research only, not for diagnosis or treatment."


def classify(model: Model, ecg: ECG, labels: Sequence[str]) -> list[tuple[str, float]]:
    """Return labels with their similarity to a recording, most similar first.

    The similarity is a cosine from -1 to 1. It ranks the labels of one recording; it is not a probability,
    and a softmax over labels with the model's temperature would not make it a calibrated one.

    Args:
        model: a loaded model folder of a method with text.
        ecg: the recording.
        labels: wordings, such as "atrial fibrillation".

    Raises:
        MelpError: no label, an empty label, a method without text, or a recording that lacks a lead.
    """
    if not labels or not all(label.strip() for label in labels):
        raise MelpError("label: found none or an empty one, wanted a wording such as 'atrial fibrillation'")
    require(model, "project_ecg")
    with torch.inference_mode():
        vector = model.method.project_ecg(model.inputs(ecg)).float().cpu().numpy()
    scores = similarities(vector, embed_prompts(model, {label: [label] for label in labels}))
    return _ranked({label: float(score[0]) for label, score in scores.items()})


def probabilities(model: Model, ecg: ECG) -> list[tuple[str, float]]:
    """Return the classes of a classifier with their predicted probabilities, most probable first.

    Each probability, from 0 to 1, is independent of the others: classes may occur together. They are not
    calibrated.

    Args:
        model: a loaded folder of `melp finetune`.
        ecg: the recording.

    Raises:
        MelpError: the model is not a classifier, or the recording lacks a lead.
    """
    require(model, "logits")
    with torch.inference_mode():
        logits = model.method.logits(model.inputs(ecg))[0]
    return _ranked(dict(zip(model.config["classes"], logits.float().sigmoid().tolist(), strict=True)))


def _ranked(scores: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda pair: -pair[1])
