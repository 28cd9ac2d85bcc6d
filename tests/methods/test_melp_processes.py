"""MELP's local loss in two processes: over the batch of a process, or over the joined batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from melp.hub import load, save
from small_methods import Workshop, part_of, without_dropout

PROCESSES, RECORDS, SPLIT = 2, 8, 3
FORMS = [
    (f"local_over_ranks={over}", f"identical_reports={identical}", "lead_masking=0")
    for over in ("false", "true")
    for identical in ("negatives", "implied")
]


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def with_implied(batch: dict[str, Any]) -> dict[str, Any]:
    """Return the batch with other statement numbers: each text has one, and some ECGs imply another's."""
    shown = torch.arange(1, RECORDS + 1)[:, None]
    statements = torch.cat([shown, torch.zeros_like(shown)], dim=1)
    # 0 implies the text of 7, which the other process has; the rest is within the second process.
    for ecg, text in ((0, 7), (6, 4), (7, 5), (3, 5)):
        statements[ecg, 1] = shown[text, 0]
    return batch | {"shown_statements": shown, "all_statements": statements}


def local(folder: Path, batch: dict[str, Any]) -> float:
    method = without_dropout(load(folder).method).eval()
    with torch.no_grad():
        return float(method(batch)["local"])


def process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES)
    batch = torch.load(f"{folder}/batch{rank}", weights_only=True)
    losses = [local(Path(folder, str(number)), batch) for number in range(len(FORMS))]
    torch.save(losses, f"{folder}/losses{rank}")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The losses of two processes with three and five records."""
    folder = tmp_path_factory.mktemp("processes")
    for number, form in enumerate(FORMS):
        save(folder / str(number), workshop.method("melp", form), "melp", workshop.preprocessing("melp"))
    batch, pad = with_implied(workshop.batch("melp")), workshop.language.tokenizer.pad_token_id
    torch.save(batch, folder / "batch")
    for rank, (first, last) in enumerate(((0, SPLIT), (SPLIT, RECORDS))):
        torch.save(part_of(batch, first, last, pad), folder / f"batch{rank}")
    multiprocessing.spawn(process, args=(str(folder),), nprocs=PROCESSES)
    return folder


@pytest.mark.parametrize("number", range(len(FORMS)), ids=[" ".join(form[:2]) for form in FORMS])
def test_local_loss_is_that_of_its_own_batch_or_of_the_joined_one(folder: Path, number: int) -> None:
    joined = local(folder / str(number), torch.load(folder / "batch", weights_only=True))
    for rank in range(PROCESSES):
        found = torch.load(folder / f"losses{rank}", weights_only=True)[number]
        own = local(folder / str(number), torch.load(folder / f"batch{rank}", weights_only=True))
        over_ranks = FORMS[number][0].endswith("true")
        assert found == pytest.approx(joined if over_ranks else own, rel=1e-5)
        assert own != pytest.approx(joined, rel=1e-2), "the two could not be told apart"


def test_implied_texts_change_the_loss_of_the_second_process(folder: Path) -> None:
    batch = torch.load(folder / "batch1", weights_only=True)
    negatives, implied = (local(folder / str(number), batch) for number in (0, 1))
    assert negatives != pytest.approx(implied, rel=1e-3)
