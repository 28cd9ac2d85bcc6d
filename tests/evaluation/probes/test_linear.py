"""The linear probe: its fit and the selection of C."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from melp.evaluation.probes.linear import C_VALUES, fit_probe


def problem(seed: int, records: int, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(records, features)) @ generator.normal(size=(features, features)) + 3
    y = x @ generator.normal(size=(features, classes)) / features + generator.normal(size=classes) > 2
    y[0], y[1] = True, False
    return x, y


def test_fit_is_a_minimum() -> None:
    """The gradient of |w|^2 / (2 C) + log-loss is zero, for standardised features."""
    x, y = problem(0, 150, 12, 3)
    fitted = fit_probe(x, y, np.arange(150), c_values=(0.1,))
    standardised = (x - x.mean(0)) / x.std(0)
    residual = 1 / (1 + np.exp(-fitted(x))) - y
    weights = fitted.weights * x.std(0)[:, None]
    np.testing.assert_allclose(standardised.T @ residual + weights / 0.1, 0, atol=2e-3)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=2e-3)


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
    np.testing.assert_allclose(other(moved), plain(x), atol=2e-4)


def test_c_is_larger_for_signal_than_for_noise() -> None:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(300, 40))
    clear = x[:, :1] - x[:, 1:2] + 0.01 * generator.normal(size=(300, 1)) > 0
    noisy = x @ np.ones((40, 1)) / 6 + 3 * generator.normal(size=(300, 1)) > 0
    assert fit_probe(x, clear, np.arange(300)).c > fit_probe(x, noisy, np.arange(300)).c


def test_c_is_selected_by_the_losses_of_held_out_patients() -> None:
    """Every part and every C by themselves, with scikit-learn."""
    x, y = problem(5, 90, 6, 2)
    y ^= np.random.default_rng(5).random(y.shape) < 0.3
    patients, losses = np.repeat(np.arange(30), 3), np.zeros(len(C_VALUES))
    for training, held_out in GroupKFold(5, shuffle=True, random_state=2).split(x, groups=patients):
        for number, c in enumerate(C_VALUES):
            for label in y.T:
                model = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-8))
                model.fit(x[training], label[training])
                shares = model.predict_proba(x[held_out])[:, 1]
                losses[number] += log_loss(label[held_out], shares, normalize=False, labels=[False, True])
    assert 0 < losses.argmin() < len(C_VALUES) - 1
    assert fit_probe(x, y, patients, seed=2).c == C_VALUES[losses.argmin()]


def test_one_patient_has_the_smallest_c() -> None:
    x, y = problem(6, 40, 5, 2)
    assert fit_probe(x, y, np.zeros(40)).c == C_VALUES[0]


def test_c_values_ascend() -> None:
    assert list(C_VALUES) == sorted(C_VALUES)
