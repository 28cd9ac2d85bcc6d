"""What is said of labels and prompts before they are embedded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from melp.ecg import ECG
from melp.errors import MelpError
from melp.evaluation.similarity import embed_prompts
from melp.evaluation.wordings import check_wordings, knows_a_word
from melp.hub import Model
from melp.text.tokenizer import SPECIAL_TOKENS, ReportEncoder, train_tokenizer
from small_judging import HashingMethod, small_model
from small_ptb_xl import beats

REPORTS = ["sinus rhythm with left axis deviation", "atrial fibrillation", "normal ecg"] * 3


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
    ecg = ECG(beats(1) / 1000, 500)
    with pytest.raises(MelpError, match=r"^label: no word of 'xyzzy' is in the vocabulary of .*, wanted"):
        model.classify(ecg, ["atrial fibrillation", "xyzzy"])
    with pytest.raises(MelpError, match=r"^prompt: no word of 'xyzzy' is in the vocabulary of .*, wanted"):
        embed_prompts(model, {"AFIB": ["atrial fibrillation"], "X": ["xyzzy"]})
    embed_prompts(model, {"AFIB": ["atrial fibrillation"], "X": ["xyzzy"]}, refuse=False)
    error = capsys.readouterr().err
    assert (
        error.startswith("melp: prompt: no word of 'xyzzy' is in the vocabulary") and error.count("\n") == 1
    )
    model.classify(ecg, ["atrial fibrillation"])
    assert capsys.readouterr().err == ""
    long = "sinus rhythm with left axis deviation"  # and the full stop
    model.classify(ecg, [long])
    assert (
        capsys.readouterr().err == f"melp: label: '{long}' has 7 word pieces, the model reads the first 6\n"
    )


def test_methods_with_a_tokenizer_of_their_own_are_not_checked() -> None:
    check_wordings(SimpleNamespace(method=SimpleNamespace()), ["xyzzy"], "label", refuse=True)
