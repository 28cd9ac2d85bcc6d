"""Whether embeddings have collapsed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

__all__ = ["effective_rank"]


def effective_rank(embeddings: Float[np.ndarray, "record dim"]) -> float:
    """How many directions embeddings use: the exponential of the entropy of their spectrum.

    1 where they all lie on one line, the number of dimensions where they spread evenly (Roy and Vetterli,
    EUSIPCO 2007). Over the singular values of the centred embeddings, each dimension at unit variance, as a
    standardised probe sees them.
    """
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    varying = spread > 1e-12 * max(1.0, float(np.abs(embeddings).max(initial=0)))
    if not varying.any():
        return 0.0
    values = np.linalg.svd(centred[:, varying] / spread[varying], compute_uv=False)
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
