"""Columns of the tables of a store."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

_KINDS = {
    "string": pa.string(),
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "floats": pa.list_(pa.float32()),
}
"""Types of the further columns of the index."""

INDEX = pa.schema(
    [
        ("id", pa.string()),
        ("patient", pa.string()),
        ("corpus", pa.string()),
        ("fold", pa.int32()),
        ("labels", pa.list_(pa.string())),
        ("statements", pa.list_(pa.string())),
        ("age", pa.float32()),
        ("sex", pa.string()),
        ("flags", pa.list_(pa.string())),
        ("beats", pa.list_(pa.int32())),
        ("beat_kinds", pa.list_(pa.string())),
        ("length", pa.int32()),
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("digest", pa.int64()),
        ("offset", pa.int64()),
        ("size", pa.int32()),
    ]
)
TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("patient", pa.string()),
        ("fold", pa.int32()),
        ("statements", pa.list_(pa.string())),
    ]
)
MISSING = pa.schema([("id", pa.string()), ("path", pa.string())])
DROPPED = pa.schema([("id", pa.string()), ("reason", pa.string()), ("detail", pa.string())])


def index_schema(columns: Mapping[str, str]) -> pa.Schema:
    """Return the columns of the index: the common ones, then those of the corpus, which may be null."""
    return pa.schema([*INDEX, *((name, _KINDS[kind]) for name, kind in columns.items())])
