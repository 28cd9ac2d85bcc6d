"""What each published defect of an evaluation does to a model's AUROC, alone and all together.

The records are those of the published label files. Without a defect, labels are exact codes joined by name,
subsets are stratified, cross-validation selects the probe, areas are those of the log-odds, and classes
without a positive or a negative are left out. `melp.evaluation.paper_split` describes the published code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import softmax

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.intervals import LEAST_PAIRED, areas_of, mean_difference
from melp.evaluation.metrics import auroc
from melp.evaluation.paper_split import sample_as_published
from melp.evaluation.paper_zero_shot import PROMPTS, find_prompts
from melp.evaluation.probes.linear import C_VALUES, Probe, fit_probe
from melp.evaluation.prompts import Prompts, read_prompts, sides
from melp.evaluation.split import labels_of, patients_of
from melp.evaluation.subsets import stratified_subset
from melp.evaluation.zero_shot import prompt_scores, text_embeddings
from melp.hub import Model
from melp.tasks import Task
from melp.tasks.published_labels import SPLITS, read_label_files

__all__ = ["DEFECTS", "TOGETHER", "probe_defects", "read_records", "zero_shot_defects"]

DEFECTS = {
    "columns": "a probe reads labels by the position of their column, which differs between the files",
    "substrings": "labels are those of the files, where codes match as substrings of each other",
    "subsets": "a subset of the labels is one plain sample of the training file",
    "selection": "the labels of the validation file select the probe",
    "softmax": "areas are those of the softmax over the classes",
    "prompts": "one published prompt per class",
    "absent": "a class without a positive or a negative counts 0",
}
"""The defects by name."""
TOGETHER = "together"
_OF_PROBES = ("columns", "substrings", "subsets", "selection", "softmax", "absent")
_OF_PROMPTS = ("substrings", "prompts", "absent")

Defects = frozenset[str]
Scored = tuple[pd.DataFrame, pd.DataFrame]
"""Scores and labels of the evaluated records."""


@dataclass(frozen=True)
class Records:
    """The records of the published files that a store contains.

    Attributes:
        exact: labels by exact code, by file.
        published: labels of the files, with their order of columns.
        training_file: ids of the whole training file, in its order.
        patients: patient of each record.
    """

    exact: dict[str, pd.DataFrame]
    published: dict[str, pd.DataFrame]
    training_file: pd.Index
    patients: pd.Series

    def labels(self, file: str, defects: Defects) -> pd.DataFrame:
        """Return the labels of a file as they are read with some defects."""
        published, names = self.published[file], self.exact["train"].columns
        labels = published if "substrings" in defects else self.exact[file][published.columns]
        return labels.set_axis(names, axis=1) if "columns" in defects else labels[names]


def probe_defects(
    features: pd.DataFrame,
    records: Records,
    *,
    fraction: float = 100,
    seeds: Sequence[int] = (0,),
    min_positives: int = 1,
) -> pd.DataFrame:
    """Return what each defect does to a linear probe.

    Args:
        features: those of the records, by id; see `probe_features`.
        records: see `read_records`.
        fraction: share of the training labels, in per cent.
        seeds: subsets of the labels; areas are means over them. The published subset is one.
        min_positives: classes with fewer positives among the evaluated records do not count.

    Returns:
        Columns defect, value (macro AUROC), difference, lo, hi (of the difference, 95 % over patients; NaN
        if a class that counts has fewer than `LEAST_PAIRED` patients) and n (records). The first row is
        without a defect ("none"), the last has all.
    """

    def tables(defects: Defects) -> Iterable[Scored]:
        training, validation, test = (records.labels(file, defects) for file in SPLITS)
        for seed in seeds[:1] if "subsets" in defects or fraction == 100 else seeds:
            if "subsets" in defects and fraction < 100:
                sample = sample_as_published(records.training_file, fraction)
                chosen = training[training.index.isin(sample)]
            else:
                chosen = training.iloc[stratified_subset(training.to_numpy(), fraction, seed)]
            selected_by = validation if "selection" in defects else None
            probe = _fit(features, chosen, selected_by, records.patients, seed)
            log_odds = probe(features.loc[test.index].to_numpy())
            scores = softmax(log_odds, axis=1) if "softmax" in defects else log_odds
            yield pd.DataFrame(scores, index=test.index, columns=test.columns), test

    return _rows(_OF_PROBES, tables, records.patients, min_positives)


def zero_shot_defects(
    model: Model, store: Store, task: Task, folder: Path, records: Records, *, min_positives: int = 1
) -> pd.DataFrame:
    """Return what each defect does to a zero-shot classification; see `probe_defects`.

    Args:
        model: a loaded model folder.
        store: the records.
        task: a task with published label files.
        folder: the folder of these files.
        records: see `read_records`.
        min_positives: see `probe_defects`.

    Raises:
        MelpError: the method has no text tower, or `folder` has no published prompts.
    """
    file = find_prompts(folder)
    if file is None:
        raise MelpError(f"{folder}: no {PROMPTS} found, wanted the published prompts")
    ecg = text_embeddings(model, store, records.exact["test"].index)
    published = sides(read_prompts(file, task))
    wordings: dict[str, Prompts] = {
        "published": {name: published[f"for {name}"][:1] for name in task.classes},
        "own": {name: task.prompts[name] for name in task.classes},
    }
    scores = {whose: prompt_scores(model, ecg, texts, refuse=False) for whose, texts in wordings.items()}

    def tables(defects: Defects) -> Iterable[Scored]:
        yield scores["published" if "prompts" in defects else "own"], records.labels("test", defects)

    return _rows(_OF_PROMPTS, tables, records.patients, min_positives)


def read_records(task: Task, store: Store, folder: Path) -> Records:
    """Return the records of the published files that a store contains.

    Raises:
        MelpError: the files cannot be read, or the store has no record of one of them.
    """
    files, labels = read_label_files(folder, task), labels_of(task, store, task.corpus)
    kept = {file: part.labels[part.labels.index.isin(labels.index)] for file, part in files.items()}
    for file, part in kept.items():
        if not len(part):
            raise MelpError(f"{store.path}: found none of the records of {files[file].path}")
    exact = {file: labels.loc[part.index] for file, part in kept.items()}
    ids = pd.concat(list(kept.values())).index
    return Records(exact, kept, files["train"].labels.index, patients_of(store, ids))


def _fit(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    validation: pd.DataFrame | None,
    patients: pd.Series,
    seed: int,
) -> Probe:
    """Return a probe whose C has the largest macro area on the validation records, if there are some."""
    training = (features.loc[labels.index].to_numpy(), labels.to_numpy(), patients[labels.index].to_numpy())
    if validation is None:
        return fit_probe(*training, seed=seed)
    probes = [fit_probe(*training, seed=seed, c_values=(c,)) for c in C_VALUES]
    held_out = features.loc[validation.index].to_numpy()
    areas = [np.nanmean(auroc(probe(held_out), validation.to_numpy())) for probe in probes]
    return probes[int(np.argmax(areas))]


def _rows(
    defects: Sequence[str],
    tables: Callable[[Defects], Iterable[Scored]],
    patients: pd.Series,
    min_positives: int,
) -> pd.DataFrame:
    """Return one row without a defect, one for each defect and one for all together."""
    people = pd.Series(pd.factorize(patients.to_numpy())[0], index=patients.index)
    sets = {"none": frozenset[str](), **{one: frozenset((one,)) for one in defects}}
    sets[TOGETHER] = frozenset(defects)
    rows: list[dict[str, object]] = []
    base = None
    for name, chosen in sets.items():
        macro = _mean([_macro(*pair, people, min_positives, "absent" in chosen) for pair in tables(chosen)])
        base = base or macro
        difference = macro.value - base.value
        low, high, _ = mean_difference(macro.influence - base.influence, difference)
        covers = min(macro.fewest, base.fewest) >= LEAST_PAIRED
        limits = (low, high) if covers else (np.nan, np.nan)
        rows.append(
            {"defect": name, "value": macro.value, "difference": difference}
            | dict(zip(("lo", "hi"), limits, strict=True))
            | {"n": macro.n}
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Macro:
    """A macro AUROC, the influence of each patient, the fewest patients of a class, and the records."""

    value: float
    influence: Float[np.ndarray, " patient"]
    fewest: int
    n: int


def _macro(
    scores: pd.DataFrame, labels: pd.DataFrame, people: pd.Series, min_positives: int, absent: bool
) -> _Macro:
    truth = labels.to_numpy(dtype=bool)
    groups: Int[np.ndarray, " record"] = people[labels.index].to_numpy()
    areas = areas_of(scores.loc[labels.index, labels.columns].to_numpy(dtype=float), truth, groups)
    two_sided = np.isfinite(areas.values)
    counted = two_sided & (truth.sum(axis=0) >= min_positives)
    if not counted.any():
        raise MelpError(f"labels: no class with {min_positives} positives and a negative")
    number = int(counted.sum()) + (int((~two_sided).sum()) if absent else 0)
    influence = np.zeros(people.max() + 1)
    influence[: len(areas.influence)] = areas.influence[:, counted].sum(axis=1) / number
    value = float(areas.values[counted].sum() / number)
    return _Macro(value, influence, int(areas.fewest[counted].min()), len(labels))


def _mean(tables: Sequence[_Macro]) -> _Macro:
    value = float(np.mean([one.value for one in tables]))
    influence = np.mean([one.influence for one in tables], axis=0)
    return _Macro(value, influence, min(one.fewest for one in tables), tables[0].n)
