"""Digests of what decides a cell: equal for equal contents, wherever they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import pandas as pd
import torch

from melp.data.store import Store
from melp.hub import Model
from melp.tasks import Task

__all__ = ["digest", "labels_digest", "model_digest", "store_digest", "task_digest", "tokenizer_digest"]

_MODEL = ("inputs", "text", "classes", "encoder_of")
"""Entries of `config.json` that decide an embedding besides the options and the preprocessing."""
_FILES = ("index.parquet", "texts.parquet")
"""Files of a store that are read in an evaluation besides the shards."""


def digest(values: Any) -> str:
    """Return sixteen hexadecimal digits of the SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def model_digest(model: Model) -> str:
    """Return the digest of the weights of a model and of the settings that decide its embeddings."""
    sha256 = hashlib.sha256()
    for name, tensor in sorted(model.method.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        sha256.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        sha256.update(values.flatten().view(torch.uint8).numpy())
    # The options of the loaded method, because the reading of a probe may be changed after loading.
    options: Any = getattr(model.method, "config", None)
    settings = {name: model.config.get(name) for name in _MODEL}
    settings["method"] = asdict(options) if options is not None else model.config.get("method")
    settings["preprocessing"] = model.preprocessing.to_dict()
    return digest([sha256.hexdigest(), settings])


def tokenizer_digest(model: Model) -> str:
    """Return the digest of the tokenizer of a model folder; empty if it has none of this package."""
    file = model.folder / "tokenizer.json"
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""


def store_digest(store: Store) -> str:
    """Return the digest of the recordings, the index and the reports of a store."""
    manifest = store.manifest
    files = {name: manifest["files"].get(name) for name in _FILES}
    return digest([[shard["sha256"] for shard in manifest["shards"]], files])


def task_digest(task: Task) -> str:
    """Return the digest of the classes of a task and of the labels that they have."""
    return digest([task.classes, {name: task.codes[name] for name in task.classes}, task.every_record])


def labels_digest(*tables: pd.DataFrame) -> str:
    """Return the digest of tables of labels: ids, classes and values, in order."""
    return digest([table.astype(int).to_json(orient="split") for table in tables])
