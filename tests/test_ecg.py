from __future__ import annotations

import pickle
from copy import copy, deepcopy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melp.ecg import ECG, LEADS, BadRecordError, normalise_lead_name
from melp.errors import MelpError
from small_ptb_xl import beats


def ecg(rows: list[np.ndarray] | np.ndarray | None = None, leads: tuple[str, ...] = LEADS) -> ECG:
    signal = beats(1) / 1000 if rows is None else np.asarray(rows)
    return ECG(signal, 500, leads)


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("I", "I"), ("ii", "II"), ("AVR", "aVR"), ("avl", "aVL"), ("aVF", "aVF"), ("v1", "V1"),
        (" V6 ", "V6"),
        ("MDC_ECG_LEAD_I", "I"), ("MDC_ECG_LEAD_aVR", "aVR"), ("Lead I", "I"), ("lead_V3", "V3"),
        ("DIII", "III"),
        ("ECG_V2", "V2"), ("ECG Lead II", "II"), ("C4", "V4"), ("D1", "I"), ("aV R", "aVR"),
        ("V7", None), ("-aVR", None), ("", None), ("RESP", None), ("vx", None), ("IV", None),
    ],
)  # fmt: skip
def test_lead_names(written: str, standard: str | None) -> None:
    assert normalise_lead_name(written) == standard


@given(
    st.sampled_from(LEADS),
    st.sampled_from(["{}", "Lead {}", "MDC_ECG_LEAD_{}", "ECG {}", " {} "]),
    st.booleans(),
)
def test_lead_names_in_any_case_with_prefix(lead: str, form: str, upper: bool) -> None:
    written = form.format(lead)
    assert normalise_lead_name(written.upper() if upper else written.lower()) == lead


def test_ecg_is_frozen() -> None:
    array = np.zeros((12, 5))
    made = ECG(array, 500, LEADS, {"age": 3})
    array[0, 0] = 1
    assert made.signal[0, 0] == 0 and made.signal.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        made.signal[0, 0] = 1
    with pytest.raises(AttributeError):
        made.rate = 100  # type: ignore[misc]
    with pytest.raises(TypeError):
        made.meta["age"] = 4  # type: ignore[index]
    assert made.seconds == 0.01


def test_only_read_only_arrays_are_not_copied() -> None:
    signal = np.ones((12, 5), dtype=np.float32)
    assert not np.shares_memory(ECG(signal, 500).signal, signal)
    view = signal[:]
    view.setflags(write=False)
    taken = ECG(view, 500).signal
    signal[:] = 2
    assert (taken == 1).all()
    signal.setflags(write=False)
    assert ECG(signal, 500).signal is signal
    assert not ECG(signal.astype(np.float64), 500).signal.flags.writeable


def test_ordered_selects_rows_by_name() -> None:
    signal = np.arange(14)[:, None] * np.ones((1, 3))
    names = ("vx", "V6", "V5", "V4", "V3", "V2", "V1", "AVF", "AVL", "AVR", "iii", "ii", "i", "resp")
    ordered = ECG(signal, 500, names).ordered()
    assert ordered.leads == LEADS
    assert ordered.signal[:, 0].tolist() == list(range(12, 0, -1))


@pytest.mark.parametrize(
    ("shape", "rate", "leads", "message"),
    [
        ((2, 5), 500, LEADS, r"signal of shape \(2, 5\), wanted \[12 leads, time\]"),
        ((2, 5), 500, ("I", "Lead I"), "found leads I, I, wanted each once"),
        ((2, 5), 0, ("I", "II"), "rate 0 Hz"),
        ((2, 5), float("nan"), ("I", "II"), "rate nan Hz"),
    ],
)
def test_invalid_ecgs(shape: tuple[int, int], rate: float, leads: tuple[str, ...], message: str) -> None:
    with pytest.raises(MelpError, match=message):
        ECG(np.zeros(shape), rate, leads)


def test_ordered_names_missing_leads() -> None:
    with pytest.raises(MelpError, match=r"^ECG: no lead V1, V2, V3, V4, V5, V6; found I, II$"):
        ECG(np.zeros((2, 5)), 500, ("I", "II")).ordered()


