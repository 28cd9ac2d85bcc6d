"""Read WFDB records, the format of PhysioNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG, LEADS, BadRecordError, normalise_lead_name
from melp.errors import MelpError
from melp.io.wfdb_header import Header, Segment, read_header
from melp.io.wfdb_samples import Channels, read_channels


def read_wfdb(path: str | Path) -> ECG:
    """Read a WFDB record as an ECG in mV; its twelve leads are in standard order.

    Args:
        path: the header (.hea), a signal file (.dat, .mat), or the path without extension.

    Raises:
        BadRecordError: a file is missing or truncated, the header cannot be read, a lead is missing, a unit
            is unknown, or the signal contains NaN or only zeros.
    """
    path = _find_header(Path(path))
    try:
        header = read_header(path)
        meta = {"path": str(path), "comments": header.comments}
        ecg = (_read_segments if header.segments else _read_single)(path, header, meta)
    except MelpError:
        raise
    except Exception as error:  # the package wfdb does not limit the errors that it raises
        cause = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise BadRecordError(f"{path}: not a readable WFDB record ({cause})", "unreadable") from error
    return check_content(ecg, str(path))


def check_content(ecg: ECG, source: str) -> ECG:
    """Return `ecg` if its samples can be used.

    Raises:
        BadRecordError: there are no samples, one is NaN or infinite, or all are zero; the message begins with
            `source`.
    """
    if not ecg.seconds:
        raise BadRecordError(f"{source}: no samples", "no samples")
    if not np.isfinite(ecg.extent).all():
        bad = ~np.isfinite(ecg.signal)
        leads = ", ".join(lead for lead, row in zip(ecg.leads, bad, strict=True) if row.any())
        raise BadRecordError(f"{source}: {bad.sum()} samples are NaN or infinite (lead {leads})", "NaN")
    if not ecg.extent.any():
        raise BadRecordError(f"{source}: all samples are zero", "all zero")
    return ecg


def _find_header(path: Path) -> Path:
    """Return the header of the record that `path` is part of."""
    ending = path.suffix.lower()
    if ending == ".hea":
        header = path
    elif ending in (".dat", ".mat"):
        header = path.with_suffix(".hea")
    else:
        header = path.with_name(path.name + ".hea")
    if header.is_file():
        return header
    if path.is_file():
        raise BadRecordError(f"{path}: no WFDB header {header.name} beside it", "missing file")
    raise BadRecordError(f"{path}: no such file", "missing file")


def _read_single(path: Path, header: Header, meta: dict[str, Any]) -> ECG:
    """Read a record of one segment."""
    channels = _read_leads(path, header)
    microvolt = channels.microvolt()
    if microvolt is not None:
        return ECG.of_microvolt(microvolt, header.rate, LEADS, meta)
    return _of_millivolt(channels.millivolt(), header, meta)


def _of_millivolt(signal: Float[np.ndarray, "12 time"], header: Header, meta: dict[str, Any]) -> ECG:
    signal.setflags(write=False)  # an ECG does not copy a read-only array
    return ECG(signal, header.rate, LEADS, meta)


def _read_segments(path: Path, header: Header, meta: dict[str, Any]) -> ECG:
    """Read a record of several segments and concatenate them."""
    segments = header.segments
    # The first segment of a variable layout has no samples; it only lists all signals.
    segments = segments[1:] if segments[0].samples == 0 else segments
    names = [segment.record for segment in segments]
    if len(set(names)) != len(names):
        raise BadRecordError(f"{path}: a segment comes twice", "unreadable")
    if "~" in names:
        raise BadRecordError(f"{path}: segment {names.index('~') + 1} is a gap", "NaN")
    signal = np.concatenate([_read_segment(path, header, segment) for segment in segments], axis=1)
    if header.samples not in (None, signal.shape[1]):
        raise BadRecordError(
            f"{path}: segments of {signal.shape[1]} samples, the record line says {header.samples}",
            "truncated",
        )
    return _of_millivolt(signal, header, meta)


def _read_segment(path: Path, record: Header, segment: Segment) -> Float[np.ndarray, "12 time"]:
    """Read a segment of the record whose header is `path`."""
    file = path.with_name(segment.record + ".hea")
    if not file.is_file():
        raise BadRecordError(f"{path}: its segment {segment.record} is missing", "missing file")
    header = read_header(file)
    if header.segments:
        raise BadRecordError(f"{file}: segments within a segment", "unreadable")
    if header.rate != record.rate:
        raise BadRecordError(f"{file}: {header.rate:g} Hz, the record has {record.rate:g} Hz", "unreadable")
    signal = _read_leads(file, header).millivolt()
    if signal.shape[1] < segment.samples:
        raise BadRecordError(
            f"{file}: {signal.shape[1]} samples, {path.name} says {segment.samples}", "truncated"
        )
    return signal[:, : segment.samples]


def _read_leads(path: Path, header: Header) -> Channels:
    """Read the twelve standard leads of a record of one segment."""
    return read_channels(path, header, _lead_channels(path, [signal.name for signal in header.signals]))


def _lead_channels(path: Path, names: Sequence[str]) -> list[int]:
    """Return the channel of each standard lead."""
    standard = [normalise_lead_name(name) for name in names]
    channels = {lead: channel for channel, lead in enumerate(standard)}
    missing = [lead for lead in LEADS if lead not in channels]
    if missing:
        found = ", ".join(name or "without name" for name in names) or "none"
        found = found if len(found) <= 200 else f"{found[:200]}..."
        raise BadRecordError(f"{path}: no lead {', '.join(missing)}; found {found}", "missing lead")
    if len(names) > len(LEADS):
        twice = [lead for lead in LEADS if standard.count(lead) > 1]
        if twice:
            raise BadRecordError(f"{path}: lead {', '.join(twice)} comes twice", "repeated lead")
    return [channels[lead] for lead in LEADS]
