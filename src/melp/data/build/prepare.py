"""Convert one recording of a corpus to a record of the store: int16 microvolt, and a row of the index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int16, Shaped

from melp.corpora import Entry, Options
from melp.data.build.reports import translation_of
from melp.data.build.windows import REMAINDER, cut, window_id
from melp.data.quality import CLIPPING, EMPTY_REPORT, LIMIT, NOT_UNDERSTOOD, signal_flags
from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.io.wfdb import check_content
from melp.reports import Translation


@dataclass(frozen=True)
class Prepared:
    """A record of the store, or the error of a bad recording, or the reason why it is left out."""

    entry: Entry
    signal: Int16[np.ndarray, "12 time"] | None
    row: dict[str, Any]
    error: MelpError | None = None
    translation: Translation | None = None
    refused: str = ""


def prepare(entry: Entry, load: Callable[[Entry], ECG], corpus: str, options: Options) -> list[Prepared]:
    """Read one recording with `load`, the function of `corpus`; return its error if it is bad.

    The first record, or the error, stands for the recording: only it has a `translation`.
    """
    try:
        ecg = load(entry).ordered()
        check_content(ecg, entry.id)
    except MelpError as error:
        return [Prepared(entry, None, {}, error)]
    if "statements" in ecg.meta:
        translation = Translation(tuple(ecg.meta["statements"]), options.language, listed=True)
    else:
        translation = translation_of(entry, corpus, options)
    if options.windows == "first":
        return [_record(entry, ecg, translation, corpus, options)]
    return _all_windows(entry, ecg, translation, corpus, options)


def _all_windows(
    entry: Entry, ecg: ECG, translation: Translation, corpus: str, options: Options
) -> list[Prepared]:
    """Return a record for each window; a recording of one window keeps its id."""
    windows, remainder = cut(ecg, options.seconds)
    alone = len(windows) == 1 and remainder is None
    records = []
    for start, part in windows:
        own = entry if alone else replace(entry, id=window_id(entry.id, start))
        try:
            check_content(part, own.id)
        except MelpError as error:
            records.append(Prepared(own, None, {}, error))
            continue
        record = _record(own, part, translation, corpus, options)
        row = {**record.row, "recording": entry.id, "start": start}
        records.append(replace(record, row=row, translation=None))
    if remainder is not None:
        own = replace(entry, id=window_id(entry.id, remainder))
        records.append(Prepared(own, None, {}, refused=REMAINDER))
    records[0] = replace(records[0], translation=translation)
    return records


def _record(entry: Entry, ecg: ECG, translation: Translation, corpus: str, options: Options) -> Prepared:
    meta = ecg.meta
    flags = signal_flags(ecg, options.seconds)
    signal, length, clipped = to_microvolt(ecg, options)
    if clipped and CLIPPING not in flags:
        flags.append(CLIPPING)
    if not translation.statements:
        flags.append(EMPTY_REPORT)
    if not translation.understood:
        flags.append(NOT_UNDERSTOOD)
    beats, kinds = _beats(ecg, options, length)
    row = {
        "id": entry.id,
        "patient": entry.patient,
        "corpus": corpus,
        "fold": entry.fold,
        "labels": list(meta.get("labels", entry.labels)),
        "statements": list(translation.statements),
        "age": meta.get("age", entry.age),
        "sex": meta.get("sex", entry.sex),
        "flags": flags,
        "beats": beats,
        "beat_kinds": kinds,
        "length": length,
    }
    return Prepared(entry, signal, row, translation=translation)


def _beats(ecg: ECG, options: Options, length: int) -> tuple[list[int], list[str]]:
    """Return the R waves (samples at the store's rate) and their WFDB symbols; empty if there are none."""
    samples = [round(beat * options.rate / ecg.rate) for beat in ecg.meta.get("beats", ())]
    pairs = zip(samples, ecg.meta.get("kinds", ()), strict=True)
    beats = [(sample, kind) for sample, kind in pairs if sample < length]
    return [sample for sample, _ in beats], [kind for _, kind in beats]


def to_microvolt(ecg: ECG, options: Options) -> tuple[Int16[np.ndarray, "12 time"], int, bool]:
    """Return the first window of a recording in microvolt at the store's rate, padded with zeros at the end.

    Returns:
        The window, its length in samples without padding, and whether a value was out of the range of int16.
    """
    samples = round(options.rate * options.seconds)
    if ecg.microvolt is not None and ecg.rate == options.rate:
        window = ecg.microvolt[:, :samples]
        return _pad(window, samples), window.shape[1], False
    window = ecg.signal[:, : round(options.seconds * ecg.rate)]
    resampled = ecg.rate != options.rate
    if resampled:
        window = _resample(window.astype(np.float64), ecg.rate, options.rate)
    # In place and, if possible, in float32: allocating arrays of this size takes longer than filling them.
    microvolt = window[:, :samples] * 1000
    np.rint(microvolt, out=microvolt)
    low, high = ecg.extent
    clipped = False
    if resampled or max(high.max(), -low.min()) * 1000 > LIMIT:
        clipped = bool(np.abs(microvolt).max(initial=0) > LIMIT)
        np.clip(microvolt, -LIMIT, LIMIT, out=microvolt)
    return _pad(microvolt, samples), microvolt.shape[1], clipped


def _pad(microvolt: Shaped[np.ndarray, "12 time"], samples: int) -> Int16[np.ndarray, "12 samples"]:
    if microvolt.dtype == np.int16 and microvolt.shape[1] == samples and microvolt.flags.c_contiguous:
        return microvolt
    signal = np.zeros((len(LEADS), samples), dtype=np.int16)
    signal[:, : microvolt.shape[1]] = microvolt
    return signal


def _resample(
    signal: Float[np.ndarray, "lead time"], source: float, target: float
) -> Float[np.ndarray, "lead samples"]:
    # Not the torch version in `melp.signal`: scipy gives the same bytes for any number of threads.
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(target / source).limit_denominator(1000)
    return np.asarray(resample_poly(signal, ratio.numerator, ratio.denominator, axis=-1, padtype="edge"))
