"""CLOCS: pairs of views, positives and encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from melp.errors import MelpError
from melp.losses.patient_contrast import patient_contrast
from melp.methods.clocs import CLOCSConfig, _pairs
from small_methods import Workshop


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@pytest.mark.parametrize(("form", "count"), [("cmsc", 3), ("cmlc", 6), ("cmsmlc", 15)])
def test_pairs_of_views(form: str, count: int) -> None:
    result = {tuple(pair) for pair in _pairs(form, 3).t().tolist()}
    assert len(result) == count
    for one, other in result:
        halves, leads = (one // 3, other // 3), (one % 3, other % 3)
        assert one < other
        assert form != "cmsc" or (halves == (0, 1) and leads[0] == leads[1])
        assert form != "cmlc" or (halves[0] == halves[1] and leads[0] != leads[1])


@torch.no_grad()
@pytest.mark.parametrize("form", ["cmsc", "cmlc", "cmsmlc"])
def test_loss_view_by_view(workshop: Workshop, form: str) -> None:
    method: Any = workshop.method("clocs", (f"form={form}",)).eval()
    batch = workshop.batch("clocs")
    batch["patient"] = torch.tensor([0, 1, 2, 0, 3, 4, 4, 5])
    parts = [
        batch["ecg"][:, lead : lead + 1, half * 500 : half * 500 + 500]
        for half in (0, 1)
        for lead in range(12)
    ]
    views = [method.projector(method.encoder.lead_encoder(part).mean(1)) for part in parts]
    losses = [
        patient_contrast(views[one][None], views[other][None], batch["patient"], 0.1)
        for one, other in method.pairs.t().tolist()
    ]
    torch.testing.assert_close(method(batch)["loss"], torch.stack(losses).mean())


@torch.no_grad()
def test_one_network_reads_every_lead(workshop: Workshop) -> None:
    method: Any = workshop.method("clocs").eval()
    ecg = workshop.batch("clocs")["ecg"]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    result = method.embed(ecg[:, order]).unflatten(1, (12, -1))
    torch.testing.assert_close(result, method.embed(ecg).unflatten(1, (12, -1))[:, order])
    torch.testing.assert_close(method.encoder(ecg).mean(1), method.embed(ecg))


def test_leads_read_together_cannot_be_compared() -> None:
    with pytest.raises(MelpError, match=r"method\.form: 'cmlc' found, wanted cmsc if leads"):
        CLOCSConfig(form="cmlc", leads="together")


def test_wrong_sizes_are_named(workshop: Workshop) -> None:
    with pytest.raises(MelpError, match=r"encoder cnn: .*found, not sizes of one"):
        workshop.method("clocs", ("encoder_options={kernel: none}",))
    with pytest.raises(MelpError, match="encoder cnn: option 'depth' found, wanted one of channels, dropout"):
        workshop.method("clocs", ("encoder_options={depth: 3}",))
