"""Write a recording to a file of an open format."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float, Int16

from melp.ecg import ECG
from melp.errors import MelpError

_NOT_IN_RECORD_NAME = re.compile(r"[^\w-]", re.ASCII)
_STEPS = 2 * 32767
_EDF_DAY = datetime(1985, 1, 1)  # the first day that EDF can state: the true one is not known
_MAX_EDF_RECORD = 60  # s
_HALF_TICK = 5e-6  # s: the length of a record is stored in ticks of 10 µs


def write(ecg: ECG, path: str | Path, to: str = "") -> list[Path]:
    """Write a recording, with its leads, rate, unit, and age and sex if the format has a place for them.

    WFDB and EDF have 16 bits: a step is 1 µV if all samples are whole microvolts, else the largest range of
    a lead in 65,534 steps; the other formats keep every sample. EDF states the length of its parts to 10 µs,
    so that a rate may differ by some millionths. Nothing is left half-written.

    Args:
        ecg: the recording.
        path: the file; for WFDB, the header, or the path without extension.
        to: wfdb, npz, csv, edf or parquet; default: by the ending of `path`.

    Returns:
        The files written: two for WFDB, else one.

    Raises:
        MelpError: an unknown format, a file that exists with other content, samples that are no numbers in
            WFDB or EDF, or a package is not installed.
    """
    path = Path(path)
    to = output_format(path, to)
    if to in ("wfdb", "edf") and (count := int((~np.isfinite(ecg.signal)).sum())):
        raise MelpError(f"ECG: {count} samples are NaN or infinite, wanted numbers, or npz, csv or parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".melp-") as folder:
        _WRITERS[to][1](ecg, Path(folder) / output_name(path, to))
        written = [(new, path.parent / new.name) for new in sorted(Path(folder).iterdir())]
        for new, target in written:
            if target.exists() and (not target.is_file() or target.read_bytes() != new.read_bytes()):
                raise MelpError(f"{target}: another content found, wanted a new name or the same content")
        for new, target in written:
            new.replace(target)
    return [target for _, target in written]


def output_format(path: Path, to: str = "") -> str:
    """Return the format to write: `to`, or that of the ending of a path.

    Raises:
        MelpError: it is not known.
    """
    endings = {ending: name for name, (ending, _) in _WRITERS.items()}
    to = to or endings.get(path.suffix.lower(), "")
    if to not in _WRITERS:
        raise MelpError(f"{path}: format {to or path.suffix!r} found, wanted {', '.join(_WRITERS)}")
    return to


def output_name(path: Path, to: str) -> str:
    """Return the name of the file that `write` writes for `path`; WFDB allows few characters."""
    ending = _WRITERS[to][0]
    stem = path.name.removesuffix(path.suffix) if path.suffix.lower() == ending else path.name
    return (_NOT_IN_RECORD_NAME.sub("_", stem) if to == "wfdb" else stem) + ending


def _steps(ecg: ECG) -> tuple[Int16[np.ndarray, "lead time"], list[float], list[int]]:
    """Return samples in steps, and for each lead the steps in a mV and the step at 0 mV."""
    if ecg.microvolt is not None:
        return ecg.microvolt, [1000.0] * len(ecg.leads), [0] * len(ecg.leads)
    signal = ecg.signal.astype(np.float64)
    whole = np.round(signal * 1000)
    if np.abs(whole).max() <= _STEPS // 2 and np.abs(signal * 1000 - whole).max() < 1e-3:
        return whole.astype(np.int16), [1000.0] * len(ecg.leads), [0] * len(ecg.leads)
    low, high = signal.min(axis=1), signal.max(axis=1)
    per_mv = np.array([float(f"{_STEPS / max(span, 1e-3) * 0.999:.6g}") for span in high - low])
    baseline = -np.round((low + high) / 2 * per_mv)
    steps = np.round(signal * per_mv[:, None]) + baseline[:, None]
    return steps.astype(np.int16), per_mv.tolist(), [int(step) for step in baseline]


def _write_wfdb(ecg: ECG, file: Path) -> None:
    samples, gains, baselines = _steps(ecg)
    data = file.with_suffix(".dat")
    data.write_bytes(samples.T.astype("<i2").tobytes())
    sums = samples.sum(axis=1, dtype=np.int64) & 0xFFFF
    lines = [f"{file.stem} {len(samples)} {ecg.rate:.15g} {samples.shape[1]}"]
    for row, lead in enumerate(ecg.leads):
        gain = f"{gains[row]:.15g}({baselines[row]})/mV"
        lines.append(f"{data.name} 16 {gain} 16 0 {samples[row, 0]} {sums[row]} 0 {lead}")
    lines += [f"#{name.capitalize()}: {value}" for name, value in _patient(ecg).items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_npz(ecg: ECG, file: Path) -> None:
    values: dict[str, Any] = {"leads": ecg.leads, "rate": ecg.rate, "unit": "mV", **_patient(ecg)}
    np.savez(file, signal=ecg.signal, **values)


def _write_csv(ecg: ECG, file: Path) -> None:
    import pandas as pd

    columns: dict[str, list[str] | Float[np.ndarray, " time"]] = {
        "time (s)": [f"{sample / ecg.rate:.9f}" for sample in range(ecg.signal.shape[1])]
    }
    columns |= {f"{lead} (mV)": row for lead, row in zip(ecg.leads, ecg.signal, strict=True)}
    pd.DataFrame(columns).to_csv(file, index=False)


def _write_parquet(ecg: ECG, file: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(dict(zip(ecg.leads, ecg.signal, strict=True)))
    about = {"rate": ecg.rate, "unit": "mV", **_patient(ecg)}
    parquet.write_table(table.replace_schema_metadata({"ecg": json.dumps(about)}), file)


def _write_edf(ecg: ECG, file: Path) -> None:
    try:
        import pyedflib
    except ImportError as error:
        raise MelpError("EDF needs the package pyedflib; pip install 'melp[formats]'") from error
    frame = _edf_frame(ecg)
    with (
        pyedflib.EdfWriter(str(file), len(ecg.leads), pyedflib.FILETYPE_EDF) as writer,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # on the rate, which is exact to 10 µs in a record
        writer.setStartdatetime(_EDF_DAY)
        writer.setDatarecordDuration(frame / ecg.rate + _HALF_TICK / 2)
        digital = []
        for row, lead in enumerate(ecg.leads):
            low, high = _edf_limits(ecg, row)
            header: dict[str, str | int | float | None] = {
                "label": f"ECG {lead}", "dimension": "uV", "sample_frequency": ecg.rate,
                "physical_min": low, "physical_max": high, "digital_min": -32767, "digital_max": 32767,
                "prefilter": "", "transducer": "",
            }  # fmt: skip
            writer.setSignalHeader(row, header)
            samples = (ecg.signal[row].astype(np.float64) * 1000 - low) * (_STEPS / (high - low))
            digital.append(np.round(samples).astype(np.int32) - 32767)
        writer.writeSamples(digital, digital=True)


def _edf_limits(ecg: ECG, row: int) -> tuple[int, int]:
    """Return the range of a lead in whole µV, which fits into the 8 characters of the header."""
    if ecg.microvolt is not None:
        return -32767, 32767
    signal = ecg.signal[row].astype(np.float64) * 1000
    return math.floor(signal.min()) - 1, math.ceil(signal.max()) + 1


def _edf_frame(ecg: ECG) -> int:
    """Return the samples in a record of EDF: a divisor of all of them, so that none is padded.

    The length of a record is a whole number of 10 µs; of the best divisors, the one next to 1 s.
    """
    samples = ecg.signal.shape[1]
    divisors = [
        part for part in range(1, samples + 1) if samples % part == 0 and part <= _MAX_EDF_RECORD * ecg.rate
    ]

    def error(part: int) -> tuple[float, float]:
        ticks = part / ecg.rate / (2 * _HALF_TICK)
        return round(abs(ticks - round(ticks)) / ticks, 9), abs(math.log(part / ecg.rate))

    return min(divisors, key=error)


def _patient(ecg: ECG) -> Mapping[str, float | str]:
    """Return the age and sex of a recording, if they are known."""
    return {name: ecg.meta[name] for name in ("age", "sex") if name in ecg.meta}


_WRITERS: dict[str, tuple[str, Callable[[ECG, Path], None]]] = {
    "wfdb": (".hea", _write_wfdb),
    "npz": (".npz", _write_npz),
    "csv": (".csv", _write_csv),
    "edf": (".edf", _write_edf),
    "parquet": (".parquet", _write_parquet),
}
