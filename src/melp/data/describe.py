"""What a store holds, in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from melp.data.store import Store


def describe(store: Store, most: int = 15) -> dict[str, pd.DataFrame]:
    """Tables by title: folds, labels, flags, what was dropped, statements.

    Args:
        store: the store.
        most: how many of the commonest labels and statements to list.
    """
    index = store.index
    folds = pd.DataFrame(
        {
            "records": index.groupby("fold").size(),
            "patients": index.groupby("fold")["patient"].nunique(),
            "reports without recording": store.texts.groupby("fold").size(),
        }
    )
    reasons = Counter(store.manifest["dropped"])
    return {
        "folds": folds.fillna(0).astype(int).rename_axis("fold").reset_index(),
        "labels": _common("label", index["labels"], most),
        "statements": _common("statement", index["statements"], most),
        "flags": _common("flag", index["flags"], most),
        "dropped": pd.DataFrame(reasons.most_common(), columns=["reason", "records"]),
    }


def _common(name: str, lists: Iterable[list[str]], most: int) -> pd.DataFrame:
    counts = Counter(value for values in lists for value in set(values))
    # Equal counts in the order of the alphabet, so that the table does not depend on the order of a set.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return pd.DataFrame(ranked[:most], columns=[name, "records"])
