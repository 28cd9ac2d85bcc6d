"""A store of a few records and a model that needs no training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from melp.data.store import Store
from melp.hub import Model
from melp.signal.preprocessing import Preprocessing

RATE, SECONDS = 50, 2
SIZE = 12 * RATE * SECONDS * 2  # bytes of a record
FINDINGS = {"AFIB": "atrial fibrillation", "SBRAD": "sinus bradycardia", "STACH": "sinus tachycardia"}


def direction(text: str) -> np.ndarray:
    """The same direction in 12 dimensions for the same text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=12)


class HashingMethod(nn.Module):
    """Embeds an ECG as the mean of each lead, and a text by its hash: the records of `write_store`."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))

    def embed(self, ecg: Tensor) -> Tensor:
        return ecg.mean(-1)

    def project_ecg(self, ecg: Tensor) -> Tensor:
        return nn.functional.normalize(ecg.mean(-1), dim=-1)

    def embed_text(self, texts: list[str | list[str]]) -> Tensor:
        statements = [[text] if isinstance(text, str) else text for text in texts]
        vectors = torch.tensor(
            np.array([sum(map(direction, one)) for one in statements]), dtype=torch.float32
        )
        return nn.functional.normalize(vectors, dim=-1)

    def generate(self, ecg: Tensor, beams: int = 1, max_length: int = 64) -> list[str]:
        findings = self.embed_text(list(FINDINGS.values()))
        best = (self.project_ecg(ecg) @ findings.T).argmax(1)
        return [f"sinus rhythm. {list(FINDINGS.values())[row]}." for row in best]


class AnsweringMethod(HashingMethod):
    """Gives the log odds of texts, and no vectors that are comparable with texts."""

    similarity = "answers"
    project_ecg = embed_text = property()  # type: ignore[assignment]

    def embed_statements(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor(np.stack([direction(text) for text in texts])).float()

    def answers(self, ecg: Tensor, statements: Tensor) -> Tensor:
        return ecg.mean(-1) @ statements.T

    def attention(self, ecg: Tensor, statements: Tensor) -> Tensor:
        frames = ecg.abs().sum(1).unflatten(1, (10, -1)).sum(-1)
        return (frames / frames.sum(1, keepdim=True))[..., None].expand(-1, -1, len(statements))


class BlindMethod(HashingMethod):
    """A method without a text tower."""

    project_ecg = embed_text = generate = property()  # type: ignore[assignment]


def small_model(method: nn.Module, name: str = "hashing") -> Model:
    """A loaded model, as `melp.hub.load` returns."""
    preprocessing = Preprocessing(rate=RATE, seconds=SECONDS, scaling="millivolt")
    return Model(method.eval(), preprocessing, {"name": name}, Path("model"))


def write_store(folder: Path, seed: int = 0) -> Store:
    """Write 240 records of 120 patients in 10 folds; each finding is a direction over the leads."""
    generator = np.random.default_rng(seed)
    rows, signals = [], []
    for number in range(240):
        patient = number // 2
        code = list(FINDINGS)[int(generator.integers(3))]
        level = direction(FINDINGS[code]) + generator.normal(size=12) * 0.6
        wave = generator.normal(size=(12, RATE * SECONDS)) * 0.1
        signals.append(np.round((level[:, None] + wave) * 1000).astype(np.int16))
        rows.append(
            {
                "id": f"r{number:03d}",
                "patient": f"p{patient}",
                "fold": patient % 10 + 1,
                "labels": [code] + (["SR"] if code != "AFIB" else []),
                "statements": ["sinus rhythm", FINDINGS[code]] if number % 7 else [],
            }
        )
    texts = {
        "id": ["x1", "x2"],
        "patient": ["q", "q"],
        "fold": [1, 10],
        "statements": [["pacemaker ecg"], ["x"]],
    }
    pd.DataFrame(texts).to_parquet(folder / "texts.parquet")
    return write_records(folder, rows, np.stack(signals))


def write_csn_store(folder: Path) -> Store:
    """Write the records of `write_store` with other noise and the codes of CSN."""
    codes = {"SBRAD": "SB", "STACH": "ST"}
    file = Path(write_store(folder, seed=1).path) / "index.parquet"
    index = pd.read_parquet(file)
    index["corpus"] = "csn"
    index["labels"] = [[codes.get(code, code) for code in labels] for labels in index["labels"]]
    index.to_parquet(file)
    return Store(folder)


def write_records(folder: Path, rows: list[dict[str, Any]], signals: np.ndarray) -> Store:
    """Write a store of ptb-xl in one shard: id, patient, fold, labels and statements of each record."""
    digests = [hashlib.sha256(signal.tobytes()).digest()[:8] for signal in signals]
    same = {
        "corpus": "ptb-xl",
        "age": 50.0,
        "sex": "female",
        "flags": [],
        "length": RATE * SECONDS,
        "shard": 0,
        "size": SIZE,
    }
    table = [
        {
            **row,
            **same,
            "row": number,
            "digest": int.from_bytes(digests[number], "little", signed=True),
            "offset": 128 + number * SIZE,
        }
        for number, row in enumerate(rows)
    ]
    (folder / "shards").mkdir()
    np.save(folder / "shards" / "00000.npy", signals)
    pd.DataFrame(table).to_parquet(folder / "index.parquet")
    size = 128 + len(rows) * SIZE
    manifest = {
        "format": 3,
        "compression": "none",
        "corpus": "ptb-xl",
        "rate": RATE,
        "seconds": SECONDS,
        "samples": RATE * SECONDS,
        "records": len(rows),
        "shards": [{"file": "shards/00000.npy", "records": len(rows), "bytes": size, "sha256": ""}],
        "files": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Store(folder)
