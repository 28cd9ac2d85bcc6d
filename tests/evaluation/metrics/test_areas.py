"""Areas under the ROC curve against scikit-learn."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from melp.evaluation.metrics import auroc
from small_scores import tied


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 200))
def test_auroc_equals_scikit_learn(seed: int, levels: int) -> None:
    scores, labels = tied(seed, levels=levels)
    np.testing.assert_allclose(auroc(scores, labels), roc_auc_score(labels, scores, average=None), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_auroc_depends_on_order_only(seed: int) -> None:
    scores, labels = tied(seed)
    np.testing.assert_allclose(auroc(np.exp(scores) * 3 - 5, labels), auroc(scores, labels))
    np.testing.assert_allclose(auroc(-scores, labels), 1 - auroc(scores, labels))
