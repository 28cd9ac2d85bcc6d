"""The store: one corpus at one rate and length, in files that need no `melp` to be read.

shards/NNNNN.npy      int16 [records, 12, time], microvolt; or
shards/NNNNN.npy.zst  the same compressed, a frame for each record, so that each can be read alone
index.parquet         a row a record, in the order of the shards
dropped.parquet       the records left out, and why
texts.parquet         statements of training reports whose recording is missing
manifest.json         counts, versions, SHA-256 of every file (of a shard: see `shard_digest`)
build.log             when it was built (the only file with dates)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Int, Int16, Shaped

from melp.data.columns import Lists, Table
from melp.data.files import Files, located, named_errors, open_files
from melp.ecg import ECG, LEADS
from melp.errors import MelpError

FORMAT = 3
UNFINISHED = ".building"
_INDEX = "index.parquet"
_PLACE = ("shard", "row", "digest", "offset", "size")


class Store:
    """A store opened for reading: only the manifest is read before something is asked for.

    Attributes:
        path: its folder, or its address as fsspec knows it (`s3://...`).
        files: its files.
        manifest: what `manifest.json` says.
        rate: Hz.
        seconds: length of a record.
        records: `index.parquet`, a row a record in the order of the shards; see `index`.
        unrecorded: `texts.parquet`, training reports whose recording is missing; see `texts`.

    Raises:
        MelpError: no store is there, its build did not finish, or a shard is missing or too short (which at
            an address shows only when it is read).
    """

    def __init__(self, path: str | Path) -> None:
        self.files, self.path = open_files(path), located(path)
        self.manifest = read_manifest(path)
        self.rate = float(self.manifest["rate"])
        self.seconds = float(self.manifest["seconds"])
        self.records = Table(self.files, _INDEX)
        self.unrecorded = Table(self.files, "texts.parquet")
        self._shards = [str(shard["file"]) for shard in self.manifest["shards"]]
        for shard in self.manifest["shards"]:
            self._check_shard(shard)

    def __len__(self) -> int:
        return int(self.manifest["records"])

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}: {len(self)} records, {self.rate:g} Hz, {self.seconds:g} s)"

    # A worker process that is not a fork gets the path alone.
    def __reduce__(self) -> tuple[type[Store], tuple[str | Path]]:
        return type(self), (self.path,)

    @property
    def address(self) -> str:
        """Its path from the root, or its address."""
        return str(self.path.resolve() if isinstance(self.path, Path) else self.path)

    @property
    def samples(self) -> int:
        """Samples of a record."""
        return int(self.manifest["samples"])

    @cached_property
    def index(self) -> pd.DataFrame:
        """A row a record, in the order of the shards, with Python lists: for people and small stores.

        Columns: id, patient, corpus, fold, labels and statements (lists), age, sex ("female", "male", ""),
        flags (list), beats and beat_kinds (lists: samples of the R waves and their WFDB symbols; empty where
        the corpus does not know them), length in samples, shard and row (where its signal lies), digest (of
        its samples), offset and size (its bytes in the file of its shard).
        """
        return self.records.frame()

    @cached_property
    def texts(self) -> pd.DataFrame:
        """Training reports whose recording is missing: id, patient, fold, statements."""
        return self.unrecorded.frame()

    @cached_property
    def dropped(self) -> pd.DataFrame:
        """Records left out: id, reason, detail."""
        return Table(self.files, "dropped.parquet").frame()

    def column(self, name: str) -> Shaped[np.ndarray, " record"]:
        """A column of the index that holds one number or text a record, as an array not to be written to."""
        return self.records.column(name)

    def lists(self, name: str) -> Lists:
        """A column of the index that holds a list a record; a list is made when it is asked for."""
        return self.records.lists(name)

    def signals(self, rows: Int[np.ndarray, " record"]) -> Int16[np.ndarray, "record 12 time"]:
        """The records at `rows` of the index in microvolt, in the order asked.

        Raises:
            MelpError: a shard cannot be read, or ends too soon.
        """
        rows = np.asarray(rows, dtype=np.int64)
        signals = np.empty((len(rows), len(LEADS), self.samples), dtype=np.int16)
        shards, starts, sizes = (self.column(name)[rows] for name in ("shard", "offset", "size"))
        # In the files' order, so that a cold disk is passed over once.
        order = np.lexsort((starts, shards))
        files = [self._shards[shard] for shard in shards[order]]
        begins = starts[order].tolist()
        try:
            parts = self.files.ranges(files, begins, sizes[order].tolist())
            for target, file, start, part in zip(order, files, begins, parts, strict=True):
                signals[target] = self._signal(part, file, start)
        except FileNotFoundError as error:
            raise MelpError(f"{self.files.address}: a shard is missing ({error})") from error
        return signals

    def ecg(self, id: str) -> ECG:
        """The record `id` as an ECG in mV, without the padding at its end.

        Raises:
            MelpError: no such record.
        """
        found = np.flatnonzero(self.column("id") == str(id))
        if not len(found):
            raise MelpError(f"{self.path}: no record {id!r}")
        row = self.records.row(int(found[0]))
        signal = self.signals(found[:1])[0, :, : row["length"]]
        meta = {name: value for name, value in row.items() if name not in _PLACE}
        return ECG.of_microvolt(signal, self.rate, LEADS, meta)

    @cached_property
    def _codec(self) -> pa.Codec | None:
        name = self.manifest["compression"]
        return None if name == "none" else pa.Codec(name)

    def _signal(self, found: bytes, file: str, start: int) -> Int16[np.ndarray, "12 time"]:
        """The samples of a record from its bytes in the file of its shard."""
        wanted = len(LEADS) * self.samples * 2
        where = f"{self.files.address}/{file}: the record at byte {start}"
        if self._codec is not None:
            with named_errors(where):
                found = self._codec.decompress(found, wanted)
        if len(found) != wanted:
            raise MelpError(f"{where}: {len(found)} bytes found, wanted {wanted}")
        return np.frombuffer(found, dtype="<i2").reshape(len(LEADS), self.samples)

    def _check_shard(self, shard: dict[str, Any]) -> None:
        file = f"{self.files.address}/{shard['file']}"
        try:
            found = self.files.size(shard["file"])
        except FileNotFoundError as error:
            raise MelpError(f"{file}: missing, the manifest names it") from error
        if found not in (None, shard["bytes"]):
            raise MelpError(f"{file}: {found} bytes, wanted {shard['bytes']}")


def read_manifest(path: str | Path) -> dict[str, Any]:
    """What the manifest of the store at `path` says.

    Raises:
        MelpError: no store is there, its build did not finish, or it is of another format.
    """
    file = f"{str(path).rstrip('/')}/manifest.json"
    try:
        with open_files(path).open("manifest.json") as stream:
            manifest = json.loads(stream.read())
            version = manifest["format"]
    except FileNotFoundError as error:
        why = "no store (no manifest.json); `melp data build` makes one"
        if Path(f"{path}{UNFINISHED}").is_dir():
            why = "its build did not finish; run the same `melp data build` again"
        raise MelpError(f"{path}: {why}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise MelpError(f"{file}: not the manifest of a store") from error
    if version != FORMAT:
        raise MelpError(f"{file}: store of format {version}, this version of melp reads {FORMAT}")
    return dict(manifest)


def verify(path: str | Path) -> list[str]:
    """The files of the store at `path` that are not as they were written; empty where all are.

    Raises:
        MelpError: no store is there, or a file cannot be read.
    """
    manifest, files = read_manifest(path), open_files(path)
    problems = {name: _problem(files, name, wanted, _digest) for name, wanted in manifest["files"].items()}
    if problems[_INDEX]:
        problems["shards"] = f"{files.address}/shards: not looked at, the index is what tells of them"
        return list(filter(None, problems.values()))
    sizes, start = Table(files, _INDEX).column("size").tolist(), 0
    for shard in manifest["shards"]:
        here = sizes[start : start + shard["records"]]
        start += shard["records"]
        digest = partial(shard_digest, sizes=here, end=shard["bytes"])
        problems[shard["file"]] = _problem(files, shard["file"], shard["sha256"], digest)
    return list(filter(None, problems.values()))


def _problem(files: Files, name: str, wanted: str, digest: Callable[[BinaryIO], str]) -> str:
    """What is wrong with a file, "" where nothing is."""
    file = f"{files.address}/{name}"
    try:
        with named_errors(file), files.open(name) as stream:
            return "" if digest(stream) == wanted else f"{file}: differs from its SHA-256 in the manifest"
    except FileNotFoundError:
        return f"{file}: missing"


def file_digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return _digest(stream)


def _digest(stream: BinaryIO) -> str:
    return hashlib.file_digest(cast(Any, stream), "sha256").hexdigest()


def shard_digest(stream: BinaryIO, sizes: Sequence[int], end: int) -> str:
    """Of a shard, in hexadecimal: SHA-256 of its header and of the SHA-256 of each record's bytes.

    A recording's own digest tells duplicates: in this way its bytes are hashed once, not twice.

    Args:
        stream: the file, from its beginning.
        sizes: bytes of each record.
        end: bytes of the file.
    """
    whole = hashlib.sha256(stream.read(end - sum(sizes)))
    for size in sizes:
        whole.update(hashlib.sha256(stream.read(size)).digest())
    # What may have been added at the end.
    whole.update(stream.read(1))
    return whole.hexdigest()
