"""Written reports: made, set beside the true ones, and judged by BLEU-4 and ROUGE-L."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import map_rows, require
from melp.evaluation.leakage import Shared, shared_with_training
from melp.evaluation.results import Cell, Result, config_hash, write_results
from melp.hub import Model

__all__ = ["Generation", "bleu4", "generate", "join_statements", "rouge_l"]

TASK = "report-generation"
_WORD = re.compile(r"[a-z0-9]+(?:[-/:.'][a-z0-9]+)*")
COLUMNS = {"generated": None, "most_frequent": "most-frequent-report", "random": "random-report"}


def words(text: str) -> list[str]:
    """The words of a report in lower case; how statements are set apart does not count."""
    return _WORD.findall(text.lower())


def join_statements(statements: Sequence[str]) -> str:
    """A report as text, from its statements."""
    return ". ".join(statements) + "." if len(statements) else ""


def bleu4(candidates: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU over one to four words, from 0 to 1 (Papineni et al., ACL 2002; computed by sacrebleu)."""
    from sacrebleu import corpus_bleu

    texts = [[" ".join(words(text)) for text in side] for side in (candidates, references)]
    return float(corpus_bleu(texts[0], [texts[1]], tokenize="none", force=True).score) / 100


def rouge_l(candidate: str, reference: str) -> float:
    """F1 of the longest common subsequence of words, from 0 to 1 (Lin, 2004).

    Differences: precision and recall count the same, as in most toolkits; the paper weighs recall by beta.
    """
    ours, theirs = words(candidate), words(reference)
    common = _longest_common_subsequence(ours, theirs)
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def _longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    lengths = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for place, other in enumerate(second, start=1):
            above = lengths[place]
            lengths[place] = diagonal + 1 if word == other else max(above, lengths[place - 1])
            diagonal = above
    return lengths[-1]


@dataclass(frozen=True)
class Generation:
    """Reports of the judged records.

    `table` has the columns id, true, generated, most_frequent, random; `scores` holds bleu4 and rouge_l of
    the last three, one row each; `results` the same as results.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    results: tuple[Result, ...]


def generate(
    model: Model, store: Store, folds: Sequence[int] = (10,), *, beams: int = 1, seed: int = 0
) -> Generation:
    """Writes a report for each record in `folds` that has one, and judges it.

    Two baselines see the reports of the other folds only: their most frequent report, and one drawn at random
    for each record.

    Args:
        model: a loaded model folder whose method writes reports.
        store: where records and reports lie.
        folds: folds to judge.
        beams: width of the beam search; 1 is greedy.
        seed: seed of the random reports.

    Raises:
        MelpError: the method writes no reports, or a side has none.
    """
    require(model, "generate", "a report decoder")
    index = store.index
    has_report = index["statements"].map(len) > 0
    rows = np.flatnonzero(index["fold"].isin(folds) & has_report)
    others = _reports(store, folds)
    if not len(rows) or not others:
        raise MelpError(
            f"{store.path}: no reports in folds {','.join(map(str, folds))}, or none in the others"
        )
    parts = map_rows(
        model, store, rows, lambda ecg: model.method.generate(ecg, beams=beams), title="writing reports"
    )
    draws = np.random.default_rng(seed).integers(0, len(others), len(rows))
    table = pd.DataFrame(
        {
            "id": index["id"].to_numpy()[rows],
            "true": [join_statements(statements) for statements in index["statements"].iloc[rows]],
            "generated": [text for part in parts for text in part],
            "most_frequent": Counter(others).most_common(1)[0][0],
            "random": [others[draw] for draw in draws],
        }
    )
    scores = _scores(table)
    shared = shared_with_training(model, store, pd.Index(table["id"]))
    return Generation(table, scores, tuple(_results(model, scores, folds, beams, seed, len(table), shared)))


def _reports(store: Store, folds: Sequence[int]) -> list[str]:
    """All reports of the other folds, those whose recording is missing included."""
    tables = (store.index, store.texts)
    chosen = (table["statements"][~table["fold"].isin(folds)] for table in tables)
    return [join_statements(statements) for part in chosen for statements in part if len(statements)]


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    truth = table["true"].tolist()
    rows = {
        name: {
            "bleu4": bleu4(table[name].tolist(), truth),
            "rouge_l": float(np.mean([rouge_l(*pair) for pair in zip(table[name], truth, strict=True)])),
        }
        for name in COLUMNS
    }
    return pd.DataFrame(rows).T


def _results(
    model: Model,
    scores: pd.DataFrame,
    folds: Sequence[int],
    beams: int,
    seed: int,
    count: int,
    shared: Shared,
) -> list[Result]:
    digest = config_hash(dict(model.config), {"beams": beams})
    results: list[Result] = []
    for name, baseline in COLUMNS.items():
        cell = Cell(
            method=baseline or model.name,
            checkpoint="" if baseline else str(model.folder),
            task=TASK,
            seed=seed,
            folds=",".join(map(str, folds)),
        )
        row = scores.loc[name].to_dict()
        # What a baseline has seen are the reports of the other folds.
        seen = Shared(0, 0) if baseline else shared
        results += [
            Result(
                cell,
                str(key),
                float(value),
                count,
                config_hash=digest,
                shared_records=seen.records,
                shared_patients=seen.patients,
            )
            for key, value in row.items()
        ]
    return results


def save_generation(generation: Generation, folder: Path) -> None:
    """Writes `reports.parquet`, the readable `reports.txt`, and the scores into `results.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    generation.table.to_parquet(folder / ".reports.parquet")
    (folder / ".reports.parquet").replace(folder / "reports.parquet")
    blocks = [
        f"{row.id}\n  true       {row.true}\n  generated  {row.generated}\n"
        for row in generation.table.itertuples()
    ]
    text = "Generated by a model; not a medical device's findings.\n\n" + "\n".join(blocks)
    (folder / ".reports.txt").write_text(text, encoding="utf-8")
    (folder / ".reports.txt").replace(folder / "reports.txt")
    write_results(generation.results, folder)
