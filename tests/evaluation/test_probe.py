"""The linear probe: its fit, the selection of C, subsets of labels."""

from __future__ import annotations

import numpy as np
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.metrics import auroc
from melp.evaluation.probe import C_VALUES, _held_out_scores, fit_probe, probe
from melp.hub import Model
from melp.tasks import get_task


def problem(seed: int, records: int, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(records, features)) @ generator.normal(size=(features, features)) + 3
    y = x @ generator.normal(size=(features, classes)) / features + generator.normal(size=classes) > 2
    y[0], y[1] = True, False
    return x, y


def test_fit_is_a_minimum() -> None:
    """The gradient of |w|^2 / (2 C) + log-loss is zero."""
    x, y = problem(0, 150, 12, 3)
    fitted = fit_probe(x, y, np.arange(150), c_values=(0.1,))
    standardised = (x - x.mean(0)) / x.std(0)
    residual = 1 / (1 + np.exp(-fitted(x))) - y
    np.testing.assert_allclose(standardised.T @ residual + fitted.weights / 0.1, 0, atol=0.05)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=0.05)


def test_a_class_without_positives_scores_zero() -> None:
    x, y = problem(1, 50, 5, 2)
    y[:, 1] = False
    fitted = fit_probe(x, y, np.arange(50), c_values=(1.0,))
    assert np.abs(fitted.weights[:, 1]).max() == 0 and fitted.bias[1] == 0
    assert np.abs(fitted.weights[:, 0]).max() > 0


def test_probe_is_invariant_to_shifts_scales_and_constant_features() -> None:
    x, y = problem(2, 120, 6, 2)
    patients = np.arange(120)
    plain = fit_probe(x, y, patients)
    moved = np.concatenate([x * np.array([1, 10, 0.1, 3, 7, 100]) + 5, np.full((120, 1), 4.0)], axis=1)
    other = fit_probe(moved, y, patients)
    assert other.c == plain.c
    np.testing.assert_allclose(other(moved), plain(x), atol=2e-3)


def test_c_is_larger_for_signal_than_for_noise() -> None:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(300, 40))
    clear = x[:, :1] - x[:, 1:2] + 0.01 * generator.normal(size=(300, 1)) > 0
    noisy = x @ np.ones((40, 1)) / 6 + 3 * generator.normal(size=(300, 1)) > 0
    assert fit_probe(x, clear, np.arange(300)).c > fit_probe(x, noisy, np.arange(300)).c


def test_held_out_parts_keep_patients_together() -> None:
    """Labels are noise: only another recording of the same patient predicts them."""
    generator = np.random.default_rng(4)
    once, label = generator.normal(size=(60, 80)), generator.random((60, 1)) < 0.5
    x, y = np.repeat(once, 3, axis=0), np.repeat(label, 3, axis=0)
    parted = _held_out_scores(x, y, np.arange(180), (1.0,), 0)
    together = _held_out_scores(x, y, np.repeat(np.arange(60), 3), (1.0,), 0)
    assert auroc(parted[0], y)[0] > 0.95
    assert auroc(together[0], y)[0] < 0.7


def test_probe_of_a_model(model: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    evaluations = probe(model, store, [task], fractions=(10, 100), seeds=(0, 1), folds=(9, 10))
    assert [(one.cell.fraction, one.cell.seed) for one in evaluations] == [(10, 0), (10, 1), (100, 0)]
    assert (
        evaluations[-1].auroc.macro > 0.95
        and evaluations[-1].auroc.macro >= evaluations[0].auroc.macro - 0.02
    )
    assert evaluations[-1].cell.train_folds == "1,2,3,4,5,6,7,8" and evaluations[-1].cell.folds == "9,10"
    assert set(evaluations[-1].auroc.values) == {"auroc_macro"} | {
        f"auroc/{name}" for name in ("AFIB", "SBRAD", "STACH", "SR")
    }


def test_probe_rejects_folds_on_both_sides(model: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    with pytest.raises(MelpError, match="8 both evaluated and trained on"):
        probe(model, store, [task], folds=(8, 9), train_folds=(1, 8))
    with pytest.raises(MelpError, match="no record with a label in the training folds"):
        probe(model, store, [task], folds=(9,), train_folds=(77,))


def test_c_values_ascend() -> None:
    assert list(C_VALUES) == sorted(C_VALUES)
