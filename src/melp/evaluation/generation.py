"""Report generation, scored against the true reports by BLEU-4 and ROUGE-L."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import map_rows, require
from melp.evaluation.files import replacing
from melp.evaluation.leakage import Shared, shared_with_training
from melp.evaluation.results import Cell, Result, config_hash, write_results
from melp.evaluation.split import join_folds
from melp.hub import Model

__all__ = ["Generation", "bleu4", "generate", "join_statements", "rouge_l"]

TASK = "report-generation"
_WORD = re.compile(r"[a-z0-9]+(?:[-/:.'][a-z0-9]+)*")
COLUMNS = {"generated": None, "most_frequent": "most-frequent-report", "random": "random-report"}


def words(text: str) -> list[str]:
    """Return the words of a report in lower case, without the punctuation between statements."""
    return _WORD.findall(text.lower())


def join_statements(statements: Sequence[str]) -> str:
    """Return the statements of a report as text."""
    return ". ".join(statements) + "." if len(statements) else ""


def bleu4(candidates: Sequence[str], references: Sequence[str]) -> float:
    """Return corpus BLEU over one to four words, from 0 to 1 (Papineni et al., ACL 2002; by sacrebleu)."""
    from sacrebleu import corpus_bleu

    texts = [[" ".join(words(text)) for text in side] for side in (candidates, references)]
    return float(corpus_bleu(texts[0], [texts[1]], tokenize="none", force=True).score) / 100


def rouge_l(candidate: str, reference: str) -> float:
    """Return F1 of the longest common subsequence of words, from 0 to 1 (Lin, 2004).

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
    """Reports of the evaluated records.

    Attributes:
        table: the columns id, true, generated, most_frequent, random.
        scores: bleu4 and rouge_l of the last three, one row each.
        results: the same scores as results.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    results: tuple[Result, ...]


def generate(
    model: Model, store: Store, folds: Sequence[int] = (10,), *, beams: int = 1, seed: int = 0
) -> Generation:
    """Generate a report for each record in `folds` that has one, and score it.

    Two baselines use the reports of the other folds only: the most frequent one for all records, and a random
    one for each record.

    Args:
        model: a loaded model folder of a method with a report decoder.
        store: the records and their reports.
        folds: folds to evaluate.
        beams: width of the beam search; 1 is greedy.
        seed: seed of the random reports.

    Raises:
        MelpError: the method has no report decoder, an id is repeated, or a side has no report.
    """
    require(model, "generate")
    store.require_unique_ids()
    index = store.index
    rows = np.flatnonzero(index["fold"].isin(folds) & (index["statements"].map(len) > 0))
    others = _reports(store, folds)
    if not len(rows) or not others:
        raise MelpError(f"{store.path}: no reports in folds {join_folds(folds)}, or none in the others")
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
    scores, shared = _scores(table), shared_with_training(model, store, pd.Index(table["id"]))
    cell = Cell(model.name, str(model.folder), TASK, seed=seed, folds=join_folds(folds))
    digest = config_hash(dict(model.config), {"beams": beams})
    return Generation(table, scores, tuple(_results(cell, scores, len(table), digest, shared)))


def _reports(store: Store, folds: Sequence[int]) -> list[str]:
    """Return all reports of the other folds, including those without a recording."""
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


def _results(cell: Cell, scores: pd.DataFrame, count: int, digest: str, shared: Shared) -> list[Result]:
    """Return the results of a model's cell and of the baselines, which are trained on no evaluated record."""
    results = []
    for name, baseline in COLUMNS.items():
        own = replace(cell, method=baseline, checkpoint="") if baseline else cell
        counts = (0, 0) if baseline else (shared.records, shared.patients)
        for metric, value in scores.loc[name].to_dict().items():
            results.append(Result(own, str(metric), float(value), count, None, None, (), digest, *counts))
    return results


def save_generation(generation: Generation, folder: Path) -> None:
    """Write `reports.parquet`, the readable `reports.txt`, and the scores into `results.jsonl`."""
    with replacing(folder / "reports.parquet") as temporary:
        generation.table.to_parquet(temporary)
    blocks = [
        f"{row.id}\n  true       {row.true}\n  generated  {row.generated}\n"
        for row in generation.table.itertuples()
    ]
    with replacing(folder / "reports.txt") as temporary:
        text = "Generated by a model; not a medical device's findings.\n\n" + "\n".join(blocks)
        temporary.write_text(text, encoding="utf-8")
    write_results(generation.results, folder)
