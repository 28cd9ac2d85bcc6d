"""Read WFDB records, the format of PhysioNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG, BadRecordError
from melp.errors import MelpError
from melp.io.wfdb_header import MAX_RATE, Header, Segment, read_header
from melp.io.wfdb_samples import Channels, read_channels
from melp.leads import LEADS, available_leads, normalise_lead_name, standard_leads


def read_wfdb(path: str | Path, leads: Sequence[str] | None = None) -> ECG:
    """Read a WFDB record as an ECG in mV; its leads are in standard order.

    `meta` has the path, the comments of the header and, where it applies, `other_channels` (names of the
    channels that are not among the twelve leads), `derived` (see `ECG.select`), `samples_per_frame`,
    `checksum` (the leads of which the samples do not add up to the header's checksum) and `warnings` (a
    sentence for each doubtful thing found).

    Args:
        path: the header (.hea), a signal file (.dat, .mat), or the path without extension.
        leads: the leads to read; default: those of the twelve that the record has or that follow from I
            and II.

    Raises:
        BadRecordError: a file is missing or truncated, the header cannot be read, a lead is missing, a unit
            is unknown, or the signal contains NaN or only zeros.
    """
    path = _find_header(Path(path))
    try:
        ecg = _read_record(path, leads)
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
    if ecg.microvolt is None and not np.isfinite(ecg.extent).all():
        bad = ~np.isfinite(ecg.signal)
        leads = ", ".join(lead for lead, row in zip(ecg.leads, bad, strict=True) if row.any())
        raise BadRecordError(f"{source}: {bad.sum()} samples are NaN or infinite (lead {leads})", "NaN")
    if not (ecg.extent if ecg.microvolt is None else ecg.limits).any():
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


class _Part(NamedTuple):
    """A record of one segment, or a segment of a record: its header, and how many of its frames count."""

    path: Path
    header: Header
    frames: int | None = None


class _Choice(NamedTuple):
    """Which leads of a record are read.

    Attributes:
        leads: the leads of the ECG.
        read: those to read from the files; others follow from these.
        rows: the channel of each of `read`, for each segment.
        missing: leads that are wanted and absent.
        repeated: leads to read that come twice in a segment.
    """

    leads: tuple[str, ...]
    read: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    missing: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


_Names = tuple[tuple[str | None, ...], ...]
"""The standard name of each channel of each segment; None for a channel that is not one of the twelve."""


# Cached because the records of a corpus have few distinct lists of leads.
@lru_cache(64)
def _standard_names(names: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(normalise_lead_name(name) for name in names)


@lru_cache(64)
def _choose(names: _Names, wanted: tuple[str, ...] | None) -> _Choice:
    own = tuple(lead for lead in LEADS if all(lead in each for each in names))
    available = available_leads(own)
    leads = available if wanted is None else standard_leads(wanted)
    missing = tuple(lead for lead in leads if lead not in available)
    if missing:
        return _Choice(leads, (), (), missing)
    sources = ("I", "II") if any(lead not in own for lead in leads) else ()
    read = tuple(lead for lead in own if lead in leads or lead in sources)
    rows = tuple(tuple(each.index(lead) for lead in read) for each in names)
    repeated = tuple(lead for lead in read if any(each.count(lead) > 1 for each in names))
    return _Choice(leads, read, rows, repeated=repeated)


def _read_record(path: Path, wanted: Sequence[str] | None) -> ECG:
    header = read_header(path)
    parts = _segments(path, header) if header.segments else [_Part(path, header)]
    names = tuple(_standard_names(tuple(signal.name for signal in part.header.signals)) for part in parts)
    choice = _choose(names, None if wanted is None else tuple(wanted))
    _check(path, parts[0].header, choice)
    pairs = zip(parts, choice.rows, strict=True)
    blocks = [read_channels(part.path, part.header, rows) for part, rows in pairs]
    frame = _samples_per_frame(path, blocks)
    findings = _findings(header, parts, blocks, names, choice.read)
    meta = {"path": str(path), "comments": header.comments, **findings}
    ecg = _to_ecg(path, header, parts, blocks, frame, choice.read, meta)
    return ecg if choice.read == choice.leads else ecg.select(choice.leads)


def _check(path: Path, header: Header, choice: _Choice) -> None:
    """Raise an error if leads are missing or repeated."""
    if choice.missing or not choice.leads:
        found = ", ".join(signal.name or "without name" for signal in header.signals) or "none"
        found = found if len(found) <= 200 else f"{found[:200]}..."
        lead = f"no lead {', '.join(choice.missing)}" if choice.missing else "none of the twelve leads"
        some = choice.missing and len(choice.missing) < len(choice.leads)
        raise BadRecordError(f"{path}: {lead}; found {found}", "missing lead" if some else "unknown leads")
    if choice.repeated:
        raise BadRecordError(f"{path}: lead {', '.join(choice.repeated)} comes twice", "repeated lead")


def _samples_per_frame(path: Path, blocks: Sequence[Channels]) -> int:
    frames = sorted({block.signals[0].frame for block in blocks})
    if len(frames) > 1:
        found = " and ".join(map(str, frames))
        raise BadRecordError(
            f"{path}: segments of {found} samples a frame, wanted the same for all", "unreadable"
        )
    return frames[0]


def _segments(path: Path, header: Header) -> list[_Part]:
    """Return the segments of a record, with their headers."""
    segments = header.segments
    # The first segment of a variable layout has no samples; it only lists all signals.
    segments = segments[1:] if segments[0].samples == 0 else segments
    names = [segment.record for segment in segments]
    if not names:
        raise BadRecordError(f"{path}: no samples", "no samples")
    if len(set(names)) != len(names):
        raise BadRecordError(f"{path}: a segment comes twice", "unreadable")
    if "~" in names:
        raise BadRecordError(f"{path}: segment {names.index('~') + 1} is a gap", "NaN")
    return [_segment(path, header, segment) for segment in segments]


def _segment(path: Path, record: Header, segment: Segment) -> _Part:
    file = path.with_name(segment.record + ".hea")
    if not file.is_file():
        raise BadRecordError(f"{path}: its segment {segment.record} is missing", "missing file")
    header = read_header(file)
    if header.segments:
        raise BadRecordError(f"{file}: segments within a segment", "unreadable")
    if header.rate != record.rate:
        raise BadRecordError(f"{file}: {header.rate:g} Hz, the record has {record.rate:g} Hz", "unreadable")
    return _Part(file, header, segment.samples)


def _to_ecg(
    path: Path,
    header: Header,
    parts: Sequence[_Part],
    blocks: Sequence[Channels],
    frame: int,
    leads: tuple[str, ...],
    meta: Mapping[str, Any],
) -> ECG:
    rate = header.rate * frame
    if rate > MAX_RATE:
        raise BadRecordError(f"{path}: {rate:g} Hz, wanted at most {MAX_RATE:g}", "unreadable")
    if not header.segments:
        microvolt = blocks[0].microvolt()
        if microvolt is not None:
            samples, limits = microvolt
            return ECG.of_microvolt(samples, rate, leads, meta, limits)
        signal = blocks[0].millivolt()
    else:
        pairs = zip(parts, blocks, strict=True)
        signal = np.concatenate([_cut(path, part, block, frame) for part, block in pairs], axis=1)
        if header.samples not in (None, frames := signal.shape[1] // frame):
            raise BadRecordError(
                f"{path}: segments of {frames} samples, the record line says {header.samples}", "truncated"
            )
    signal.setflags(write=False)  # an ECG does not copy a read-only array
    return ECG(signal, rate, leads, meta)


def _cut(path: Path, part: _Part, block: Channels, frame: int) -> Float[np.ndarray, "lead time"]:
    """Return as much of a segment, in mV, as the record's header says."""
    signal, frames = block.millivolt(), part.frames or 0
    if signal.shape[1] < frames * frame:
        raise BadRecordError(
            f"{part.path}: {signal.shape[1] // frame} samples, {path.name} says {frames}", "truncated"
        )
    return signal[:, : frames * frame]


