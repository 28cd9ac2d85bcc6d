"""Calibration on simulated scores, and of a model on a small store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.calibration import apply_lines, calibrate, calibrated_tasks, fit_line, lines_of
from melp.hub import Model
from melp.hub.folder import write_text
from melp.tasks import get_task


def simulated(count: int, seed: int, slope: float, bias: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, and labels whose log-odds are `slope * score + bias`."""
    generator = np.random.default_rng(seed)
    score = generator.normal(0.2, 0.1, size=count)
    return score, generator.random(count) < 1 / (1 + np.exp(-(slope * score + bias)))


def calibration_error(probability: np.ndarray, label: np.ndarray) -> float:
    """Mean gap of frequency and probability over ten bins, weighted by their records."""
    bins = (probability * 10).astype(int).clip(0, 9)
    gaps = [abs((probability - label)[bins == one].sum()) for one in range(10)]
    return sum(gaps) / len(label)


def test_the_line_of_simulated_scores_is_found() -> None:
    score, label = simulated(20000, 0, 20, -6)
    line = fit_line(score, label)
    assert line.slope == pytest.approx(20, rel=0.05) and line.bias == pytest.approx(-6, rel=0.05)
    assert line.positives == label.sum()
    (probability,) = apply_lines(score[:, None], ["x"], {"x": line}).T
    sums = {
        threshold: (probability[label] >= threshold).mean() + (probability[~label] < threshold).mean()
        for threshold in np.linspace(0.01, 0.99, 99)
    }
    reached = (probability[label] >= line.threshold).mean() + (probability[~label] < line.threshold).mean()
    assert reached >= max(sums.values())


def test_other_records_have_the_frequencies_that_are_predicted() -> None:
    line = fit_line(*simulated(600, 1, 20, -6))
    score, label = simulated(20000, 2, 20, -6)
    (after,) = apply_lines(score[:, None], ["x"], {"x": line}).T
    before = 1 / (1 + np.exp(-score))
    assert calibration_error(after, label) < 0.03 < 0.15 < calibration_error(before, label)
    assert np.square(after - label).mean() < np.square(label.mean() - label).mean() - 0.05
    assert np.isnan(apply_lines(score[:2, None], ["y"], {"x": line})).all()


def test_a_score_that_separates_a_class_has_a_finite_line() -> None:
    score = np.r_[np.linspace(0, 0.4, 50), np.linspace(0.5, 0.9, 50)]
    line = fit_line(score, score > 0.45)
    assert 0 < line.slope < 1000 and np.isfinite(line.bias)


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Model:
    """A model whose folder has a config."""
    config = {"format": 1, "name": "hashing"}
    write_text(tmp_path / "config.json", json.dumps(config))
    (tmp_path / "model.safetensors").touch()
    return replace(model, folder=tmp_path, config=config)


def test_a_model_is_calibrated_on_its_folds_only(saved: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    table, messages = calibrate(saved, store, task, [7, 8], [9, 10])
    assert calibrated_tasks(saved) == [task.name] and "AFIB" in lines_of(saved, task)
    config = json.loads((saved.folder / "config.json").read_text())
    entry = config["calibration"][task.name]
    assert config == saved.config and entry["folds"] == [7, 8] and entry["records"] == 48
    assert set(entry["classes"]) == {"AFIB", "SBRAD", "STACH", "SR"}
    assert "not calibrated (fewer than 5 positives or negatives): " in messages[0] and "PACE" in messages[0]
    # The same by hand.
    assert "calibrated probability" in set(saved.classify(store)["measure"])
    scores = replace(saved, config={"name": "hashing"}).classify(store, task=task.name)
    scores = scores.pivot(index="id", columns="label", values="score")
    index = store.index.set_index("id")
    labels = index["labels"].map(lambda codes: "AFIB" in codes)
    fit, judge = index["fold"].isin([7, 8]), index["fold"].isin([9, 10])
    line = fit_line(scores.loc[index.index[fit], "AFIB"].to_numpy(), labels[fit].to_numpy())
    assert entry["classes"]["AFIB"] == pytest.approx(vars(line))
    judged = scores.loc[index.index[judge], "AFIB"].to_numpy()
    (probability,) = apply_lines(judged[:, None], ["AFIB"], {"AFIB": line}).T
    truth = labels[judge].to_numpy()
    assert table.loc["AFIB", "Brier after"] == pytest.approx(np.square(probability - truth).mean(), rel=1e-5)
    assert table.loc["AFIB", "Brier frequency"] == pytest.approx(
        np.square(labels[fit].mean() - truth).mean(), rel=1e-5
    )
    means = table.loc["mean"]
    assert means["Brier after"] < means["Brier frequency"] < means["Brier before"]
    assert means["ECE after"] < means["ECE before"]
    assert isinstance(table, pd.DataFrame) and not table.loc[["AFIB"]].isna().any().any()


def test_by_default_a_model_is_calibrated_on_the_validation_folds(saved: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    calibrate(saved, store, task)
    assert task.validation_folds == (9,)
    assert saved.config["calibration"][task.name]["folds"] == [9]


def test_what_cannot_be_calibrated(saved: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    with pytest.raises(MelpError, match="folds: 9 both fitted and judged on"):
        calibrate(saved, store, task, [8, 9], [9])
    with pytest.raises(MelpError, match="no record with a label of ptbxl-rhythm in folds 11"):
        calibrate(saved, store, task, [11])
    assert "calibration" not in json.loads((saved.folder / "config.json").read_text())
