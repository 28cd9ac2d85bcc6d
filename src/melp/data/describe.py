"""What a store holds, in tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from melp.data.columns import Lists
from melp.data.store import Store


def describe(store: Store, most: int = 15) -> dict[str, pd.DataFrame]:
    """Tables by title: folds, labels, statements, reports, flags, dropped, duplicates.

    Args:
        store: the store.
        most: how many of the commonest labels, statements and reports to list.
    """
    reports, counts = _reports(store.lists("statements"), most)
    return {
        "folds": _folds(store),
        "labels": _common("label", store.lists("labels"), most),
        "statements": _common("statement", store.lists("statements"), most),
        "reports": reports,
        "flags": _ranked("flag", store.manifest["flags"]),
        "dropped": _ranked("reason", store.manifest["dropped"]),
        "duplicates": _duplicates(store, counts),
    }


def _folds(store: Store) -> pd.DataFrame:
    who = pd.DataFrame({"fold": store.column("fold"), "patient": store.records.codes("patient")})
    fold = pd.Series(store.unrecorded.column("fold"), dtype="int64")
    table = pd.DataFrame(
        {
            "records": who.groupby("fold").size(),
            "patients": who.groupby("fold")["patient"].nunique(),
            "reports without recording": fold.groupby(fold).size(),
        }
    )
    return table.fillna(0).astype(int).rename_axis("fold").reset_index()


def _common(name: str, lists: Lists, most: int) -> pd.DataFrame:
    """The commonest values of a column of lists, and how many records have each."""
    codes, names = _coded(lists)
    row = np.repeat(np.arange(len(lists)), lists.lengths)
    # A record counts once, however often it has the value.
    pairs = np.sort(row * max(1, len(names)) + codes)
    once = pairs[np.diff(pairs, prepend=-1) > 0] % max(1, len(names))
    counts = np.bincount(once, minlength=len(names))
    return _ranked(
        name, {text: count for text, count in zip(names, counts.tolist(), strict=True) if count}, most
    )


def _coded(lists: Lists) -> tuple[Int[np.ndarray, " value"], list[str]]:
    """All values of a column of lists one after another, as numbers of the names they stand for."""
    values = lists.column.flatten()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    return values.indices.to_numpy(zero_copy_only=False).astype(np.int64), values.dictionary.to_pylist()


def _ranked(name: str, counts: dict[str, int], most: int | None = None) -> pd.DataFrame:
    # Equal counts in the order of the alphabet, so that a table does not depend on the order of the records.
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return pd.DataFrame(rows[:most], columns=[name, "records"])


def _reports(lists: Lists, most: int) -> tuple[pd.DataFrame, Int[np.ndarray, " report"]]:
    """The commonest reports, and how many records have each of all that are not empty."""
    codes, names = _coded(lists)
    texts = pa.array(names, pa.string()).take(pa.array(codes))
    joined = pc.binary_join(pa.ListArray.from_arrays(lists.column.offsets, texts), ". ")
    found = joined.filter(pa.array(lists.lengths > 0)).value_counts()
    table = pa.table({"report": found.field("values"), "records": found.field("counts")})
    order = [("records", "descending"), ("report", "ascending")]
    first = pc.select_k_unstable(table, k=min(most, len(table)), sort_keys=order)
    return table.take(first).to_pandas(), table["records"].to_numpy()


def _duplicates(store: Store, reports: Int[np.ndarray, " report"]) -> pd.DataFrame:
    signals = np.unique(store.column("digest"), return_counts=True)[1]
    return pd.DataFrame(
        [_repeated("signal", signals), _repeated("report", reports)],
        columns=["of", "records", "distinct", "shared with another record", "share"],
    )


def _repeated(name: str, counts: Int[np.ndarray, " value"]) -> Sequence[object]:
    """How many records there are, how many are distinct, and how many have what another has, too."""
    records, shared = int(counts.sum()), int(counts[counts > 1].sum())
    return name, records, len(counts), shared, f"{100 * shared / max(1, records):.1f} %"
