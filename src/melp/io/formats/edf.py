"""EDF and EDF+ (Kemp and Olivan, Clinical Neurophysiology 114:1755, 2003)."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int16

from melp.ecg import ECG
from melp.io.recording import age_and_sex, lead_names, to_ecg
from melp.io.source import Source, decoded
from melp.io.values import in_millivolt
from melp.leads import normalise_lead_name

NAME = "EDF"
ENDINGS = (".edf", ".rec")
NEEDS = ""

_FIXED = 256
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Bytes of the fields of a signal; each field comes for all signals before the next one."""
_LABEL, _UNIT, _SAMPLES = 0, 2, 8
_START = re.compile(rb"0[ \0]{7}")
_ECG = re.compile(r"(?i)\s*e[ck]g|v\d{1,2}r?$")
_ELECTRODE = re.compile(r"(?i)\s*c\d\s*")
"""C3 and C4 are places of EEG electrodes too."""


class _Signal(NamedTuple):
    """A signal: `samples` words of each record, from `start` on; `digital` stands for `physical`."""

    label: str
    unit: str
    physical: tuple[str, str]
    digital: tuple[str, str]
    start: int
    samples: int


def matches(source: Source) -> bool:
    """Return whether the file begins with version 0 and a number of signals."""
    head = source.head
    return _START.match(head) is not None and head[252:_FIXED].strip(b" \0").isdigit()


def read(source: Source) -> ECG:
    """Read the channels of the ECG; `meta["other_channels"]` names the others.

    Of an EDF+ with interruptions, the longest part without one is read.

    Raises:
        BadRecordError: the header is damaged, records are missing, or no channel is of an ECG.
    """
    data = source.data
    signals = _signals(source, data)
    words = _records(source, data, signals)
    reserved = data[192:236].decode("latin-1")
    step = _number(source, "duration of a record", decoded(data[244:252]))
    if reserved.startswith("EDF+D"):
        words = _longest_part(source, words, signals, step)
    signals = [one for one in signals if not one.label.startswith("EDF Annotations")]
    chosen, names = _choose(source, signals)
    per_record = max((one.samples for one in chosen), key=[one.samples for one in chosen].count)
    channels = []
    for name, signal in zip(names, chosen, strict=True):
        if signal.samples == per_record:
            channels.append((name, _millivolt(source, signal, words)))
        else:
            source.warnings.append(f"channel {signal.label}, which has another rate, left out")
    rate = source.sampling_rate(per_record / step if step > 0 else None)
    others = tuple(one.label for one in signals if one not in chosen)
    meta = _patient_and_device(data) if reserved.startswith("EDF+") else {}
    return to_ecg(source, channels, rate, other_channels=others, **meta)


def _signals(source: Source, data: bytes) -> list[_Signal]:
    count = int(data[252:_FIXED].strip(b" \0"))
    size = sum(_WIDTHS)
    if count < 1 or len(data) < _FIXED + count * size:
        raise source.error(f"{len(data)} bytes found, wanted a header of {count} signals", "truncated")
    fields, position = [], _FIXED
    for width in _WIDTHS:
        fields.append(
            [decoded(data[position + i * width : position + (i + 1) * width]) for i in range(count)]
        )
        position += count * width
    signals, start = [], 0
    for row in zip(*fields, strict=True):
        samples = int(_number(source, f"samples of {row[_LABEL]!a}", row[_SAMPLES]))
        if samples < 0:
            raise source.error(f"{samples} samples of {row[_LABEL]!a} found, wanted a positive number")
        physical, digital = (row[3], row[4]), (row[5], row[6])
        signals.append(_Signal(row[_LABEL], row[_UNIT], physical, digital, start, samples))
        start += samples
    return signals


