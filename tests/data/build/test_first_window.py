"""A recording longer than a store's records gives its first window, whatever its rate, unit and steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from scipy.signal import resample_poly

from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS
from small_ptb_xl import beats, make_tree, write_record

SECONDS = 14.0


def write_in_half_microvolt(stem: Path, microvolt: np.ndarray) -> None:
    """Write a record with 2000 steps per mV, which is not stored as it is."""
    wfdb.wrsamp(
        stem.name,
        fs=500,
        units=["mV"] * 12,
        sig_name=list(LEADS),
        d_signal=2 * microvolt.T.astype(np.int64),
        fmt=["16"] * 12,
        adc_gain=[2000.0] * 12,
        baseline=[0] * 12,
        write_dir=str(stem.parent),
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record 1 in microvolts, 2 in half microvolts, both of 14 s; 3 of 6 s."""
    tree = make_tree(tmp_path_factory.mktemp("tree") / "raw", 3)
    stem = tree / "records500/00000"
    write_record(stem / "00001_hr", beats(1, seconds=SECONDS))
    write_in_half_microvolt(stem / "00002_hr", beats(2, seconds=SECONDS))
    write_record(stem / "00003_hr", beats(3, seconds=6))
    return tree


@pytest.mark.parametrize("seconds", [10.0, 3.0])
def test_at_the_rate_of_the_store(tree: Path, tmp_path: Path, seconds: float) -> None:
    store = Store(build("ptb-xl", tree, tmp_path / "store", seconds=seconds).path)
    count = round(500 * seconds)
    lengths = [count, count, min(count, 3000)]
    assert store.index["length"].tolist() == lengths
    for row, (number, length) in enumerate(zip((1, 2, 3), lengths, strict=True)):
        signal = store.signals(np.array([row]))[0]
        whole = beats(number, seconds=6 if number == 3 else SECONDS)
        assert np.array_equal(signal[:, :length], whole[:, :length])
        assert signal.shape == (12, count) and not signal[:, length:].any()


def test_resampled(tree: Path, tmp_path: Path) -> None:
    store = Store(build("ptb-xl", tree, tmp_path / "store", rate=250, seconds=8).path)
    for row, number in enumerate((1, 2)):
        whole = beats(number, seconds=SECONDS)[:, :4000].astype(float)
        expected = resample_poly(whole, 1, 2, axis=1, padtype="edge")
        assert np.abs(store.signals(np.array([row]))[0] - expected).max() <= 0.51
