"""The attentive probe: its attention against a loop, what it can learn, and the selection of its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from melp.evaluation.metrics import auroc
from melp.evaluation.probes.attentive import AttentiveProbe, _batches, _Network, fit_attentive
from melp.evaluation.probes.linear import fit_probe


def problem(seed: int, records: int) -> tuple[np.ndarray, np.ndarray]:
    """Eight frames, each with a code of its place and a value; the label is the sign of the third value."""
    generator, codes = np.random.default_rng(seed), np.random.default_rng(0).normal(size=(8, 5))
    values = generator.normal(size=(records, 8, 1))
    frames = np.concatenate([np.broadcast_to(codes, (records, 8, 5)), values], axis=2)
    return (10 * frames + 3).astype(np.float32), values[:, 2] > 0


def test_a_rule_of_one_frame_is_learned_where_the_mean_fails() -> None:
    (x, y), (test, truth) = problem(1, 400), problem(2, 300)
    probe = fit_attentive(x, y, np.arange(400), steps=(400,))
    mean = fit_probe(x.mean(1), y, np.arange(400))
    assert auroc(probe(test), truth)[0] > 0.95
    assert auroc(mean(test.mean(1)), truth)[0] < 0.75


def test_attention_is_that_of_a_loop() -> None:
    x, y = problem(3, 30)
    network = _Network(torch.from_numpy(x), torch.tensor(np.repeat(y, 2, axis=1), dtype=torch.float32))
    torch.nn.init.normal_(network.layer.weight)
    places = x.reshape(-1, 6)
    expected = np.zeros((30, 2))
    for row, record in enumerate(x):
        frames = (record - places.mean(0)) / places.std(0)
        pooled = []
        for query in network.queries.weight.detach().numpy():
            weights = np.array([np.exp(query @ frame) for frame in frames])
            pooled.append((weights[:, None] * frames).sum(0) / weights.sum())
        expected[row] = network.layer.weight.detach().numpy() @ np.concatenate(pooled)
    found = AttentiveProbe(network, 0)(x) - np.log(y.mean() / (1 - y.mean()))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_steps_have_the_smallest_loss_of_held_out_patients() -> None:
    x, y = problem(4, 80)
    assert fit_attentive(x, y, np.arange(80), steps=(1, 60)).steps == 60
    # Two recordings of a patient have one label: only with patients apart it is seen that there is no rule.
    x, y = np.repeat(x[:60], 2, axis=0), np.repeat(np.random.default_rng(4).random((60, 1)) < 0.5, 2, axis=0)
    assert fit_attentive(x, y, np.repeat(np.arange(60), 2), steps=(1, 150)).steps == 1
    assert fit_attentive(x, y, np.arange(120), steps=(1, 150)).steps == 150


def test_classes_without_positives_or_negatives_score_zero() -> None:
    x, y = problem(5, 40)
    labels = np.concatenate([y, y & False, y | True], axis=1)
    x[:, :, 1] = 7  # constant
    log_odds = fit_attentive(x.astype(np.float16), labels, np.arange(40), steps=(20,))(x)
    assert (log_odds[:, 1:] == 0).all() and np.isfinite(log_odds).all() and log_odds[:, 0].std() > 0


def test_the_seed_decides_and_other_random_numbers_do_not() -> None:
    x, y = problem(6, 50)
    state, fitted = torch.get_rng_state(), []
    for seed in (0, 0, 1):
        fitted.append(fit_attentive(x, y, np.arange(50), seed=seed, steps=(5,))(x))
        assert torch.equal(torch.get_rng_state(), state)
        torch.rand(3)
        state = torch.get_rng_state()
    np.testing.assert_array_equal(fitted[0], fitted[1])
    assert np.abs(fitted[0] - fitted[2]).max() > 1e-4


@pytest.mark.parametrize("records", [3, 64, 150])
def test_batches_draw_every_record_equally_often(records: int) -> None:
    batches = list(_batches(records, 75, torch.Generator().manual_seed(0)))
    counts = torch.bincount(torch.cat(batches), minlength=records)
    assert len(batches) == 75 and counts.max() - counts.min() <= 1
    assert all(len(rows) <= 64 for rows in batches)
