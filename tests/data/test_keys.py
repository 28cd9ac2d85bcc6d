"""Keys of samples against numpy's, one row at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from melp.data.keys import sample_keys


@given(
    seed=st.integers(0, 2**100),
    step=st.integers(0, 2**40),
    rows=st.lists(st.integers(0, 2**32 - 1), max_size=20),
)
def test_keys_are_those_of_a_seed_sequence(seed: int, step: int, rows: list[int]) -> None:
    wanted = [
        np.random.SeedSequence((seed, step, row)).generate_state(1, np.uint64).astype(np.int64)[0]
        for row in rows
    ]
    keys = sample_keys(seed, step, np.array(rows, dtype=np.int64))
    assert keys.dtype == np.int64 and keys.tolist() == wanted
