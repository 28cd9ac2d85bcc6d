"""DICOM: which of its groups of channels is read, in which unit, and DICOM without an ECG."""

from __future__ import annotations

import numpy as np
import pytest

import melp
import small_formats as small
from melp.ecg import LEADS
from melp.errors import MelpError


def test_the_rhythm_is_read_and_not_the_median_beat() -> None:
    median = np.tile(small.microvolt()[:, :100], 9)  # longer than the rhythm
    content = small.dicom([("MEDIAN BEAT", median), ("RHYTHM", small.microvolt())])
    assert np.array_equal(np.rint(melp.read(content).signal * 1000), small.microvolt())
    with pytest.raises(MelpError, match="only 'MEDIAN BEAT' found, wanted the rhythm"):
        melp.read(small.dicom([("MEDIAN BEAT", median)]))


def test_groups_of_the_same_time_belong_together() -> None:
    limb, chest = np.split(small.microvolt(), 2)
    content = small.dicom([("A", limb), ("B", chest)])
    for code, own in zip((1, 2, 61, 62, 63, 64), (3, 4, 5, 6, 7, 8), strict=True):
        # The second group has the names of the first, as all groups here; it gets its own.
        name = f"5.6.3-9-{code}".encode()
        first = content.index(name) + len(name)
        second = content.index(name, first)
        content = (
            content[:second] + f"5.6.3-9-{own}".encode().ljust(len(name)) + content[second + len(name) :]
        )
    ecg = melp.read(content)
    assert ecg.leads == LEADS and "warnings" not in ecg.meta
    assert np.array_equal(np.rint(ecg.signal * 1000), small.microvolt())


def test_channels_that_repeat_a_name_are_left_out() -> None:
    limb, chest = np.split(small.microvolt(), 2)
    ecg = melp.read(small.dicom([("A", limb), ("B", chest)]))
    assert np.array_equal(np.rint(ecg.signal * 1000), limb)
    assert ecg.meta["warnings"] == tuple(f"a second channel {lead} left out" for lead in LEADS[:6])


def test_of_groups_of_other_lengths_the_larger_is_read() -> None:
    ecg = melp.read(small.dicom([("A", small.microvolt()[:3, :300]), ("B", small.microvolt())]))
    assert ecg.signal.shape == (12, 600)
    assert ecg.meta["warnings"] == ("3 channels of other times, rates or lengths left out",)


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1e-3), ("mV", 1.0), ("V", 1e3)])
def test_units(unit: str, factor: float) -> None:
    ecg = melp.read(small.dicom(unit=unit))
    assert np.allclose(ecg.signal, small.microvolt() * factor, rtol=1e-6)


def test_samples_without_sensitivity_need_a_unit() -> None:
    content = small.dicom(unit="")
    with pytest.raises(
        MelpError, match=r"no unit of the samples found, wanted one: give mV, uV, nV or V \(--unit\)"
    ):
        melp.read(content)
    assert np.allclose(melp.read(content, unit="uV").signal * 1000, small.microvolt(), atol=1e-3)


def test_zeros_are_samples_though_they_are_said_to_be_padding() -> None:
    values = small.microvolt()
    values[:, 200:220] = 0
    assert np.array_equal(np.rint(melp.read(small.dicom([("", values)], padding=0)).signal * 1000), values)


def test_padding_is_cut_at_the_end_and_refused_elsewhere() -> None:
    values = small.microvolt()
    values[:, 500:] = -32768
    ecg = melp.read(small.dicom([("", values)], padding=-32768))
    assert ecg.signal.shape == (12, 500)
    assert ecg.meta["warnings"] == ("100 missing samples at the end of all leads left out",)
    values[2, 300:310] = -32768
    with pytest.raises(MelpError, match=r"10 samples are NaN or infinite \(lead III\)"):
        melp.read(small.dicom([("", values)], padding=-32768))
    assert melp.read(small.dicom([("", values)], padding=-32768), ["V1", "V2"]).leads == ("V1", "V2")


def test_a_channel_of_padding_only_is_left_out() -> None:
    values = small.microvolt()
    values[11] = -32768
    ecg = melp.read(small.dicom([("", values)], padding=-32768))
    assert ecg.leads == LEADS[:11] and ecg.meta["warnings"] == ("channel V6 without samples left out",)


@pytest.mark.parametrize(
    ("age", "years"), [("042Y", 42.0), ("006M", 0.5), ("010D", 0.02738), ("", None), ("XY", None)]
)
def test_age(age: str, years: float | None) -> None:
    assert melp.read(small.dicom(PatientAge=age)).meta.get("age") == years


def test_statements_are_read_and_not_who_confirmed_them() -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    texts = ["Sinus  rhythm", "Confirmed by Dr. Doe", "Left axis deviation", "Referred by: Jo Doe"]
    items = []
    for text in texts:
        item = Dataset()
        item.UnformattedTextValue, item.AnnotationGroupNumber = text, 0
        items.append(item)
    meta = melp.read(small.dicom(WaveformAnnotationSequence=Items(items))).meta
    assert meta["statements"] == ("Sinus rhythm", "Left axis deviation")
    assert meta["warnings"] == ("statements that name a person left out: 2",)


def test_what_is_no_ecg() -> None:
    content = small.dicom()
    start = content.index(b"\x00\x54\x00\x01SQ")  # the tag of the waveforms
    with pytest.raises(MelpError, match="ECG in DICOM found, wanted the waveforms of an ECG"):
        melp.read(content[:start])
    pdf = small.dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")[: start + 4]
    with pytest.raises(MelpError, match="PDF in DICOM found"):
        melp.read(pdf)
    with pytest.raises(MelpError, match="deflated"):
        melp.read(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"))
    with pytest.raises(MelpError, match="600 samples of 12 channels found, wanted 601"):
        melp.read(content.replace((600).to_bytes(4, "little"), (601).to_bytes(4, "little")))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melp.io.formats.find_spec", lambda name: None)
    with pytest.raises(
        MelpError, match=r"bytes: DICOM found, wanted the package pydicom: pip install 'melp\[formats\]'"
    ):
        melp.read(small.dicom())
