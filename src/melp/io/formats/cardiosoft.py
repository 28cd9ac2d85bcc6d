"""GE CardioSoft and CASE: XML with the root CardiologyXML, samples as decimal numbers.

`StripData` is a recording of a few seconds, of which a stress test has several; `FullDisclosure` is a whole
stress test of few leads; `MedianSamples` is a mean beat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG
from melp.io.recording import age_and_sex, to_ecg
from melp.io.source import Source
from melp.io.xml_values import in_years, listed_samples, number, text_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME = "GE CardioSoft XML"
ENDINGS = (".xml",)
NEEDS = ""

Rows = list[tuple[str, Float[np.ndarray, " time"]]]


def matches(source: Source) -> bool:
    """Return whether the root element is that of CardioSoft."""
    return source.root.lower() == "cardiologyxml"


def read(source: Source) -> ECG:
    """Read the strip with the most samples, else the full disclosure, in mV.

    `meta` has `age`, `sex` and `statements`.

    Raises:
        BadRecordError: there is neither, or samples, rate or resolution cannot be read.
    """
    root = source.xml()
    try:
        strips = [(strip, _strip(strip)) for strip in root.iter("StripData")]
        strips = [(strip, rows) for strip, rows in strips if rows]
        strips = strips or [(part, _full_disclosure(part)) for part in root.iter("FullDisclosure")]
    except ValueError as error:
        raise source.error(str(error)) from None
    if not strips:
        raise source.error("no StripData or FullDisclosure found, wanted a recording")
    strip, rows = max(strips, key=lambda one: sum(len(samples) for _, samples in one[1]))
    if len(strips) > 1:
        source.warnings.append(f"further strips left out: {len(strips) - 1}")
    _check_count(source, strip, rows)
    rate = source.sampling_rate(number(text_of(strip, "SampleRate")))
    factor = _factor(source, strip)
    channels = [(name, samples * factor) for name, samples in rows]
    return to_ecg(source, channels, rate, statements=_statements(root), **_patient(root))


def _strip(strip: Element) -> Rows:
    return [
        (wave.get("lead") or wave.get("Lead") or "", listed_samples("".join(wave.itertext())))
        for wave in strip.iter("WaveformData")
    ]


def _full_disclosure(part: Element) -> Rows:
    """Return the leads of a stress test, of which the samples of one moment follow one another."""
    names = [name.strip() for name in text_of(part, "LeadOrder").split(",") if name.strip()]
    samples = listed_samples(text_of(part, "FullDisclosureData"))
    if not names or not len(samples) or len(samples) % len(names):
        raise ValueError(f"{len(samples)} samples of {len(names)} leads found, wanted as many for each")
    return list(zip(names, samples.reshape(-1, len(names)).T, strict=True))


def _check_count(source: Source, strip: Element, rows: Rows) -> None:
    stated = number(text_of(strip, "ChannelSampleCountTotal")) or 0
    shortest = min(len(samples) for _, samples in rows)
    if shortest < stated:
        raise source.error(f"leads of {shortest} samples found, wanted {stated:g}", "truncated")
    if stated and shortest > stated:
        source.warnings.append(f"leads of {shortest} samples, their count says {stated:g}")


def _factor(source: Source, strip: Element) -> float:
    """Return the size of a step in mV; its unit is written "uVperLsb"."""
    step, unit = number(text_of(strip, "Resolution")), strip.find("Resolution")
    if step is None:
        raise source.error("no Resolution found, wanted the size of a step")
    name = "" if unit is None else unit.get("units", "")
    return step * source.millivolt(name.lower().partition("per")[0] or None)


def _statements(root: Element) -> tuple[str, ...]:
    found = [(text.text or "").strip() for text in root.iterfind(".//Interpretation//DiagnosisText")]
    return tuple(text for text in found if text)


def _patient(root: Element) -> dict[str, object]:
    patient = root.find(".//PatientInfo")
    if patient is None:
        return {}
    age = patient.find("Age")
    years = "" if age is None else in_years(age.text or "", age.get("units", ""))
    return age_and_sex(years, text_of(patient, "Gender"))
