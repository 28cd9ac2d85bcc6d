"""Parquet tables with a column for each lead, as `melp convert` writes them.

Rate and unit are in the metadata `ecg` of the file, as JSON, or asked for.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from melp.ecg import ECG
from melp.io.arrays import Value, ecg_of_arrays
from melp.io.source import Source

NAME = "Parquet"
ENDINGS = (".parquet",)
NEEDS = ""

_MOST_UNPACKED = 100
_SMALL = 1 << 20


def matches(source: Source) -> bool:
    """Return whether the file begins as Parquet."""
    return source.head.startswith(b"PAR1")


def read(source: Source) -> ECG:
    """Read the columns that are named for leads.

    Raises:
        BadRecordError: the file is damaged, or see `ecg_of_arrays`.
    """
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(source.data))
        cells = file.metadata.num_rows * file.metadata.num_columns
        if 8 * cells > _MOST_UNPACKED * len(source.data) + _SMALL:
            raise source.error(f"over {_MOST_UNPACKED} times its size unpacked")
        table = file.read()
    except (ArrowException, OSError) as error:
        raise source.error(f"a damaged table ({str(error).splitlines()[0][:120]})") from None
    values: dict[str, Value] = {name: table[name].to_numpy() for name in table.column_names}
    return ecg_of_arrays(source, values | _about((table.schema.metadata or {}).get(b"ecg", b"{}")))


def _about(text: bytes) -> dict[str, Value]:
    try:
        about: Any = json.loads(text)
    except ValueError:
        return {}
    return {name: np.asarray(value) for name, value in about.items()} if isinstance(about, dict) else {}
