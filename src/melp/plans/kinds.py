"""The kinds of evaluations of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from melp.data.store import Store
from melp.errors import MelpError, one_of
from melp.evaluation.defect_cells import evaluate_defects
from melp.evaluation.disturbances import get_disturbances
from melp.evaluation.embed import can
from melp.evaluation.finetune import finetune
from melp.evaluation.generation import generate
from melp.evaluation.identification import identify
from melp.evaluation.paper_probe import paper_probe
from melp.evaluation.paper_zero_shot import paper_zero_shot
from melp.evaluation.probe import probe
from melp.evaluation.retrieval import retrieve
from melp.evaluation.robustness import robustness
from melp.evaluation.transfer import transfer
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model
from melp.methods import get_method
from melp.plans.schema import EvaluationPlan, Plan
from melp.recipes import load_finetune_recipe
from melp.tasks import Task, get_task, parse_folds
from melp.tasks.overlap import overlapping_tasks
from melp.training.recipe import Recipe

__all__ = ["KINDS", "Kind", "can_be_evaluated", "count_cells", "evaluate"]

Evaluate = Callable[["Job"], object]


@dataclass(frozen=True)
class Job:
    """An evaluation of a model: what it says, the opened stores, the folder of cells, that of the run."""

    entry: EvaluationPlan
    model: Model
    store: Store
    train_store: Store | None
    out: Path
    run: Path
    published: Path

    @property
    def tasks(self) -> list[Task]:
        """The tasks by name."""
        return [get_task(name) for name in self.entry.tasks]

    @property
    def sides(self) -> dict[str, Any]:
        """The folds, and what counts in a mean."""
        entry = self.entry
        chosen = {"folds": folds_of(entry.folds), "train_folds": folds_of(entry.train_folds)}
        return {**chosen, "min_positives": entry.min_positives}


def folds_of(text: str) -> tuple[int, ...] | None:
    """Return folds such as "9,10"; None for those of the task."""
    return parse_folds(text) if text else None


PROMPTED = ("embed_text", "answers")
"""A method with one of these can be asked by prompts."""


def _one(entry: EvaluationPlan, text: bool) -> int:
    return 1


def _of_shares(entry: EvaluationPlan, text: bool) -> int:
    """One of each share of the labels and seed; published subsets have no seeds."""
    several = 1 if entry.protocol == "paper" else len(entry.seeds)
    return sum(several if fraction < 100 else 1 for fraction in entry.fractions)


def _of_readings(entry: EvaluationPlan, text: bool) -> int:
    """One by a probe, and one by prompts."""
    return 2 if text else 1


@dataclass(frozen=True)
class Kind:
    """A kind of evaluation.

    Attributes:
        protocols: how it is done by each protocol.
        needs: abilities of a method, one of which it needs; none if every method has what it needs.
        per_task: whether it is of tasks.
        cells: number of cells of a task, or in all, of a model that can be asked by text or that cannot.
        by_text: abilities, one of which a model needs to be asked by text.
    """

    protocols: Mapping[str, Evaluate]
    needs: tuple[str, ...] = ()
    per_task: bool = True
    cells: Callable[[EvaluationPlan, bool], int] = _one
    by_text: tuple[str, ...] = ("embed_text",)


def _zero_shot(job: Job) -> None:
    sides = {name: value for name, value in job.sides.items() if name != "train_folds"}
    zero_shot(job.model, job.store, job.tasks, **sides, out=job.out)


def _paper_zero_shot(job: Job) -> None:
    paper_zero_shot(job.model, job.store, job.tasks, job.published, out=job.out)


def _probe(job: Job, kind: str = "linear") -> None:
    shares = {"fractions": job.entry.fractions, "seeds": job.entry.seeds}
    options: dict[str, Any] = {**shares, **job.sides, "train_store": job.train_store, "kind": kind}
    probe(job.model, job.store, job.tasks, **options, out=job.out)


def _paper_probe(job: Job) -> None:
    fractions = job.entry.fractions
    paper_probe(job.model, job.store, job.tasks, job.published, fractions=fractions, out=job.out)


def _defects(job: Job) -> None:
    shares: dict[str, Any] = {"fractions": job.entry.fractions, "seeds": job.entry.seeds}
    options = {**shares, "min_positives": job.entry.min_positives, "out": job.out}
    evaluate_defects(job.model, job.store, job.tasks, job.published, **options)


def _finetune(job: Job) -> None:
    recipe = load_finetune_recipe(job.entry.options)
    for task in job.tasks:
        for fraction in job.entry.fractions:
            for seed in job.entry.seeds if fraction < 100 else job.entry.seeds[:1]:
                folder = job.run / "finetune" / f"{task.name}-{fraction:g}-{seed}"
                share: dict[str, Any] = {"fraction": fraction, "seed": seed, "progress": False}
                finetune(job.model, job.store, task, folder, recipe, **share, **job.sides, cells=job.out)


def _generate(job: Job) -> None:
    generate(job.model, job.store, folds_of(job.entry.folds) or (10,), beams=job.entry.beams, out=job.out)


def _retrieve(job: Job) -> None:
    retrieve(job.model, job.store, folds_of(job.entry.folds) or (10,), out=job.out)


def _identify(job: Job) -> None:
    identify(job.model, job.store, folds_of(job.entry.folds) or (10,), out=job.out)


def _readings(job: Job, by_text: str) -> dict[str, Any]:
    """Return options: by a probe, and by `by_text` if the model can be asked by text."""
    asked = any(can(job.model, ability) for ability in KINDS[job.entry.kind].by_text)
    readings = ["probe", by_text] if asked else ["probe"]
    sides = {"folds": folds_of(job.entry.folds), "min_positives": job.entry.min_positives}
    return {"readings": readings, **sides, "out": job.out}


def _robustness(job: Job) -> None:
    conditions, options = get_disturbances(job.entry.conditions), _readings(job, "zero-shot")
    for task in job.tasks:
        robustness(job.model, job.store, task, conditions, **options)


def _transfer(job: Job) -> None:
    assert job.train_store
    options = {**_readings(job, "prompts"), "train_folds": folds_of(job.entry.train_folds)}
    for task in job.tasks:
        transfer(job.model, job.train_store, job.store, task, **options)


KINDS = {
    "zero-shot": Kind({"corrected": _zero_shot, "paper": _paper_zero_shot}, PROMPTED),
    "probe": Kind({"corrected": _probe, "paper": _paper_probe}, cells=_of_shares),
    "knn": Kind({"corrected": partial(_probe, kind="neighbours")}, cells=_of_shares),
    "attentive": Kind({"corrected": partial(_probe, kind="attentive")}, cells=_of_shares),
    "finetune": Kind({"corrected": _finetune}, cells=_of_shares),
    "defects": Kind({"paper": _defects}, cells=lambda entry, text: len(entry.fractions) + text),
    "generation": Kind({"corrected": _generate}, ("generate",), per_task=False),
    "retrieval": Kind({"corrected": _retrieve}, ("embed_text",), per_task=False),
    "identification": Kind({"corrected": _identify}, per_task=False),
    "robustness": Kind(
        {"corrected": _robustness},
        cells=lambda entry, text: _of_readings(entry, text) * len(get_disturbances(entry.conditions)),
        by_text=PROMPTED,
    ),
    "transfer": Kind({"corrected": _transfer}, cells=_of_readings, by_text=PROMPTED),
}


def can_be_evaluated(kind: str, method: str, recipe: Recipe) -> bool:
    """Return whether a method has what a kind of evaluation needs, and trains it."""
    needs = KINDS[kind].needs
    return not needs or any(_has(ability, method, recipe) for ability in needs)


def _has(ability: str, method: str, recipe: Recipe) -> bool:
    own = get_method(method)
    option = own.requires_loss.get(ability)
    return hasattr(own, ability) and (option is None or bool(getattr(recipe.method, option)))


def count_cells(entry: EvaluationPlan, method: str, recipe: Recipe) -> int:
    """Return how many cells an evaluation of a model has; those of baselines of generation do not count."""
    kind = KINDS[entry.kind]
    text = any(_has(ability, method, recipe) for ability in kind.by_text)
    return kind.cells(entry, text) * max(1, len(entry.tasks))


def evaluate(
    plan: Plan, entry: EvaluationPlan, model: Model, stores: Mapping[str, Store], out: Path, run: Path
) -> None:
    """Evaluate a model; cells in `out` are not computed again."""
    train_store = stores[entry.train_store] if entry.train_store else None
    job = Job(entry, model, stores[entry.store], train_store, out, run, Path(plan.published_splits))
    KINDS[entry.kind].protocols[entry.protocol](job)


def check_kind(where: str, entry: EvaluationPlan) -> None:
    """Check the kind and the protocol of an evaluation.

    Raises:
        MelpError: an unknown kind, protocol or condition, tasks for a kind without them, or the reverse.
    """
    _known(f"{where}.kind", entry.kind, list(KINDS))
    _known(f"{where}.protocol", entry.protocol, list(KINDS[entry.kind].protocols))
    if bool(entry.tasks) != KINDS[entry.kind].per_task:
        wanted = "at least one" if KINDS[entry.kind].per_task else "none"
        raise MelpError(f"{where}.tasks: found {', '.join(entry.tasks) or 'none'}, wanted {wanted}")
    get_disturbances(entry.conditions)


def check_transfer(where: str, entry: EvaluationPlan, corpora: Sequence[str]) -> None:
    """Check that the store to train on is of another corpus, if an evaluation is of transfer.

    `corpora` are those of the store to train on.

    Raises:
        MelpError: they are none or several, or share no finding with a task.
    """
    if entry.kind == "transfer":
        if len(corpora) != 1:
            found = ", ".join(corpora) or "none"
            raise MelpError(f"{where}.train_store: found {found}, wanted a store of one corpus to train on")
        for name in entry.tasks:
            overlapping_tasks(corpora[0], get_task(name))


def _known(where: str, found: str, wanted: Sequence[str]) -> None:
    if found not in wanted:
        raise MelpError(f"{where}: found {found!r}, wanted {one_of(found, wanted)}")
