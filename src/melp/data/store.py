"""The store: one corpus at one rate and length, in files of open formats that can be read without `melp`.

shards/NNNNN.npy      int16 [records, 12, time], microvolt; or
shards/NNNNN.npy.zst  differences along time, compressed, one frame per record, so that each record can be
                      read alone
index.parquet         one row per record, in the order of the shards
dropped.parquet       the records that were left out, with the reason
missing.parquet       the records whose recording is missing, if any
texts.parquet         statements of training reports whose recording is missing
manifest.json         counts, versions, SHA-256 of every file (of a shard: see `shard_digest`)
build.log             the time of the build (the only file with dates)
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
from melp.data.files import Files, open_files, parse_path, wrap_errors
from melp.ecg import ECG, LEADS
from melp.errors import MelpError

FORMAT = 3
DELTA_ZSTD = "delta-zstd"
"""Compression: differences along time, then zstd. Stores of earlier versions have "zstd" or "none"."""
UNFINISHED = ".building"
SIMULATED = "simulated "
"""Stands before the names of a simulated corpus, whose ids are those of the published one."""
_INDEX = "index.parquet"
_LOCATION = ("shard", "row", "digest", "offset", "size")


class Store:
    """A store opened for reading; only the manifest is read until data is accessed.

    Attributes:
        path: the folder, or an address that fsspec supports (`s3://...`).
        files: the files of the store.
        manifest: the content of `manifest.json`.
        rate: Hz.
        seconds: length of a record.
        index_table: `index.parquet`, one row per record in the order of the shards; see `index`.
        texts_table: `texts.parquet`, training reports whose recording is missing; see `texts`.

    Raises:
        MelpError: there is no store, its build did not finish, or a shard is missing or has the wrong size
            (at an address, this is noticed only when the shard is read).
    """

    def __init__(self, path: str | Path) -> None:
        self.files, self.path = open_files(path), parse_path(path)
        self.manifest = read_manifest(path)
        self.rate = float(self.manifest["rate"])
        self.seconds = float(self.manifest["seconds"])
        self.index_table = Table(self.files, _INDEX)
        self.texts_table = Table(self.files, "texts.parquet")
        self._shards = [str(shard["file"]) for shard in self.manifest["shards"]]
        for shard in self.manifest["shards"]:
            self._check_shard(shard)

    def __len__(self) -> int:
        return int(self.manifest["records"])

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}: {len(self)} records, {self.rate:g} Hz, {self.seconds:g} s)"

    # A spawned worker process gets only the path.
    def __reduce__(self) -> tuple[type[Store], tuple[str | Path]]:
        return type(self), (self.path,)

    @property
    def address(self) -> str:
        """The absolute path or the address."""
        return str(self.path.resolve() if isinstance(self.path, Path) else self.path)

    @property
    def samples(self) -> int:
        """Number of samples of a record."""
        return int(self.manifest["samples"])

    @property
    def prefix(self) -> str:
        """`SIMULATED` if the records are simulated, else nothing."""
        return SIMULATED if self.manifest.get("simulated") else ""

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per record, in the order of the shards, with Python lists; meant for small stores.

        Columns: id, patient, corpus, fold, labels and statements (lists), age, sex ("female", "male", ""),
        flags (list), beats and beat_kinds (lists: samples of the R waves and their WFDB symbols; empty if the
        corpus has none), length in samples, shard and row (position of the signal), digest (of the samples),
        offset and size (in bytes, in the file of the shard).
        """
        return self.index_table.frame()

    @cached_property
    def texts(self) -> pd.DataFrame:
        """Training reports without a recording: id, patient, fold, statements."""
        return self.texts_table.frame()

    @cached_property
    def dropped(self) -> pd.DataFrame:
        """Records that were left out: id, reason, detail."""
        return Table(self.files, "dropped.parquet").frame()

    @cached_property
    def missing(self) -> pd.DataFrame:
        """Records whose recording was not on disk: id, and the path where it was looked for.

        Empty if a store was built before they were listed.
        """
        if "missing.parquet" not in self.manifest["files"]:
            return pd.DataFrame({"id": [], "path": []}, dtype=str)
        return Table(self.files, "missing.parquet").frame()

    def require_unique_ids(self) -> None:
        """Check that ids are unique, as they are in every store that `melp` builds today.

        Raises:
            MelpError: an id is repeated.
        """
        repeated = pd.Series(self.column("id")).duplicated()
        if repeated.any():
            first = self.column("id")[np.flatnonzero(repeated)[0]]
            raise MelpError(
                f"{self.path}: {repeated.sum()} records have the id of another one (the first: {first}), "
                "wanted unique ids; build the store again"
            )

    def column(self, name: str) -> Shaped[np.ndarray, " record"]:
        """Return a column of numbers or strings of the index as an array; do not write to it."""
        return self.index_table.column(name)

    def lists(self, name: str) -> Lists:
        """Return a column of lists of the index; each list is created on access."""
        return self.index_table.lists(name)

    def signals(self, rows: Int[np.ndarray, " record"]) -> Int16[np.ndarray, "record 12 time"]:
        """Return the signals at `rows` of the index in microvolt, in that order.

        Raises:
            MelpError: a shard cannot be read or is too short.
        """
        rows = np.asarray(rows, dtype=np.int64)
        signals = np.empty((len(rows), len(LEADS), self.samples), dtype=np.int16)
        shards, starts, sizes = (self.column(name)[rows] for name in ("shard", "offset", "size"))
        # In the order of the files, which is faster on a disk that is not cached.
        order = np.lexsort((starts, shards))
        files = [self._shards[shard] for shard in shards[order]]
        offsets = starts[order].tolist()
        try:
            contents = self.files.ranges(files, offsets, sizes[order].tolist())
            for target, file, offset, content in zip(order, files, offsets, contents, strict=True):
                signals[target] = self._signal(content, file, offset)
        except FileNotFoundError as error:
            raise MelpError(f"{self.files.address}: a shard is missing ({error})") from error
        return signals

    def ecg(self, id: str) -> ECG:
        """Return the record `id` as an ECG in mV, without padding.

        Raises:
            MelpError: the record does not exist.
        """
        matches = np.flatnonzero(self.column("id") == str(id))
        if not len(matches):
            raise MelpError(f"{self.path}: no record {id!r}")
        row = self.index_table.row(int(matches[0]))
        signal = self.signals(matches[:1])[0, :, : row["length"]]
        meta = {name: value for name, value in row.items() if name not in _LOCATION}
        return ECG.of_microvolt(signal, self.rate, LEADS, meta)

    @cached_property
    def _codec(self) -> pa.Codec | None:
        return None if self.manifest["compression"] == "none" else pa.Codec("zstd")

    def _signal(self, content: bytes, file: str, offset: int) -> Int16[np.ndarray, "12 time"]:
        """Return the samples of a record from its bytes in the shard."""
        size = len(LEADS) * self.samples * 2
        where = f"{self.files.address}/{file}: the record at byte {offset}"
        if self._codec is not None:
            with wrap_errors(where):
                content = self._codec.decompress(content, size)
        if len(content) != size:
            raise MelpError(f"{where}: {len(content)} bytes found, wanted {size}")
        signal = np.frombuffer(content, dtype="<i2").reshape(len(LEADS), self.samples)
        if self.manifest["compression"] == DELTA_ZSTD:
            return signal.cumsum(axis=1, dtype=np.int16)
        return signal

    def _check_shard(self, shard: dict[str, Any]) -> None:
        file = f"{self.files.address}/{shard['file']}"
        try:
            size = self.files.size(shard["file"])
        except FileNotFoundError as error:
            raise MelpError(f"{file}: missing, but listed in the manifest") from error
        if size not in (None, shard["bytes"]):
            raise MelpError(f"{file}: {size} bytes found, wanted {shard['bytes']}")


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Return the manifest of the store at `path`.

    Raises:
        MelpError: there is no store, its build did not finish, or it has another format.
    """
    file = f"{str(path).rstrip('/')}/manifest.json"
    try:
        with open_files(path).open("manifest.json") as stream:
            manifest = json.loads(stream.read())
            version = manifest["format"]
    except FileNotFoundError as error:
        reason = "no store (no manifest.json); run `melp data build`"
        if Path(f"{path}{UNFINISHED}").is_dir():
            reason = "its build did not finish; run the same `melp data build` again"
        raise MelpError(f"{path}: {reason}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise MelpError(f"{file}: not the manifest of a store") from error
    if version != FORMAT:
        raise MelpError(f"{file}: store of format {version} found, wanted {FORMAT}, as this melp reads")
    return dict(manifest)


def verify(path: str | Path) -> list[str]:
    """Return one message for each file of the store at `path` that is missing or was changed.

    Raises:
        MelpError: there is no store, or a file cannot be read.
    """
    manifest, files = read_manifest(path), open_files(path)
    problems = {name: _problem(files, name, sha256, _digest) for name, sha256 in manifest["files"].items()}
    if problems[_INDEX]:
        problems["shards"] = f"{files.address}/shards: not checked, because this needs the index"
        return list(filter(None, problems.values()))
    sizes, start = Table(files, _INDEX).column("size").tolist(), 0
    for shard in manifest["shards"]:
        shard_sizes = sizes[start : start + shard["records"]]
        start += shard["records"]
        digest = partial(shard_digest, sizes=shard_sizes, end=shard["bytes"])
        problems[shard["file"]] = _problem(files, shard["file"], shard["sha256"], digest)
    return list(filter(None, problems.values()))


def _problem(files: Files, name: str, sha256: str, digest: Callable[[BinaryIO], str]) -> str:
    """Return a message if a file is missing or was changed, otherwise ""."""
    file = f"{files.address}/{name}"
    try:
        with wrap_errors(file), files.open(name) as stream:
            return "" if digest(stream) == sha256 else f"{file}: differs from its SHA-256 in the manifest"
    except FileNotFoundError:
        return f"{file}: missing"


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with file.open("rb") as stream:
        return _digest(stream)


def _digest(stream: BinaryIO) -> str:
    return hashlib.file_digest(cast(Any, stream), "sha256").hexdigest()


def shard_digest(stream: BinaryIO, sizes: Sequence[int], end: int) -> str:
    """Return the digest of a shard in hexadecimal: SHA-256 of its header and of the SHA-256 of each record.

    The SHA-256 of a record also identifies duplicates, so its bytes are hashed only once.

    Args:
        stream: the file, from its start.
        sizes: size of each record in bytes.
        end: size of the file in bytes.
    """
    digest = hashlib.sha256(stream.read(end - sum(sizes)))
    for size in sizes:
        digest.update(hashlib.sha256(stream.read(size)).digest())
    # Detects bytes that were appended.
    digest.update(stream.read(1))
    return digest.hexdigest()
