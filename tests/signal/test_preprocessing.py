from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.signal.filters import FILTERS
from melp.signal.preprocessing import SCALINGS, Preprocessing, scale


def signals(records: int = 3, time: int = 5000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(records, 12, time, generator=generator).cumsum(-1) / 20


def test_minmax_uses_one_range_for_all_leads() -> None:
    signal = signals(1, 5000)[0]
    array = signal.numpy().astype(np.float64)
    wanted = (array - array.min()) / (array.max() - array.min() + 1e-8)
    assert np.allclose(Preprocessing()(signal, 500).numpy(), wanted, atol=1e-6)


def test_scalings_by_definition() -> None:
    signal = signals(2, 100).double()
    assert torch.equal(scale(signal, "millivolt"), signal)
    for by_record, by_lead, record in zip(
        scale(signal, "zscore"), scale(signal, "zscore_lead"), signal.numpy(), strict=True
    ):
        assert np.allclose(by_record, (record - record.mean()) / record.std(), atol=1e-6)
        standardised = (record - record.mean(1, keepdims=True)) / record.std(1, keepdims=True)
        assert np.allclose(by_lead, standardised, atol=1e-6)


def test_flat_record_stays_finite() -> None:
    for scaling in SCALINGS:
        assert torch.isfinite(scale(torch.full((12, 50), 0.3), scaling)).all()


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([100, 250, 257, 500]),
    filter=st.sampled_from(sorted(FILTERS)),
    scaling=st.sampled_from(SCALINGS),
    time=st.integers(300, 6000),
)
def test_one_ecg_and_batch_give_the_same_numbers(rate: int, filter: str, scaling: str, time: int) -> None:
    preprocessing = Preprocessing(rate=rate, filter=filter, scaling=scaling)
    batch = signals(3, time)
    processed = preprocessing(batch, 500)
    assert processed.shape == (3, 12, 10 * rate)
    for signal, row in zip(batch, processed, strict=True):
        alone = preprocessing.from_ecg(ECG(signal.numpy(), 500))
        assert torch.allclose(alone, row, atol=1e-5)


def test_short_records_are_padded_at_their_end_with_zero_millivolt() -> None:
    short = signals(1, 2500)[0]
    processed = Preprocessing(scaling="millivolt")(short, 500)
    assert torch.equal(processed[:, :2500], short) and not processed[:, 2500:].any()
    # As a store pads them: the same record, padded before, gives the same numbers.
    padded = torch.nn.functional.pad(short, (0, 2500))
    assert torch.equal(
        Preprocessing(filter="bandpass")(short, 500), Preprocessing(filter="bandpass")(padded, 500)
    )


def test_samples_after_the_window_have_no_effect() -> None:
    long = signals(1, 9000)[0]
    for preprocessing in (Preprocessing(), Preprocessing(rate=100, filter="bandpass", scaling="zscore")):
        assert torch.equal(preprocessing(long, 500), preprocessing(long[:, :5000], 500))


def test_leads_are_found_by_name() -> None:
    mimic = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
    signal = signals(2, 5000)
    reordered = Preprocessing(leads=mimic, scaling="millivolt")(signal, 500)
    assert torch.equal(reordered[:, 4], signal[:, 5]) and torch.equal(reordered[:, 5], signal[:, 4])
    restored = Preprocessing(scaling="millivolt")(reordered, 500, mimic)
    assert torch.equal(restored, signal)
    lower = Preprocessing(leads=("II", "V5"), scaling="millivolt")(
        signal, 500, [lead.lower() for lead in LEADS]
    )
    assert torch.equal(lower, signal[:, [1, 10]])


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(("rate", "filter"), [(500, "none"), (100, "none"), (500, "bandpass")])
def test_microvolts_give_the_numbers_of_millivolts(scaling: str, rate: float, filter: str) -> None:
    stored = (signals(3, 4000) * 1000).round().to(torch.int16)
    kept = stored.clone()
    for seconds in (5, 10):
        for leads in (LEADS, LEADS[::-1]):
            preprocessing = Preprocessing(rate, seconds, leads, filter, scaling)
            processed, wanted = preprocessing(stored, 500), preprocessing(stored.float() / 1000, 500)
            # Means are summed in another order.
            assert torch.allclose(processed, wanted, rtol=0, atol=1e-6 if "zscore" in scaling else 0)
    assert torch.equal(stored, kept)


def test_input_is_not_overwritten() -> None:
    signal = signals(2, 5000)
    kept = signal.clone()
    for scaling in SCALINGS:
        Preprocessing(scaling=scaling)(signal, 500)
        assert torch.equal(signal, kept)


def test_missing_leads_and_wrong_counts_raise() -> None:
    with pytest.raises(MelpError, match=r"no lead III, aVR, .* among I, II"):
        Preprocessing()(torch.zeros(2, 50), 500, ("I", "II"))
    with pytest.raises(MelpError, match="signal of 3 leads found, wanted 2: I, II"):
        Preprocessing()(torch.zeros(3, 50), 500, ("I", "II"))


def test_to_dict_and_back_through_json() -> None:
    preprocessing = Preprocessing(rate=100, leads=("I", "aVF"), filter="bandpass", scaling="zscore_lead")
    assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing
    assert Preprocessing.from_dict({}) == Preprocessing()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"filter": "notch"}, "preprocessing.filter: 'notch' found, wanted one of none, highpass"),
        ({"scaling": "max"}, "preprocessing.scaling: 'max' found, wanted one of minmax"),
        ({"rate": 0}, "preprocessing.rate: 0 found, wanted more than 0"),
        ({"seconds": -1}, "preprocessing.seconds: -1"),
        ({"leads": ["I", "X"]}, "preprocessing.leads: 'I, X' found, wanted distinct names"),
        ({"leads": ["I", "I"]}, "preprocessing.leads: 'I, I'"),
        ({"leads": []}, "preprocessing.leads: "),
        ({"colour": 1}, "preprocessing: 'colour' found, wanted one of rate, seconds"),
    ],
)
def test_invalid_values_raise(values: dict[str, object], message: str) -> None:
    with pytest.raises(MelpError, match=message):
        Preprocessing.from_dict(values)
