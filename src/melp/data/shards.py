"""One shard of a store: recordings in, int16 rows, index rows and the list of what was dropped out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int16

from melp.data.corpora import Entry, Options, get_corpus
from melp.data.quality import CLIPPING, EMPTY_REPORT, LIMIT, signal_flags
from melp.data.store import file_digest
from melp.ecg import ECG, LEADS, BadRecordError
from melp.errors import MelpError
from melp.io.wfdb import check_content

RECORDS = 4096

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
    ]
)


@dataclass(frozen=True)
class Prepared:
    """A recording as the store keeps it, or why it does not."""

    entry: Entry
    signal: Int16[np.ndarray, "12 time"] | None
    row: dict[str, Any]
    error: MelpError | None = None


def statements_of(entry: Entry) -> list[str]:
    """The statements of an entry: given, or found in its report."""
    if entry.statements is not None:
        return list(entry.statements)
    from melp.data.reports import to_statements

    return to_statements(entry.report)


def prepare(entry: Entry, corpus: str, options: Options) -> Prepared:
    """Reads one recording; a bad one comes back as its error."""
    if entry.refused:
        return Prepared(entry, None, {}, BadRecordError(f"{entry.id}: {entry.refused}", entry.refused))
    try:
        ecg = get_corpus(corpus).load(entry).ordered()
        check_content(ecg, entry.id)
    except MelpError as error:
        return Prepared(entry, None, {}, error)
    told = ecg.meta
    statements = list(told["statements"]) if "statements" in told else statements_of(entry)
    flags = signal_flags(ecg)
    signal, length, clipped = to_microvolt(ecg, options)
    if clipped and CLIPPING not in flags:
        flags.append(CLIPPING)
    if not statements:
        flags.append(EMPTY_REPORT)
    beats, kinds = _beats(ecg, options, length)
    row = {
        "id": entry.id,
        "patient": entry.patient,
        "corpus": corpus,
        "fold": entry.fold,
        "labels": list(told.get("labels", entry.labels)),
        "statements": statements,
        "age": told.get("age", entry.age),
        "sex": told.get("sex", entry.sex),
        "flags": flags,
        "beats": beats,
        "beat_kinds": kinds,
        "length": length,
    }
    return Prepared(entry, signal, row)


def _beats(ecg: ECG, options: Options, length: int) -> tuple[list[int], list[str]]:
    """Samples of the R waves at the store's rate and their WFDB symbols, where the corpus knows them."""
    samples = [round(beat * options.rate / ecg.rate) for beat in ecg.meta.get("beats", ())]
    known = zip(samples, ecg.meta.get("kinds", ()), strict=True)
    kept = [(sample, kind) for sample, kind in known if sample < length]
    return [sample for sample, _ in kept], [kind for _, kind in kept]


def to_microvolt(ecg: ECG, options: Options) -> tuple[Int16[np.ndarray, "12 time"], int, bool]:
    """The first window of a recording in microvolt at the store's rate, padded with zeros at its end.

    Returns:
        The window, its true length in samples, and whether a value was beyond what int16 holds.
    """
    samples = round(options.rate * options.seconds)
    window = ecg.signal[:, : round(options.seconds * ecg.rate)].astype(np.float64)
    if ecg.rate != options.rate:
        window = _resample(window, ecg.rate, options.rate)
    microvolt = np.rint(window[:, :samples] * 1000)
    signal = np.zeros((len(LEADS), samples), dtype=np.int16)
    signal[:, : microvolt.shape[1]] = microvolt.clip(-LIMIT, LIMIT)
    return signal, microvolt.shape[1], bool(np.abs(microvolt).max(initial=0) > LIMIT)


def _resample(
    signal: Float[np.ndarray, "lead time"], source: float, target: float
) -> Float[np.ndarray, "lead samples"]:
    # scipy and not the torch twin in `melp.signal`: the same bytes whatever the number of threads.
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(target / source).limit_denominator(1000)
    return np.asarray(resample_poly(signal, ratio.numerator, ratio.denominator, axis=-1, padtype="edge"))


def write_shard(
    folder: Path,
    number: int,
    prepared: Iterable[Prepared],
    samples: int,
    on_record: Callable[[Prepared], None],
) -> None:
    """Writes shard `number` below `folder`; its JSON comes last and says that it is whole."""
    file = folder / "shards" / f"{number:05d}.npy"
    unfinished = file.with_suffix(".tmp")
    rows: list[dict[str, Any]] = []
    dropped: list[dict[str, str]] = []
    with unfinished.open("wb") as stream:
        _write_header(stream, 0, samples)
        for record in prepared:
            on_record(record)
            if record.signal is None:
                dropped.append(_drop(record))
                continue
            stream.write(record.signal.tobytes())
            rows.append({**record.row, "shard": number, "row": len(rows)})
        stream.seek(0)
        _write_header(stream, len(rows), samples)
    part = folder / "parts" / f"{number:05d}"
    pq.write_table(pa.Table.from_pylist(rows, INDEX), part.with_suffix(".parquet"))
    digest = file_digest(unfinished)
    unfinished.replace(file)
    summary = {"file": f"shards/{file.name}", "records": len(rows), "sha256": digest, "dropped": dropped}
    write_json(part.with_suffix(".json"), summary)


def finished_shard(folder: Path, number: int) -> dict[str, Any] | None:
    """What the JSON of shard `number` says, where the shard is whole."""
    part = folder / "parts" / f"{number:05d}.json"
    if not part.is_file():
        return None
    summary: dict[str, Any] = json.loads(part.read_text(encoding="utf-8"))
    file = folder / summary["file"]
    return summary if file.is_file() and file_digest(file) == summary["sha256"] else None


def write_json(file: Path, values: dict[str, Any]) -> None:
    """`values` as JSON, put in place in one step."""
    unfinished = file.with_name(file.name + ".tmp")
    unfinished.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(file)


def index_rows(folder: Path, shards: int) -> Iterator[pa.Table]:
    """The index rows of each shard."""
    for number in range(shards):
        yield pq.read_table(folder / "parts" / f"{number:05d}.parquet", schema=INDEX)


def _write_header(stream: BinaryIO, records: int, samples: int) -> None:
    # numpy leaves room in the header for the first axis to grow, so the data begins at the same byte.
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<i2", "fortran_order": False, "shape": (records, len(LEADS), samples)}
    )


def _drop(record: Prepared) -> dict[str, str]:
    assert record.error is not None
    return {
        "id": record.entry.id,
        "reason": getattr(record.error, "reason", "unreadable"),
        "detail": str(record.error),
    }
