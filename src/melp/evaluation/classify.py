"""Classify one recording by labels in words, or by a classifier's classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from melp.data.build.quality import signal_flags
from melp.ecg import ECG, BadRecordError, check_lead_order
from melp.errors import MelpError
from melp.evaluation.embed import require
from melp.evaluation.zero_shot import embed_prompts, similarities
from melp.hub import Model
from melp.io import print_warnings, read_file
from melp.io.wfdb import check_content
from melp.leads import LEADS, available_leads

__all__ = ["DISCLAIMER", "classify", "doubts", "probabilities", "read_for"]

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
        MelpError: no label, an empty label or one of unknown words, a method without text, or a recording
            that lacks a lead, has no samples or never changes.
    """
    if not labels or not all(label.strip() for label in labels):
        raise MelpError("label: found none or an empty one, wanted a wording such as 'atrial fibrillation'")
    require(model, "project_ecg")
    with torch.inference_mode():
        vector = model.method.project_ecg(_inputs(model, ecg)).float().cpu().numpy()
    scores = similarities(vector, embed_prompts(model, {label: [label] for label in labels}, "label"))
    return _ranked({label: float(score[0]) for label, score in scores.items()})


def probabilities(model: Model, ecg: ECG) -> list[tuple[str, float]]:
    """Return the classes of a classifier with their predicted probabilities, most probable first.

    Each probability, from 0 to 1, is independent of the others: classes may occur together. They are not
    calibrated.

    Args:
        model: a loaded folder of `melp finetune`.
        ecg: the recording.

    Raises:
        MelpError: the model is not a classifier, or the recording lacks a lead, has no samples or never
            changes.
    """
    require(model, "logits")
    with torch.inference_mode():
        logits = model.method.logits(_inputs(model, ecg))[0]
    return _ranked(dict(zip(model.config["classes"], logits.float().sigmoid().tolist(), strict=True)))


def read_for(model: Model, path: str | Path) -> ECG:
    """Read a recording with all of its leads, or with those of the model if another one cannot be used.

    Raises:
        MelpError: the recording cannot be used, or lacks a lead of the model.
    """
    leads = model.preprocessing.leads
    try:
        ecg = read_file(path)
        ecg.select(leads)
    except BadRecordError:
        ecg = read_file(path, leads)
    print_warnings(ecg, path)
    return ecg


def doubts(model: Model, ecg: ECG) -> dict[str, str]:
    """Return the flags that a build would give to a recording, with a description that may be empty.

    They are those of the window that the model sees (see `melp.data.build.quality`).
    """
    ecg = ecg.select(available_leads(ecg.leads))
    found = dict.fromkeys(signal_flags(ecg, model.preprocessing.seconds), "")
    details = {
        "checksum": f"lead {', '.join(ecg.meta.get('checksum', ()))}",
        "derived leads": ", ".join(ecg.meta.get("derived", ())),
        "missing seconds": f"{ecg.seconds:.3g} s, wanted {model.preprocessing.seconds:g}",
        "flat lead": ", ".join(
            lead for lead, low, high in zip(ecg.leads, *ecg.extent, strict=True) if low == high
        ),
    }
    if ecg.leads == LEADS:
        order = "; ".join(check_lead_order(ecg))
        details |= {"lead order": order, "lead swap": order}
    return {flag: details.get(flag, "") for flag in found}


def _inputs(model: Model, ecg: ECG) -> Float[Tensor, "1 model_lead samples"]:
    """Return the input of the model, after checking that the window it sees is a recording."""
    name = str(ecg.meta.get("path", "ECG"))
    seen = ecg.select(model.preprocessing.leads)
    seconds = model.preprocessing.seconds
    window = ECG(seen.signal[:, : round(seconds * seen.rate)], seen.rate, seen.leads)
    check_content(window, name)
    low, high = window.extent
    if (low == high).all():
        raise BadRecordError(f"{name}: no lead changes within {seconds:g} s, wanted an ECG", "constant")
    return model.inputs(ecg)


def _ranked(scores: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda pair: -pair[1])
