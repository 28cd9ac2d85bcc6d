"""Flags of doubtful recordings: the value of each rule, and the share of real recordings that is flagged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from melp.data.quality import (
    CLIPPING,
    FLAT_LEAD,
    HIGH_AMPLITUDE,
    LEAD_ORDER,
    LEAD_SWAP,
    LOW_AMPLITUDE,
    MISSING_SECONDS,
    has_missing_seconds,
    is_clipped,
    signal_flags,
)
from melp.ecg import ECG
from melp.io import read
from small_ptb_xl import beats

ARMS = ([0, 2, 1, 4, 3, 5], [-1, 1, 1, 1, 1, 1])
"""Rows and signs of the limb leads if the arm electrodes are swapped."""
ARM_AND_LEG = ([2, 1, 0, 5, 4, 3], [-1, -1, -1, 1, 1, 1])
"""Rows and signs if the electrodes of right arm and left leg are swapped."""


def millivolt(seed: int = 1) -> np.ndarray:
    return beats(seed) / np.float32(1000)


def swapped(signal: np.ndarray, change: tuple[list[int], list[int]]) -> np.ndarray:
    rows, signs = change
    return np.concatenate([signal[rows] * np.array(signs, np.float32)[:, None], signal[6:]])


def test_good_recording_has_no_flag() -> None:
    assert signal_flags(ECG(millivolt(), 500)) == []
    assert signal_flags(ECG(millivolt(), 500), 10) == []


def test_lead_order() -> None:
    rows = [0, 1, 2, 3, 5, 4, *range(6, 12)]
    assert signal_flags(ECG(millivolt()[rows], 500)) == [LEAD_ORDER]
    signal = millivolt()
    signal[1] *= -1
    assert signal_flags(ECG(signal, 500)) == [LEAD_ORDER]


@pytest.mark.parametrize("change", [ARMS, ARM_AND_LEG])
@pytest.mark.parametrize("rate", [500, 100])
def test_lead_swap(change: tuple[list[int], list[int]], rate: int) -> None:
    signal = millivolt()[:, :: 500 // rate]
    assert signal_flags(ECG(swapped(signal, change), rate)) == [LEAD_SWAP]


def test_flat_lead_and_clipping() -> None:
    flat = millivolt()
    flat[8] = 0.2
    assert signal_flags(ECG(flat, 500)) == [FLAT_LEAD]
    flat[8] = 40
    assert signal_flags(ECG(flat, 500)) == [CLIPPING, FLAT_LEAD]


def test_low_amplitude() -> None:
    signal = millivolt()
    largest = np.ptp(signal, axis=1).max()
    assert LOW_AMPLITUDE not in signal_flags(ECG(signal * (0.501 / largest), 500))
    assert LOW_AMPLITUDE in signal_flags(ECG(signal * (0.499 / largest), 500))


@pytest.mark.parametrize(
    ("height", "samples", "rate", "clipped"),
    [
        (2.0, 10, 500, True),
        (2.0, 9, 500, False),
        (-2.0, 30, 500, True),
        (1.4, 300, 500, False),
        (3.0, 5, 100, True),
        (33.0, 1, 500, True),
    ],
)
def test_staying_at_an_extreme_is_clipping(height: float, samples: int, rate: float, clipped: bool) -> None:
    signal = np.random.default_rng(0).uniform(-1, 1, (12, 1000)).astype(np.float32)
    signal[4, 200 : 200 + samples] = height
    assert is_clipped(signal, rate, signal.min(axis=1), signal.max(axis=1)) is clipped


@pytest.mark.parametrize("start", [0, 137, 500, 4500])
@pytest.mark.parametrize(
    ("rate", "samples", "missing"), [(500, 500, True), (500, 499, False), (257, 257, True)]
)
def test_a_constant_second_is_missing(start: int, rate: int, samples: int, missing: bool) -> None:
    signal = millivolt().copy()
    signal[:, start : start + samples] = 0
    # Make sure that the leads change at the edges of the second.
    for edge in (start - 1, start + samples):
        if 0 <= edge < 5000:
            signal[:, edge] = 1
    assert has_missing_seconds(signal, rate) is missing
    signal[7, start + samples // 2] += 0.01
    assert not has_missing_seconds(signal, rate)


def test_missing_seconds_at_the_end() -> None:
    signal = millivolt()
    assert signal_flags(ECG(signal, 500), 10.01) == [MISSING_SECONDS]
    assert signal_flags(ECG(signal, 500), 4) == []
    signal[:, 2500:] = signal[:, 2499:2500]
    assert signal_flags(ECG(signal, 500), 10) == [MISSING_SECONDS]
    # Seconds that the store does not keep are not checked.
    assert signal_flags(ECG(signal, 500), 5) == []


@pytest.mark.parametrize("seed", range(5))
def test_missing_seconds_against_a_loop(seed: int) -> None:
    """Compare with a loop over all samples, on signals that are constant for a random time."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        signal = rng.standard_normal((12, 600)).astype(np.float32)
        start, length = rng.integers(0, 600), rng.integers(80, 130)
        signal[:, start : start + length] = signal[:, start : start + 1]
        rest = longest = 1
        for sample in range(1, 600):
            rest = rest + 1 if (signal[:, sample] == signal[:, sample - 1]).all() else 1
            longest = max(longest, rest)
        assert has_missing_seconds(signal, 100) is (longest >= 100)


