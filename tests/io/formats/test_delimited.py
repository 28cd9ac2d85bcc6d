"""Tables of samples in the forms that programs and people write."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from melp.ecg import LEADS
from melp.errors import MelpError
from melp.io import read_file
from melp.io.times import rate_of_times
from small_exports import RATE, steps, table

SIGNAL = steps()
MILLIVOLT = SIGNAL / 1000
ROWS = "\n".join(
    f"{lead},{','.join(map(str, row))}" for lead, row in zip(LEADS, SIGNAL.tolist(), strict=True)
)
QUOTED = table(MILLIVOLT, '","', ",", unit=" (mV)").replace("\n", '"\n"').join('""')
IEEE = [f"MDC_ECG_LEAD_{lead.upper()}" for lead in LEADS]
PHYSIONET = table(SIGNAL, unit="", time="'Elapsed time'", times=lambda sample: f"'0:{sample / RATE:06.3f}'")
UNITS = "'hh:mm:ss.mmm'," + ",".join(["'uV'"] * 12)
ABOVE = "Name,Ann\nHeart rate,77\nSampling Rate (Hz),500\nUnits,uV\n\n"

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "commas": (table(SIGNAL), {}),
    "semicolons and decimal commas": (table(MILLIVOLT, ";", ",", unit=" (mV)"), {}),
    "quoted decimal commas": (QUOTED, {}),
    "tabs": (table(SIGNAL, "\t"), {}),
    "bars": (table(SIGNAL, "|"), {}),
    "names of IEEE 11073": (table(SIGNAL, names=IEEE, unit="[µV]"), {}),
    "names with words": (table(MILLIVOLT, names=[f"Lead {lead}" for lead in LEADS], unit="_mV"), {}),
    "other order": (table(SIGNAL[::-1], names=LEADS[::-1]), {}),
    "ms": (table(SIGNAL, time="Time [ms]", times=lambda sample: 2 * sample), {}),
    "ms that no one says": (table(SIGNAL, times=lambda sample: 2 * sample), {}),
    "numbers of samples": (table(SIGNAL, time="sample", times=int), {"rate": 500}),
    "index without a name": (table(SIGNAL, time="", times=int), {"rate": 500}),
    "no times": (table(SIGNAL, time=None), {"rate": 500}),
    "no unit": (table(SIGNAL, unit=""), {"unit": "uV"}),
    "clock and row of units": (PHYSIONET.replace("\n", f"\n{UNITS}\n", 1), {}),
    "lines above": (ABOVE + table(SIGNAL, unit="", time=None), {}),
    "comments above": ("# fs = 0.5 kHz\n# unit: uV\n" + table(SIGNAL, unit="", time=None), {}),
    "one row a lead": (ROWS, {"rate": 500, "unit": "uV"}),
    "separators at the ends": (table(SIGNAL).replace("\n", ",\n"), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str) -> None:
    text, options = FORMS[name]
    ecg = read_file(text.encode(), **options)
    assert ecg.leads == LEADS and ecg.rate == RATE
    np.testing.assert_allclose(ecg.signal, MILLIVOLT, atol=1e-6)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_and_line_ends(encoding: str) -> None:
    data = table(SIGNAL, unit=" (µV)").replace("\n", "\r\n").encode(encoding)
    np.testing.assert_allclose(read_file(data).signal, MILLIVOLT, atol=1e-6)


@pytest.mark.parametrize("rate", [100, 128, 250, 257, 360, 500, 512, 1000])
@pytest.mark.parametrize("digits", [3, 4, 6])
def test_whole_rates_follow_from_rounded_times(rate: int, digits: int) -> None:
    times = np.round(np.arange(10 * rate) / rate, digits)
    assert rate_of_times(times, 10.0**-digits) == rate


def test_a_rate_that_is_not_whole() -> None:
    assert rate_of_times(np.round(np.arange(6000) * 0.001667, 6), 1e-6) == pytest.approx(
        1 / 0.001667, rel=1e-12
    )


SIXTH = f"\n0.010,{SIGNAL[0, 5]},"
REFUSED: dict[str, tuple[str, str]] = {
    "a word": (table(SIGNAL).replace(SIXTH, "\n0.010,x,"), "'x' found at sample 6, wanted a number"),
    "a missing row": (re.sub(r"\n0\.100,.*", "", table(SIGNAL)), "not regular found (first at sample 51)"),
    "no rate": (table(SIGNAL, time="sample", times=int), "give the rate in Hz (--rate)"),
    "no unit": (table(SIGNAL, unit=""), "give mV, uV, nV or V (--unit)"),
    "an empty cell": (table(SIGNAL).replace(SIXTH, "\n0.010,,"), "'' found at sample 6, wanted a number"),
    "no leads": (table(SIGNAL[:2], names=["age", "height"], unit=""), "wanted one of"),
    "no numbers": ("I,II,V1\nwe,are,here\n", "wanted one of"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, message = REFUSED[name]
    with pytest.raises(MelpError, match=re.escape(message)):
        read_file(text.encode())
