"""ASTCL: the four pieces, adversarial training, and the three losses against slow versions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from melp.augment import AUGMENTATIONS, make_view
from melp.errors import MelpError
from melp.losses.gradient_reversal import reverse_gradient
from melp.losses.patient_agreement import patient_agreement
from melp.losses.whitening import whiten
from melp.methods._base import Inputs
from melp.methods.astcl import ASTCL, ASTCLConfig
from melp.signal.filters import band_pass

RATE, TIME, RECORDS = 100.0, 400, 5
ENCODER = {"widths": [4, 8], "blocks": [1, 1], "strides": [2, 2]}


def astcl(**options: Any) -> ASTCL:
    torch.manual_seed(0)
    sizes = {"dim": 6, "hidden": 8, "discriminator": 6, "encoder_options": ENCODER}
    config = ASTCLConfig(encoder="resnet18_narrow", **{**sizes, **options})
    return ASTCL(config, Inputs(12, TIME, RATE))


def batch(patients: tuple[int, ...] = (3, 8, 3, -1, -1)) -> dict[str, Tensor]:
    ecg = torch.randn(RECORDS, 12, TIME, generator=torch.Generator().manual_seed(2)) / 5
    return {"ecg": ecg, "key": torch.arange(RECORDS) + 40, "patient": torch.tensor(patients)}


def cosine(one: Tensor, other: Tensor) -> float:
    return float(one.double() @ other.double() / one.double().norm() / other.double().norm())


def slowly_white(vectors: Tensor) -> Tensor:
    """Whiten with the inverse root of the covariance, computed by Newton's iteration (Denman and Beavers)."""
    centred = (vectors - vectors.mean(0)).double().numpy()
    covariance = centred.T @ centred / len(centred)
    covariance += 0.01 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    root, inverse = covariance, np.eye(len(covariance))
    for _ in range(60):
        root, inverse = (root + np.linalg.inv(inverse)) / 2, (inverse + np.linalg.inv(root)) / 2
    return torch.from_numpy(centred @ inverse).float()


def test_whitening_uses_the_inverse_root_of_the_covariance() -> None:
    vectors = torch.randn(40, 5) @ torch.randn(5, 5) + 3
    torch.testing.assert_close(whiten(vectors), slowly_white(vectors), rtol=1e-3, atol=1e-3)
    white = whiten(vectors.double(), least=1e-9)
    torch.testing.assert_close(white.T @ white / 40, torch.eye(5).double(), rtol=1e-4, atol=1e-4)
    assert not whiten(vectors.requires_grad_()).requires_grad
    order = torch.randperm(40)
    torch.testing.assert_close(whiten(vectors[order]), whiten(vectors)[order], rtol=1e-3, atol=1e-3)
    few = whiten(torch.randn(4, 9))
    assert bool(few.isfinite().all()) and float(few.square().mean()) < 2
    assert not whiten(torch.ones(6, 3)).any(), "nothing to make equal"


def test_gradient_reversal_negates_the_gradient_only() -> None:
    values = torch.randn(3, 4, requires_grad=True)
    passed = reverse_gradient(values)
    assert torch.equal(passed, values)
    weights = torch.randn(3, 4)
    (passed * weights).sum().backward()
    assert values.grad is not None and torch.equal(values.grad, -weights)


