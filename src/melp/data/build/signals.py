"""Write the signals of a shard, uncompressed or compressed."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int16

from melp.data.store import DELTA_ZSTD
from melp.ecg import LEADS

NONE = "none"

__all__ = ["DELTA_ZSTD", "NONE", "Signals", "differences", "unfinished"]


def differences(signal: Int16[np.ndarray, "12 time"]) -> Int16[np.ndarray, "12 time"]:
    """Return each lead's first sample, then the differences between neighbours, modulo 2**16.

    They compress better than the samples; `cumsum` along time, in int16, restores these.
    """
    return np.diff(signal, axis=1, prepend=np.zeros((len(signal), 1), dtype=np.int16))


def unfinished(file: Path) -> Path:
    """Return the name under which a file is written before it is renamed."""
    # A worker of a killed build may still be writing the same file.
    return file.with_name(f"{file.name}.{os.getpid()}.tmp")


class Signals:
    """Writer of the signals of a shard; computes their digest (see `store.shard_digest`).

    Args:
        folder: folder of the shards.
        number: number of the shard.
        samples: samples of a record.
        compression: `NONE` or `DELTA_ZSTD`.
        expected: the expected number of records.
    """

    def __init__(self, folder: Path, number: int, samples: int, compression: str, expected: int) -> None:
        ending = ".npy" if compression == NONE else ".npy.zst"
        self._file = folder / f"{number:05d}{ending}"
        self._samples = samples
        self._codec = None if compression == NONE else pa.Codec("zstd")
        self._expected = expected

    def __enter__(self) -> Signals:
        self._stream = unfinished(self._file).open("wb")
        self._digests = bytearray()
        self._end = self._stream.write(self._header(self._expected))
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        unfinished(self._file).unlink(missing_ok=True)

    def append(self, signal: Int16[np.ndarray, "12 time"]) -> dict[str, int]:
        """Write a record and return its columns of the index."""
        digest = stored = hashlib.sha256(signal.data).digest()
        content = signal.data
        if self._codec is not None:
            content = self._codec.compress(differences(signal), asbytes=True)
            stored = hashlib.sha256(content).digest()
        self._digests += stored
        self._stream.write(content)
        offset, size = self._end, memoryview(content).nbytes
        self._end += size
        return {"digest": int.from_bytes(digest[:8], "little", signed=True), "offset": offset, "size": size}

    def finish(self, records: int) -> dict[str, Any]:
        """Complete the header, rename the file, and return the shard's entry of the manifest."""
        header = self._header(records)
        if records != self._expected:
            self._stream.seek(0)
            self._stream.write(header)
        self._stream.close()
        unfinished(self._file).replace(self._file)
        return {
            "file": f"shards/{self._file.name}",
            "records": records,
            "bytes": self._end,
            "sha256": hashlib.sha256(header + self._digests).hexdigest(),
        }

    def _header(self, records: int) -> bytes:
        """Return the header of the file; its length does not depend on the number of records."""
        stream = io.BytesIO()
        shape = (records, len(LEADS), self._samples)
        # numpy pads the header so that the first axis can grow.
        np.lib.format.write_array_header_1_0(stream, {"descr": "<i2", "fortran_order": False, "shape": shape})
        header = stream.getvalue()
        return header if self._codec is None else _stored_frame(header)


def _stored_frame(content: bytes) -> bytes:
    """Return a zstd frame (RFC 8878) with up to 255 uncompressed bytes.

    The frame has a fixed length, so the header can be rewritten when the number of records is known. With
    `pa.Codec` the records would have to be copied behind the compressed header: 10 % more time for a shard.

    The frame is: magic number, descriptor (one segment, its size in one byte), size, header of the only block
    (type 0: raw), content.
    """
    magic, one_segment = bytes.fromhex("28b52ffd"), b"\x20"
    block = (len(content) << 3 | 1).to_bytes(3, "little")
    return magic + one_segment + bytes([len(content)]) + block + content
