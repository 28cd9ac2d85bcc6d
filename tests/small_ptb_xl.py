"""Write a small corpus in PTB-XL's published layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from melp.ecg import LEADS

_CHEST = ((0.1, -0.4), (0.3, -0.2), (0.5, 0.2), (0.7, 0.4), (0.8, 0.3), (0.7, 0.2))


def beats(seed: int, rate: float = 500, seconds: float = 10) -> np.ndarray:
    """Return twelve leads in microvolts that satisfy the identities exactly; int16 [12, time]."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(rate * seconds)) / rate
    phase = time % rng.uniform(0.7, 1.1)
    waves = ((0.15, 0.15, 0.025), (0.3, 1.0, 0.012), (0.5, 0.3, 0.05))
    beat = sum(height * np.exp(-(((phase - centre) / width) ** 2) / 2) for centre, height, width in waves)
    # Multiples of four, so that Goldberger's leads are whole numbers.
    one = 4 * np.rint(125 * (beat + 0.05 * rng.standard_normal(len(time)))).astype(int)
    two = 4 * np.rint(200 * (beat + 0.05 * rng.standard_normal(len(time)))).astype(int)
    limb = [one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2]
    chest = [np.rint(a * one + b * two).astype(int) for a, b in _CHEST]
    return np.stack(limb + chest).astype(np.int16)


def write_record(
    stem: Path, microvolt: np.ndarray, rate: float = 500, leads: tuple[str, ...] = LEADS
) -> None:
    """Write a WFDB record of format 16 with 1000 steps per mV."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    count = len(leads)
    wfdb.wrsamp(
        stem.name,
        fs=rate,
        units=["mV"] * count,
        sig_name=list(leads),
        d_signal=microvolt.T.astype(np.int64),
        fmt=["16"] * count,
        adc_gain=[1000.0] * count,
        baseline=[0] * count,
        write_dir=str(stem.parent),
    )


def make_tree(
    folder: Path, records: int = 12, rates: tuple[int, ...] = (500,), listed: int | None = None
) -> Path:
    """Write PTB-XL with `listed` rows in its table, of which the first `records` have a recording."""
    rows = []
    for number in range(1, (listed or records) + 1):
        high, low = f"records500/00000/{number:05d}_hr", f"records100/00000/{number:05d}_lr"
        for rate in rates:
            if number <= records:
                write_record(folder / (high if rate == 500 else low), beats(number, rate), rate)
        rows.append(
            {
                "ecg_id": number,
                "patient_id": 100.0 + number,
                "age": 300.0 if number == 2 else 40.0 + number,
                "sex": number % 2,
                "report": "" if number == 3 else "sinus rhythm. normal ecg.",
                "scp_codes": "{'NST_': 100.0, 'SR': 0.0}" if number % 2 else "{'NORM': 80.0, 'PRC(S)': 0.0}",
                "strat_fold": (number - 1) % 10 + 1,
                "filename_lr": low,
                "filename_hr": high,
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "ptbxl_database.csv", index=False)
    return folder
