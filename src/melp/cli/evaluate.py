"""`melp zero-shot`, `melp probe`, `melp generate`, `melp embed`: a model on a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from melp.cli import app
from melp.cli.tables import print_table
from melp.errors import MelpError

if TYPE_CHECKING:
    from melp.evaluation.judging import Judged
    from melp.hub import Model
    from melp.tasks import Task

_MODEL = typer.Argument(help="Model folder.")
_TASK = typer.Option(help="Task, or several with commas.")
_DATA = typer.Option(help="Store with the records.")
_OUT = typer.Option(help="Folder for results.jsonl and predictions.parquet.")
_FOLDS = typer.Option(None, help="Folds to judge, such as 9,10, instead of a split.")
_SPLIT = typer.Option("test", help="Split of the task to judge: test or validation.")
_FILES = {"test": "test", "validation": "val"}
"""The published file of a split."""
_PROTOCOL = typer.Option(
    "corrected", help="corrected, or paper: as published, defects included, by --published-splits."
)
_PUBLISHED = typer.Option(
    None, "--published-splits", help="Folder with the label files that MERL and MELP publish, at any depth."
)
_DEVICE = typer.Option("auto", help="auto (a GPU where there is one), cpu, cuda.")
_TRAIN_DATA = typer.Option(
    None, help="Store to train on, where --data has test records only (code-test: a store of code-15)."
)
_MIN_POSITIVES = typer.Option(1, min=1, help="Classes with fewer positives do not count in the macro mean.")


@app.command("zero-shot")
def zero_shot_command(
    model: Path = _MODEL,
    task: str = _TASK,
    data: Path = _DATA,
    out: Path = _OUT,
    split: str = _SPLIT,
    folds: str | None = _FOLDS,
    prompts: Path | None = typer.Option(None, help="JSON file with other prompts."),
    min_positives: int = _MIN_POSITIVES,
    protocol: str = _PROTOCOL,
    published: Path | None = _PUBLISHED,
    device: str = _DEVICE,
) -> None:
    """Judges a model by prompts alone: AUROC of ECG-prompt similarities."""
    from melp.data.store import Store
    from melp.evaluation.paper_judging import paper_zero_shot
    from melp.evaluation.zero_shot import read_prompts, zero_shot_all

    tasks, judged_folds = _tasks(task, split), folds_of(folds)
    wordings = {each.name: read_prompts(prompts, each) for each in tasks if prompts}
    files = _published(protocol, published, {"folds": folds, "min-positives": min_positives > 1})
    store, loaded = Store(data), _load(model, device)
    if files:
        judged = paper_zero_shot(loaded, store, tasks, files, file=_FILES[split], prompts=wordings)
    else:
        judged = zero_shot_all(
            loaded, store, tasks, folds=judged_folds, prompts=wordings, min_positives=min_positives
        )
    _finish(judged, out)


@app.command("probe")
def probe_command(
    model: Path = _MODEL,
    task: str = _TASK,
    data: Path = _DATA,
    out: Path = _OUT,
    fraction: str = typer.Option("100", help="Training labels used, in per cent, such as 1,10,100."),
    seeds: int = typer.Option(1, min=1, help="Subsets drawn of each fraction below 100."),
    split: str = _SPLIT,
    folds: str | None = _FOLDS,
    train_folds: str | None = typer.Option(None, help="Folds to train on, such as 1-7."),
    train_data: Path | None = _TRAIN_DATA,
    min_positives: int = _MIN_POSITIVES,
    protocol: str = _PROTOCOL,
    published: Path | None = _PUBLISHED,
    device: str = _DEVICE,
) -> None:
    """Judges a frozen model by linear probes on its embeddings."""
    from melp.data.store import Store
    from melp.evaluation.paper_probe import paper_probe
    from melp.evaluation.probe import probe_all

    tasks, fractions = _tasks(task, split), _fractions(fraction)
    chosen = {"folds": folds, "train-folds": train_folds, "train-data": train_data, "seeds": seeds > 1}
    files = _published(protocol, published, {**chosen, "min-positives": min_positives > 1})
    sides = folds_of(folds), folds_of(train_folds)
    store, loaded = Store(data), _load(model, device)
    if files:
        judged = paper_probe(loaded, store, tasks, files, fractions=fractions, file=_FILES[split])
    else:
        judged = probe_all(
            loaded,
            store,
            tasks,
            fractions=fractions,
            seeds=range(seeds),
            folds=sides[0],
            train_folds=sides[1],
            train_store=Store(train_data) if train_data else None,
            min_positives=min_positives,
        )
    _finish(judged, out)


@app.command("generate")
def generate_command(
    model: Path = _MODEL,
    data: Path = _DATA,
    out: Path = typer.Option(help="Folder for reports.parquet, reports.txt and results.jsonl."),
    folds: str = typer.Option("10", help="Folds whose reports are written."),
    beams: int = typer.Option(1, min=1, help="Width of the beam search; 1 is greedy."),
    device: str = _DEVICE,
) -> None:
    """Writes reports beside the true ones: BLEU-4 and ROUGE-L, with two baselines."""
    from melp.data.store import Store
    from melp.evaluation.classify import DISCLAIMER
    from melp.evaluation.generation import generate, save_generation
    from melp.tasks import parse_folds

    generation = generate(_load(model, device), Store(data), parse_folds(folds), beams=beams)
    save_generation(generation, out)
    names = ("report", "BLEU-4", "ROUGE-L")
    rows = [
        (str(row.Index), f"{row.bleu4:.3f}", f"{row.rouge_l:.3f}") for row in generation.scores.itertuples()
    ]
    print_table(names, rows)
    typer.echo(f"{len(generation.table)} reports in {out / 'reports.txt'}. {DISCLAIMER}")


@app.command("embed")
def embed_command(
    model: Path = _MODEL,
    data: Path = _DATA,
    out: Path = typer.Option(help="Folder for embeddings.npy and ids.parquet."),
    folds: str | None = typer.Option(None, help="Only these folds."),
    space: str = typer.Option(
        "features", help="features (for probes) or text (shared with text, unit length)."
    ),
    device: str = _DEVICE,
) -> None:
    """Writes the embeddings of a store's records."""
    import numpy as np

    from melp.data.store import Store
    from melp.evaluation.embed import embed_rows, write_embeddings

    if space not in ("features", "text"):
        raise MelpError(f"space: found {space!r}, wanted features or text")
    store, wanted = Store(data), folds_of(folds)
    here = store.index["fold"].isin(wanted) if wanted else np.ones(len(store), dtype=bool)
    rows = np.flatnonzero(here)
    if not len(rows):
        raise MelpError(f"{data}: no record in folds {folds}")
    vectors = embed_rows(_load(model, device), store, rows, space=space)
    write_embeddings(vectors, store.index.iloc[rows], out)
    typer.echo(f"{out}: {vectors.shape[0]} embeddings of {vectors.shape[1]} numbers")