def test_pieces_are_halves_of_a_noisy_and_a_denoised_view() -> None:
    method, given = astcl(hidden_leads=0.0, noise_options={"muscle_amplitude": 0.1}), batch()
    pieces = method._pieces(given)
    noise = AUGMENTATIONS["fairseq_noise"].from_dict(
        {**vars(AUGMENTATIONS["fairseq_noise"]), "muscle_amplitude": 0.1}
    )
    noisy = make_view(given["ecg"], given["key"], noise, RATE)
    clean = band_pass(given["ecg"], RATE, 0.67, 40.0)
    for view, expected in enumerate((noisy, clean)):
        assert torch.equal(torch.cat([pieces[view, 0], pieces[view, 1]], dim=-1), expected)
    assert float((noisy - given["ecg"]).abs().mean()) > 0.02
    limb = pieces[0, 0]
    torch.testing.assert_close(
        limb[:, 1] - limb[:, 0] - limb[:, 2],
        (given["ecg"][:, 1] - given["ecg"][:, 0] - given["ecg"][:, 2])[..., : TIME // 2],
    )


def test_each_piece_has_its_own_masked_leads() -> None:
    method, given = astcl(hidden_leads=0.5), batch()
    pieces = method._pieces(given)
    hidden = pieces.std(-1) < 1e-6
    flat = hidden.permute(2, 0, 1, 3).flatten(0, 2)
    assert 0.3 < float(flat.float().mean()) < 0.7 and not bool(flat.all(1).any())
    patterns = {tuple(map(bool, row)) for row in flat.tolist()}
    assert len(patterns) > 15, "of 20"
    order = torch.tensor([3, 0, 4, 2, 1])
    shuffled = method._pieces({name: value[order] for name, value in given.items()})
    assert torch.equal(shuffled, pieces[:, :, order])


@pytest.mark.parametrize("patients", [(3, 8, 3, -1, -1), (1, 2, 3, 4, 5), (7, 7, 7, 7, 7)])
def test_patient_agreement_over_all_pairs(patients: tuple[int, ...]) -> None:
    prediction, target = torch.randn(2, RECORDS, 6).unbind()
    target.requires_grad_()
    pairs = [
        (i, k)
        for i in range(RECORDS)
        for k in range(RECORDS)
        if i == k or (patients[i] == patients[k] and patients[i] >= 0)
    ]
    expected = np.mean([-cosine(prediction[i], target[k].detach()) for i, k in pairs])
    result = patient_agreement(prediction, target, torch.tensor(patients))
    assert float(result) == pytest.approx(expected, abs=1e-6)
    assert not result.requires_grad, "the target is as given"


def test_losses_match_a_loop_over_pieces() -> None:
    method, given = astcl(adversarial_weight=0.3, spatiotemporal_weight=0.7, patient_weight=2.0), batch()
    with torch.no_grad():
        result = method(given)
        vectors = method.encoder.embed(method._pieces(given).flatten(0, 2)).unflatten(0, (2, 2, RECORDS))
        logits = method.discriminator(vectors)[..., 0].sigmoid()
        entropy = -(torch.cat([logits[0], 1 - logits[1]]).log()).mean()
        assert float(result["adversarial"]) == pytest.approx(float(entropy), rel=1e-5)
        projected = method.time_projector(vectors.flatten(0, 2))
        predicted = method.time_predictor(projected).unflatten(0, (2, 2, RECORDS))
        projected = slowly_white(projected).unflatten(0, (2, 2, RECORDS))
        distances = [
            1 - cosine(predicted[view, half, row], projected[1 - view, 1 - half, row])
            for view, half, row in np.ndindex(2, 2, RECORDS)
        ]
        assert float(result["spatiotemporal"]) == pytest.approx(np.mean(distances), rel=1e-5)
        views = vectors.mean(1)
        projected = method.patient_projector(views.flatten(0, 1))
        predicted = method.patient_predictor(projected).unflatten(0, (2, RECORDS))
        projected = slowly_white(projected).unflatten(0, (2, RECORDS))
        pairs = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (0, 2), (2, 0)]
        distances = [
            1 - cosine(predicted[view, i], projected[1 - view, k]) for view in range(2) for i, k in pairs
        ]
        assert float(result["patient"]) == pytest.approx(np.mean(distances), rel=1e-5)
    total = 0.3 * result["adversarial"] + 0.7 * result["spatiotemporal"] + 2 * result["patient"]
    assert float(result["loss"]) == pytest.approx(float(total), rel=1e-6)


def test_discriminator_and_encoder_have_opposite_gradients() -> None:
    method, given = astcl(), batch()
    pieces = method._pieces(given).flatten(0, 2)
    sides: dict[str, nn.Module] = {"discriminator": method.discriminator, "encoder": method.encoder}

    def entropy() -> Tensor:
        return method._adversarial(method.encoder.embed(pieces).unflatten(0, (2, 2, RECORDS)))

    for name, side in sides.items():
        before = entropy()
        weights = list(side.parameters())
        slopes = torch.autograd.grad(before, weights)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight.sub_(0.05 * slope)
        after = entropy()
        assert bool(after < before) is (name == "discriminator")


def test_targets_have_no_gradient() -> None:
    method, given = astcl(), batch()
    vectors = method.encoder.embed(method._pieces(given).flatten(0, 2)).unflatten(0, (2, 2, RECORDS))
    vectors = vectors.detach().requires_grad_()
    # With detached predictions, only the targets could have a gradient.
    for predictor in (method.time_predictor, method.patient_predictor):
        predictor.register_forward_hook(lambda module, given, out: out.detach())
    assert not method._spatiotemporal(vectors).requires_grad
    assert not method._patient(vectors, given).requires_grad


def test_wrong_options_are_named() -> None:
    with pytest.raises(MelpError, match=r"method\.highest: 0\.5 found, wanted more than lowest, 0\.67"):
        astcl(highest=0.5)
    with pytest.raises(MelpError, match="'muscles' found"):
        astcl(noise_options={"muscles": 1})
    with pytest.raises(MelpError, match=r"method\.noise: 'loud' found, wanted one of"):
        astcl(noise="loud")
    with pytest.raises(MelpError, match=r"method\.hidden_leads: 1\.0 found, wanted 0 to 0\.99"):
        astcl(hidden_leads=1.0)