def _findings(
    header: Header,
    parts: Sequence[_Part],
    blocks: Sequence[Channels],
    names: _Names,
    leads: Sequence[str],
) -> dict[str, Any]:
    """Return the entries of `meta` that say what was left out and what is doubtful."""
    found: dict[str, Any] = {}
    signals = parts[0].header.signals
    if len(signals) > len(leads):
        pairs = zip(signals, names[0], strict=True)
        found["other_channels"] = tuple(signal.name for signal, lead in pairs if lead is None)
    if blocks[0].signals[0].frame > 1:
        found["samples_per_frame"] = blocks[0].signals[0].frame
    if warnings := _left_out(header, parts, blocks, names):
        found["warnings"] = warnings
    damaged = {
        leads[channel]
        for part, block in zip(parts, blocks, strict=True)
        if part.header.has_checksums
        for channel in block.damaged()
    }
    if damaged:
        found["checksum"] = tuple(lead for lead in leads if lead in damaged)
        differ = f"the samples of lead {', '.join(found['checksum'])} differ from the checksum in the header"
        found["warnings"] = (differ, *warnings)
    return found


def _left_out(
    header: Header,
    parts: Sequence[_Part],
    blocks: Sequence[Channels],
    names: _Names,
) -> tuple[str, ...]:
    """Say which lines, samples and leads of the files are not read."""
    warnings = []
    further = parts[0].header.further
    if header.segments:
        further = header.further + sum(part.header.further for part in parts)
        common = available_leads([lead for lead in LEADS if all(lead in each for each in names)])
        if partly := [lead for lead in LEADS if lead not in common and any(lead in each for each in names)]:
            warnings.append(f"lead {', '.join(partly)}, which some segments lack, left out")
    if further:
        warnings.append(f"header lines beyond the number in the record line left out: {further}")
    if left_out := sum(block.left_out for block in blocks):
        warnings.append(f"samples beyond the length in the header left out: {left_out}")
    return tuple(warnings)
