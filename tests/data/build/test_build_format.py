"""The format of the files of a store."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import melp.data.build
from melp.data.build import build
from melp.data.build.signals import DELTA_ZSTD, Signals, differences
from melp.data.store import Store, verify
from small_ptb_xl import beats, make_tree, write_record


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`none` and `zstd`: seven records in shards of three; 2 is bad, 6 and 7 have the same signal as 1."""
    folder = tmp_path_factory.mktemp("format")
    raw = make_tree(folder / "raw", 7, listed=9)
    (raw / "records500/00000/00002_hr.dat").write_bytes(b"")
    for number in (6, 7):
        write_record(raw / f"records500/00000/{number:05d}_hr", beats(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(melp.data.build, "RECORDS", 3)
        build("ptb-xl", raw, folder / "none", allow_missing=True)
        build("ptb-xl", raw, folder / "zstd", allow_missing=True, compress=True)
    return folder


def manifest(store: Path) -> dict:
    return json.loads((store / "manifest.json").read_text())


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_index_has_location_and_digest_of_each_record(stores: Path, compression: str) -> None:
    store = stores / compression
    index = pd.read_parquet(store / "index.parquet")
    assert index["id"].tolist() == ["1", "3", "4", "5", "6", "7"]
    assert index["shard"].tolist() == [0, 0, 1, 1, 1, 2] and index["row"].tolist() == [0, 1, 0, 1, 2, 0]
    signals = [beats(number) for number in (1, 3, 4, 5, 1, 1)]
    for row, signal in zip(index.itertuples(), signals, strict=True):
        file = store / manifest(store)["shards"][row.shard]["file"]
        content = file.read_bytes()[row.offset : row.offset + row.size]
        if compression == "zstd":
            content = np.frombuffer(pa.Codec("zstd").decompress(content, 120_000), "<i2").reshape(12, 5000)
            content = content.cumsum(axis=1, dtype=np.int16).tobytes()
        assert content == signal.tobytes()
        digest = hashlib.sha256(signal.tobytes()).digest()[:8]
        assert row.digest == np.frombuffer(digest, "<i8")[0]


def test_offsets_of_uncompressed_shards(stores: Path) -> None:
    index = pd.read_parquet(stores / "none/index.parquet")
    assert (index["size"] == 120_000).all() and (index["offset"] == 128 + index["row"] * 120_000).all()
    assert index.dtypes[["digest", "offset", "size"]].astype(str).tolist() == ["int64", "int64", "int32"]


def test_compressed_shards_decompress_to_the_uncompressed_ones(stores: Path) -> None:
    assert manifest(stores / "zstd")["compression"] == "delta-zstd"
    assert manifest(stores / "none")["compression"] == "none"
    for number in range(3):
        plain = (stores / f"none/shards/0000{number}.npy").read_bytes()
        packed = stores / f"zstd/shards/0000{number}.npy.zst"
        with pa.CompressedInputStream(pa.OSFile(str(packed)), "zstd") as stream:
            unpacked = stream.read()
        changes = np.load(io.BytesIO(unpacked))
        assert changes.cumsum(axis=2, dtype=np.int16).tobytes() == np.load(io.BytesIO(plain)).tobytes()
        if zstd := shutil.which("zstd"):
            assert subprocess.run([zstd, "-dc", packed], capture_output=True, check=True).stdout == unpacked
        assert len(packed.read_bytes()) < len(plain)
    plain, packed = (pd.read_parquet(stores / name / "index.parquet") for name in ("none", "zstd"))
    pd.testing.assert_frame_equal(
        plain.drop(columns=["offset", "size"]), packed.drop(columns=["offset", "size"])
    )


def sha256_by_record(content: bytes, starts: list[int]) -> str:
    """Return the digest of a shard: SHA-256 of its header and of the SHA-256 of each record."""
    ends = [*starts[1:], len(content)]
    records = (content[start:end] for start, end in zip(starts, ends, strict=False))
    header = content[: starts[0]] if starts else content
    return hashlib.sha256(
        header + b"".join(hashlib.sha256(record).digest() for record in records)
    ).hexdigest()


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_manifest_has_sizes_digests_and_counts(stores: Path, compression: str) -> None:
    store = stores / compression
    fields = manifest(store)
    assert (
        fields["format"] == 3 and fields["records"] == 6 and fields["missing"] == 2 and fields["texts"] == 1
    )
    assert fields["dropped"] == {"truncated": 1}
    assert fields["flags"] == {"duplicate signal": 2, "empty report": 1}
    assert [shard["records"] for shard in fields["shards"]] == [2, 3, 1]
    index = pd.read_parquet(store / "index.parquet")
    for number, shard in enumerate(fields["shards"]):
        content = (store / shard["file"]).read_bytes()
        assert set(shard) == {"file", "records", "bytes", "sha256"}
        rows = index[index["shard"] == number]
        expected = sha256_by_record(content, rows["offset"].tolist())
        assert (shard["bytes"], shard["sha256"]) == (len(content), expected)
    assert set(fields["files"]) == {
        "dropped.parquet", "index.parquet", "missing.parquet", "texts.parquet",
    }  # fmt: skip
    assert verify(store) == []


def test_records_with_the_signal_of_an_earlier_one_are_flagged(stores: Path) -> None:
    index = pd.read_parquet(stores / "none/index.parquet")
    flags = [list(flags) for flags in index["flags"]]
    # Records 1, 6 and 7 have the same signal and are in three shards.
    assert flags == [[], ["empty report"], [], [], ["duplicate signal"], ["duplicate signal"]]


def test_dropped_records_are_listed(stores: Path) -> None:
    dropped = pd.read_parquet(stores / "none/dropped.parquet").to_dict("records")
    assert dropped == [
        {
            "id": "2",
            "reason": "truncated",
            "detail": "records500/00000/00002_hr.dat: 0 samples, the header says 5000",
        }
    ]


def test_differences_of_any_samples_are_restored() -> None:
    signal = np.array([[32767, -32768, 5, 5], [-32768, 32767, 0, -1]], dtype=np.int16)
    changes = differences(signal)
    assert changes.dtype == np.int16 and changes[:, 0].tolist() == [32767, -32768]
    assert changes[:, 3].tolist() == [0, -1]
    assert np.array_equal(changes.cumsum(axis=1, dtype=np.int16), signal)


def test_a_store_compressed_without_differences_stays_readable(stores: Path, tmp_path: Path) -> None:
    """Stores of earlier versions have the compression "zstd": the samples themselves."""
    old = tmp_path / "old"
    shutil.copytree(stores / "none", old)
    fields, index = manifest(old), pd.read_parquet(old / "index.parquet")
    for number, shard in enumerate(fields["shards"]):
        rows = index.index[index["shard"] == number]
        records = [
            pa.Codec("zstd").compress(signal.tobytes(), asbytes=True)
            for signal in Store(stores / "none").signals(rows.to_numpy())
        ]
        index.loc[rows, "size"] = np.array([len(record) for record in records], np.int32)
        index.loc[rows, "offset"] = np.cumsum([0, *map(len, records)])[:-1]
        (old / shard["file"]).unlink()
        shard["file"] += ".zst"
        shard["bytes"] = (old / shard["file"]).write_bytes(b"".join(records))
    index.to_parquet(old / "index.parquet")
    (old / "manifest.json").write_text(json.dumps({**fields, "compression": "zstd"}))
    rows = np.arange(6)
    assert np.array_equal(Store(old).signals(rows), Store(stores / "none").signals(rows))


@pytest.mark.parametrize("compression", ["none", "delta-zstd"])
@pytest.mark.parametrize("kept", [0, 1, 999, 1000, 1024])
def test_header_is_updated_if_records_are_dropped(tmp_path: Path, compression: str, kept: int) -> None:
    (tmp_path / "shards").mkdir()
    signals = np.arange(kept * 36, dtype=np.int16).reshape(kept, 12, 3)
    with Signals(tmp_path / "shards", 0, 3, compression, 1024) as writer:
        locations = [writer.append(signal) for signal in signals]
        fields = writer.finish(kept)
    content = (tmp_path / fields["file"]).read_bytes()
    expected = sha256_by_record(content, [location["offset"] for location in locations])
    assert (fields["bytes"], fields["sha256"]) == (len(content), expected)
    assert fields["records"] == kept and [file.name for file in (tmp_path / "shards").iterdir()] == [
        Path(fields["file"]).name
    ]
    if compression == DELTA_ZSTD:
        content = pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
        signals = np.array([differences(signal) for signal in signals]).reshape(signals.shape)
    elif kept:
        assert locations[-1] == {**locations[-1], "offset": 128 + 72 * (kept - 1), "size": 72}
    assert np.array_equal(np.load(io.BytesIO(content)), signals)