def _records(source: Source, data: bytes, signals: list[_Signal]) -> Int16[np.ndarray, "record word"]:
    """Return the records as 16-bit words."""
    size = sum(one.samples for one in signals)
    header = _FIXED + len(signals) * sum(_WIDTHS)
    found = (len(data) - header) // 2 // size if size else 0
    wanted = int(_number(source, "number of records", decoded(data[236:244])))
    if not found or found < wanted:
        raise source.error(f"{found} records found, the header says {wanted}", "truncated")
    if 0 < wanted < found:
        source.warnings.append(f"records beyond the number in the header left out: {found - wanted}")
    records = wanted if wanted > 0 else found
    return np.frombuffer(data, "<i2", records * size, header).reshape(records, size)


def _choose(source: Source, signals: list[_Signal]) -> tuple[list[_Signal], tuple[str, ...]]:
    """Return the signals of an ECG and their names."""
    labels = [one.label for one in signals]
    limb = any(normalise_lead_name(label) in ("I", "II") for label in labels)
    chosen = [one for one in signals if one.samples and _is_ecg(one, limb)]
    if chosen:
        return chosen, tuple(one.label for one in chosen)
    volts = [one for one in signals if one.samples and in_millivolt(one.unit)]
    if not volts:
        raise source.error(
            f"channels {', '.join(labels)[:200]!a} found, wanted an ECG in mV", "unknown leads"
        )
    return volts, lead_names(source, [one.label for one in volts])


def _is_ecg(signal: _Signal, limb: bool) -> bool:
    """Return whether a signal is of an ECG; `limb` is whether there is a lead I or II."""
    if normalise_lead_name(signal.label) and (limb or not _ELECTRODE.fullmatch(signal.label)):
        return True
    return _ECG.match(signal.label) is not None and (not signal.unit or in_millivolt(signal.unit) is not None)


def _millivolt(
    source: Source, signal: _Signal, words: Int16[np.ndarray, "record word"]
) -> Float[np.ndarray, " time"]:
    lowest, highest = (_number(source, f"digital range of {signal.label!a}", text) for text in signal.digital)
    low, high = (_number(source, f"physical range of {signal.label!a}", text) for text in signal.physical)
    if lowest == highest or low == high:
        raise source.error(
            f"channel {signal.label!a}: a range from {low:g} to {high:g} found, wanted two values"
        )
    samples = words[:, signal.start : signal.start + signal.samples].ravel()
    return ((samples - lowest) * ((high - low) / (highest - lowest)) + low) * source.millivolt(signal.unit)


def _longest_part(
    source: Source, words: Int16[np.ndarray, "record word"], signals: list[_Signal], step: float
) -> Int16[np.ndarray, "record word"]:
    """Return the longest run of records without an interruption; their first annotation has the time."""
    marks = next((one for one in signals if one.label.startswith("EDF Annotations")), None)
    if marks is None:
        raise source.error("an interrupted EDF+ without the times of its records found")
    texts = (row.tobytes() for row in words[:, marks.start : marks.start + marks.samples])
    starts = [re.match(rb"([+-]\d+(?:\.\d*)?)\x14", text) for text in texts]
    if None in starts:
        raise source.error(f"record {starts.index(None) + 1} without its time found")
    times = np.array([float(start[1]) for start in starts if start])
    breaks = np.flatnonzero(np.abs(np.diff(times) - step) > step * 1e-3) + 1
    parts: list[Int[np.ndarray, " record"]] = np.split(np.arange(len(words)), breaks)
    longest = max(parts, key=len)
    if len(parts) > 1:
        source.warnings.append(f"{len(parts) - 1} of {len(parts)} parts between interruptions left out")
    return words[longest]


def _patient_and_device(data: bytes) -> dict[str, object]:
    """Return the entries of `meta` of an EDF+. Its fields have words in a fixed order; names are not read."""
    patient, recording = (data[start : start + 80].decode("latin-1").split() for start in (8, 88))
    sex = patient[1] if len(patient) > 1 and patient[1] in ("M", "F") else ""
    device = recording[4].replace("_", " ") if len(recording) > 4 and recording[0] == "Startdate" else ""
    return age_and_sex("", sex) | {"device": "" if device == "X" else device}


def _number(source: Source, what: str, text: str) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e18:
        raise source.error(f"{what}: {text[:40]!a} found, wanted a number")
    return number
