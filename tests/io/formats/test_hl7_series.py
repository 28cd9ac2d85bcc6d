"""HL7 aECG: which series and sequences are read, rate and unit, age, and XML that is no aECG."""

from __future__ import annotations

import numpy as np
import pytest

import melp
import small_formats as small
from melp.ecg import LEADS
from melp.errors import MelpError
from small_formats import aecg, aecg_series, aecg_set


def microvolt(ecg: melp.ECG) -> np.ndarray:
    return np.rint(ecg.signal * 1000).astype(int)


def test_the_rhythm_and_not_beats() -> None:
    beat = np.tile(small.microvolt()[:, :100], 9)  # longer than the rhythm
    derived = aecg_series(aecg_set(beat), code="REPRESENTATIVE_BEAT").replace(
        "component><series", "derivation><derivedSeries"
    )
    derived = derived.replace("series></component", "derivedSeries></derivation")
    rhythm = aecg_series(aecg_set(small.microvolt()), further=derived)
    for series in (rhythm, aecg_series(aecg_set(beat), code="REPRESENTATIVE_BEAT") + rhythm):
        assert np.array_equal(microvolt(melp.read(aecg(series))), small.microvolt())
    with pytest.raises(MelpError, match="no series of the rhythm; series found: 'REPRESENTATIVE_BEAT'"):
        melp.read(aecg(aecg_series(aecg_set(beat), code="REPRESENTATIVE_BEAT")))


def test_sets_of_sequences_with_the_same_times_belong_together() -> None:
    limb, chest = np.split(small.microvolt(), 2)
    both = aecg_series(aecg_set(limb), aecg_set(chest, LEADS[6:]), aecg_set(small.microvolt()[:, :90]))
    ecg = melp.read(aecg(both))
    assert ecg.leads == LEADS and np.array_equal(microvolt(ecg), small.microvolt())
    assert ecg.meta["warnings"] == ("12 channels of other times, rates or lengths left out",)
    later = aecg_series(aecg_set(limb), aecg_set(chest, LEADS[6:], start="1.2"))
    assert melp.read(aecg(later)).leads == LEADS[:6]


def test_further_series_are_said() -> None:
    content = aecg(aecg_series(aecg_set(small.microvolt())) * 3)
    assert melp.read(content).meta["warnings"] == ("2 further series left out",)


@pytest.mark.parametrize(
    ("step", "unit", "rate"),
    [("0.002", "s", 500), ("2", "ms", 500), ("0.001667", "s", 599.88), ("0.00390625", "s", 256)],
)
def test_rates(step: str, unit: str, rate: float) -> None:
    content = aecg().replace(
        b'increment value="0.002" unit="s"', f'increment value="{step}" unit="{unit}"'.encode()
    )
    assert melp.read(content).rate == pytest.approx(rate, rel=1e-7)


def test_what_the_file_does_not_say_is_asked_for() -> None:
    content = aecg().replace(b'<increment value="0.002" unit="s"/>', b"").replace(b' unit="uV"', b"")
    with pytest.raises(MelpError, match="no unit of the samples found"):
        melp.read(content)
    with pytest.raises(MelpError, match="no sampling rate found"):
        melp.read(content, unit="uV")
    ecg = melp.read(content, unit="uV", rate=500)
    assert ecg.rate == 500 and np.array_equal(microvolt(ecg), small.microvolt())


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1.0), ("nV", 1e-6), ("V", 1e3)])
def test_units_scale_and_origin(unit: str, factor: float) -> None:
    series = aecg_series(aecg_set(small.microvolt(), unit=f' unit="{unit}"'))
    series = series.replace('scale value="1"', 'scale value="2.5"').replace(
        'origin value="0"', 'origin value="10"'
    )
    assert np.allclose(melp.read(aecg(series)).signal, (small.microvolt() * 2.5 + 10) * factor, rtol=1e-6)


def test_age_and_statements() -> None:
    age = '<relatedObservation><code code="21612-7"/><value value="18" unit="mo"/></relatedObservation>'
    age = f"<controlVariable>{age}</controlVariable>"
    text = "<annotation><code code='MDC_ECG_INTERPRETATION_{}'/><value>{}</value></annotation>"
    text = f"<subjectOf><annotationSet><component>{text}</component></annotationSet></subjectOf>"
    further = (
        text.format("STATEMENT", "Sinus\n rhythm")
        + text.format("COMMENT", "seen")
        + text.format("SUMMARY", "Normal ECG")
    )
    meta = melp.read(aecg(age + aecg_series(aecg_set(small.microvolt()), further=further))).meta
    assert (meta["age"], meta["sex"], meta["statements"]) == (1.5, "female", ("Sinus rhythm", "Normal ECG"))


def test_xml_that_is_none() -> None:
    content = aecg()
    with pytest.raises(MelpError, match="not well-formed XML"):
        melp.read(content[:-400])
    with pytest.raises(MelpError, match=r"lead 'MDC_ECG_LEAD_I': .*, wanted numbers"):
        melp.read(content.replace(b"<digits>", b"<digits>x ", 1))
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(MelpError, match="XML that defines entities found, wanted none"):
        melp.read(content.replace(b"<AnnotatedECG", bomb + b"<AnnotatedECG").replace(b"Jo Doe", b"&b;"))
    with pytest.raises(MelpError, match="XML with the root 'svg' found, wanted one of "):
        melp.read(b'<?xml version="1.0"?><!-- a drawing --><svg xmlns="http://www.w3.org/2000/svg"/>')


def test_empty_leads_are_left_out() -> None:
    series = aecg_series(aecg_set(small.microvolt()))
    last = series.rindex("<digits>")
    ecg = melp.read(aecg(series[:last] + "<digits></digits>" + series[series.index("</digits>", last) + 9 :]))
    assert ecg.leads == LEADS[:11]
    assert ecg.meta["warnings"] == ("1 channels of other times, rates or lengths left out",)
