"""`records.parquet` of a model folder: the records that the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int

from melp.atomic import replacing
from melp.data.store import Store
from melp.errors import MelpError

RECORDS = "records.parquet"
COLUMNS = ("corpus", "id", "patient", "digest")


def identify_records(store: Store, rows: Int[np.ndarray, " record"]) -> pd.DataFrame:
    """Return corpus, id, patient and signal digest of the records at `rows`.

    A simulated corpus has the ids of the published one, and therefore a name of its own.
    """
    records = pd.DataFrame({name: store.column(name)[rows] for name in COLUMNS})
    records["corpus"] = store.prefix + records["corpus"]
    return records


def write_training_records(
    folder: Path, store: Store, rows: Int[np.ndarray, " record"], initial_models: Sequence[Path] = ()
) -> None:
    """Write the records that a model is trained on.

    Args:
        folder: folder of the model.
        store, rows: the records.
        initial_models: folders of the models that provide the initial weights. Their training records are
            added; if one of them has no `records.parquet`, nothing is written.
    """
    earlier = [read_training_records(model) for model in initial_models]
    complete = [records for records in earlier if records is not None]
    if len(complete) < len(earlier):
        return
    records = pd.concat([*complete, identify_records(store, rows)], ignore_index=True)
    with replacing(folder / RECORDS) as partial:
        records.drop_duplicates(ignore_index=True).to_parquet(partial)


def read_training_records(folder: Path) -> pd.DataFrame | None:
    """Return the records that a model was trained on, with the columns `COLUMNS`; None if unknown.

    Raises:
        MelpError: the file cannot be read.
    """
    file = folder / RECORDS
    if not file.is_file():
        return None
    try:
        return pd.read_parquet(file, columns=list(COLUMNS))
    except (OSError, ValueError) as error:
        raise MelpError(f"{file}: cannot be read ({str(error).splitlines()[0]})") from error
