from __future__ import annotations

import pytest
import torch

from melp.augment.streams import Stream
from melp.augment.time import random_crop
from melp.errors import MelpError
from melp.losses.masked_patches import masked_patch_loss
from melp.methods._base import Inputs
from melp.methods.st_mem import STMEM, STMEMConfig
from melp.nn.transformer import Transformer

SMALL = {"patch": 10, "dim": 16, "layers": 1, "heads": 2, "feedforward": 32}


def small(**options: object) -> STMEM:
    config = STMEMConfig(
        encoder="st_mem_narrow", encoder_options=SMALL, decoder_dim=16, decoder_layers=1, **options
    )
    torch.manual_seed(0)
    return STMEM(config, Inputs(leads=3, samples=100, rate=10, names=("I", "II", "III")))


def batch(records: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "ecg": torch.randn(records, 3, 100, generator=generator),
        "key": torch.arange(records) + 7,
    }


@pytest.mark.parametrize("normalised", [True, False])
def test_loss_is_the_mean_square_over_masked_patches(normalised: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    reconstruction, patches = torch.randn(2, 2, 3, 4, 5, generator=generator).unbind()
    masked = torch.tensor([[[0, 3], [1, 2], [0, 1]], [[2, 3], [0, 2], [1, 3]]])
    expected = []
    for record in range(2):
        errors = []
        for lead in range(3):
            for number in masked[record, lead].tolist():
                target = patches[record, lead, number]
                if normalised:
                    target = (target - target.mean()) / (target.var() + 1e-6).sqrt()
                errors += (reconstruction[record, lead, number] - target).square().tolist()
        expected.append(sum(errors) / len(errors))
    result = masked_patch_loss(reconstruction, patches, masked, normalised)
    torch.testing.assert_close(result, torch.tensor(expected))


@pytest.mark.parametrize("normalised", [True, False])
@torch.no_grad()
def test_loss_record_by_record(normalised: bool) -> None:
    """The encoder reads the visible patches only, and the loss is over the others only."""
    method, given = small(crop=0, normalised=normalised).eval(), batch()
    order, keep = method._order(given["key"], 3, 10)
    errors = []
    for record in range(4):
        patches = given["ecg"][record].reshape(1, 3, 10, 10)
        visible = torch.zeros_like(patches)
        for lead in range(3):
            for number in order[record, lead, :keep].tolist():
                visible[0, lead, number] = patches[0, lead, number]
        embedded = method.encoder.embed_patches(visible)
        encoded = method.encoder.encode(embedded, order[record, None, :, :keep])
        reconstruction = method._decode(method.encoder.norm(encoded), order[record, None])
        for lead in range(3):
            for number in order[record, lead, keep:].tolist():
                target = patches[0, lead, number]
                if normalised:
                    target = (target - target.mean()) / (target.var() + 1e-6).sqrt()
                errors += (reconstruction[0, lead, number] - target).square().tolist()
    assert len(errors) == 4 * 3 * 8 * 10
    assert float(method(given)["loss"]) == pytest.approx(sum(errors) / len(errors), rel=1e-5)


def test_a_quarter_of_each_lead_is_visible() -> None:
    method = small(crop=0)
    order, keep = method._order(batch()["key"], 3, 10)
    assert keep == 2 and order.sort(-1).values.equal(torch.arange(10).expand(4, 3, 10))
    assert not order[0, 0].equal(order[0, 1]) and not order[0, 0].equal(order[1, 0])


def test_masked_patches_are_not_read() -> None:
    method, given = small(crop=0).eval(), batch(1)
    order, keep = method._order(given["key"], 3, 10)
    reconstruction = []
    for change in (0.0, 5.0):
        ecg = given["ecg"].clone()
        masked = int(order[0, 1, keep])
        ecg[0, 1, 10 * masked : 10 * masked + 10] += change * torch.randn(10)
        embedded = method.encoder.embed_patches(method.encoder.patchify(ecg))
        encoded = method.encoder.encode(embedded, order[..., :keep])
        reconstruction.append(method._decode(method.encoder.norm(encoded), order))
    assert reconstruction[0].equal(reconstruction[1])
    # Visible patches do change the output.
    ecg = given["ecg"].clone()
    ecg[0, 1, 10 * int(order[0, 1, 0])] += 5
    encoded = method.encoder.encode(
        method.encoder.embed_patches(method.encoder.patchify(ecg)), order[..., :keep]
    )
    assert not method._decode(method.encoder.norm(encoded), order).equal(reconstruction[0])


def test_reconstructions_are_in_the_order_of_time() -> None:
    method = small(crop=0)
    # Without decoder layers, a reconstruction depends on its own token and position only.
    method.decoder = Transformer()
    order, keep = method._order(batch(1)["key"], 3, 10)
    encoded = torch.randn(1, 3, keep + 2, 16)
    reconstruction = method._decode(encoded, order)
    moved = encoded.clone()
    moved[0, 2, 1] += 1  # the first visible patch of lead III
    changed = (method._decode(moved, order) != reconstruction).any(-1)[0]
    assert changed.nonzero().tolist() == [[2, int(order[0, 2, 0])]]


def test_crops_start_anywhere() -> None:
    ecg = torch.arange(20.0).expand(200, 1, 20)
    result = random_crop(ecg, torch.arange(200), 17, Stream.ST_MEM_CROP)
    firsts = result[:, 0, 0].long()
    assert set(firsts.tolist()) == {0, 1, 2, 3}
    assert result[:, 0].equal(firsts[:, None] + torch.arange(17.0))
    assert random_crop(ecg, torch.arange(200), 20, Stream.ST_MEM_CROP).equal(ecg)


def test_other_encoders_are_refused() -> None:
    with pytest.raises(MelpError, match="wanted one of st_mem_base, st_mem_narrow"):
        STMEM(STMEMConfig(encoder="resnet18_narrow"), Inputs())
