from __future__ import annotations

import pytest
import torch

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
def test_loss_is_the_mean_square_over_hidden_patches(normalised: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn, patches = torch.randn(2, 2, 3, 4, 5, generator=generator).unbind()
    hidden = torch.tensor([[[0, 3], [1, 2], [0, 1]], [[2, 3], [0, 2], [1, 3]]])
    wanted = []
    for record in range(2):
        errors = []
        for lead in range(3):
            for number in hidden[record, lead].tolist():
                target = patches[record, lead, number]
                if normalised:
                    target = (target - target.mean()) / (target.var() + 1e-6).sqrt()
                errors += (drawn[record, lead, number] - target).square().tolist()
        wanted.append(sum(errors) / len(errors))
    found = masked_patch_loss(drawn, patches, hidden, normalised)
    torch.testing.assert_close(found, torch.tensor(wanted))


def test_a_quarter_of_every_lead_is_seen_each_by_its_own_draw() -> None:
    method = small(crop=0)
    order, keep = method._order(batch()["key"], 3, 10)
    assert keep == 2 and order.sort(-1).values.equal(torch.arange(10).expand(4, 3, 10))
    assert not order[0, 0].equal(order[0, 1]) and not order[0, 0].equal(order[1, 0])


def test_a_hidden_patch_is_not_seen() -> None:
    method, given = small(crop=0).eval(), batch(1)
    order, keep = method._order(given["key"], 3, 10)
    drawn = []
    for change in (0.0, 5.0):
        ecg = given["ecg"].clone()
        hidden = int(order[0, 1, keep])
        ecg[0, 1, 10 * hidden : 10 * hidden + 10] += change * torch.randn(10)
        embedded = method.encoder.embed_patches(method.encoder.patchify(ecg))
        encoded = method.encoder.encode(embedded, order[..., :keep])
        drawn.append(method._decode(method.encoder.norm(encoded), order))
    assert drawn[0].equal(drawn[1])
    # What is seen counts.
    ecg = given["ecg"].clone()
    ecg[0, 1, 10 * int(order[0, 1, 0])] += 5
    encoded = method.encoder.encode(
        method.encoder.embed_patches(method.encoder.patchify(ecg)), order[..., :keep]
    )
    assert not method._decode(method.encoder.norm(encoded), order).equal(drawn[0])


def test_drawn_patches_stand_in_the_order_of_time() -> None:
    method = small(crop=0)
    # Without decoder layers, a place's patch is a function of its own token and position.
    method.decoder = Transformer()
    order, keep = method._order(batch(1)["key"], 3, 10)
    encoded = torch.randn(1, 3, keep + 2, 16)
    drawn = method._decode(encoded, order)
    moved = encoded.clone()
    moved[0, 2, 1] += 1  # the first patch of lead III that is seen
    changed = (method._decode(moved, order) != drawn).any(-1)[0]
    assert changed.nonzero().tolist() == [[2, int(order[0, 2, 0])]]


def test_crops_begin_anywhere() -> None:
    ecg = torch.arange(20.0).expand(200, 1, 20)
    found = random_crop(ecg, torch.arange(200), 17)
    firsts = found[:, 0, 0].long()
    assert set(firsts.tolist()) == {0, 1, 2, 3}
    assert found[:, 0].equal(firsts[:, None] + torch.arange(17.0))
    assert random_crop(ecg, torch.arange(200), 20).equal(ecg)


def test_wants_its_own_kind_of_encoder() -> None:
    with pytest.raises(MelpError, match="wanted one of st_mem_base, st_mem_narrow"):
        STMEM(STMEMConfig(encoder="resnet18_narrow"), Inputs())
