"""One recording against labels in words."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from melp.ecg import ECG
from melp.errors import MelpError
from melp.evaluation.embed import device_of, require
from melp.evaluation.zero_shot import embed_prompts, similarities
from melp.hub import Model

__all__ = ["DISCLAIMER", "classify", "probabilities"]

DISCLAIMER = "Not a medical device: for research only, not for diagnosis or treatment."


def classify(model: Model, ecg: ECG, labels: Sequence[str]) -> list[tuple[str, float]]:
    """Labels with their similarity to a recording, most similar first.

    The similarity is a cosine from -1 to 1. It ranks the labels of one recording; it is no probability, and a
    softmax over labels with the model's temperature would not make it a calibrated one.

    Args:
        model: a loaded model folder whose method knows text.
        ecg: the recording.
        labels: wordings, such as "atrial fibrillation".

    Raises:
        MelpError: no label, an empty label, a method without text, or a recording that lacks a lead.
    """
    if not labels or not all(label.strip() for label in labels):
        raise MelpError("label: found none or an empty one, wanted a wording such as 'atrial fibrillation'")
    require(model, "project_ecg", "a space shared with text")
    with torch.inference_mode():
        vector = model.method.project_ecg(model.inputs(ecg).to(device_of(model))).float().cpu().numpy()
    scores = similarities(vector, embed_prompts(model, {label: [label] for label in labels}))
    ranked = ((label, float(score[0])) for label, score in scores.items())
    return sorted(ranked, key=lambda pair: -pair[1])


def probabilities(model: Model, ecg: ECG) -> list[tuple[str, float]]:
    """Classes of a classifier with what it takes for their probability, most probable first.

    Each class by itself, from 0 to 1: they may occur together. As the training left them, not calibrated.

    Args:
        model: a loaded folder of `melp finetune`.
        ecg: the recording.

    Raises:
        MelpError: the model is no classifier, or the recording lacks a lead.
    """
    require(model, "logits", "classes of its own: wanted --label, or a folder of `melp finetune`")
    with torch.inference_mode():
        logits = model.method.logits(model.inputs(ecg).to(device_of(model)))[0]
    ranked = zip(model.config["classes"], logits.float().sigmoid().tolist(), strict=True)
    return sorted(ranked, key=lambda pair: -pair[1])
