"""In mixed precision, a training step has no operation that CUDA lacks, and signals keep full precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from melp.methods import get_method, list_methods
from melp.signal.preprocessing import Preprocessing
from melp.training.config import OptimiserConfig
from melp.training.module import PretrainingModule
from pretend_cuda import Operations, cuda_autocast, new_record, pretend, to_pretended
from small_methods import Workshop

CASES = [(name, ()) for name in list_methods()] + [
    (name, (f"stage={stage}",)) for name in list_methods() for stage in get_method(name).stages[:-1]
]
CASES += [("simclr", ("augmentation=fairseq_signals",)), ("clocs", ("form=cmsmlc",))]
every_case = pytest.mark.parametrize(("name", "form"), CASES)
OUTSIDE = {"__getitem__", "__setitem__", "__invert__", "__int__", "contiguous", "new_tensor", "nonzero"}
OUTSIDE |= {"cross_entropy", "log_softmax", "softmax"}
"""Functions that may be computed outside the dispatcher: none of them casts to half precision."""


class ResamplingWorkshop(Workshop):
    """As many samples as in the recipe, from recordings that are resampled and filtered."""

    @staticmethod
    def preprocessing(name: str) -> Preprocessing:
        return replace(Workshop.preprocessing(name), rate=125, seconds=8, filter="bandpass")

    def module(self, name: str, form: tuple[str, ...]) -> PretrainingModule:
        method = self.method(name, form).train()
        return PretrainingModule(method, OptimiserConfig(), 10, 0, self.preprocessing(name), self.store.rate)

    def raw(self, name: str) -> dict[str, Any]:
        """Return a batch before preprocessing."""
        batch = self.batch(name)
        return {key: batch[key] for key in batch if key not in ("ecg", "step", "steps")}


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> ResamplingWorkshop:
    return ResamplingWorkshop(synthetic_store)


@every_case
def test_forward_on_cuda(workshop: ResamplingWorkshop, name: str, form: tuple[str, ...]) -> None:
    module = workshop.module(name, form)
    to_pretended(module)
    batch = tree_map(pretend, workshop.raw(name))
    with cuda_autocast() as record:
        loss = module.method(module.prepare(batch))["loss"]
    assert loss.device.type == "cuda" and record.count > 50 and record.network, "nothing in half precision"
    assert not record.lacking, "CUDA has no such operation in bfloat16"
    assert not record.signals, "signals are computed in half precision"
    assert not record.mixed, "tensors of the CPU and of the GPU in one operation"
    assert record.outside <= OUTSIDE


@every_case
def test_backward(workshop: ResamplingWorkshop, name: str, form: tuple[str, ...]) -> None:
    module = workshop.module(name, form)
    with torch.autocast("cpu", torch.bfloat16):
        loss: Tensor = module.method(module.prepare(workshop.raw(name)))["loss"]
    record = new_record()
    with Operations():
        loss.backward()
    assert record.count > 50 and record.network
    assert not record.lacking and not record.signals