@pytest.mark.parametrize(
    "one",
    [
        ECG(np.random.default_rng(0).normal(size=(12, 50)), 500, meta={"age": 60}),
        ECG.of_microvolt(np.arange(24, dtype=np.int16).reshape(12, 2), 100, meta={"sex": "female"}),
    ],
)
def test_an_ecg_can_be_pickled_and_copied(one: ECG) -> None:
    for other in (pickle.loads(pickle.dumps(one)), deepcopy(one), copy(one)):
        assert np.array_equal(other.signal, one.signal) and np.array_equal(other.extent, one.extent)
        assert (other.rate, other.leads, dict(other.meta)) == (one.rate, one.leads, dict(one.meta))
        assert not other.signal.flags.writeable and (other.microvolt is None) == (one.microvolt is None)
        with pytest.raises(TypeError):
            other.meta["age"] = 1


def test_a_string_names_leads() -> None:
    assert ecg().select("II").leads == ("II",) and ecg().select("V1,ii").leads == ("II", "V1")


def test_select_computes_limb_leads_from_I_and_II() -> None:
    full = ecg()
    rows = [0, 1, 6, 11]
    part = ECG(full.signal[rows], 500, ("I", "II", "V1", "V6"), {"path": "x.hea"})
    chosen = part.select(["V1", "aVL", "iii", "I"])
    assert chosen.leads == ("I", "III", "aVL", "V1") and chosen.meta["derived"] == ("III", "aVL")
    assert np.allclose(chosen.signal, full.signal[[0, 2, 4, 6]], atol=1e-6)
    with pytest.raises(BadRecordError, match=r"^x\.hea: no lead V2; found I, II, V1, V6$") as caught:
        part.select(["V2", "aVF"])
    assert caught.value.reason == "missing lead"
    with pytest.raises(BadRecordError, match=r"no lead III; found I, V1"):
        ECG(full.signal[[0, 6]], 500, ("I", "V1")).select(["III"])


@pytest.mark.parametrize("leads", [(), ("I", "X")])
def test_select_refuses_names_that_are_no_leads(leads: tuple[str, ...]) -> None:
    with pytest.raises(MelpError, match="found, wanted names of the 12 leads"):
        ecg().select(leads)


def test_select_keeps_whole_microvolts() -> None:
    microvolt = np.arange(24, dtype=np.int16).reshape(12, 2)
    part = ECG.of_microvolt(microvolt, 100).select(["V6", "II"])
    assert part.leads == ("II", "V6") and part.microvolt.tolist() == [[2, 3], [22, 23]]


def test_millivolts_are_computed_on_first_access() -> None:
    microvolt = np.random.default_rng(0).integers(-32767, 32768, (12, 50)).astype(np.int16)
    ecg = ECG.of_microvolt(microvolt, 100, meta={"age": 50})
    plain = ECG(microvolt / np.float32(1000), 100, meta={"age": 50})
    assert ecg.seconds == 0.5 and np.array_equal(ecg.extent, plain.extent)
    assert "signal" not in vars(ecg) and plain.microvolt is None
    assert ecg.signal.dtype == np.float32 and np.array_equal(ecg.signal, plain.signal)
    for array in (ecg.signal, ecg.microvolt):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0
    with pytest.raises(AttributeError, match="no attribute 'volt'"):
        ecg.volt  # noqa: B018
    with pytest.raises(MelpError, match=r"shape \(11, 50\)"):
        ECG.of_microvolt(microvolt[1:].copy(), 100)


def test_copies_of_whole_microvolts() -> None:
    microvolt = np.arange(24, dtype=np.int16).reshape(12, 2)
    ecg = ECG.of_microvolt(microvolt, 100)
    annotated = ecg.with_meta(age=50)
    assert annotated.meta == {"age": 50} and not ecg.meta and annotated.microvolt is ecg.microvolt
    doubled = replace(ecg, signal=2 * ecg.signal)
    assert doubled.microvolt is None and np.array_equal(doubled.signal, 2 * ecg.signal)
    assert np.array_equal(copy(ecg).signal, ecg.signal) and ecg.ordered() is ecg
    names = ("V6", *ECG(ecg.signal, 100).leads[:-1])
    assert np.array_equal(ECG.of_microvolt(microvolt, 100, names).ordered().signal[-1], ecg.signal[0])


def test_bad_record_error_is_pickled_with_its_reason() -> None:
    error = pickle.loads(pickle.dumps(BadRecordError("x.hea: no samples", "no samples")))
    assert str(error) == "x.hea: no samples" and error.reason == "no samples"
