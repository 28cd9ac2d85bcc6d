"""Two processes give the one-process gradient of the joined batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F
from torch import Tensor, nn

from melp.losses.caption import caption_loss
from melp.losses.contrastive import global_contrastive, same_report
from melp.losses.gather import gather, rows_before, share_of_count
from melp.losses.local_alignment import local_alignment_loss
from melp.nn.batch_norm import BatchNorm1d

PAD, PROCESSES = 0, 2
OWNER = torch.tensor([0, 0, 1, 3, 3, 3, 4, 5, 6, 6])
PARTS = {"uneven": (3, 5), "even": (4, 4)}
LOSSES = ("global", "local", "caption")


class Toy(nn.Module):
    """A small network with all three losses, a batch norm and a learned scale."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm = BatchNorm1d(3)
        self.ecg, self.text = nn.Linear(10, 6), nn.Linear(8, 6)
        self.words = nn.Linear(10, 5)
        self.scale = nn.Parameter(torch.tensor(5.0))

    def forward(self, part: dict[str, Tensor]) -> dict[str, Tensor]:
        normed = self.norm(part["ecg"])
        beats = self.ecg(normed)
        vectors = F.normalize(beats.mean(1), dim=1)
        texts = F.normalize(self.text(part["text"]), dim=1)
        owner = part["owner"] + rows_before(len(beats), beats.device)
        positives = same_report(gather(part["report"]))
        count = share_of_count((part["tokens"] != PAD).sum().float())
        return {
            "global": global_contrastive(gather(vectors), gather(texts), self.scale, positives),
            "local": local_alignment_loss(
                gather(beats), gather(self.text(part["statements"])), gather(owner), positives=positives
            ),
            "caption": caption_loss(self.words(normed), part["tokens"], PAD, count=count),
        }


def whole_batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "ecg": torch.randn(8, 3, 10, generator=generator),
        "text": torch.randn(8, 8, generator=generator),
        "statements": torch.randn(len(OWNER), 8, generator=generator),
        "owner": OWNER,
        "report": torch.tensor([4, 5, 6, 4, 7, 8, 6, 9]),
        "tokens": torch.tensor(
            [[1, 2, 0], [3, 0, 0], [0, 0, 0], [4, 4, 1], [2, 0, 0], [1, 1, 1], [3, 2, 0], [4, 2, 1]]
        ),
    }


def part_of_batch(first: int, last: int) -> dict[str, Tensor]:
    batch = whole_batch()
    mine = torch.isin(OWNER, torch.arange(first, last))
    by_statement = {"statements": batch["statements"][mine], "owner": OWNER[mine] - first}
    return {name: value[first:last] for name, value in batch.items()} | by_statement


def gradients(part: dict[str, Tensor]) -> dict[str, Tensor]:
    """Loss, running statistics and the gradient of every parameter, by loss."""
    result = {}
    for name in LOSSES:
        toy = Toy()
        loss = toy(part)[name]
        parameters = dict(toy.named_parameters())
        found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        result[f"{name}/loss"] = loss.detach()
        for parameter, gradient in zip(parameters, found, strict=True):
            if gradient is not None:
                result[f"{name}/{parameter}"] = gradient
        result[f"{name}/mean"], result[f"{name}/var"] = toy.norm.running_mean, toy.norm.running_var
    return result


def process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES)
    for name, sizes in PARTS.items():
        first = sum(sizes[:rank])
        torch.save(gradients(part_of_batch(first, first + sizes[rank])), f"{folder}/{name}{rank}")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(process, args=(str(folder),), nprocs=PROCESSES)
    return folder


@pytest.mark.parametrize("parts", PARTS)
def test_gradient_equals_that_of_the_joined_batch(folder: Path, parts: str) -> None:
    wanted = gradients(whole_batch())
    found = [torch.load(folder / f"{parts}{rank}", weights_only=True) for rank in range(PROCESSES)]
    assert found[0].keys() == found[1].keys() == wanted.keys()
    assert any("norm.weight" in name for name in wanted)
    for name, value in wanted.items():
        average = (found[0][name] + found[1][name]) / 2
        torch.testing.assert_close(
            average, value, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_identity_without_a_process_group() -> None:
    rows = torch.randn(3, 2, requires_grad=True)
    assert gather(rows) is rows
    assert rows_before(3, rows.device) == 0
    assert share_of_count(torch.tensor(4.0)).item() == 4
