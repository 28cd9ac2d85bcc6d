"""Philips Sierra XML (versions 1.03 to 1.04.02): the samples of all leads in one text.

Compressed by XLI, the limb leads other than I and II are stored as what Einthoven and Goldberger leave over.
Recordings of 11 s end with a calibration pulse, which is cut. Checked against 4 real files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from melp.ecg import ECG
from melp.io.recording import age_and_sex, to_ecg
from melp.io.source import Source
from melp.io.wfdb_header import MAX_RATE
from melp.io.xli import decode_leads
from melp.io.xml_values import base64_bytes, in_years, listed_samples, number, text_of
from melp.leads import LEADS

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME = "Philips Sierra XML"
ENDINGS = (".xml",)
NEEDS = ""

_MAX_LEADS = 32
_PULSE = 0.05  # s


def matches(source: Source) -> bool:
    """Return whether the root element is that of Sierra XML."""
    return source.root.lower() == "restingecgdata"


def read(source: Source) -> ECG:
    """Read the recording without its calibration pulse, in mV.

    `meta` has `age`, `sex` and `statements`.

    Raises:
        BadRecordError: the samples, rate, resolution or leads cannot be read.
    """
    root = source.xml()
    waveforms = next(root.iter("parsedwaveforms"), None)
    if waveforms is None:
        raise source.error("no element parsedwaveforms found, wanted the samples of the recording")
    signal_of = root.find(".//signalcharacteristics")
    fields = {} if signal_of is None else {child.tag: (child.text or "") for child in signal_of}
    fields |= waveforms.attrib
    rate = source.sampling_rate(_first(fields, "samplespersecond", "samplingrate"))
    step = _first(fields, "resolution", "signalresolution")
    factor = source.millivolt("uV" if step else None) * (step or 1)
    names = _names(source, fields)
    try:
        signal = _signal(waveforms, fields, names, rate)
    except ValueError as error:
        raise source.error(str(error)) from None
    kept = _before_calibration(signal, rate)
    if left_out := signal.shape[1] - kept:
        seconds = left_out / rate
        source.warnings.append(f"{seconds:.2f} s with a calibration pulse at the end left out")
    channels = zip(names, signal[:, :kept] * factor, strict=True)
    return to_ecg(source, channels, rate, statements=_statements(root), **_patient(root))


def _first(fields: dict[str, str], *names: str) -> float | None:
    return next((value for name in names if (value := number(fields.get(name, "")))), None)


def _names(source: Source, fields: dict[str, str]) -> tuple[str, ...]:
    """Return the names of the leads; version 1.03 only numbers the twelve."""
    names = tuple(fields.get("leadlabels", "").replace(",", " ").split())
    if not names:
        count = _first(fields, "numberofleads", "numberchannelsvalid") or len(LEADS)
        if count != len(LEADS):
            raise source.error(f"{count:g} leads without names found, wanted {len(LEADS)}", "unknown leads")
        names = LEADS
    if len(names) > _MAX_LEADS:
        raise source.error(f"{len(names)} leads found, wanted {_MAX_LEADS} at most")
    count = int(_first(fields, "numberofleads") or len(names))
    return names[: max(1, count)]


def _signal(
    waveforms: Element, fields: dict[str, str], names: tuple[str, ...], rate: float
) -> Int[np.ndarray, "lead time"]:
    """Return the samples as integers.

    Raises:
        ValueError: they cannot be decoded, or have a form that is not known.
    """
    leads = len(names)
    text, encoding = "".join(waveforms.itertext()), fields.get("dataencoding", "Base64").lower()
    method = fields.get("compression", fields.get("compressmethod", "")).lower()
    compressed = method == "xli" and fields.get("compressflag", "true").lower() != "false"
    stated = round((_first(fields, "durationperchannel") or 0) * min(rate, MAX_RATE) / 1000)
    if encoding == "base64" and compressed:
        # A chunk of 8 bits can stand for some 1,000 samples, no real one for more than 100.
        most = stated if 0 < stated <= 100 * len(text) else 100 * len(text)
        chunks = decode_leads(base64_bytes(text), leads, most)
        if len({len(chunk) for chunk in chunks}) != 1 or (stated and len(chunks[0]) < stated):
            wanted = stated or "as many in each"
            raise ValueError(f"leads of {len(chunks[0])} samples found, wanted {wanted}")
        signal = np.stack(chunks).astype(np.int64)
        return _whole_limb_leads(signal) if names[:6] == LEADS[:6] else signal
    if method not in ("", "none", "uncompressed", "xli"):
        raise ValueError(f"compression {method[:20]!a} found, wanted XLI or none")
    if encoding == "base64":
        data = base64_bytes(text)
        samples = np.frombuffer(data, "<i2", len(data) // 2).astype(np.int64)
    else:
        samples = listed_samples(text).astype(np.int64)
    if not len(samples) or len(samples) % leads or (stated and len(samples) != stated * leads):
        raise ValueError(f"{len(samples)} samples of {leads} leads found, wanted {stated} for each")
    return samples.reshape(leads, -1)


def _whole_limb_leads(stored: Int[np.ndarray, "lead time"]) -> Int[np.ndarray, "lead time"]:
    """Return III, aVR, aVL and aVF in full; stored is what is left when I and II are known."""
    one, two, third, right, left, foot = stored[:6]
    third = two - one - third
    limb = [third, -((one + two) // 2) - right, (one - third) // 2 - left, (two + third) // 2 - foot]
    return np.stack([one, two, *limb, *stored[6:]])


def _before_calibration(signal: Int[np.ndarray, "lead time"], rate: float) -> int:
    """Return how many samples there are before a calibration pulse at the end.

    The pulse, and the zeros around it, are where all leads are equal: in an ECG I, II and III = II - I cannot
    be, unless they are zero.
    """
    unequal = np.flatnonzero((signal != signal[0]).any(axis=0))
    end = int(unequal[-1]) + 1 if len(unequal) else signal.shape[1]
    tail = signal[0, end:]
    level = np.count_nonzero(tail == tail.max()) if len(tail) and tail.max() > 0 else 0
    return end if len(signal) >= 3 and level >= _PULSE * rate else signal.shape[1]


def _statements(root: Element) -> tuple[str, ...]:
    found = [text_of(statement, "leftstatement") for statement in root.iter("statement")]
    return tuple(text for text in found if text)


def _patient(root: Element) -> dict[str, object]:
    patient = root.find(".//generalpatientdata")
    if patient is None:
        return {}
    ages = [in_years(text_of(patient, f"age/{unit}"), unit) for unit in ("years", "months", "weeks", "days")]
    return age_and_sex(next(filter(None, ages), ""), text_of(patient, "sex"))
