"""`records.parquet` of a model folder: the records that the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int

from melp.data.store import Store
from melp.errors import MelpError

RECORDS = "records.parquet"
COLUMNS = ("corpus", "id", "patient", "digest")


def records_of(store: Store, rows: Int[np.ndarray, " record"]) -> pd.DataFrame:
    """Corpus, id, patient and digest of the signal of the records at `rows`, in that order."""
    return pd.DataFrame({name: store.column(name)[rows] for name in COLUMNS})


def write_records(
    folder: Path, store: Store, rows: Int[np.ndarray, " record"], begun_with: Sequence[Path] = ()
) -> None:
    """Notes in a model folder that its model is trained on the records at `rows` of a store.

    Args:
        folder: of the model.
        store, rows: the records.
        begun_with: folders of the models whose weights it began with. Their records are its own too; where
            one of them does not say, nothing is noted.
    """
    earlier = [read_records(other) for other in begun_with]
    known = [records for records in earlier if records is not None]
    if len(known) < len(earlier):
        return
    partial = folder / f".{RECORDS}"
    records = pd.concat([*known, records_of(store, rows)], ignore_index=True)
    records.drop_duplicates(ignore_index=True).to_parquet(partial)
    partial.replace(folder / RECORDS)


def read_records(folder: Path) -> pd.DataFrame | None:
    """What a model was trained on, with the columns `COLUMNS`; None where its folder does not say.

    Raises:
        MelpError: the note cannot be read.
    """
    file = folder / RECORDS
    if not file.is_file():
        return None
    try:
        return pd.read_parquet(file, columns=list(COLUMNS))
    except (OSError, ValueError) as error:
        raise MelpError(f"{file}: cannot be read ({str(error).splitlines()[0]})") from error
