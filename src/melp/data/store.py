"""The store: one corpus at one rate and length, in files that need no `melp` to be read.

shards/NNNNN.npy   int16 [records, 12, time], microvolt, at most 1,024 records
index.parquet      a row a record, in the order of the shards
texts.parquet      statements of training reports whose recording is missing
dropped.parquet    id, reason and detail of every record that was left out
manifest.json      counts, versions, SHA-256 of every file
build.log          when it was built (the only file with dates)
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int, Int16

from melp.ecg import ECG, LEADS
from melp.errors import MelpError

FORMAT = 2
UNFINISHED = ".building"


class Store:
    """A store opened for reading; shards are mapped into memory, not loaded.

    Attributes:
        path: its folder.
        manifest: what `manifest.json` says.
        rate: Hz.
        seconds: length of a record.

    Raises:
        MelpError: no store is there, its build did not finish, or a shard is missing or too short.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        self.rate = float(self.manifest["rate"])
        self.seconds = float(self.manifest["seconds"])
        self._shards: dict[int, np.ndarray] = {}
        for shard in self.manifest["shards"]:
            self._check_shard(shard)

    def __len__(self) -> int:
        return int(self.manifest["records"])

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}: {len(self)} records, {self.rate:g} Hz, {self.seconds:g} s)"

    # A worker process gets the path alone and maps the shards anew.
    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        return type(self), (self.path,)

    @property
    def samples(self) -> int:
        """Samples of a record."""
        return int(self.manifest["samples"])

    @cached_property
    def index(self) -> pd.DataFrame:
        """A row a record, in the order of the shards.

        Columns: id, patient, corpus, fold, labels and statements (lists), age, sex ("female", "male", ""),
        flags (list), beats and beat_kinds (lists: samples of the R waves and their WFDB symbols; empty where
        the corpus does not know them), length in samples, shard and row (where its signal lies), digest (of
        the signal, 8 bytes of BLAKE2b), offset and size (bytes of the signal in the shard's file).
        """
        return _read_table(
            self.path / "index.parquet", ("labels", "statements", "flags", "beats", "beat_kinds")
        )

    @cached_property
    def texts(self) -> pd.DataFrame:
        """Training reports whose recording is missing: id, patient, fold, statements."""
        return _read_table(self.path / "texts.parquet", ("statements",))

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        return self.index["shard"].to_numpy(), self.index["row"].to_numpy()

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.index["id"])}

    def signals(self, rows: Int[np.ndarray, " record"]) -> Int16[np.ndarray, "record 12 time"]:
        """The records at `rows` of the index in microvolt, in the order asked."""
        rows = np.asarray(rows)
        shards, places = self._places
        signals = np.empty((len(rows), len(LEADS), self.samples), dtype=np.int16)
        for number in np.unique(shards[rows]):
            here = np.flatnonzero(shards[rows] == number)
            # Read in the file's order, so that a cold disk is passed over once.
            here = here[np.argsort(places[rows[here]], kind="stable")]
            shard = self._shard(int(number))
            for target in here:
                signals[target] = shard[places[rows[target]]]
        return signals

    def ecg(self, id: str) -> ECG:
        """The record `id` as an ECG in mV, without the padding at its end.

        Raises:
            MelpError: no such record.
        """
        row = self._row_of.get(str(id))
        if row is None:
            raise MelpError(f"{self.path}: no record {id!r}")
        entry = self.index.iloc[row]
        signal = self.signals(np.array([row]))[0, :, : int(entry["length"])]
        meta = {str(name): entry[name] for name in self.index.columns if name not in ("shard", "row")}
        return ECG(signal / np.float32(1000), self.rate, LEADS, meta)

    def _shard(self, number: int) -> np.ndarray:
        if number not in self._shards:
            file = self.path / self.manifest["shards"][number]["file"]
            self._shards[number] = np.load(file, mmap_mode="r", allow_pickle=False)
        return self._shards[number]

    def _check_shard(self, shard: dict[str, Any]) -> None:
        file = self.path / shard["file"]
        if not file.is_file():
            raise MelpError(f"{file}: missing, the manifest names it")
        if file.stat().st_size != shard["bytes"]:
            raise MelpError(f"{file}: {file.stat().st_size} bytes, wanted {shard['bytes']}")


def read_manifest(path: Path) -> dict[str, Any]:
    """What the manifest of the store at `path` says.

    Raises:
        MelpError: no store is there, its build did not finish, or it is of another format.
    """
    file = path / "manifest.json"
    if not file.is_file():
        if path.with_name(path.name + UNFINISHED).is_dir():
            raise MelpError(f"{path}: its build did not finish; run the same `melp data build` again")
        raise MelpError(f"{path}: no store (no manifest.json); `melp data build` makes one")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        version = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise MelpError(f"{file}: not the manifest of a store") from error
    if version != FORMAT:
        raise MelpError(f"{file}: store of format {version}, this version of melp reads {FORMAT}")
    return dict(manifest)


def verify(path: str | Path) -> list[str]:
    """The files of the store at `path` that are not as they were written; empty where all are.

    Raises:
        MelpError: no store is there.
    """
    path = Path(path)
    manifest = read_manifest(path)
    digests = {shard["file"]: shard["sha256"] for shard in manifest["shards"]} | manifest["files"]
    problems = []
    for name, wanted in digests.items():
        if not (path / name).is_file():
            problems.append(f"{path / name}: missing")
        elif file_digest(path / name) != wanted:
            problems.append(f"{path / name}: differs from its SHA-256 in the manifest")
    return problems


def file_digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_table(file: Path, lists: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise MelpError(f"{file}: cannot be read ({str(error).splitlines()[0]})") from error
    for column in lists:
        found = table[column] if column in table else [()] * len(table)
        table[column] = [list(values) for values in found]
    return table
