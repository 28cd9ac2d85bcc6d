"""What classify says of a recording and its labels before it answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.evaluation.classify import classify, doubts, read_for
from melp.evaluation.wordings import check_wordings, knows_a_word
from melp.evaluation.zero_shot import embed_prompts
from melp.hub import Model
from melp.text.tokenizer import SPECIAL_TOKENS, ReportEncoder, train_tokenizer
from small_judging import HashingMethod, small_model
from small_ptb_xl import beats, write_record

REPORTS = ["sinus rhythm with left axis deviation", "atrial fibrillation", "normal ecg"] * 3


def recording(signal: np.ndarray, rows: list[int] | None = None, rate: float = 500) -> ECG:
    rows = list(range(12)) if rows is None else rows
    return ECG(signal[rows] / 1000, rate, tuple(LEADS[row] for row in rows), {"path": "x.hea"})


@pytest.mark.parametrize("value", [0, 1200])
def test_recordings_that_never_change_are_refused(model: Model, value: int) -> None:
    signal = np.full((12, 5000), value)
    with pytest.raises(MelpError, match=r"^x\.hea: (all samples are zero|no lead changes within 2 s)"):
        classify(model, recording(signal), ["atrial fibrillation"])
    with pytest.raises(MelpError, match=r"^x\.hea: no samples"):
        classify(model, recording(signal[:, :0]), ["atrial fibrillation"])
    later = np.hstack([signal + np.arange(12)[:, None], beats(1)])  # it changes after what the model sees
    with pytest.raises(MelpError, match=r"^x\.hea: no lead changes within 2 s, wanted an ECG"):
        classify(model, recording(later), ["atrial fibrillation"])


def test_doubts_are_the_flags_of_a_build(model: Model) -> None:
    assert doubts(model, recording(beats(1))) == {}
    swapped = beats(1)[[0, 2, 1, 4, 3, 5, *range(6, 12)]]
    swapped[0] *= -1  # both arms
    assert list(doubts(model, recording(swapped))) == ["lead swap"]
    assert "electrodes of both arms" in doubts(model, recording(swapped))["lead swap"]
    flat = beats(1)
    flat[7] = 3
    assert doubts(model, recording(flat)) == {"flat lead": "V2"}
    clipped = np.clip(5 * beats(1), -1600, 1600)
    assert "clipping" in doubts(model, recording(clipped))
    assert doubts(model, recording(beats(1)[:, :750])) == {"missing seconds": "1.5 s, wanted 2"}
    damaged = recording(beats(1)).with_meta(checksum=("V2",))
    assert doubts(model, damaged) == {"checksum": "lead V2"}
    eight = recording(beats(1), [0, 1, *range(6, 12)])
    assert doubts(model, eight) == {"derived leads": "III, aVR, aVL, aVF"}
    assert doubts(model, recording(beats(1), [1])) == {}


def with_leads(*leads: str) -> Model:
    model = small_model(HashingMethod())
    return replace(model, preprocessing=replace(model.preprocessing, leads=leads))


def test_a_model_of_fewer_leads_reads_files_that_have_them(model: Model, tmp_path: Path) -> None:
    signal = beats(1)
    write_record(tmp_path / "two", signal[[0, 1]], leads=("I", "II"))
    part = with_leads("aVF", "II")
    ecg = read_for(part, tmp_path / "two")
    assert np.allclose(part.inputs(ecg), part.inputs(recording(signal)), atol=1e-5)
    with pytest.raises(MelpError, match=r"two\.hea: no lead V1, V2, V3, V4, V5, V6; found I, II$"):
        read_for(model, tmp_path / "two")
    with pytest.raises(MelpError, match=r"x\.hea: no lead V1, .*; found I, II$"):
        model.inputs(recording(signal, [0, 1]))
    signal[7, 100] = -32768  # not a lead of the model
    write_record(tmp_path / "bad", signal)
    assert read_for(part, tmp_path / "bad").leads == ("II", "aVF")
    with pytest.raises(MelpError, match="1 samples are NaN"):
        read_for(model, tmp_path / "bad")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("atrial fibrillation", True), ("unheard fibrillation", True), ("Sinus", True), ("", False),
        ("Vorhofflimmern", False), ("\u5fc3\u623f\u98a4\u52a8", False), ("??", False),
        ("xyzzy qqq", False), ("fibrillations", False),
    ],
)  # fmt: skip
def test_words_of_the_vocabulary(text: str, known: bool) -> None:
    assert knows_a_word(train_tokenizer(REPORTS, 200), text) is known


def test_a_pretrained_tokenizer_knows_words_that_it_splits() -> None:
    class OfBert:
        unk_token_id = 100

        def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
            return [0, 100, 101, 102, 103, 30522][: len(SPECIAL_TOKENS)]

        def __call__(self, word: str, add_special_tokens: bool) -> dict[str, list[int]]:
            return {"input_ids": [100] if word == "\u5fc3" else [7, 8]}

    assert knows_a_word(OfBert(), "tachycardia") and not knows_a_word(OfBert(), "\u5fc3")


def test_unknown_and_long_wordings(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    method = HashingMethod()
    method.reports = ReportEncoder(train_tokenizer(REPORTS, 200), max_length=8)
    model = small_model(method)
    ecg = recording(beats(1))
    with pytest.raises(MelpError, match=r"^label: no word of 'xyzzy' is in the vocabulary of .*, wanted"):
        classify(model, ecg, ["atrial fibrillation", "xyzzy"])
    with pytest.raises(MelpError, match=r"^prompt: no word of 'xyzzy' is in the vocabulary of .*, wanted"):
        embed_prompts(model, {"AFIB": ["atrial fibrillation"], "X": ["xyzzy"]})
    embed_prompts(model, {"AFIB": ["atrial fibrillation"], "X": ["xyzzy"]}, refuse=False)
    error = capsys.readouterr().err
    assert (
        error.startswith("melp: prompt: no word of 'xyzzy' is in the vocabulary") and error.count("\n") == 1
    )
    classify(model, ecg, ["atrial fibrillation"])
    assert capsys.readouterr().err == ""
    long = "sinus rhythm with left axis deviation"  # and the full stop
    classify(model, ecg, [long])
    assert (
        capsys.readouterr().err == f"melp: label: '{long}' has 7 word pieces, the model reads the first 6\n"
    )


def test_methods_with_a_tokenizer_of_their_own_are_not_checked() -> None:
    check_wordings(SimpleNamespace(method=SimpleNamespace()), ["xyzzy"], "label", refuse=True)
