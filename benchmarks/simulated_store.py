"""Stores of any size that take no disk space: a real index, and shards that are holes in a sparse file.

Statements are as a MIMIC-IV-ECG cart writes them: 1 to 6 per record, out of 1,500 phrases, a few of which
make up most of the text. A patient has five records on average, as in MIMIC-IV-ECG.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from melp.data.build.schemas import DROPPED, INDEX, TEXTS
from melp.data.build.shards import RECORDS
from melp.data.store import FORMAT
from melp.ecg import LEADS

RATE, SECONDS = 500, 10
SAMPLES = RATE * SECONDS
RECORD = len(LEADS) * SAMPLES * 2
HEADER = 128
ROWS = 32768
"""Rows of a row group, as `melp data build` writes them."""

_FINDINGS = (
    "sinus rhythm", "sinus bradycardia", "sinus tachycardia", "atrial fibrillation", "atrial flutter",
    "left axis deviation", "right axis deviation", "left bundle branch block", "right bundle branch block",
    "left anterior fascicular block", "prolonged qt interval", "short pr interval", "borderline ecg",
    "left ventricular hypertrophy", "inferior infarct", "anterior infarct", "lateral st elevation",
    "nonspecific t wave changes", "premature ventricular contractions", "premature atrial contractions",
    "low qrs voltages in limb leads", "poor r wave progression", "ventricular pacing", "av block",
    "intraventricular conduction delay",
)  # fmt: skip
_QUALIFIERS = (
    "", "possible", "probable", "consider", "borderline", "marked", "with occasional pauses", "unchanged",
    "age undetermined", "old", "recent", "since previous tracing",
)  # fmt: skip
_ENDINGS = (
    "", "clinical correlation is suggested", "compared to prior", "no further analysis", "abnormal ecg"
)  # fmt: skip


def phrases() -> list[str]:
    """Return 1,500 statements."""
    combinations = itertools.product(_FINDINGS, _QUALIFIERS, _ENDINGS)
    return [" - ".join(part for part in parts if part) for parts in combinations]


def make_store(folder: Path, records: int, seed: int = 0) -> Path:
    """Write a store of this many records, each of which is 12 x 5000 zeros."""
    (folder / "shards").mkdir(parents=True)
    shards = []
    for number, start in enumerate(range(0, records, RECORDS)):
        count = min(RECORDS, records - start)
        file = folder / f"shards/{number:05d}.npy"
        with file.open("wb") as stream:
            header = {"descr": "<i2", "fortran_order": False, "shape": (count, len(LEADS), SAMPLES)}
            np.lib.format.write_array_header_1_0(stream, header)
            size = stream.truncate(HEADER + count * RECORD)
        # No true digest: hashing a corpus of zeros takes minutes, and no benchmark verifies it.
        shards.append({"file": f"shards/{file.name}", "records": count, "bytes": size, "sha256": "0" * 64})
    pq.write_table(index_of(records, seed), folder / "index.parquet", row_group_size=ROWS)
    for name, schema in (("texts", TEXTS), ("dropped", DROPPED)):
        pq.write_table(schema.empty_table(), folder / f"{name}.parquet")
    files = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.glob("*.parquet"))
    }
    manifest = {
        "format": FORMAT, "corpus": "simulated", "rate": RATE, "seconds": SECONDS, "samples": SAMPLES,
        "unit": "microvolt", "leads": list(LEADS), "compression": "none", "records": records, "missing": 0,
        "texts": 0, "dropped": {}, "flags": {}, "shards": shards, "files": files,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return folder


def index_of(records: int, seed: int) -> pa.Table:
    """Return the index of a simulated store."""
    random, texts = np.random.default_rng(seed), phrases()
    counts = random.integers(1, 7, records)
    chances = 1 / np.arange(1, len(texts) + 1)
    chosen = random.choice(len(texts), counts.sum(), p=chances / chances.sum())
    statements = pa.ListArray.from_arrays(
        np.concatenate([[0], counts.cumsum()]).astype(np.int32), pa.array(texts).take(pa.array(chosen))
    )
    patients = np.sort(random.integers(10_000_000, 20_000_000, max(1, records // 5)))
    patient = np.sort(random.choice(patients, records))
    row = np.arange(records)
    empty = np.zeros(records + 1, dtype=np.int32)
    values = {
        "id": 40_000_000 + row,
        "patient": patient,
        "corpus": pa.repeat("mimic-iv-ecg", records),
        "fold": patient % 10 + 1,
        "statements": statements,
        "age": random.uniform(18, 90, records),
        "sex": pa.array(["female", "male"]).take(pa.array(random.integers(0, 2, records))),
        "length": np.full(records, SAMPLES),
        "shard": row // RECORDS,
        "row": row % RECORDS,
        "digest": random.integers(-(2**63), 2**63 - 1, records),
        "offset": HEADER + row % RECORDS * RECORD,
        "size": np.full(records, RECORD),
    }
    columns = [
        pa.array(values[field.name]).cast(field.type)
        if field.name in values
        else pa.ListArray.from_arrays(empty, pa.array([], field.type.value_type))
        for field in INDEX
    ]
    return pa.Table.from_arrays(columns, schema=INDEX)
