"""WFDB records, the format of PhysioNet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from melp.ecg import ECG, LEADS, BadRecordError, normalise_lead_name

_MILLIVOLT = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "nv": 1e-6}
# The micro sign and the Greek letter, in UTF-8 and in Latin-1.
_MICRO_SIGN = re.compile(rb"/(\xc2\xb5|\xce\xbc|\xb5)V")
# Bytes a sample of the formats that are stored without compression.
_BYTES = {
    "8": 1,
    "16": 2,
    "24": 3,
    "32": 4,
    "61": 2,
    "80": 1,
    "160": 2,
    "212": 1.5,
    "310": 4 / 3,
    "311": 4 / 3,
}


def read_wfdb(path: str | Path) -> ECG:
    """A WFDB record as an ECG in mV, its twelve leads in standard order.

    Args:
        path: the header (.hea), a signal file (.dat, .mat) or the stem of both.

    Raises:
        BadRecordError: a file is missing or cut short, the header cannot be read, a lead is missing, a unit
            is unknown, or the signal holds NaN or nothing but zeros.
    """
    header = _existing_header(Path(path))
    try:
        ecg = _read(header)
    except BadRecordError:
        raise
    except Exception as error:  # wfdb raises whatever its parser meets
        why = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise BadRecordError(f"{header}: not a readable WFDB record ({why})", "unreadable") from error
    return check_content(ecg, str(header))


def _read(header: Path) -> ECG:
    import wfdb

    stem = str(header.with_suffix(""))
    description = wfdb.rdheader(stem)
    channels = None
    if not isinstance(description, wfdb.MultiRecord):
        channels = _channels(header, description.sig_name)
        _check_files(header, description)
    record = wfdb.rdrecord(stem, channels=channels)
    signal = (record.p_signal * _factors(header, record)).T
    if channels is None:
        signal = signal[_channels(header, record.sig_name)]
    meta = {"path": str(header), "comments": tuple(record.comments or ())}
    return ECG(signal.astype(np.float32), record.fs, LEADS, meta)


def _existing_header(path: Path) -> Path:
    """The header of the record that `path` belongs to."""
    ending = path.suffix.lower()
    if ending == ".hea":
        header = path
    else:
        header = (
            path.with_suffix(".hea") if ending in (".dat", ".mat") else path.with_name(path.name + ".hea")
        )
    if header.is_file():
        return header
    if path.is_file():
        raise BadRecordError(f"{path}: no WFDB header {header.name} beside it", "missing file")
    raise BadRecordError(f"{path}: no such file", "missing file")


def check_content(ecg: ECG, source: str) -> ECG:
    """`ecg` itself.

    Raises:
        BadRecordError: a sample is NaN or infinite, or all samples are zero; `source` names the recording.
    """
    bad = ~np.isfinite(ecg.signal)
    if bad.any():
        leads = ", ".join(lead for lead, row in zip(ecg.leads, bad, strict=True) if row.any())
        raise BadRecordError(f"{source}: {bad.sum()} samples are NaN or infinite (lead {leads})", "NaN")
    if ecg.signal.shape[1] == 0:
        raise BadRecordError(f"{source}: no samples", "no samples")
    if not ecg.signal.any():
        raise BadRecordError(f"{source}: all samples are zero", "all zero")
    return ecg


def _channels(header: Path, names: list[str] | None) -> list[int]:
    """The channel of each standard lead."""
    names = [name or "without name" for name in names or []]
    standard = [normalise_lead_name(name) for name in names]
    missing = [lead for lead in LEADS if lead not in standard]
    if missing:
        found = ", ".join(names) or "none"
        raise BadRecordError(f"{header}: no lead {', '.join(missing)}; found {found}", "missing lead")
    twice = [lead for lead in LEADS if standard.count(lead) > 1]
    if twice:
        raise BadRecordError(f"{header}: lead {', '.join(twice)} comes twice", "repeated lead")
    return [standard.index(lead) for lead in LEADS]


def _check_files(header: Path, description: Any) -> None:
    """That each signal file is there and as long as the header says."""
    names = description.file_name
    for name in dict.fromkeys(names):
        file = header.with_name(name)
        if not file.is_file():
            raise BadRecordError(f"{header}: its signal file {name} is missing", "missing file")
        mine = [index for index, other in enumerate(names) if other == name]
        width = _BYTES.get(description.fmt[mine[0]])
        if width is None or not description.sig_len:
            continue
        frame = width * sum((description.samps_per_frame or [1] * len(names))[index] or 1 for index in mine)
        found = int((file.stat().st_size - (description.byte_offset[mine[0]] or 0)) // frame)
        if found < description.sig_len:
            raise BadRecordError(
                f"{file}: {max(found, 0)} samples, the header says {description.sig_len}", "truncated"
            )


def _factors(header: Path, record: Any) -> np.ndarray:
    """What turns each channel into mV."""
    units = [str(unit).lower() for unit in record.units]
    # wfdb drops what is not ASCII, and a microvolt becomes a volt.
    text = header.read_bytes()
    if _MICRO_SIGN.search(text):
        if b"/V" in text:
            raise BadRecordError(f"{header}: units V and microvolt side by side, wanted uV", "unknown unit")
        units = ["uv" if unit == "v" else unit for unit in units]
    unknown = [unit for unit in record.units if str(unit).lower() not in _MILLIVOLT]
    if unknown:
        raise BadRecordError(f"{header}: unit {unknown[0]!r}, wanted V, mV or uV", "unknown unit")
    return np.array([_MILLIVOLT[unit] for unit in units])
