"""Every scalar of a step with several processes is that of one process with the joined batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import Tensor, nn

from melp.hub import load, save
from melp.losses.gather import mean_over_ranks
from melp.methods import list_methods
from melp.methods._base import EncoderConfig, Inputs, Method
from melp.nn.classifier import Classifier
from melp.text.pretraining import MaskedLanguageModel
from melp.training.config import OptimiserConfig
from melp.training.module import PretrainingModule
from small_methods import Workshop, part_of, without_dropout

PROCESSES, RECORDS, SPLIT = 2, 8, 3
OTHERS = ("classifier", "language model")
CASES = [*list_methods(), *OTHERS]


def build(name: str, folder: Path, language: Any) -> nn.Module:
    """Return a method, or one of `OTHERS`, with the same weights in every process; in double precision."""
    torch.manual_seed(0)
    if name == "language model":
        module: nn.Module = MaskedLanguageModel(language, masked=0.5)
    elif name == "classifier":
        encoder = Method.new_encoder(EncoderConfig("resnet18_narrow"), Inputs(samples=1000, rate=100))
        module = Classifier(encoder, 3)
    else:
        module = load(folder / name).method
    return without_dropout(module).double()  # type: ignore[arg-type]


def scalars(module: nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
    """Return what a training step returns and a validation step logs, and a gradient."""
    step = PretrainingModule(module.train(), OptimiserConfig(), 10, 0)
    returned = step.training_step(batch, 0)
    returned["loss"].backward()
    found = {f"training/{name}": value.detach() for name, value in returned.items()}
    weight = next(weight for weight in module.parameters() if weight.grad is not None and weight.ndim > 1)
    found["gradient"] = weight.grad  # type: ignore[assignment]
    step.log = lambda name, value, **_: found.update({name: value.detach()})  # type: ignore[assignment]
    with torch.no_grad():
        step.method.eval()
        step.validation_step(batch, 0)
    return found


def process(rank: int, folder: str, language: Any) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES)
    for name in CASES:
        batch = torch.load(f"{folder}/{name}-batch{rank}", weights_only=True)
        torch.save(scalars(build(name, Path(folder), language), batch), f"{folder}/{name}-scalars{rank}")
    dist.destroy_process_group()


def whole_batch(workshop: Workshop, name: str) -> dict[str, Any]:
    batch = workshop.batch("melp" if name in OTHERS else name)
    labels = (torch.arange(3 * RECORDS).view(RECORDS, 3) % 4 == 0).double()
    return {**batch, "ecg": batch["ecg"].double(), "labels": labels}


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@pytest.fixture(scope="module")
def folder(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scalars of every case from two processes with three and five records."""
    folder, pad = tmp_path_factory.mktemp("processes"), workshop.language.tokenizer.pad_token_id
    for name in CASES:
        if name not in OTHERS:
            save(folder / name, workshop.method(name), name, workshop.preprocessing(name))
        for rank, (first, last) in enumerate(((0, SPLIT), (SPLIT, RECORDS))):
            part = part_of(whole_batch(workshop, name), first, last, pad)
            torch.save(part, folder / f"{name}-batch{rank}")
    multiprocessing.spawn(process, args=(str(folder), workshop.language), nprocs=PROCESSES)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_scalars_are_of_the_joined_batch(workshop: Workshop, folder: Path, name: str) -> None:
    expected = scalars(build(name, folder, workshop.language), whole_batch(workshop, name))
    parts = [torch.load(folder / f"{name}-scalars{rank}", weights_only=True) for rank in range(PROCESSES)]
    gradient = expected.pop("gradient")
    average = (parts[0].pop("gradient") + parts[1].pop("gradient")) / 2
    assert float((average - gradient).abs().max()) < 1e-6 * max(float(gradient.abs().max()), 1e-3)
    assert {"training/loss", "validation/loss"} <= expected.keys()
    for part in parts:
        assert {key: float(value) for key, value in part.items()} == pytest.approx(
            {key: float(value) for key, value in expected.items()}, rel=1e-5, abs=1e-6
        )


def test_one_process_keeps_its_scalars() -> None:
    loss = torch.tensor(2.0, requires_grad=True)
    assert mean_over_ranks({"loss": loss})["loss"] is loss
