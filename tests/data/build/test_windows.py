"""Long recordings cut into all their windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melp.data.build import build
from melp.data.build.windows import cut
from melp.data.store import Store
from melp.ecg import ECG
from melp.errors import MelpError
from small_corpora import write_challenge
from small_ptb_xl import beats


def long_signal(samples: int) -> np.ndarray:
    """Twelve leads of 500 Hz, no two windows of which are equal; int16 [12 leads, time]."""
    return np.concatenate([beats(number) for number in range(-(-samples // 5000))], axis=1)[:, :samples]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """PTB with recordings of 26 s, 23 s and 8 s, and one of 20 s of which the first half is zero."""
    half = long_signal(10000)
    half[:, :5000] = 0
    signals = {
        "S0001": long_signal(13000),
        "S0002": long_signal(11500),
        "S0003": beats(9)[:, :4000],
        "S0004": half,
    }
    for name, signal in signals.items():
        write_challenge(tmp_path / "raw" / "ptb" / name, signal, "426783006", age="50")
    return tmp_path / "raw"


def test_all_windows_are_records_of_one_patient(raw: Path, tmp_path: Path) -> None:
    summary = build("ptb", raw, tmp_path / "store", windows="all")
    index = Store(tmp_path / "store").index
    assert index["id"].tolist() == [
        "S0001@0",
        "S0001@10",
        "S0001@20",
        "S0002@0",
        "S0002@10",
        "S0003",
        "S0004@10",
    ]
    assert index["patient"].tolist() == ["S0001"] * 3 + ["S0002"] * 2 + ["S0003", "S0004"]
    assert index["recording"].tolist() == index["patient"].tolist()
    assert index["start"].tolist() == [0, 10, 20, 0, 10, 0, 10]
    assert index["length"].tolist() == [5000, 5000, 3000, 5000, 5000, 4000, 5000]
    assert index.groupby("patient")["fold"].nunique().tolist() == [1, 1, 1, 1]
    assert index["age"].tolist() == [50] * 7 and index["labels"].tolist() == [["NSR"]] * 7
    assert summary.dropped == {"all zero": 1, "remainder under half a window": 1}
    assert summary.bad == [{"id": "S0004@0", "reason": "all zero", "detail": "S0004@0: all samples are zero"}]
    signals = Store(tmp_path / "store").signals(np.arange(7))
    for row, start in enumerate((0, 5000, 10000)):
        window = long_signal(13000)[:, start : start + 5000]
        assert (signals[row, :, : window.shape[1]] == window).all() and not signals[
            row, :, window.shape[1] :
        ].any()


def test_the_first_window_is_the_default(raw: Path, tmp_path: Path) -> None:
    build("ptb", raw, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert store.column("id").tolist() == ["S0001", "S0002", "S0003", "S0004"]
    assert (store.signals(np.array([0]))[0] == long_signal(13000)[:, :5000]).all()
    assert "recording" not in store.index
    with pytest.raises(MelpError, match="--windows: 'last', wanted first or all"):
        build("ptb", raw, tmp_path / "other", windows="last")


def test_workers_and_rates_give_the_same_records(raw: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        build("ptb", raw, tmp_path / f"{workers}", windows="all", rate=100, workers=workers)
    one, two = (Store(tmp_path / name) for name in ("1", "2"))
    assert one.manifest == two.manifest
    assert one.column("length").tolist() == [1000, 1000, 600, 1000, 1000, 800, 1000]


def test_beats_are_those_of_the_window() -> None:
    meta = {"beats": [100, 1000, 1100, 2400], "kinds": ["N", "V", "A", "N"]}
    windows, remainder = cut(ECG(np.ones((12, 2500), np.float32), 100, meta=meta), 10)
    assert [start for start, _ in windows] == [0, 10, 20] and remainder is None
    assert [part.meta["beats"] for _, part in windows] == [[100], [0, 100], [400]]
    assert [part.meta["kinds"] for _, part in windows] == [["N"], ["V", "A"], ["N"]]
    # 3.3 windows of 2.5 s: the rest of 0.8 s is under half a window.
    windows, remainder = cut(ECG(np.ones((12, 830), np.float32), 100), 2.5)
    assert [start for start, _ in windows] == [0, 2.5, 5] and remainder == 7.5
