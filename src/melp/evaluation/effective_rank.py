"""The effective rank of embeddings, which is low if they have collapsed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

__all__ = ["effective_rank"]


def effective_rank(embeddings: Float[np.ndarray, "record dim"]) -> float:
    """Return the exponential of the entropy of the singular values (Roy and Vetterli, EUSIPCO 2007).

    It is 1 if all embeddings lie on one line, and the number of dimensions if they spread evenly. Embeddings
    are centred, and each dimension has unit variance, as in a standardised probe.
    """
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    varying = spread > 1e-12 * max(1.0, float(np.abs(embeddings).max(initial=0)))
    if not varying.any():
        return 0.0
    values = np.linalg.svd(centred[:, varying] / spread[varying], compute_uv=False)
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
