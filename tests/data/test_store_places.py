"""A store has the same records uncompressed, compressed, and at an address."""

from __future__ import annotations

import functools
import io
import pickle
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

import melp.data.build
import melp.data.files
from melp.data.batches import Steps, StoreBatches
from melp.data.build import build
from melp.data.files import parse_path
from melp.data.store import Store, verify
from melp.errors import MelpError

RECORDS = 20
ROWS = st.lists(st.integers(0, RECORDS - 1), max_size=12)


@pytest.fixture(scope="module", params=["plain", "compressed"])
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An uncompressed store in shards of eight records, and the same store with the requested compression."""
    folder = tmp_path_factory.mktemp("stores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(melp.data.build, "RECORDS", 8)
        for name in ("plain", request.param):
            build("synthetic", None, folder / name, rate=100, records=RECORDS, compress=name == "compressed")
    return folder / "plain", folder / request.param


class Ranges(SimpleHTTPRequestHandler):
    """Serves the files of a folder, with range requests."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            return self.send_error(404)
        content, byte_range = file.read_bytes(), self.headers.get("Range")
        start, _, end = byte_range.removeprefix("bytes=").partition("-") if byte_range else ("0", "", "")
        body = content[int(start) : int(end) + 1 if end else len(content)]
        self.send_response(206 if byte_range else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        if byte_range:
            self.send_header("Content-Range", f"bytes {start}-{int(start) + len(body) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(body)
        return None


@pytest.fixture(scope="module")
def served(folders: tuple[Path, Path]) -> Iterator[str]:
    """The store at the address of a local server."""
    handler = functools.partial(Ranges, directory=str(folders[1].parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{folders[1].name}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def in_memory(folders: tuple[Path, Path]) -> Iterator[str]:
    """A copy of the store in the memory file system of fsspec, which a test may change."""
    system = fsspec.filesystem("memory")
    system.put(str(folders[1]), "/bucket/store", recursive=True)
    yield "memory://bucket/store"
    system.rm("/bucket", recursive=True)


def assert_same(store: Store, plain: Store) -> None:
    """Assert that all content of two stores is the same."""
    assert len(store) == len(plain) == RECORDS
    rows = np.random.default_rng(0).integers(0, RECORDS, 50)
    assert np.array_equal(store.signals(rows), plain.signals(rows))
    places = ["offset", "size"]
    assert store.index.drop(columns=places).equals(plain.index.drop(columns=places))
    assert store.texts.equals(plain.texts) and store.dropped.equals(plain.dropped)
    for row in (0, 9, RECORDS - 1):
        name = plain.index["id"][row]
        ecg = store.ecg(name)
        assert np.array_equal(ecg.signal, plain.signals(np.array([row]))[0] / np.float32(1000))
        assert ecg.meta == plain.ecg(name).meta and ecg.meta["statements"] == plain.index["statements"][row]


def test_local(folders: tuple[Path, Path]) -> None:
    assert_same(Store(folders[1]), Store(folders[0]))


def test_in_memory(folders: tuple[Path, Path], in_memory: str) -> None:
    store = Store(in_memory)
    assert store.address == store.path == in_memory == Store(Path(in_memory)).path
    assert_same(store, Store(folders[0]))
    assert_same(pickle.loads(pickle.dumps(store)), Store(folders[0]))


def test_in_memory_with_a_cache(folders: tuple[Path, Path], in_memory: str) -> None:
    assert_same(Store(f"simplecache::{in_memory}"), Store(folders[0]))


def test_over_http(folders: tuple[Path, Path], served: str) -> None:
    assert_same(Store(served), Store(folders[0]))
    assert verify(served) == []


@settings(deadline=None, max_examples=30)
@given(rows=ROWS)
def test_signals_have_the_order_of_the_rows(folders: tuple[Path, Path], rows: list[int]) -> None:
    shards = np.concatenate([np.load(file) for file in sorted((folders[0] / "shards").iterdir())])
    signals = Store(folders[1]).signals(np.array(rows))
    assert signals.dtype == np.int16 and np.array_equal(signals, shards[rows] if rows else shards[:0])


def test_compressed_shards_are_the_plain_ones_compressed(folders: tuple[Path, Path]) -> None:
    plain, packed = (sorted((folder / "shards").iterdir()) for folder in folders)
    assert len(plain) == 3 and [file.name.removesuffix(".zst") for file in packed] == [
        file.name for file in plain
    ]
    for file, plain_file in zip(packed, plain, strict=True):
        with pa.input_stream(file, compression="detect") as stream:
            content = np.load(io.BytesIO(stream.read()))
        if file.suffix == ".zst":  # differences along time, which one sum restores
            content = content.cumsum(axis=2, dtype=np.int16)
        assert np.array_equal(content, np.load(plain_file))


def test_forked_workers_read_an_address(folders: tuple[Path, Path], served: str) -> None:
    local, remote = (StoreBatches(Store(path)) for path in (folders[0], served))
    # The connections of this process are open when the workers are forked.
    remote.store.signals(np.array([3]))
    steps = Steps(RECORDS, 4, seed=2, last=7)
    loader = DataLoader(
        remote, batch_sampler=steps, num_workers=2, multiprocessing_context="fork", collate_fn=identity
    )
    loaded = list(loader)
    assert len(loaded) == 7
    for batch, samples in zip(loaded, steps, strict=True):
        for name, expected in local.__getitems__(samples).items():
            assert torch.equal(batch[name], expected)


def identity(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return batch


def test_verify_finds_a_flipped_bit_at_an_address(in_memory: str) -> None:
    system = fsspec.filesystem("memory")
    assert verify(in_memory) == []
    name = Store(in_memory).manifest["shards"][1]["file"]
    content = bytearray(system.cat_file(f"/bucket/store/{name}"))
    content[len(content) // 2] ^= 1
    system.pipe_file(f"/bucket/store/{name}", bytes(content))
    assert verify(in_memory) == [f"{in_memory}/{name}: differs from its SHA-256 in the manifest"]
    system.rm_file(f"/bucket/store/{name}")
    assert verify(in_memory) == [f"{in_memory}/{name}: missing"]
    with pytest.raises(MelpError, match=r"memory://bucket/store: a shard is missing"):
        Store(in_memory).signals(np.arange(RECORDS))


def test_truncated_shard_at_an_address_raises(folders: tuple[Path, Path], in_memory: str) -> None:
    system = fsspec.filesystem("memory")
    name = Store(in_memory).manifest["shards"][2]["file"]
    content = system.cat_file(f"/bucket/store/{name}")
    system.pipe_file(f"/bucket/store/{name}", content[:-100])
    with pytest.raises(
        MelpError, match=rf"{name}: the record at byte \d+: .*(wanted 24000|cannot be read)"
    ) as error:
        Store(in_memory).signals(np.arange(RECORDS))
    assert "\n" not in str(error.value)


def test_failed_ranges_are_requested_again(
    folders: tuple[Path, Path], in_memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = fsspec.filesystem("memory")
    read, requests, failing = type(system).cat_file, [], [2, 3, 5]

    def cat_file(self: Any, path: str, start: Any = None, end: Any = None, **options: Any) -> bytes:
        if "shards" in path:
            requests.append((path, start))
            if len(requests) in failing:
                raise ConnectionResetError("lost")
        return bytes(read(self, path, start, end, **options))

    monkeypatch.setattr(type(system), "cat_file", cat_file)
    monkeypatch.setattr(melp.data.files, "PAUSES", (0.0, 0.0))
    rows = np.array([0, 9, 17, 3])
    assert np.array_equal(Store(in_memory).signals(rows), Store(folders[0]).signals(rows))
    # Four requests, of which the second and third fail; the first of these two fails once more.
    assert len(requests) == 4 + 2 + 1 and len(set(requests)) == 4
    failing[:] = range(100)
    with pytest.raises(MelpError, match=r"store/shards/\S+: cannot be read \(ConnectionResetError: lost\)"):
        Store(in_memory).signals(rows)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/store", "s3://bucket/store"),
        (Path("s3://bucket/store"), "s3://bucket/store"),
        (Path("https://there:8000/a/store"), "https://there:8000/a/store"),
        (Path("simplecache::s3://bucket/store"), "simplecache::s3://bucket/store"),
        ("file:///a/store", Path("/a/store")),
        (Path("file:///a/store"), Path("/a/store")),
        ("a/store", Path("a/store")),
        ("/a/s3:b/store", Path("/a/s3:b/store")),
        ("C:/a/store", Path("C:/a/store")),
    ],
)
def test_parse_path(path: str | Path, expected: str | Path) -> None:
    assert parse_path(path) == expected


def test_wrong_addresses_raise(served: str) -> None:
    def assert_error(path: str, message: str) -> None:
        with pytest.raises(MelpError, match=message) as error:
            Store(path)
        assert "\n" not in str(error.value)

    assert_error("memory://bucket/nothing", r"memory://bucket/nothing: no store \(no manifest\.json\)")
    assert_error(f"{served}-nothing", r"-nothing: no store \(no manifest\.json\)")
    assert_error("nowhere://bucket/store", r"nowhere://bucket/store: cannot be read \(ValueError: .*nowhere")
    assert_error("http://127.0.0.1:1/store", r"http://127\.0\.0\.1:1/store/manifest\.json: cannot be read \(")
