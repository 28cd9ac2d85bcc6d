from __future__ import annotations

import numpy as np
import pytest

from melp.data.quality import CLIPPING, FLAT_LEAD, LEAD_ORDER, is_clipped, signal_flags
from melp.ecg import ECG
from small_ptb_xl import beats


def test_a_sound_recording_has_no_flag() -> None:
    assert signal_flags(ECG(beats(1) / 1000, 500)) == []


def test_each_flag() -> None:
    swapped = beats(1)[[0, 1, 2, 3, 5, 4, *range(6, 12)]] / 1000
    assert signal_flags(ECG(swapped, 500)) == [LEAD_ORDER]
    flat = beats(1) / 1000
    flat[8] = 0.2
    assert signal_flags(ECG(flat, 500)) == [FLAT_LEAD]
    flat[8] = 40
    assert signal_flags(ECG(flat, 500)) == [CLIPPING, FLAT_LEAD]


@pytest.mark.parametrize(
    ("height", "samples", "rate", "clipped"),
    [
        (2.0, 10, 500, True),
        (2.0, 9, 500, False),
        (-2.0, 30, 500, True),
        (1.4, 300, 500, False),
        (3.0, 5, 100, True),
    ],
)
def test_resting_on_an_extreme_is_clipping(height: float, samples: int, rate: float, clipped: bool) -> None:
    signal = np.random.default_rng(0).uniform(-1, 1, (12, 1000))
    signal[4, 200 : 200 + samples] = height
    assert is_clipped(ECG(signal, rate)) is clipped
