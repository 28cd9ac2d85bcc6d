"""Join stores into one, to pretrain on several corpora at once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from melp.data.build.finish import write_tables
from melp.data.build.schemas import DROPPED, MISSING, TEXTS, index_schema
from melp.data.build.shards import write_json
from melp.data.store import UNFINISHED, Store, file_digest
from melp.errors import MelpError
from melp.locks import locked

__all__ = ["join_stores"]

_SAME = ("rate", "seconds", "samples", "unit", "leads", "compression")
"""What the manifests of the stores must agree on."""
_TABLES = {"dropped.parquet": DROPPED, "missing.parquet": MISSING, "texts.parquet": TEXTS}


def join_stores(paths: Sequence[Path], out: Path) -> Store:
    """Write a store with the records of several, in their order; the folds and ids stay.

    Corpus, ids and patients of a store that `melp simulate` made get "simulated" before their names, because
    these are those of the published corpus. Patients of another store get the name of their corpus before
    theirs if a store before it has one of them.

    Args:
        paths: folders of the stores, at least two.
        out: folder of the new store.

    Raises:
        MelpError: the stores have another rate or length, share an id, or have a column with two types; `out`
            exists.
    """
    stores = [Store(path) for path in paths]
    _check(stores)
    if out.exists():
        raise MelpError(f"{out}: exists, wanted a new folder for --out")
    folder = out.with_name(out.name + UNFINISHED)
    with locked(out, "join"):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "shards").mkdir(parents=True)
        try:
            _write(stores, folder)
        except BaseException:
            shutil.rmtree(folder)
            raise
        return Store(folder.replace(out))


def _check(stores: Sequence[Store]) -> None:
    if len(stores) < 2:
        raise MelpError(f"stores: found {len(stores)}, wanted at least two")
    first = stores[0]
    for store in stores:
        for name in _SAME:
            found, wanted = store.manifest[name], first.manifest[name]
            if found != wanted:
                raise MelpError(f"{store.path}: {name} {found} found, wanted {wanted} as in {first.path}")


def _columns(stores: Sequence[Store]) -> dict[str, str]:
    """Return the further columns of the index of all stores, with their types."""
    columns: dict[str, str] = {}
    for store in stores:
        for name, kind in store.manifest["columns"].items():
            if columns.setdefault(name, kind) != kind:
                raise MelpError(f"{store.path}: column {name} of type {kind} found, wanted {columns[name]}")
    return columns


def _write(stores: Sequence[Store], folder: Path) -> None:
    columns = _columns(stores)
    shards = [
        {**shard, "file": f"shards/{number:05d}{''.join(Path(shard['file']).suffixes)}"}
        for number, (_, shard) in enumerate(_shards(stores))
    ]
    for (store, shard), copy in zip(_shards(stores), shards, strict=True):
        with store.files.open(shard["file"]) as source, (folder / copy["file"]).open("wb") as target:
            shutil.copyfileobj(source, target)
    write_tables(folder / "index.parquet", index_schema(columns), _index(stores, index_schema(columns)))
    names = [name for name in _TABLES if any(name in store.manifest["files"] for store in stores)]
    for name in names:
        write_tables(folder / name, _TABLES[name], _parts(stores, name))
    first = {name: stores[0].manifest[name] for name in ("format", *_SAME, "language")}
    manifests = [store.manifest for store in stores]
    manifest = {
        **first,
        "corpus": " + ".join(map(_corpus, stores)),
        "columns": columns,
        "joined": [{name: one[name] for name in ("corpus", "input", "versions")} for one in manifests],
        "notes": [note for one in manifests for note in one.get("notes", ())],
        **{name: sum(one[name] for one in manifests) for name in ("records", "missing", "texts")},
        "reports": _reports([one["reports"] for one in manifests]),
        **{name: _sum([one[name] for one in manifests]) for name in ("dropped", "flags")},
        "shards": shards,
        "files": {name: file_digest(folder / name) for name in sorted([*names, "index.parquet"])},
    }
    (folder / "build.log").write_text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} joined\n", encoding="utf-8")
    write_json(folder / "manifest.json", manifest)


def _shards(stores: Sequence[Store]) -> Iterator[tuple[Store, dict[str, Any]]]:
    for store in stores:
        for shard in store.manifest["shards"]:
            yield store, shard


def _corpus(store: Store) -> str:
    return store.prefix + str(store.manifest["corpus"])


def _index(stores: Sequence[Store], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the index of each store, with the numbers of its shards in the new store."""
    shards, ids, patients = 0, set[str](), set[str]()
    for store in stores:
        table = _named(store, _table(store, "index.parquet"), patients)
        own = table["id"].to_pylist()
        if shared := sorted(ids & set(own)):
            raise MelpError(f"{store.path}: id {shared[0]} found, wanted ids that no store before it has")
        ids |= set(own)
        patients |= set(table["patient"].to_pylist())
        table = _replace(table, "shard", pc.add(table["shard"], pa.scalar(shards, pa.int32())))
        shards += len(store.manifest["shards"])
        missing = [name for name in schema.names if name not in table.column_names]
        for name in missing:
            table = table.append_column(schema.field(name), pa.nulls(len(table), schema.field(name).type))
        yield table.select(schema.names).cast(schema)


def _named(store: Store, table: pa.Table, patients: set[str]) -> pa.Table:
    """Return an index with names that no other corpus has."""
    if store.prefix:
        for name in ("corpus", "id", "patient"):
            table = _replace(table, name, pc.binary_join_element_wise(store.prefix, table[name], ""))
    elif not patients.isdisjoint(table["patient"].to_pylist()):
        names = pc.binary_join_element_wise(table["corpus"], table["patient"], " ")
        table = _replace(table, "patient", names)
    return table


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(place), column)


def _parts(stores: Sequence[Store], name: str) -> Iterator[pa.Table]:
    return (_table(store, name) for store in stores if name in store.manifest["files"])


def _table(store: Store, name: str) -> pa.Table:
    with store.files.open(name) as stream:
        return pq.read_table(stream)


def _sum(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    return dict(sorted(sum(map(Counter, counts), Counter[str]()).items()))


def _reports(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums of counts; the most frequent words are those of each store."""
    return {
        name: _sum([part[name] for part in parts])
        if isinstance(value, dict)
        else sum(part[name] for part in parts)
        for name, value in parts[0].items()
    }
