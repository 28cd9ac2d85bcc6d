"""The codebook against a plain loop, in one process and in two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F
from torch import Tensor

from melp.nn.codebook import Codebook

CODES, DIM, DECAY, DEAD = 5, 3, 0.8, 0.3
SPLIT = 4


def vectors(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Unit vectors and a random number for each."""
    generator = torch.Generator().manual_seed(seed)
    return (
        F.normalize(torch.randn(count, DIM, generator=generator), dim=1),
        torch.rand(count, generator=generator),
    )


def used_codebook() -> Codebook:
    """A codebook after some steps."""
    torch.manual_seed(0)
    codebook = Codebook(CODES, DIM, DECAY, DEAD)
    codebook.usage.copy_(torch.tensor([4.0, 1.0, 0.2, 3.0, 0.0]))
    return codebook


def step(codebook: Codebook, batch: Tensor, draw: Tensor) -> None:
    codebook.accumulate(batch, codebook.nearest(batch), draw)
    codebook.update()


def slow_step(codes: Tensor, usage: Tensor, batch: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
    """One step, code by code and vector by vector."""
    codes, usage = codes.clone().double(), usage.clone().double()
    dead = [code for code in range(CODES) if usage[code] <= DEAD * usage.mean()]
    chosen = [max(range(CODES), key=lambda code: float(codes[code] @ vector)) for vector in batch.double()]
    for code in range(CODES):
        mine = [vector for vector, number in zip(batch.double(), chosen, strict=True) if number == code]
        usage[code] = DECAY * usage[code] + (1 - DECAY) * len(mine)
        if mine:
            mean = torch.stack(mine).mean(0)
            moved = DECAY * codes[code] + (1 - DECAY) * mean / mean.norm()
            codes[code] = moved / moved.norm()
    mean_use = usage.mean()
    order = sorted(range(len(batch)), key=lambda number: float(draw[number]))
    for code, number in zip(dead, order, strict=False):
        codes[code], usage[code] = batch[number].double(), mean_use
    return codes.float(), usage.float()


@pytest.mark.parametrize("count", [9, 2, 1])
def test_step_equals_a_plain_loop(count: int) -> None:
    codebook = used_codebook()
    for number in range(4):
        batch, draw = vectors(count, number)
        wanted = slow_step(codebook.codes, codebook.usage, batch, draw)
        step(codebook, batch, draw)
        torch.testing.assert_close(codebook.codes, wanted[0])
        torch.testing.assert_close(codebook.usage, wanted[1])
        torch.testing.assert_close(codebook.codes.norm(dim=1), torch.ones(CODES))


def test_first_codes_are_vectors_of_the_batch() -> None:
    torch.manual_seed(0)
    codebook = Codebook(CODES, DIM, DECAY, DEAD)
    batch, draw = vectors(12, 1)
    step(codebook, batch, draw)
    assert torch.equal(codebook.codes, batch[draw.argsort()[:CODES]])
    assert bool((codebook.usage > 0).all())


def test_a_small_batch_replaces_some_dead_codes() -> None:
    torch.manual_seed(0)
    codebook = Codebook(CODES, DIM, DECAY, DEAD)
    first, draw = vectors(2, 1)
    before = codebook.codes.clone()
    step(codebook, first, draw)
    assert torch.equal(codebook.codes[:2], first[draw.argsort()])
    idle = [code for code in range(2, CODES) if torch.equal(codebook.codes[code], before[code])]
    second, draw = vectors(CODES, 2)
    step(codebook, second, draw)
    assert idle and all((second == codebook.codes[code]).all(1).any() for code in idle)


def test_codes_have_no_gradient_and_need_an_accumulated_step() -> None:
    codebook = used_codebook()
    before = codebook.codes.clone()
    codebook.update()
    assert torch.equal(codebook.codes, before) and not list(codebook.parameters())
    batch = vectors(6, 3)[0].requires_grad_()
    assert not codebook.codes[codebook.nearest(batch)].requires_grad
    assert set(codebook.state_dict()) == {"codes", "usage"}


def process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    codebook = used_codebook()
    for number in range(3):
        batch, draw = vectors(9, number)
        rows = slice(None, SPLIT) if rank == 0 else slice(SPLIT, None)
        step(codebook, batch[rows], draw[rows])
    torch.save(codebook.state_dict(), f"{folder}/state{rank}")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path: Path) -> None:
    multiprocessing.spawn(process, args=(str(tmp_path),), nprocs=2)
    codebook = used_codebook()
    for number in range(3):
        step(codebook, *vectors(9, number))
    for rank in range(2):
        state = torch.load(tmp_path / f"state{rank}", weights_only=True)
        for name, value in codebook.state_dict().items():
            torch.testing.assert_close(state[name], value)
