"""`melp zero-shot`, `melp probe`, `melp generate`: evaluate a model on a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from melp.cli import app, options
from melp.cli.tables import print_table
from melp.errors import MelpError

if TYPE_CHECKING:
    from melp.evaluation.cells import Evaluation
    from melp.tasks import Task

_PUBLISHED_FILES = {"test": "test", "validation": "val"}
"""The published label file of each split."""


@app.command("zero-shot")
def zero_shot_command(
    model: Path = options.MODEL,
    task: str = options.TASKS,
    data: Path = options.DATA,
    out: Path = options.RESULTS,
    split: str = options.SPLIT,
    folds: str | None = options.FOLDS,
    prompts: Path | None = typer.Option(None, help="JSON file with prompts that replace the task's."),
    similarity: str = options.SIMILARITY,
    min_positives: int = options.MIN_POSITIVES,
    protocol: str = options.PROTOCOL,
    published: Path | None = options.PUBLISHED,
    device: str = options.DEVICE,
) -> None:
    """Evaluate a model without labels: AUROC of the similarity of ECGs and prompts."""
    from melp.data.store import Store
    from melp.evaluation.paper_zero_shot import paper_zero_shot
    from melp.evaluation.prompts import read_prompts
    from melp.evaluation.zero_shot import zero_shot

    tasks, test_folds = _tasks(task, split), options.parse_optional_folds(folds)
    wordings = {task.name: read_prompts(prompts, task) for task in tasks if prompts}
    chosen = {"folds": folds, "min-positives": min_positives > 1, "similarity": similarity}
    files = _published(protocol, published, chosen)
    store, loaded = Store(data), options.load_model(model, device)
    if files:
        file = _PUBLISHED_FILES[split]
        cells = paper_zero_shot(loaded, store, tasks, files, file=file, prompts=wordings, out=out)
    else:
        cells = zero_shot(
            loaded,
            store,
            tasks,
            folds=test_folds,
            prompts=wordings,
            min_positives=min_positives,
            similarity=similarity,
            out=out,
        )
    print_evaluations(cells)


@app.command("probe")
def probe_command(
    model: Path = options.MODEL,
    task: str = options.TASKS,
    data: Path = options.DATA,
    out: Path = options.RESULTS,
    kind: str = typer.Option("linear", help="linear, neighbours or attentive (reads the encoder's frames)."),
    fraction: str = typer.Option("100", help="Percentages of training labels to use, such as 1,10,100."),
    seeds: int = typer.Option(1, min=1, help="Number of random subsets for each fraction below 100."),
    split: str = options.SPLIT,
    folds: str | None = options.FOLDS,
    train_folds: str | None = options.TRAIN_FOLDS,
    train_data: Path | None = options.TRAIN_DATA,
    min_positives: int = options.MIN_POSITIVES,
    exclude_duplicates: bool = options.EXCLUDE_DUPLICATES,
    protocol: str = options.PROTOCOL,
    published: Path | None = options.PUBLISHED,
    device: str = options.DEVICE,
) -> None:
    """Evaluate a frozen model with probes: AUROC of logistic regression on its embeddings, or of --kind."""
    from melp.data.store import Store
    from melp.evaluation import paper_probe, probe

    shown: dict[str, Any] = {"fractions": _fractions(fraction), "out": out}
    chosen = {"folds": folds, "train-folds": train_folds, "train-data": train_data, "seeds": seeds > 1}
    chosen |= {"kind": kind != "linear", "min-positives": min_positives > 1}
    files = _published(protocol, published, chosen)
    tasks, store, loaded = _tasks(task, split), Store(data), options.load_model(model, device)
    if files:
        cells = paper_probe.paper_probe(loaded, store, tasks, files, file=_PUBLISHED_FILES[split], **shown)
    else:
        settings = {"kind": kind, "min_positives": min_positives, "exclude_duplicates": exclude_duplicates}
        sides = options.parse_optional_folds(folds), options.parse_optional_folds(train_folds)
        shown |= {**settings, **dict(zip(("folds", "train_folds"), sides, strict=True))}
        shown["train_store"] = Store(train_data) if train_data else None
        cells = probe.probe(loaded, store, tasks, seeds=range(seeds), **shown)
    print_evaluations(cells)


@app.command("generate")
def generate_command(
    model: Path = options.MODEL,
    data: Path = options.DATA,
    out: Path = typer.Option(help="Folder for reports.parquet, reports.txt and the cells of results."),
    folds: str = typer.Option("10", help="Folds to write reports for, such as 9,10."),
    beams: int = typer.Option(1, min=1, help="Beam width; 1 is greedy search."),
    device: str = options.DEVICE,
) -> None:
    """Generate reports and compare words and clinical findings with the true ones, with two baselines."""
    from melp.data.store import Store
    from melp.disclaimer import DISCLAIMER
    from melp.evaluation.generation import generate, save_generation
    from melp.evaluation.tables import score_cell
    from melp.tasks import parse_folds

    loaded = options.load_model(model, device)
    generation = generate(loaded, Store(data), parse_folds(folds), beams=beams, out=out)
    save_generation(generation, out)
    scores = generation.scores.map(score_cell)
    names = ("report", "BLEU-4", "ROUGE-L", "clinical precision", "clinical recall", "clinical F1")
    print_table(names, scores.itertuples())
    typer.echo(generation.evaluations[0].messages[0], err=True)
    typer.echo(f"{len(generation.table)} reports in {out / 'reports.txt'}. {DISCLAIMER}")


@app.command("results")
def results_command(
    out: Path = typer.Argument(help="Folder of results: the --out of evaluations."),
) -> None:
    """Write the results in a folder to results.jsonl and predictions.parquet."""
    from melp.evaluation.results import export_results

    typer.echo(f"{' and '.join(map(str, export_results(out)))}: written")


def _tasks(text: str, split: str) -> list[Task]:
    """Return tasks by name; for the validation split, their test folds are their validation folds."""
    from melp.tasks import get_task

    tasks = [get_task(name.strip()) for name in text.split(",")]
    if split not in _PUBLISHED_FILES:
        raise MelpError(f"split: found {split!r}, wanted {' or '.join(_PUBLISHED_FILES)}")
    if split == "test":
        return tasks
    return [replace(task, test_folds=task.validation_folds) for task in tasks]


def _fractions(text: str) -> list[float]:
    try:
        fractions = [float(part) for part in text.split(",")]
    except ValueError:
        fractions = []
    if not fractions or not all(0 < fraction <= 100 for fraction in fractions):
        raise MelpError(f"fraction: found {text!r}, wanted percentages above 0, up to 100, such as 1,10")
    return fractions


def _published(protocol: str, folder: Path | None, chosen: Mapping[str, object]) -> Path | None:
    """Return the folder of the published label files; None under protocol "corrected".

    `chosen` are the options that protocol "paper" does not allow.
    """
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
    if given := [name for name, value in chosen.items() if value]:
        raise MelpError(f"protocol paper: --{given[0]} found, wanted none: the published protocol fixes it")
    return folder


def print_evaluations(evaluations: Sequence[Evaluation]) -> None:
    """Print a table with one row per cell, then messages on stderr."""
    from melp.evaluation.tables import interval_cell, score_cell

    rows = [
        (
            one.cell.task,
            f"{one.cell.fraction:g} % ({one.cell.n_train:,})" if one.cell.fraction else "none",
            one.cell.seed,
            score_cell(one.metric()["value"]),
            interval_cell(*one.metric()[["lo", "hi"]]),
            one.metric()["n"],
            ", ".join(one.left_out),
        )
        for one in evaluations
    ]
    print_table(
        ("task", "labels (records)", "seed", "macro AUROC", "95 % interval", "records", "left out"), rows
    )
    # The cells of a task have the same messages.
    for line in dict.fromkeys(line for one in evaluations for line in one.messages):
        typer.echo(line, err=True)
