"""HL7 aECG, the XML of annotated ECGs (HL7 V3 Annotated ECG, 2004).

A file has series of several kinds; the rhythm is read, representative beats are not. A series has sets of
sequences: one of times, and one a lead, whose samples are `origin` + `scale` x `digits`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG
from melp.io.recording import Channel, Key, age_and_sex, most_samples, to_ecg
from melp.io.source import Source

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME = "HL7 aECG"
ENDINGS = (".xml",)
NEEDS = ""

_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6}
_YEARS = {"a": 1.0, "y": 1.0, "yr": 1.0, "": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25}
_AGES = ("21612-7", "30525-0", "29553-5")
"""Codes of LOINC for reported age, age and calculated age."""
_STATEMENTS = ("MDC_ECG_INTERPRETATION_STATEMENT", "MDC_ECG_INTERPRETATION_SUMMARY")


def matches(source: Source) -> bool:
    """Return whether the root element is that of an annotated ECG."""
    return source.root == "AnnotatedECG"


def read(source: Source) -> ECG:
    """Read the rhythm.

    Of several sets of sequences the one with most samples is read, with others that have the same times.

    Raises:
        BadRecordError: there is no rhythm, or its samples cannot be read.
    """
    root = source.xml()
    series = _rhythm(source, root)
    sets = [_sequences(source, element) for element in series.findall("component/sequenceSet")]
    (rate, *_), channels = most_samples(source, [one for each in sets for one in each])
    device = " ".join(
        filter(None, (_text(series, f".//{name}") for name in ("manufacturerOrganization/name", _MODEL)))
    )
    statements = tuple(
        text
        for annotation in root.iter("annotation")
        if _code(annotation) in _STATEMENTS and (text := _text(annotation, "value"))
    )
    return to_ecg(
        source, channels, source.sampling_rate(rate), statements=statements, device=device, **_patient(root)
    )


_MODEL = "manufacturedSeriesDevice/manufacturerModelName"


def _rhythm(source: Source, root: Element) -> Element:
    """Return the series of the rhythm: the first that has this code, else the first of an unknown one."""
    series = root.findall("component/series")
    rhythms = [one for one in series if _code(one) == "RHYTHM"]
    rhythms = rhythms or [one for one in series if "BEAT" not in _code(one).upper()]
    if not rhythms:
        found = ", ".join(_code(one) or "one without code" for one in series)[:100] or "none"
        raise source.error(f"no series of the rhythm; series found: {found!a}", "no samples")
    if len(rhythms) > 1:
        source.warnings.append(f"{len(rhythms) - 1} further series left out")
    return rhythms[0]


def _sequences(source: Source, element: Element) -> list[tuple[Key, list[Channel]]]:
    """Return the leads of a set of sequences in mV, each with the rate and start of the set."""
    rate, start, channels = None, "", []
    for sequence in element.findall("component/sequence"):
        code, value = _code(sequence), sequence.find("value")
        if value is None:
            continue
        if code.startswith("TIME_"):
            rate, start = _time(source, value)
        elif (digits := value.find("digits")) is not None:
            channels.append((code, _samples(source, code, value, digits.text or "")))
    return [((rate, len(samples), start), [(code, samples)]) for code, samples in channels]


def _time(source: Source, value: Element) -> tuple[float | None, str]:
    """Return rate and start of a sequence of times; the rate is None if the file does not say it."""
    head, step = value.find("head"), value.find("increment")
    start = "" if head is None else head.get("value", "")
    if step is None:
        return None, start
    unit = step.get("unit", "s").strip().lower()
    seconds = _number(source, step, "value") * _SECONDS.get(unit, float("nan"))
    if not seconds > 0:
        raise source.error(f"samples every {step.get('value')!a} {unit!a} found, wanted seconds")
    return 1 / seconds, start


def _samples(source: Source, code: str, value: Element, digits: str) -> Float[np.ndarray, " time"]:
    origin, scale = value.find("origin"), value.find("scale")
    try:
        numbers = np.array(digits.split(), dtype=np.float64)
    except ValueError as error:
        raise source.error(f"lead {code[:40]!a}: {str(error)[:80]!a}, wanted numbers") from None
    numbers *= _millivolt(source, scale, 1.0)
    return numbers + _millivolt(source, origin, 0.0)


def _millivolt(source: Source, quantity: Element | None, default: float) -> float:
    """Return an element with value and unit in mV."""
    if quantity is None:
        return default * source.millivolt(None) if default else 0.0
    number = _number(source, quantity, "value")
    return number * source.millivolt(quantity.get("unit")) if number else 0.0


def _number(source: Source, element: Element, name: str) -> float:
    text = element.get(name, "")
    try:
        return float(text)
    except ValueError:
        raise source.error(f"{element.tag} {text[:40]!a} found, wanted a number") from None


def _patient(root: Element) -> dict[str, object]:
    """Return the entries of `meta` for age and sex; the date of birth is not read."""
    code = root.find(".//subjectDemographicPerson/administrativeGenderCode")
    sex = "" if code is None else code.get("code", "").upper()
    age = ""
    for observation in root.iter("relatedObservation"):
        value = observation.find("value")
        if _code(observation) in _AGES and value is not None:
            factor = _YEARS.get(value.get("unit", "").lower())
            age = f"{float(value.get('value', 'nan')) * factor:.4g}" if factor else "?"
    return age_and_sex(age, sex if sex in ("F", "M") else "")


def _code(element: Element) -> str:
    code = element.find("code")
    return "" if code is None else code.get("code", "").strip()


def _text(element: Element, path: str) -> str:
    return " ".join((element.findtext(path) or "").split())
