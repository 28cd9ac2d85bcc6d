"""Equal recordings, told by the digests of their samples, are not on both sides of a split."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from melp.data.store import Store

Rows = Int[np.ndarray, " record"]


def without_duplicates(store: Store, rows: Rows, held_out: Rows, others: Rows | None = None) -> Rows:
    """Return the training records that equal no held-out record and no earlier training record.

    Args:
        store: the store.
        rows: rows of the training records.
        held_out: rows of the records for validation and evaluation.
        others: digests of records of another store that are held out.
    """
    digests = store.column("digest")
    training = digests[rows]
    first = np.zeros(len(rows), dtype=bool)
    # The first in the order of the store, whatever the order of the rows.
    order = np.argsort(rows, kind="stable")
    first[order[np.unique(training[order], return_index=True)[1]]] = True
    elsewhere = digests[held_out] if others is None else np.concatenate([digests[held_out], others])
    return np.asarray(rows[first & ~np.isin(training, elsewhere)])


def duplicates_note(left_out: int, option: str) -> str:
    """Return the line that says how many training records were left out; `option` keeps them."""
    return (
        f"{left_out} recordings left out of training, because their samples equal those of a held-out or an "
        f"earlier recording ({option} keeps them)"
    )
