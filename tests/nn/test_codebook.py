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
    """Unit vectors, and the numbers by which they are drawn."""
    generator = torch.Generator().manual_seed(seed)
    return (
        F.normalize(torch.randn(count, DIM, generator=generator), dim=1),
        torch.rand(count, generator=generator),
    )


def begun() -> Codebook:
    """A codebook in use."""
    torch.manual_seed(0)
    codebook = Codebook(CODES, DIM, DECAY, DEAD)
    codebook.usage.copy_(torch.tensor([4.0, 1.0, 0.2, 3.0, 0.0]))
    return codebook


def step(codebook: Codebook, given: Tensor, draw: Tensor) -> None:
    codebook.accumulate(given, codebook.nearest(given), draw)
    codebook.update()


def slowly(codes: Tensor, usage: Tensor, given: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
    """One step, code by code and vector by vector."""
    codes, usage = codes.clone().double(), usage.clone().double()
    dead = [code for code in range(CODES) if usage[code] <= DEAD * usage.mean()]
    chosen = [max(range(CODES), key=lambda code: float(codes[code] @ vector)) for vector in given.double()]
    for code in range(CODES):
        mine = [vector for vector, number in zip(given.double(), chosen, strict=True) if number == code]
        usage[code] = DECAY * usage[code] + (1 - DECAY) * len(mine)
        if mine:
            mean = torch.stack(mine).mean(0)
            moved = DECAY * codes[code] + (1 - DECAY) * mean / mean.norm()
            codes[code] = moved / moved.norm()
    mean_use = usage.mean()
    order = sorted(range(len(given)), key=lambda number: float(draw[number]))
    for code, number in zip(dead, order, strict=False):
        codes[code], usage[code] = given[number].double(), mean_use
    return codes.float(), usage.float()


@pytest.mark.parametrize("count", [9, 2, 1])
def test_it_moves_as_in_a_plain_loop(count: int) -> None:
    codebook = begun()
    for number in range(4):
        given, draw = vectors(count, number)
        wanted = slowly(codebook.codes, codebook.usage, given, draw)
        step(codebook, given, draw)
        torch.testing.assert_close(codebook.codes, wanted[0])
        torch.testing.assert_close(codebook.usage, wanted[1])
        torch.testing.assert_close(codebook.codes.norm(dim=1), torch.ones(CODES))


def test_it_begins_with_vectors_of_the_batch() -> None:
    torch.manual_seed(0)
    codebook = Codebook(CODES, DIM, DECAY, DEAD)
    given, draw = vectors(12, 1)
    step(codebook, given, draw)
    assert torch.equal(codebook.codes, given[draw.argsort()[:CODES]])
    assert bool((codebook.usage > 0).all())


def test_a_batch_too_small_for_all_dead_codes_revives_some() -> None:
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


def test_nothing_moves_without_a_step_and_no_gradient_reaches_the_codes() -> None:
    codebook = begun()
    before = codebook.codes.clone()
    codebook.update()
    assert torch.equal(codebook.codes, before) and not list(codebook.parameters())
    given = vectors(6, 3)[0].requires_grad_()
    assert not codebook.codes[codebook.nearest(given)].requires_grad
    assert set(codebook.state_dict()) == {"codes", "usage"}


def process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    codebook = begun()
    for number in range(3):
        given, draw = vectors(9, number)
        rows = slice(None, SPLIT) if rank == 0 else slice(SPLIT, None)
        step(codebook, given[rows], draw[rows])
    torch.save(codebook.state_dict(), f"{folder}/state{rank}")
    dist.destroy_process_group()


def test_two_processes_move_it_as_one_does(tmp_path: Path) -> None:
    multiprocessing.spawn(process, args=(str(tmp_path),), nprocs=2)
    codebook = begun()
    for number in range(3):
        step(codebook, *vectors(9, number))
    for rank in range(2):
        state = torch.load(tmp_path / f"state{rank}", weights_only=True)
        for name, value in codebook.state_dict().items():
            torch.testing.assert_close(state[name], value)
