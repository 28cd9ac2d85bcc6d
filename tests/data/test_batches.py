"""The samples of each training step, and the statements that are kept of their reports."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader

from melp.data.batches import Steps, StoreBatches, TextAugmentation, TextBatches, sample_key, statement_number
from melp.data.store import Store
from melp.errors import MelpError
from melp.text.tokenizer import ReportEncoder, train_tokenizer

STATEMENTS = ["sinus rhythm", "left axis deviation", "normal ecg"]


@settings(deadline=None)
@given(
    count=st.integers(32, 100),
    batch_size=st.integers(1, 4),
    ranks=st.integers(1, 8),
    seed=st.integers(0, 2**31),
)
def test_each_record_at_most_once_per_epoch(count: int, batch_size: int, ranks: int, seed: int) -> None:
    per_epoch = count // (batch_size * ranks)
    by_rank = [Steps(count, batch_size, seed, 2 * per_epoch, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert by_rank[0].per_epoch == per_epoch
    steps = list(zip(*by_rank, strict=True))
    for epoch in range(2):
        rows = [
            row
            for step in steps[epoch * per_epoch : (epoch + 1) * per_epoch]
            for samples in step
            for row, _ in samples
        ]
        assert len(rows) == len(set(rows)) == per_epoch * batch_size * ranks > count - batch_size * ranks
        assert set(rows) <= set(range(count))


@pytest.mark.parametrize(("ranks", "batch_size"), [(2, 6), (3, 4), (4, 3)])
def test_ranks_divide_the_batches_of_one_process(ranks: int, batch_size: int) -> None:
    all_steps = list(Steps(50, 12, 3, last=9))
    by_rank = [list(Steps(50, batch_size, 3, last=9, rank=rank, ranks=ranks)) for rank in range(ranks)]
    for step, expected in enumerate(all_steps):
        assert [sample for steps in by_rank for sample in steps[step]] == expected


@settings(deadline=None)
@given(
    count=st.integers(12, 60),
    batch_size=st.integers(1, 4),
    ranks=st.integers(1, 3),
    seed=st.integers(0, 2**40),
    data=st.data(),
)
def test_resumed_steps_are_the_same(
    count: int, batch_size: int, ranks: int, seed: int, data: st.DataObject
) -> None:
    last = data.draw(st.integers(1, 30))
    first, rank = data.draw(st.integers(0, last)), data.draw(st.integers(0, ranks - 1))
    all_steps = list(Steps(count, batch_size, seed, last, rank=rank, ranks=ranks))
    rest = Steps(count, batch_size, seed, last, first=first, rank=rank, ranks=ranks)
    assert len(all_steps) == last and len(rest) == last - first and list(rest) == all_steps[first:]


def test_order_and_keys_differ_between_epochs_and_seeds() -> None:
    steps = list(Steps(40, 40, 0, last=3))
    orders = [[row for row, _ in step] for step in steps]
    keys = [dict(step) for step in steps]
    assert orders[0] != orders[1] != orders[2] and sorted(orders[0]) == list(range(40))
    all_keys = [key for step in keys for key in step.values()]
    assert len(set(all_keys)) == 120 and min(all_keys) < 0 < max(all_keys)
    other_seed = next(iter(Steps(40, 40, 1, last=1)))
    assert [row for row, _ in other_seed] != orders[0] and not set(dict(other_seed).values()) & set(all_keys)


@pytest.mark.parametrize(
    ("seed", "step", "keys"),
    [
        (0, 0, [-2653508690321835842, 8649202198168436674, 8977766475497780122]),
        (7, 12345, [-8797195443147977552, -3578127593541248995, -6558401066244438349]),
        (2**40, 3, [-7140306908572289638, 4582100511894380653, 9113957482683369972]),
        (2**100, 2**40, [-8874608429231896246, 2450376904378140711, 7485880282299976934]),
    ],
)
def test_keys_by_value(seed: int, step: int, keys: list[int]) -> None:
    # Resumed runs and all losses depend on these values.
    assert [sample_key(seed, step, row) for row in (0, 1, 2**32 - 1)] == keys


@given(seed=st.integers(0, 2**100), step=st.integers(0, 2**40), count=st.integers(1, 20))
def test_steps_give_the_keys_of_a_seed_sequence(seed: int, step: int, count: int) -> None:
    for row, key in next(iter(Steps(count, count, seed, step + 1, first=step))):
        state = np.random.SeedSequence((seed, step, row)).generate_state(1, np.uint64)
        assert key == state.astype(np.int64)[0]


def test_batch_larger_than_the_data_raises() -> None:
    with pytest.raises(MelpError, match=r"training\.batch_size: 8 found, wanted at most the 7 records"):
        Steps(7, 4, 0, last=1, ranks=2)


@given(
    key=st.integers(-(2**63), 2**63 - 1),
    count=st.integers(0, 8),
    sample=st.sampled_from([0.0, 0.5, 1.0]),
    shuffle=st.booleans(),
)
def test_shown_statements_are_a_function_of_the_key(
    key: int, count: int, sample: float, shuffle: bool
) -> None:
    statements = [f"statement {number}" for number in range(count)]
    show = TextAugmentation(sample, shuffle)
    shown = show(statements, key)
    assert shown == show(statements, key)
    assert len(set(shown)) == len(shown) >= min(count, 1) and set(shown) <= set(statements)
    if not sample:
        assert sorted(shown) == statements
    if not shuffle:
        assert shown == sorted(shown)


def test_distribution_of_shown_statements() -> None:
    draws = 4000
    counts = Counter(len(TextAugmentation(0.6)(STATEMENTS, key)) for key in range(draws))
    for count in (1, 2, 3):
        share = 0.2 + 0.4 * (count == 3)
        assert counts[count] / draws == pytest.approx(share, abs=5 * (share * (1 - share) / draws) ** 0.5)
    orders = Counter(tuple(TextAugmentation(shuffle=True)(STATEMENTS, key)) for key in range(draws))
    for order in permutations(STATEMENTS):
        assert orders[order] / draws == pytest.approx(1 / 6, abs=0.03)
    single = Counter(tuple(TextAugmentation(1.0)(STATEMENTS, key)) for key in range(draws))
    for statement in STATEMENTS:
        assert single[(statement,)] / draws == pytest.approx(1 / 9, abs=0.03)


def test_no_augmentation_changes_nothing() -> None:
    assert all(TextAugmentation()(STATEMENTS, key) == STATEMENTS for key in range(20))


def test_statement_numbers_are_distinct() -> None:
    texts = [f"finding {number}" for number in range(5000)]
    numbers = {statement_number(text) for text in texts}
    assert len(numbers) == 5000 and 0 not in numbers
    assert statement_number("sinus rhythm") == statement_number("sinus rhythm") > 0


@pytest.fixture(scope="module")
def encode() -> ReportEncoder:
    return ReportEncoder(train_tokenizer(STATEMENTS * 4, 100))


def test_batches_of_a_store(synthetic_store: Path, encode: ReportEncoder) -> None:
    store = Store(synthetic_store)
    show = TextAugmentation(sample=1.0)
    batches = StoreBatches(store, [2, 5], encode, show)
    index = store.index[store.index["fold"].isin([2, 5])].reset_index()
    assert len(batches) == len(index)
    samples = [(3, 11), (0, -5), (len(index) - 1, 2**40)]
    batch = batches.__getitems__(samples)
    rows = [row for row, _ in samples]
    assert np.array_equal(batch["signal"].numpy(), store.signals(index.loc[rows, "index"].to_numpy()))
    assert batch["key"].tolist() == [11, -5, 2**40]
    reports = index.loc[rows, "statements"].tolist()
    shown = [show(report, key) for report, (_, key) in zip(reports, samples, strict=True)]
    assert reports != shown
    for name, expected in encode(shown).items():
        assert torch.equal(batch[name], expected)
    assert torch.equal(batch["report"], encode(reports)["tokens"])
    for name, statements in (("all_statements", reports), ("shown_statements", shown)):
        assert batch[name].shape == (3, max(map(len, statements)))
        for row, texts in enumerate(statements):
            numbers = [statement_number(text) for text in texts]
            assert batch[name][row].tolist() == numbers + [0] * (batch[name].shape[1] - len(numbers))


def test_patients_have_distinct_numbers(synthetic_store: Path) -> None:
    store = Store(synthetic_store)
    batch = StoreBatches(store).__getitems__([(row, row) for row in range(len(store))])
    assert set(batch) == {"signal", "patient", "key"}
    pairs = set(zip(batch["patient"].tolist(), store.index["patient"], strict=True))
    assert len(pairs) == store.index["patient"].nunique() == len({number for number, _ in pairs})
    # A part of the store, in any order, has the same numbers.
    number = dict(zip(store.index["patient"], batch["patient"].tolist(), strict=True))
    part = StoreBatches(store, [2, 5])
    samples = [(4, 0), (0, 0), (2, 0), (4, 0)]
    patients = store.index["patient"].to_numpy()[part.rows[[row for row, _ in samples]]]
    assert part.__getitems__(samples)["patient"].tolist() == [number[patient] for patient in patients]


def with_statements(source: Path, folder: Path, statements: list[list[str]]) -> Store:
    """Return a copy of a store with other statements."""
    shutil.copytree(source, folder)
    index = pq.read_table(folder / "index.parquet")
    place = index.schema.get_field_index("statements")
    column = pa.array(statements, index.schema.field(place).type)
    pq.write_table(index.set_column(place, index.schema.field(place), column), folder / "index.parquet")
    return Store(folder)


def test_text_methods_skip_records_without_report(
    synthetic_store: Path, encode: ReportEncoder, tmp_path: Path
) -> None:
    store = with_statements(
        synthetic_store, tmp_path / "some", [[] if row % 3 else ["sinus rhythm"] for row in range(120)]
    )
    assert len(StoreBatches(store)) == 120
    batches = StoreBatches(store, encode=encode)
    assert batches.rows.tolist() == list(range(0, 120, 3))
    with pytest.raises(MelpError, match="no record found in folds 11, 12"):
        StoreBatches(store, [11, 12])
    store = with_statements(synthetic_store, tmp_path / "none", [[] for _ in range(120)])
    with pytest.raises(MelpError, match="no record with a report found in folds 8"):
        StoreBatches(store, [8], encode)


def test_workers_load_the_same_batches(synthetic_store: Path, encode: ReportEncoder) -> None:
    batches = StoreBatches(Store(synthetic_store), None, encode, TextAugmentation(sample=0.5))
    steps = Steps(len(batches), 16, seed=5, first=3, last=12)
    # A spawned worker gets a pickled copy.
    copied = pickle.loads(pickle.dumps(batches))
    loader: DataLoader = DataLoader(copied, batch_sampler=steps, num_workers=2, collate_fn=identity)
    loaded = list(loader)
    assert len(loaded) == 9
    for batch, samples in zip(loaded, steps, strict=True):
        expected = batches.__getitems__(samples)
        assert batch.keys() == expected.keys()
        assert all(torch.equal(batch[name], expected[name]) for name in expected)


def identity(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return batch


def test_batches_of_texts(encode: ReportEncoder) -> None:
    batches = TextBatches([STATEMENTS, STATEMENTS[:1]], encode, TextAugmentation(shuffle=True))
    assert len(batches) == 2
    batch = batches.__getitems__([(1, 4), (0, 9)])
    expected = encode([STATEMENTS[:1], TextAugmentation(shuffle=True)(STATEMENTS, 9)])
    assert torch.equal(batch["tokens"], expected["tokens"]) and batch["key"].tolist() == [4, 9]