def test_high_amplitude() -> None:
    signal = millivolt()
    median = np.median(np.ptp(signal, axis=1))
    assert HIGH_AMPLITUDE not in signal_flags(ECG(signal * (7.99 / median), 500))
    assert HIGH_AMPLITUDE in signal_flags(ECG(signal * (8.01 / median), 500))
    signal[:5] *= 1000  # artefacts in some leads
    assert HIGH_AMPLITUDE not in signal_flags(ECG(signal, 500))


@pytest.mark.parametrize("seconds", [None, 4, 10, 10.01])
def test_flags_of_microvolts_equal_those_of_millivolts(seconds: float | None) -> None:
    good = beats(1)
    flat, clipped, constant, low, high = good.copy(), good.copy(), good.copy(), good // 20, good * 20
    flat[2], clipped[4, 100:140], constant[:, 700:1300] = 0, 32767, good[:, 700:701]
    all_flags = set()
    for microvolt in (good, flat, clipped, constant, low, high, good[[1, 0, *range(2, 12)]]):
        flags = signal_flags(ECG.of_microvolt(microvolt.astype(np.int16), 500), seconds)
        assert flags == signal_flags(ECG(microvolt / np.float32(1000), 500), seconds)
        all_flags.update(flags)
    assert {FLAT_LEAD, CLIPPING, MISSING_SECONDS, LOW_AMPLITUDE, HIGH_AMPLITUDE, LEAD_ORDER} <= all_flags


def test_real_recordings(ptb_xl: Path) -> None:
    """Few recordings are flagged, and most are if their electrodes are swapped."""
    headers = sorted(ptb_xl.glob("records500/*/*.hea"))[::8]
    counts, arms, leg = Counter(), 0, 0
    for header in headers:
        ecg = read(header)
        counts.update(signal_flags(ecg, 10))
        arms += signal_flags(ECG(swapped(ecg.signal, ARMS), ecg.rate), 10).count(LEAD_SWAP)
        leg += signal_flags(ECG(swapped(ecg.signal, ARM_AND_LEG), ecg.rate), 10).count(LEAD_SWAP)
    assert len(headers) > 300 and not counts[LEAD_ORDER]
    assert all(count <= 0.01 * len(headers) for count in counts.values()), counts
    assert arms >= 0.93 * len(headers) and leg >= 0.93 * len(headers), (arms, leg)
