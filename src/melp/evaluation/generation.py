"""Report generation, scored against the true reports by BLEU-4, ROUGE-L and their clinical findings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation, metric_table
from melp.evaluation.digests import tokenizer_digest
from melp.evaluation.embed import map_rows, require
from melp.evaluation.evaluate import about, cell_of, evaluate_missing
from melp.evaluation.files import replacing
from melp.evaluation.findings import clinical_scores
from melp.evaluation.leakage import Shared, shared_with_training
from melp.evaluation.split import join_folds, patients_of
from melp.hub import Model
from melp.reports.write import join_statements

__all__ = ["Generation", "bleu4", "generate", "rouge_l"]

TASK = "report-generation"
_WORD = re.compile(r"[a-z0-9]+(?:[-/:.'][a-z0-9]+)*")
COLUMNS = {"generated": None, "most_frequent": "most-frequent-report", "random": "random-report"}


def words(text: str) -> list[str]:
    """Return the words of a report in lower case, without the punctuation between statements."""
    return _WORD.findall(text.lower())


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
        scores: bleu4, rouge_l and clinical_precision, _recall and _f1 of the last three, one row each.
        evaluations: a cell for each of the three.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    evaluations: tuple[Evaluation, ...]


def generate(
    model: Model,
    store: Store,
    folds: Sequence[int] = (10,),
    *,
    beams: int = 1,
    seed: int = 0,
    out: Path | None = None,
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
        out: folder of cells; those in it are not computed again, and the others are written to it.

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
    options = {"beams": beams, "tokenizer": tokenizer_digest(model)}
    cell = cell_of("generation", model, store, TASK)
    cell = replace(cell, seed=seed, folds=join_folds(folds), options=options)
    cells = [
        replace(cell, method=baseline, weights="", options={}) if baseline else cell
        for baseline in COLUMNS.values()
    ]

    def evaluate(missing: list[int]) -> Iterator[Evaluation]:
        ids = index["id"].to_numpy()[rows]
        true = [join_statements(statements) for statements in index["statements"].iloc[rows]]
        for place in missing:
            texts = _texts(list(COLUMNS)[place], model, store, rows, others, beams, seed)
            table = pd.DataFrame({"id": ids, "true": true, "text": texts})
            baseline = cells[place] is not cell  # trained on no evaluated record
            shared = Shared(0, 0) if baseline else shared_with_training(model, store, pd.Index(ids))
            named = {"name": cells[place].method} if baseline else about(model)
            metrics, note = _metrics(table, patients_of(store, pd.Index(ids)).to_numpy())
            yield Evaluation(cells[place], metrics, named, table, shared=shared, messages=(note,))

    return _generation(evaluate_missing(cells, out, evaluate))


def _texts(
    column: str,
    model: Model,
    store: Store,
    rows: Int[np.ndarray, " record"],
    others: list[str],
    beams: int,
    seed: int,
) -> list[str]:
    """Return the reports of a column of the table."""
    if column == "most_frequent":
        return [Counter(others).most_common(1)[0][0]] * len(rows)
    if column == "random":
        draws = np.random.default_rng(seed).integers(0, len(others), len(rows))
        return [others[draw] for draw in draws]
    parts = map_rows(
        model, store, rows, lambda ecg: model.method.generate(ecg, beams=beams), title="writing reports"
    )
    return [text for part in parts for text in part]


def _metrics(table: pd.DataFrame, patients: Shaped[np.ndarray, " record"]) -> tuple[pd.DataFrame, str]:
    """Return the rows of metrics, and a line about statements without a known finding."""
    texts, truth = table["text"].tolist(), table["true"].tolist()
    scores = {
        "bleu4": bleu4(texts, truth),
        "rouge_l": float(np.mean([rouge_l(*pair) for pair in zip(texts, truth, strict=True)])),
    }
    rows = [{"metric": name, "value": value, "n": len(table)} for name, value in scores.items()]
    clinical = clinical_scores(texts, truth, patients)
    ours, theirs = clinical.unknown
    note = f"findings: {ours} generated and {theirs} true statements have none that is known"
    return pd.concat([metric_table(rows), clinical.rows], ignore_index=True), note


def _generation(evaluations: Sequence[Evaluation]) -> Generation:
    named = dict(zip(COLUMNS, evaluations, strict=True))
    table = evaluations[0].predictions[["id", "true"]]
    return Generation(
        table.assign(**{name: one.predictions["text"] for name, one in named.items()}),
        pd.DataFrame({name: _of_all(one) for name, one in named.items()}).T,
        tuple(evaluations),
    )


def _of_all(evaluation: Evaluation) -> pd.Series:
    """Return the metrics that are not of one finding."""
    rows = evaluation.metrics[evaluation.metrics["class"].isna()]
    return rows.set_index("metric")["value"]


def _reports(store: Store, folds: Sequence[int]) -> list[str]:
    """Return all reports of the other folds, including those without a recording."""
    tables = (store.index, store.texts)
    chosen = (table["statements"][~table["fold"].isin(folds)] for table in tables)
    return [join_statements(statements) for part in chosen for statements in part if len(statements)]


def save_generation(generation: Generation, folder: Path) -> None:
    """Write `reports.parquet` and the readable `reports.txt`."""
    with replacing(folder / "reports.parquet") as temporary:
        generation.table.to_parquet(temporary)
    blocks = [
        f"{row.id}\n  true       {row.true}\n  generated  {row.generated}\n"
        for row in generation.table.itertuples()
    ]
    with replacing(folder / "reports.txt") as temporary:
        text = "Generated by a model; not a medical device's findings.\n\n" + "\n".join(blocks)
        temporary.write_text(text, encoding="utf-8")
