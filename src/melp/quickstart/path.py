"""The steps from PTB-XL or simulated recordings to a trained and evaluated model, and a page of results."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from melp.data.build import build
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import CELLS
from melp.evaluation.finetune import FineTuneRecipe, finetune, untrained
from melp.evaluation.generation import generate, save_generation
from melp.evaluation.probe import probe
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model, load
from melp.hub import save as save_model
from melp.hub.folder import CONFIG, WEIGHTS
from melp.quickstart.page import PAGE, write_page
from melp.quickstart.steps import NOTES, Steps, digest
from melp.recipes import load_recipe
from melp.signal.preprocessing import Preprocessing
from melp.tasks import Task, get_task
from melp.training.pretrain import pretrain
from melp.training.recipe import Recipe

__all__ = ["quickstart"]

SYNTHETIC_RECORDS = 2000
PTB_XL_TASKS = ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm")


def quickstart(
    out: Path,
    *,
    ptb_xl: Path | None = None,
    allow_missing: bool = False,
    records: int | None = None,
    recipe: str | None = None,
    options: list[str] | None = None,
) -> Path:
    """Build a store, train both stages, evaluate the model and two baselines, and write a page of results.

    Each step writes its files to `out`. Called again, the function resumes.

    Args:
        out: folder for all files.
        ptb_xl: folder of PTB-XL; None to simulate recordings.
        allow_missing: continue if recordings of PTB-XL are missing on disk.
        records: number of recordings to simulate; None for 2,000.
        recipe: name or file; None for `melp/laptop` on PTB-XL, and the shorter `melp/quickstart` otherwise.
        options: settings of the recipe, `key=value`.

    Returns:
        The page, `out/report.html`.

    Raises:
        MelpError: `out` contains other files, or the input of a step is invalid.
    """
    if ptb_xl is not None and records is not None:
        raise MelpError("records: found with --ptb-xl, wanted only for simulated recordings")
    if out.is_dir() and any(out.iterdir()) and not (out / NOTES).is_file() and not _has_only_a_store(out):
        raise MelpError(f"{out}: not empty and not a quickstart, wanted a new folder")
    merged = load_recipe("melp", recipe or ("melp/laptop" if ptb_xl else "melp/quickstart"), options or [])
    return _Quickstart(out, ptb_xl, merged, records or SYNTHETIC_RECORDS, allow_missing).run_steps()


def _has_only_a_store(out: Path) -> bool:
    """Whether a quickstart was stopped in its first step."""
    return all(file.name.startswith("store") for file in out.iterdir())


class _Quickstart:
    def __init__(
        self, out: Path, raw: Path | None, recipe: Recipe, records: int, allow_missing: bool
    ) -> None:
        self.out, self.raw, self.recipe = out, raw, recipe
        self.records, self.allow_missing = records, allow_missing
        self.run, self.results, self.reports = out / "run", out / "results", out / "reports"
        self.tasks = [get_task(name) for name in (PTB_XL_TASKS if raw else ("synthetic",))]
        self.steps = Steps(out, 7, Console(stderr=True))

    def run_steps(self) -> Path:
        self.steps.do("store", "Build a store of recordings and reports", self._build)
        self.store = Store(self.out / "store")
        self.folds = unused_folds(self.store, self.recipe)
        self.tasks = _evaluable(self.tasks, self.store, self.folds)
        origin = digest(asdict(self.recipe), self.out / "store" / "manifest.json")
        weights = [self.run / WEIGHTS]
        self.steps.do("training", "Train the language model, then MELP", self._pretrain, origin, weights)
        self.model = load(self.run)
        self._evaluate()
        write_page(self.out, self.store, self.model, self.tasks, self.steps.done)
        return self.out / PAGE

    def _build(self) -> None:
        build(
            "ptb-xl" if self.raw else "synthetic",
            self.raw,
            self.out / "store",
            rate=Preprocessing.from_dict(self.recipe.preprocessing).rate,
            workers=os.cpu_count() or 1,
            allow_missing=self.allow_missing,
            records=None if self.raw else self.records,
            progress=True,
        )

    def _pretrain(self) -> None:
        pretrain("melp", self.store, self.recipe, self.run)

    def _evaluate(self) -> None:
        manifest = self.out / "store" / "manifest.json"
        origin = digest(self.run / WEIGHTS, self.run / CONFIG, manifest, self.folds)
        results = [self.results / CELLS]
        if self.steps.done.get("zero-shot", {}).get("origin") != origin:
            shutil.rmtree(self.results, ignore_errors=True)  # results of another model
        do = self.steps.do
        do("zero-shot", "Evaluate zero-shot classification", self._zero_shot, origin, results)
        do("probe", "Evaluate a linear probe", lambda: self._probe(self.model), origin, results)
        do("untrained", "Evaluate a linear probe of the untrained network", self._untrained, origin, results)
        do("supervised", "Train and evaluate the same encoder with labels", self._supervised, origin, results)
        do("reports", "Generate reports", self._generate, origin, [self.reports / "reports.parquet"])

    def _zero_shot(self) -> None:
        zero_shot(self.model, self.store, self.tasks, folds=self.folds, out=self.results)

    def _probe(self, model: Model) -> None:
        probe(model, self.store, self.tasks, folds=self.folds, out=self.results)

    def _untrained(self) -> None:
        folder = self.out / "untrained"
        model = untrained(self.model, folder)
        save_model(folder, model.method, model.name, model.preprocessing)
        self._probe(model)

    def _supervised(self) -> None:
        for task in self.tasks:
            finetune(
                self.model,
                self.store,
                task,
                self.out / "supervised" / task.name,
                FineTuneRecipe(optimiser=self.recipe.optimiser, training=self.recipe.training),
                scratch=True,
                folds=self.folds,
                train_folds=[*self.recipe.data.train_folds, *self.recipe.data.validation_folds],
                validation_folds=self.recipe.data.validation_folds,
                cells=self.results,
            )

    def _generate(self) -> None:
        save_generation(generate(self.model, self.store, self.folds, out=self.reports), self.reports)


def _evaluable(tasks: list[Task], store: Store, folds: tuple[int, ...]) -> list[Task]:
    """Return the tasks with positives and negatives of a class in the test folds.

    A partial download may lack them.
    """
    evaluable = []
    for task in tasks:
        labels = task.labels(store.index)
        fold = store.index.set_index("id")["fold"].loc[labels.index]
        test = labels[fold.isin(folds)]
        if len(test) < len(labels) and (test.any() & ~test.all()).any():
            evaluable.append(task)
    if not evaluable:
        names = ", ".join(map(str, folds))
        raise MelpError(f"{store.path}: found no class with positives and negatives in folds {names}")
    return evaluable


def unused_folds(store: Store, recipe: Recipe) -> tuple[int, ...]:
    """Return the folds of a store that a recipe uses for neither training nor validation.

    Raises:
        MelpError: there are none.
    """
    seen = {*recipe.data.train_folds, *recipe.data.validation_folds}
    folds = tuple(sorted(set(store.index["fold"].tolist()) - seen))
    if not folds:
        raise MelpError(f"{store.path}: data.train_folds and data.validation_folds leave no fold for testing")
    return folds
