"""GE MAC 2000 and other carts: XML with the root sapphire (namespaces urn:ge:sapphire:*).

Values are attributes: V is the value, U its unit, S the size of a step. Rhythms are below `wav`, mean beats
below `medianTemplate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from melp.ecg import ECG
from melp.io.recording import age_and_sex, to_ecg
from melp.io.source import Source
from melp.io.xml_values import in_years, listed_samples, number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME = "GE MAC 2000 XML"
ENDINGS = (".xml",)
NEEDS = ""

_INVALID = -(2**15)


def matches(source: Source) -> bool:
    """Return whether the root element is sapphire."""
    return source.root.lower() == "sapphire"


def read(source: Source) -> ECG:
    """Read the rhythm with the most samples, in mV.

    `meta` has `age`, `sex` and `statements`.

    Raises:
        BadRecordError: there is no rhythm, or its samples, rate or steps cannot be read.
    """
    root = source.xml()
    rhythms = [group for wav in root.iter("wav") for group in wav.iter("ecgWaveformMXG")]
    if not rhythms:
        raise source.error("no rhythm (wav/ecgWaveformMXG) found, wanted one")
    chosen = max(rhythms, key=lambda one: sum(len(lead.get("V", "")) for lead in one.iter("ecgWaveform")))
    if len(rhythms) > 1:
        source.warnings.append(f"further rhythms left out: {len(rhythms) - 1}")
    rate = source.sampling_rate(_rate(source, chosen))
    channels = [_channel(source, chosen, lead) for lead in chosen.iter("ecgWaveform")]
    return to_ecg(source, channels, rate, statements=_statements(root), **_patient(root))


def _rate(source: Source, group: Element) -> float | None:
    element = next(group.iter("sampleRate"), None)
    value = None if element is None else number(element.get("V", ""))
    if element is None or value is None:
        return None
    unit = element.get("U", "Hz").strip().lower()
    if unit not in ("hz", "khz"):
        raise source.error(f"a rate in {unit[:20]!a} found, wanted Hz or kHz")
    return value * (1000 if unit == "khz" else 1)


def _channel(source: Source, group: Element, lead: Element) -> tuple[str, Float[np.ndarray, " time"]]:
    name = lead.get("lead") or lead.get("label") or ""
    try:
        samples = listed_samples(lead.get("V", ""))
    except ValueError as error:
        raise source.error(f"lead {name[:20]}: {error}") from None
    stated = next((value for key in ("asizeVT", "asizeBT") if (value := number(lead.get(key, "")))), None)
    if stated and len(samples) < stated:
        raise source.error(f"lead {name[:20]}: {len(samples)} samples found, wanted {stated:g}", "truncated")
    step = number(lead.get("S", "") or group.get("S", ""))
    if step is None:
        raise source.error(f"lead {name[:20]}: no size of a step (S) found, wanted one")
    factor = step * source.millivolt(lead.get("U") or group.get("U"))
    return name, np.where(samples == _INVALID, np.nan, samples * factor)


def _statements(root: Element) -> tuple[str, ...]:
    """Return the texts of the statements of the interpretation."""
    texts = [
        (element.get("V") or element.text or "").strip()
        for part in root.iter("interpretation")
        for statement in part.iter("statement")
        for element in statement.iter()
    ]
    return tuple(dict.fromkeys(text for text in texts if " " in text))


def _patient(root: Element) -> dict[str, object]:
    patient = next(root.iter("patientInfo"), None)
    if patient is None:
        return {}
    age, sex = (next(patient.iter(name), None) for name in ("age", "gender"))
    years = "" if age is None else in_years(age.get("V", ""), age.get("U", ""))
    return age_and_sex(years, "" if sex is None else sex.get("V", ""))
