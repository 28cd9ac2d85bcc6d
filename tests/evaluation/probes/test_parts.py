"""Cross-validation over patients."""

from __future__ import annotations

import numpy as np
import pytest

from melp.evaluation.probes.parts import held_out_scores, log_losses


@pytest.mark.parametrize("patients", [3, 40])
def test_each_record_is_scored_once_without_its_patient(patients: int) -> None:
    groups = np.random.default_rng(0).integers(patients, size=100)
    calls = []

    def score(training: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        assert not set(groups[training]) & set(groups[held_out])
        assert sorted([*training, *held_out]) == list(range(100))
        calls.append(len(held_out))
        return np.stack([held_out, -held_out])[..., None].astype(float)

    found = held_out_scores(score, np.zeros((100, 1), dtype=bool), groups, seed=1)
    np.testing.assert_array_equal(found[..., 0], [np.arange(100), -np.arange(100)])
    assert len(calls) == min(5, patients) and sum(calls) == 100


def test_one_patient_has_no_parts() -> None:
    assert held_out_scores(lambda *_: np.zeros((1, 1, 1)), np.ones((4, 1), dtype=bool), np.ones(4), 0) is None


def test_log_losses() -> None:
    scores = np.array([[[0.0, 100.0]], [[np.log(3), -1000.0]]])
    np.testing.assert_allclose(
        log_losses(scores, np.array([[True, False]])), [np.log(2) + 100, np.log(4 / 3)], rtol=1e-12
    )
