"""Logistic regression of many problems at once: each is scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from melp.errors import MelpError
from melp.evaluation.metrics import auroc
from melp.evaluation.probes import logistic
from melp.evaluation.probes.logistic import fit_logistic

C_VALUES = (1e-5, 1e-3, 1e-1, 1.0)
TEST = 1000


def problem(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features and labels for training, and features of 1,000 test records."""
    generator = np.random.default_rng(0)
    records, width, share, noise = {
        "plain": (500, 20, 0.3, 1),
        "tiny": (20, 60, 0.3, 1),
        "rare": (2000, 16, 0.001, 1),
        "separable": (300, 20, 0.3, 0),
        "ties": (400, 5, 0.2, 1),
        "constant": (200, 12, 0.3, 1),
        "scales": (300, 12, 0.3, 1),
        "correlated": (400, 40, 0.1, 1),
    }[name]
    x = generator.normal(size=(records + TEST, width))
    scores = x @ generator.normal(size=(width, 3)) + noise * generator.logistic(size=(len(x), 3))
    y = scores[:records] > np.quantile(scores[:records], 1 - share, axis=0)
    if name == "ties":
        x = np.round(x)
    if name == "constant":
        x[:, 3], x[:records, 7] = 1e6, -2
    if name == "scales":
        x = x * np.geomspace(1e-4, 1e5, width) + np.geomspace(1e3, 1e-3, width)
    if name == "correlated":
        x = x * np.geomspace(1, 1e-4, width) @ np.linalg.qr(generator.normal(size=(width, width)))[0]
    return x[:records], y, x[records:]


def log_odds(x: np.ndarray, y: np.ndarray, test: np.ndarray, c_values: tuple[float, ...]) -> np.ndarray:
    weights, bias = fit_logistic(torch.tensor(x), torch.tensor(y), c_values)
    return test @ weights.mT.numpy() + bias[:, None].numpy()


@pytest.mark.parametrize(
    "name", ["plain", "tiny", "rare", "separable", "ties", "constant", "scales", "correlated"]
)
def test_solutions_are_those_of_scikit_learn(name: str) -> None:
    x, y, test = problem(name)
    found = log_odds(x, y, test, C_VALUES)
    scaler = StandardScaler().fit(x)
    for number, c in enumerate(C_VALUES):
        model = LogisticRegression(C=c, tol=1e-10, max_iter=1000, solver="newton-cholesky")
        expected = np.stack(
            [model.fit(scaler.transform(x), one).decision_function(scaler.transform(test)) for one in y.T], 1
        )
        np.testing.assert_allclose(found[number], expected, atol=2e-3)
        labels = expected > np.quantile(expected, 0.7, axis=0)  # a quarter of a million pairs
        labels ^= np.random.default_rng(1).random(labels.shape) < 0.1
        np.testing.assert_allclose(auroc(found[number], labels), auroc(expected, labels), atol=1e-4)


def test_single_precision_is_finished_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where single precision is too noisy, it finds no minimum along its last direction."""
    x, y, test = problem("correlated")
    monkeypatch.setattr(logistic, "_TOLERANCE", 1e-22)
    model = LogisticRegression(C=1.0, tol=1e-12, solver="newton-cholesky")
    scaler = StandardScaler().fit(x)
    for label in y.T:
        expected = model.fit(scaler.transform(x), label).decision_function(scaler.transform(test))
        found = log_odds(x, label[:, None], test, (1.0,))[0, :, 0]
        np.testing.assert_allclose(found, expected, atol=1e-7)


def test_overshooting_steps_come_back() -> None:
    """Along a direction far from the minimum, the curvature is almost 0 and Newton's step is far too long."""
    x = np.concatenate([np.full(50, -1.0), np.full(50, 1.0), [40.0]])[:, None]
    y = np.concatenate([np.zeros(50, dtype=bool), np.ones(50, dtype=bool), [False]])[:, None]
    weights, bias = fit_logistic(torch.tensor(x), torch.tensor(y), (1e3,))
    wrong = expit(x * weights.numpy()[0] + bias.numpy()[0]) - y
    np.testing.assert_allclose([(wrong * x).sum(), wrong.sum()], 0, atol=1e-2)


def test_all_features_constant() -> None:
    weights, bias = fit_logistic(torch.ones(10, 3), torch.arange(10)[:, None] < 2, (1.0,))
    assert (weights == 0).all() and bias.item() == pytest.approx(np.log(0.25))


def test_an_unsolved_problem_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "_STEPS", {torch.float64: 2})
    x, y, _ = problem("plain")
    with pytest.raises(MelpError, match="found 3 of 3 regressions unsolved after 2 steps"):
        fit_logistic(torch.tensor(x), torch.tensor(y), (1.0,))
