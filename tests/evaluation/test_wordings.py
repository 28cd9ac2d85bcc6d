"""What is said of labels and prompts before they are embedded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from melp.ecg import ECG
from melp.errors import MelpError
from melp.evaluation.similarity import embed_prompts
from melp.evaluation.wordings import as_statement, check_wordings, unknown_words
from melp.hub import Model
from melp.text.saved_tokenizer import SavedTokenizer
from melp.text.tokenizer import SPECIAL_TOKENS, ReportEncoder, train_tokenizer
from small_judging import HashingMethod, small_model
from small_ptb_xl import beats

REPORTS = ["sinus rhythm with left axis deviation", "atrial fibrillation", "normal ecg"] * 3


@pytest.mark.parametrize(
    ("text", "unknown", "known"),
    [
        ("atrial fibrillation", [], ["atrial", "fibrillation"]),
        ("unheard fibrillation", ["unheard"], ["fibrillation"]),
        ("Sinus", [], ["Sinus"]), ("", [], []), ("Vorhofflimmern", ["Vorhofflimmern"], []), ("??", [], []),
        ("\u5fc3\u623f\u98a4\u52a8", ["\u5fc3\u623f\u98a4\u52a8"], []),
        ("fibrillations", ["fibrillations"], []),
    ],
)  # fmt: skip
def test_words_of_the_vocabulary(text: str, unknown: list[str], known: list[str]) -> None:
    assert unknown_words(train_tokenizer(REPORTS, 200), text) == (unknown, known)


def test_a_pretrained_tokenizer_knows_words_that_it_splits() -> None:
    class OfBert:
        unk_token_id = 100

        def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
            return [0, 100, 101, 102, 103, 30522][: len(SPECIAL_TOKENS)]

        def __call__(self, word: str, add_special_tokens: bool) -> dict[str, list[int]]:
            return {"input_ids": [100] if word == "\u5fc3" else [7, 8]}

    assert unknown_words(OfBert(), "tachycardia \u5fc3") == (["\u5fc3"], ["tachycardia"])


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


def test_unknown_words_of_a_label_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tokenizer = train_tokenizer(REPORTS, 200)
    tokenizer.save_pretrained(tmp_path)
    for one in (tokenizer, SavedTokenizer(tmp_path, list(SPECIAL_TOKENS))):
        model = SimpleNamespace(
            method=SimpleNamespace(reports=ReportEncoder(one, max_length=99)), folder="model"
        )
        check_wordings(model, ["atrial fibrilation", "Xyzzy rhythm"], "label", refuse=True)
        assert capsys.readouterr().err.splitlines() == [
            "melp: label: 'fibrilation' of 'atrial fibrilation' not in the vocabulary of model; "
            "did you mean fibrillation?",
            "melp: label: 'Xyzzy' of 'Xyzzy rhythm' not in the vocabulary of model",
        ]
        check_wordings(model, ["atrial fibrilation"], "prompt", refuse=False)
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("label", "statement"),
    [
        ("RBBB", "right bundle branch block"), ("Vorhofflimmern", "atrial fibrillation"),
        ("f\u00f6rmaksflimmer", "atrial fibrillation"), ("1st degree AV block", "first degree av block"),
        ("anterior MI", "anterior myocardial infarction"),
    ],
)  # fmt: skip
def test_a_label_is_read_as_a_statement(
    label: str, statement: str, capsys: pytest.CaptureFixture[str]
) -> None:
    as_statement.cache_clear()
    assert as_statement(label) == as_statement(label) == statement
    assert capsys.readouterr().err == f"melp: label: {label!r} is asked as {statement!r}\n", "said once"


@pytest.mark.parametrize(
    "label", ["Atrial  Fibrillation", "sinus rhythm, normal ecg", "picture of a cat", "\u5fc3\u623f", "??"]
)
def test_other_labels_stay_as_they_are(label: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert as_statement(label) == label and capsys.readouterr().err == ""


def test_methods_with_a_tokenizer_of_their_own_are_not_checked() -> None:
    check_wordings(SimpleNamespace(method=SimpleNamespace()), ["xyzzy"], "label", refuse=True)
