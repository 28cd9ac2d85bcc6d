"""Cosines between ECGs and texts in the space that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float

from melp.evaluation.embed import require
from melp.evaluation.wordings import check_wordings
from melp.hub import Model

__all__ = ["embed_prompts", "similarities", "unit"]


def similarities(
    ecg: Float[np.ndarray, "record dimension"],
    texts: Mapping[str, Float[np.ndarray, "prompt dimension"]],
) -> dict[str, Float[np.ndarray, " record"]]:
    """Return the cosine of each ECG with the mean direction of the prompts of each class, from -1 to 1.

    Args:
        ecg: embeddings of ECGs in the space shared with text, of any length.
        texts: embeddings of the prompts of each class.
    """
    ecg = unit(ecg)
    return {name: ecg @ unit(unit(prompts).mean(axis=0)) for name, prompts in texts.items()}


def unit(vectors: Float[np.ndarray, "*count dimension"]) -> Float[np.ndarray, "*count dimension"]:
    """Return vectors of length 1 in the same directions."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def embed_prompts(
    model: Model, prompts: Mapping[str, Sequence[str]], what: str = "prompt", *, refuse: bool = True
) -> dict[str, Float[np.ndarray, "prompt dimension"]]:
    """Return the embeddings of the prompts of each class; `what` and `refuse` as in `check_wordings`.

    Raises:
        MelpError: the method has no text tower, or a prompt is refused.
    """
    require(model, "embed_text")
    # Each wording is embedded once; classes may share one.
    wordings = list(dict.fromkeys(text for texts in prompts.values() for text in texts))
    check_wordings(model, wordings, what, refuse)
    with torch.inference_mode():
        vectors = model.method.embed_text(wordings).float().cpu().numpy()
    row = {text: number for number, text in enumerate(wordings)}
    return {name: vectors[[row[text] for text in texts]] for name, texts in prompts.items()}