def _tasks(text: str, split: str) -> list[Task]:
    """Tasks by name; for the validation split its folds stand in for the test folds."""
    from melp.tasks import get_task

    tasks = [get_task(name.strip()) for name in text.split(",")]
    if split not in _FILES:
        raise MelpError(f"split: found {split!r}, wanted {' or '.join(_FILES)}")
    if split == "test":
        return tasks
    return [replace(task, test_folds=task.validation_folds) for task in tasks]


def _load(folder: Path, device: str) -> Model:
    import torch

    from melp.hub import load

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.partition(":")[0] not in ("cpu", "cuda"):
        raise MelpError(f"device: found {device!r}, wanted auto, cpu or cuda")
    return load(folder, device)


def folds_of(text: str | None) -> tuple[int, ...] | None:
    """Folds as an option names them; None where it is not given."""
    from melp.tasks import parse_folds

    return None if text is None else parse_folds(text)


def _fractions(text: str) -> list[float]:
    try:
        fractions = [float(part) for part in text.split(",")]
    except ValueError:
        fractions = []
    if not fractions or not all(0 < fraction <= 100 for fraction in fractions):
        raise MelpError(f"fraction: found {text!r}, wanted per cents above 0 and up to 100, such as 1,10,100")
    return fractions


def _published(protocol: str, folder: Path | None, chosen: Mapping[str, object]) -> Path | None:
    """The folder of the published label files under protocol "paper", which leaves nothing else to choose."""
    if protocol not in ("corrected", "paper"):
        raise MelpError(f"protocol: found {protocol!r}, wanted corrected or paper")
    if protocol == "corrected":
        if folder:
            raise MelpError("published-splits: found without --protocol paper, wanted both or neither")
        return None
    if folder is None:
        raise MelpError(
            "protocol paper: no --published-splits found, wanted the folder of the label files that MERL and "
            "MELP publish"
        )
    given = [name for name, value in chosen.items() if value]
    if given:
        raise MelpError(f"protocol paper: --{given[0]} found, wanted none: what is published has no choice")
    return folder


def _finish(judged: Sequence[Judged], out: Path) -> None:
    from melp.evaluation.judging import save

    save(judged, out)
    print_judged(judged)


def print_judged(judged: Sequence[Judged]) -> None:
    """A line a cell, then what is to be known of them, on stderr."""
    names = ("task", "labels", "seed", "macro AUROC", "95 %", "records", "left out")
    rows = []
    for each in judged:
        low, high = each.auroc.intervals["auroc_macro"]
        labels = f"{each.cell.fraction:g} %" if each.cell.fraction else "none"
        rows.append(
            (
                each.cell.task,
                labels,
                str(each.cell.seed),
                f"{each.auroc.macro:.3f}",
                f"{low:.3f}-{high:.3f}",
                str(each.auroc.n),
                ", ".join(each.auroc.left_out),
            )
        )
    print_table(names, rows)
    # Cells of one task differ in neither.
    for line in dict.fromkeys(line for each in judged for line in _notes(each)):
        typer.echo(line, err=True)


def _notes(judged: Judged) -> list[str]:
    shared = judged.shared
    if not shared:
        return list(judged.notes)
    more = ", ..." if len(shared.named) < (shared.records or 0) else ""
    named = f" ({', '.join(shared.named)}{more})" if shared.named else ""
    seen = f"{judged.cell.checkpoint} was trained on {shared.records} of the {judged.auroc.n} records judged"
    return [*judged.notes, f"{judged.cell.task}: {seen}{named}, and on {shared.patients} of their patients"]
