"""GE MUSE: resting ECGs as XML, each lead as integers in Base64.

A file has waveforms of two types: Rhythm is the recording, Median the mean beat. Eight leads are stored; the
other limb leads follow from I and II. Checked against 2 real files and the CRC-32 that they state.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG
from melp.io.recording import age_and_sex, to_ecg
from melp.io.source import Source
from melp.io.xml_values import base64_bytes, in_years, number, text_of
from melp.leads import normalise_lead_name

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME = "GE MUSE XML"
ENDINGS = (".xml",)
NEEDS = ""

_KINDS = {1: "i1", 2: "<i2", 4: "<i4"}
# The lines of an edited report that name people.
_PEOPLE = re.compile(
    r"\b(confirmed|referred|reviewed|overread|edited|ordered|signed) by\b|\bMD\b", re.IGNORECASE
)


def matches(source: Source) -> bool:
    """Return whether the root element is that of MUSE."""
    return source.root.lower() == "restingecg"


def read(source: Source) -> ECG:
    """Read the rhythm, in mV.

    `meta` has `age`, `sex` and `statements`, those of the device if the report was edited.

    Raises:
        BadRecordError: there is no rhythm, or its samples, rate or unit cannot be read.
    """
    root = source.xml()
    found = [text_of(waveform, "WaveformType") for waveform in root.iter("Waveform")]
    rhythms: dict[tuple[str, str], list[Element]] = {}
    for waveform, kind in zip(root.iter("Waveform"), found, strict=True):
        if kind.lower() == "rhythm":
            # Waveforms of the same time are parts of one recording.
            key = (text_of(waveform, "WaveformStartTime") or "0", str(_rate(waveform)))
            rhythms.setdefault(key, []).append(waveform)
    if not rhythms:
        raise source.error(f"waveforms {', '.join(found)[:60] or 'none'} found, wanted one of type Rhythm")
    chosen = max(rhythms.values(), key=_most_leads)
    if left_out := sum(map(len, rhythms.values())) - len(chosen):
        source.warnings.append(f"further rhythm waveforms left out: {left_out}")
    rate = source.sampling_rate(_rate(chosen[0]))
    leads = [lead for waveform in chosen for lead in waveform.iter("LeadData")]
    channels = [(text_of(lead, "LeadID"), _samples(source, lead)) for lead in leads]
    if off := [text_of(lead, "LeadID") for lead in leads if text_of(lead, "LeadOff").upper() == "TRUE"]:
        source.warnings.append(f"electrode off: lead {', '.join(off)[:60]}")
    if len({number(text_of(lead, "LeadTimeOffset")) or 0 for lead in leads}) > 1:
        source.warnings.append("the leads begin at different times")
    return to_ecg(source, channels, rate, statements=_statements(root), **_patient(root))


def _most_leads(waveforms: list[Element]) -> tuple[int, float]:
    leads = [lead for waveform in waveforms for lead in waveform.iter("LeadData")]
    names = {normalise_lead_name(text_of(lead, "LeadID")) for lead in leads} - {None}
    return len(names), max((number(text_of(lead, "LeadSampleCountTotal")) or 0 for lead in leads), default=0)


def _rate(waveform: Element) -> float | None:
    base, exponent = (number(text_of(waveform, name)) for name in ("SampleBase", "SampleExponent"))
    return None if base is None or abs(exponent or 0) > 9 else base * 10 ** (exponent or 0)


def _samples(source: Source, lead: Element) -> Float[np.ndarray, " time"]:
    name = text_of(lead, "LeadID")
    try:
        data = base64_bytes(text_of(lead, "WaveFormData"))
    except ValueError as error:
        raise source.error(f"lead {name}: {error}") from None
    kind = _KINDS.get(int(number(text_of(lead, "LeadSampleSize")) or 2))
    if kind is None:
        raise source.error(
            f"lead {name}: {text_of(lead, 'LeadSampleSize')[:20]} bytes a sample, wanted 1, 2 or 4"
        )
    _check(source, lead, name, data, np.dtype(kind).itemsize)
    samples = np.frombuffer(data, kind, len(data) // np.dtype(kind).itemsize)
    step = number(text_of(lead, "LeadAmplitudeUnitsPerBit"))
    if step is None:
        raise source.error(f"lead {name}: no LeadAmplitudeUnitsPerBit found, wanted the size of a step")
    return samples * (step * source.millivolt(text_of(lead, "LeadAmplitudeUnits") or None))


def _check(source: Source, lead: Element, name: str, data: bytes, size: int) -> None:
    """Compare the bytes of a lead with its CRC-32, and their number with its count of samples."""
    stated, count = text_of(lead, "LeadDataCRC32"), number(text_of(lead, "LeadSampleCountTotal")) or 0
    whole = stated.isdecimal() and int(stated) == zlib.crc32(data)
    if stated.isdecimal() and int(stated) and not whole:
        source.warnings.append(f"the samples of lead {name} differ from their checksum")
    if count and len(data) // size != count:
        if len(data) // size < count and not whole:
            raise source.error(
                f"lead {name}: {len(data) // size} samples found, wanted {count:g}", "truncated"
            )
        source.warnings.append(f"lead {name}: {len(data) // size} samples, its count says {count:g}")


def _statements(root: Element) -> tuple[str, ...]:
    """Return the lines of the device's diagnosis, else of the edited one, without those that name people."""
    lines: list[str] = []
    statements = root.findall("OriginalDiagnosis/DiagnosisStatement") or root.findall(
        "Diagnosis/DiagnosisStatement"
    )
    begins = True
    for statement in statements:
        text = text_of(statement, "StmtText")
        lines = [*lines, text] if begins else [*lines[:-1], f"{lines[-1]} {text}"]
        begins = "ENDSLINE" in [(flag.text or "").strip() for flag in statement.iter("StmtFlag")]
    return tuple(line.strip() for line in lines if line.strip() and not _PEOPLE.search(line))


def _patient(root: Element) -> dict[str, object]:
    patient = root.find("PatientDemographics")
    if patient is None:
        return {}
    return age_and_sex(
        in_years(text_of(patient, "PatientAge"), text_of(patient, "AgeUnits")), text_of(patient, "Gender")
    )
