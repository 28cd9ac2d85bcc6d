"""The embedder as a step of scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from melp.data.store import Store
from melp.errors import MelpError
from melp.hub import Model
from melp.sklearn import ECGEmbedder
from small_judging import HashingMethod, small_model, write_store


@pytest.fixture(scope="module")
def model() -> Model:
    return small_model(HashingMethod())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize(
    "name",
    ["estimator_cloneable", "estimator_repr",
     "estimator_tags_renamed", "get_params_invariance", "mixin_order", "no_attributes_set_in_init",
     "parameters_default_constructible", "set_params", "valid_tag_types"],
)  # fmt: skip
def test_the_checks_of_estimators_that_apply(model: Model, name: str) -> None:
    """The others need 2-D arrays as input: scikit-learn leaves them out for the tags of the embedder."""
    getattr(estimator_checks, f"check_{name}")("ECGEmbedder", ECGEmbedder(model))


def test_a_pipeline_learns_from_arrays(model: Model, store: Store) -> None:
    signals, labels = store.signals(np.arange(240)), store.index["labels"].map(lambda codes: "AFIB" in codes)
    embedder = ECGEmbedder(model, rate=store.rate, unit="uV")
    pipeline = clone(make_pipeline(embedder, LogisticRegression()))
    assert cross_val_score(pipeline, signals, labels, cv=3, scoring="roc_auc").mean() > 0.95
    pipeline.set_params(ecgembedder__space="text").fit(signals, labels)
    names = pipeline[:-1].get_feature_names_out()
    assert names.tolist() == [f"ecgembedder{number}" for number in range(12)]
    vectors = pipeline[:-1].transform(signals[:5])
    np.testing.assert_array_equal(vectors, model.embed(store, space="text").to_numpy()[:5])
    frame = ECGEmbedder(model).set_output(transform="pandas").fit_transform(store)
    assert frame.shape == (240, 12) and list(frame) == names.tolist()


def test_what_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        ECGEmbedder(model).transform([])
    with pytest.raises(MelpError, match="no config"):
        ECGEmbedder(tmp_path).fit([])
    with pytest.raises(MelpError, match="space: found 'x'"):
        ECGEmbedder(model, space="x").fit([])
    assert repr(ECGEmbedder("runs/melp", rate=500)) == "ECGEmbedder(model='runs/melp', rate=500)"
