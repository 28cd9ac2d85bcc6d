"""Tables that describe the content of a store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from melp.data.columns import Lists
from melp.data.store import Store
from melp.tasks.names import in_words


def describe(store: Store, most: int = 15) -> dict[str, pd.DataFrame]:
    """Return tables by title: folds, labels, their names, statements, reports, flags, dropped, duplicates.

    Args:
        store: the store.
        most: maximum number of labels, statements and reports to list, most common first.
    """
    labels = _most_common("label", store.lists("labels"), most)
    reports, counts = _reports(store.lists("statements"), most)
    return {
        "folds": _folds(store),
        "labels": labels,
        "names of labels": _names(labels, store.manifest["corpus"]),
        "statements": _most_common("statement", store.lists("statements"), most),
        "reports": reports,
        "flags": _ranked("flag", store.manifest["flags"]),
        "dropped": _ranked("reason", store.manifest["dropped"]),
        "duplicates": _duplicates(store, counts),
    }


def _folds(store: Store) -> pd.DataFrame:
    records = pd.DataFrame({"fold": store.column("fold"), "patient": store.index_table.codes("patient")})
    texts = pd.Series(store.texts_table.column("fold"), dtype="int64")
    table = pd.DataFrame(
        {
            "records": records.groupby("fold").size(),
            "patients": records.groupby("fold")["patient"].nunique(),
            "reports without recording": texts.groupby(texts).size(),
        }
    )
    return table.fillna(0).astype(int).rename_axis("fold").reset_index()


def _most_common(name: str, lists: Lists, most: int) -> pd.DataFrame:
    """Return the most common values of a column of lists and the number of records that have each."""
    codes, names = _encode(lists)
    rows = np.repeat(np.arange(len(lists)), lists.lengths)
    # A record counts once even if it repeats a value.
    pairs = np.sort(rows * max(1, len(names)) + codes)
    distinct = pairs[np.diff(pairs, prepend=-1) > 0] % max(1, len(names))
    counts = np.bincount(distinct, minlength=len(names))
    return _ranked(
        name, {text: count for text, count in zip(names, counts.tolist(), strict=True) if count}, most
    )


def _names(labels: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """Return the names of those labels that have one."""
    names = [(label, in_words(corpus, label)) for label in labels["label"]]
    return pd.DataFrame([row for row in names if row[1]], columns=["label", "name"])


def _encode(lists: Lists) -> tuple[Int[np.ndarray, " value"], list[str]]:
    """Return the flattened values of a column of lists as codes, and the names that the codes index."""
    values = lists.column.flatten()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    return values.indices.to_numpy(zero_copy_only=False).astype(np.int64), values.dictionary.to_pylist()


def _ranked(name: str, counts: dict[str, int], most: int | None = None) -> pd.DataFrame:
    # Ties in alphabetical order, so that the table does not depend on the order of the records.
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return pd.DataFrame(rows[:most], columns=[name, "records"])


def _reports(lists: Lists, most: int) -> tuple[pd.DataFrame, Int[np.ndarray, " report"]]:
    """Return the most common reports, and the number of records of every report that is not empty."""
    codes, names = _encode(lists)
    texts = pa.array(names, pa.string()).take(pa.array(codes))
    joined = pc.binary_join(pa.ListArray.from_arrays(lists.column.offsets, texts), ". ")
    counts = joined.filter(pa.array(lists.lengths > 0)).value_counts()
    table = pa.table({"report": counts.field("values"), "records": counts.field("counts")})
    order = [("records", "descending"), ("report", "ascending")]
    first = pc.select_k_unstable(table, k=min(most, len(table)), sort_keys=order)
    return table.take(first).to_pandas(), table["records"].to_numpy()


def _duplicates(store: Store, reports: Int[np.ndarray, " report"]) -> pd.DataFrame:
    signals = np.unique(store.column("digest"), return_counts=True)[1]
    return pd.DataFrame(
        [_duplicate_row("signal", signals), _duplicate_row("report", reports)],
        columns=["of", "records", "distinct", "shared with another record", "share"],
    )


def _duplicate_row(name: str, counts: Int[np.ndarray, " value"]) -> Sequence[object]:
    """Return the number of records, of distinct values, and of records that share their value."""
    records, shared = int(counts.sum()), int(counts[counts > 1].sum())
    return name, records, len(counts), shared, f"{100 * shared / max(1, records):.1f} %"
