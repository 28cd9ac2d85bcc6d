"""The same store as plain shards, as compressed ones, and at an address: the same records."""

from __future__ import annotations

import functools
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
    """A plain store in shards of eight, and the same one as it is asked for."""
    folder = tmp_path_factory.mktemp("stores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(melp.data.build, "RECORDS", 8)
        for name in ("plain", request.param):
            build("synthetic", None, folder / name, rate=100, records=RECORDS, compress=name == "compressed")
    return folder / "plain", folder / request.param


class Ranges(SimpleHTTPRequestHandler):
    """Files of a folder, whole or in part."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            return self.send_error(404)
        content, wanted = file.read_bytes(), self.headers.get("Range")
        start, _, end = wanted.removeprefix("bytes=").partition("-") if wanted else ("0", "", "")
        part = content[int(start) : int(end) + 1 if end else len(content)]
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(part)
        return None


@pytest.fixture(scope="module")
def served(folders: tuple[Path, Path]) -> Iterator[str]:
    """The store at an address of a server on this machine."""
    handler = functools.partial(Ranges, directory=str(folders[1].parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{folders[1].name}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def remembered(folders: tuple[Path, Path]) -> Iterator[str]:
    """A copy of the store in fsspec's own memory, which may be damaged."""
    system = fsspec.filesystem("memory")
    system.put(str(folders[1]), "/bucket/store", recursive=True)
    yield "memory://bucket/store"
    system.rm("/bucket", recursive=True)


def same(store: Store, plain: Store) -> None:
    """Asserts that everything there is to be read is the same."""
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


def test_here(folders: tuple[Path, Path]) -> None:
    same(Store(folders[1]), Store(folders[0]))


def test_in_memory(folders: tuple[Path, Path], remembered: str) -> None:
    store = Store(remembered)
    assert store.address == store.path == remembered == Store(Path(remembered)).path
    same(store, Store(folders[0]))
    same(pickle.loads(pickle.dumps(store)), Store(folders[0]))


def test_in_memory_with_a_copy_of_what_was_read(folders: tuple[Path, Path], remembered: str) -> None:
    same(Store(f"simplecache::{remembered}"), Store(folders[0]))


def test_over_http(folders: tuple[Path, Path], served: str) -> None:
    same(Store(served), Store(folders[0]))
    assert verify(served) == []


@settings(deadline=None, max_examples=30)
@given(rows=ROWS)
def test_signals_come_in_the_order_asked(folders: tuple[Path, Path], rows: list[int]) -> None:
    shards = np.concatenate([np.load(file) for file in sorted((folders[0] / "shards").iterdir())])
    wanted = shards[rows] if rows else shards[:0]
    found = Store(folders[1]).signals(np.array(rows))
    assert found.dtype == np.int16 and np.array_equal(found, wanted)


def test_compressed_shards_are_the_plain_ones_compressed(folders: tuple[Path, Path]) -> None:
    plain, asked = (sorted((folder / "shards").iterdir()) for folder in folders)
    assert len(plain) == 3 and [file.name.removesuffix(".zst") for file in asked] == [
        file.name for file in plain
    ]
    for file, wanted in zip(asked, plain, strict=True):
        with pa.input_stream(file, compression="detect") as stream:
            assert stream.read() == wanted.read_bytes()


def test_workers_read_an_address(folders: tuple[Path, Path], served: str) -> None:
    here, there = (StoreBatches(Store(path)) for path in (folders[0], served))
    # The connections of this process are open when the workers begin.
    there.store.signals(np.array([3]))
    steps = Steps(RECORDS, 4, seed=2, last=7)
    loader = DataLoader(
        there, batch_sampler=steps, num_workers=2, multiprocessing_context="fork", collate_fn=_as_is
    )
    found = list(loader)
    assert len(found) == 7
    for batch, samples in zip(found, steps, strict=True):
        for name, wanted in here.__getitems__(samples).items():
            assert torch.equal(batch[name], wanted)


def _as_is(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return batch


def test_a_flipped_byte_at_an_address_is_named(remembered: str) -> None:
    system = fsspec.filesystem("memory")
    assert verify(remembered) == []
    name = Store(remembered).manifest["shards"][1]["file"]
    content = bytearray(system.cat_file(f"/bucket/store/{name}"))
    content[len(content) // 2] ^= 1
    system.pipe_file(f"/bucket/store/{name}", bytes(content))
    assert verify(remembered) == [f"{remembered}/{name}: differs from its SHA-256 in the manifest"]
    system.rm_file(f"/bucket/store/{name}")
    assert verify(remembered) == [f"{remembered}/{name}: missing"]
    with pytest.raises(MelpError, match=r"memory://bucket/store: a shard is missing"):
        Store(remembered).signals(np.arange(RECORDS))


def test_a_shard_that_ends_too_soon_is_named(folders: tuple[Path, Path], remembered: str) -> None:
    system = fsspec.filesystem("memory")
    name = Store(remembered).manifest["shards"][2]["file"]
    content = system.cat_file(f"/bucket/store/{name}")
    system.pipe_file(f"/bucket/store/{name}", content[:-100])
    with pytest.raises(
        MelpError, match=rf"{name}: the record at byte \d+: .*(wanted 24000|cannot be read)"
    ) as told:
        Store(remembered).signals(np.arange(RECORDS))
    assert "\n" not in str(told.value)


def test_what_a_network_loses_is_asked_for_again(
    folders: tuple[Path, Path], remembered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = fsspec.filesystem("memory")
    read, asked, lost = type(system).cat_file, [], [2, 3, 5]

    def cat_file(self: Any, path: str, start: Any = None, end: Any = None, **options: Any) -> bytes:
        if "shards" in path:
            asked.append((path, start))
            if len(asked) in lost:
                raise ConnectionResetError("lost")
        return bytes(read(self, path, start, end, **options))

    monkeypatch.setattr(type(system), "cat_file", cat_file)
    monkeypatch.setattr(melp.data.files, "PAUSES", (0.0, 0.0))
    rows = np.array([0, 9, 17, 3])
    assert np.array_equal(Store(remembered).signals(rows), Store(folders[0]).signals(rows))
    # Four, of which the second and the third are lost; of these two the first again.
    assert len(asked) == 4 + 2 + 1 and len(set(asked)) == 4
    lost[:] = range(100)
    with pytest.raises(MelpError, match=r"store/shards/\S+: cannot be read \(ConnectionResetError: lost\)"):
        Store(remembered).signals(rows)


@pytest.mark.parametrize(
    ("path", "wanted"),
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
def test_addresses_are_told_from_folders(path: str | Path, wanted: str | Path) -> None:
    assert parse_path(path) == wanted


def test_addresses_that_lead_nowhere(served: str) -> None:
    def refused(path: str, message: str) -> None:
        with pytest.raises(MelpError, match=message) as told:
            Store(path)
        assert "\n" not in str(told.value)

    refused("memory://bucket/nothing", r"memory://bucket/nothing: no store \(no manifest\.json\)")
    refused(f"{served}-nothing", r"-nothing: no store \(no manifest\.json\)")
    refused("nowhere://bucket/store", r"nowhere://bucket/store: cannot be read \(ValueError: .*nowhere")
    refused("http://127.0.0.1:1/store", r"http://127\.0\.0\.1:1/store/manifest\.json: cannot be read \(")
