"""WFDB records, the format of PhysioNet."""

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
    """A WFDB record as an ECG in mV, its twelve leads in standard order.

    Args:
        path: the header (.hea), a signal file (.dat, .mat) or the stem of both.

    Raises:
        BadRecordError: a file is missing or cut short, the header cannot be read, a lead is missing, a unit
            is unknown, or the signal holds NaN or nothing but zeros.
    """
    path = _existing_header(Path(path))
    try:
        header = read_header(path)
        meta = {"path": str(path), "comments": header.comments}
        ecg = _joined(path, header, meta) if header.segments else _single(path, header, meta)
    except MelpError:
        raise
    except Exception as error:  # wfdb raises whatever it meets
        why = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise BadRecordError(f"{path}: not a readable WFDB record ({why})", "unreadable") from error
    return check_content(ecg, str(path))


def check_content(ecg: ECG, source: str) -> ECG:
    """`ecg` itself.

    Raises:
        BadRecordError: a sample is NaN or infinite, or all samples are zero; `source` names the recording.
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


def _existing_header(path: Path) -> Path:
    """The header of the record that `path` belongs to."""
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


def _single(path: Path, header: Header, meta: dict[str, Any]) -> ECG:
    """A record of one segment."""
    channels = _leads(path, header)
    microvolt = channels.microvolt()
    if microvolt is not None:
        return ECG.of_microvolt(microvolt, header.rate, LEADS, meta)
    return _of_millivolt(channels.millivolt(), header, meta)


def _of_millivolt(signal: Float[np.ndarray, "12 time"], header: Header, meta: dict[str, Any]) -> ECG:
    signal.setflags(write=False)  # an ECG takes what is locked without a copy
    return ECG(signal, header.rate, LEADS, meta)


def _joined(path: Path, header: Header, meta: dict[str, Any]) -> ECG:
    """The segments of a record, one after the other."""
    parts = header.segments
    # The first segment of a variable layout has no samples and lists the signals of all others.
    parts = parts[1:] if parts[0].samples == 0 else parts
    names = [part.record for part in parts]
    if len(set(names)) != len(names):
        raise BadRecordError(f"{path}: a segment comes twice", "unreadable")
    if "~" in names:
        raise BadRecordError(f"{path}: segment {names.index('~') + 1} is a gap", "NaN")
    signal = np.concatenate([_segment(path, header, part) for part in parts], axis=1)
    if header.samples not in (None, signal.shape[1]):
        raise BadRecordError(
            f"{path}: segments of {signal.shape[1]} samples, the record line says {header.samples}",
            "truncated",
        )
    return _of_millivolt(signal, header, meta)


def _segment(path: Path, whole: Header, part: Segment) -> Float[np.ndarray, "12 time"]:
    inner = path.with_name(part.record + ".hea")
    if not inner.is_file():
        raise BadRecordError(f"{path}: its segment {part.record} is missing", "missing file")
    header = read_header(inner)
    if header.segments:
        raise BadRecordError(f"{inner}: segments within a segment", "unreadable")
    if header.rate != whole.rate:
        raise BadRecordError(f"{inner}: {header.rate:g} Hz, the record has {whole.rate:g} Hz", "unreadable")
    signal = _leads(inner, header).millivolt()
    if signal.shape[1] < part.samples:
        raise BadRecordError(
            f"{inner}: {signal.shape[1]} samples, {path.name} says {part.samples}", "truncated"
        )
    return signal[:, : part.samples]


def _leads(path: Path, header: Header) -> Channels:
    """The twelve leads of a record of one segment."""
    return read_channels(path, header, _channels(path, [signal.name for signal in header.signals]))


def _channels(path: Path, names: Sequence[str]) -> list[int]:
    """The channel of each standard lead."""
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
