"""Names of labels: one wording for a finding, whatever the corpus calls it."""

from __future__ import annotations

import pytest

from melp.corpora import list_corpora
from melp.corpora._challenge import abbreviations
from melp.corpora._code import CLASSES
from melp.corpora.cpsc2018 import CLASSES as CPSC_CLASSES
from melp.reports.machine import reword, unknown_words
from melp.tasks import get_task
from melp.tasks.names import in_words, vocabularies


def test_every_label_has_a_name() -> None:
    names = vocabularies()
    assert set(names["challenge"]) == set(abbreviations().values())
    assert names["snomed"] == {code: names["challenge"][short] for code, short in abbreviations().items()}
    assert set(names["code"]) == {*CLASSES, "normal_ecg"}
    assert set(names["cpsc2018"]) == set(CPSC_CLASSES)
    codes = {code for codes in get_task("ptbxl-super").codes.values() for code in codes}
    for task in ("ptbxl-form", "ptbxl-rhythm"):
        codes |= set(get_task(task).classes)
    assert set(names["ptb-xl"]) == codes


def test_names_are_in_the_controlled_wording() -> None:
    for names in vocabularies().values():
        for label, name in names.items():
            assert reword(name) == name, label


@pytest.mark.parametrize("name", ["cpsc2018", "csn", "csn-extended", "code-test"])
def test_the_first_prompt_of_a_class_is_its_name(name: str) -> None:
    task = get_task(name)
    for label, codes in task.codes.items():
        assert task.prompts[label][0] == in_words(task.corpus, codes[0]), label


@pytest.mark.parametrize("name", ["ptbxl-sub", "ptbxl-form", "ptbxl-rhythm"])
def test_the_name_of_a_code_is_a_prompt_of_its_class(name: str) -> None:
    task = get_task(name)
    for label, codes in task.codes.items():
        if len(codes) == 1:
            assert in_words("ptb-xl", codes[0]) in task.prompts[label], label


@pytest.mark.parametrize(
    ("corpus", "label", "name"),
    [
        ("code-15", "1dAVb", "first degree av block"),
        ("code-test", "AF", "atrial fibrillation"),
        ("csn", "AF", "atrial flutter"),
        ("georgia", "AF", "atrial fibrillation"),
        ("ningbo", "AFL", "atrial flutter"),
        ("csn", "365413008", "poor r wave progression"),
        ("georgia", "1234", ""),
        ("table", "AF", ""),
    ],
)
def test_names(corpus: str, label: str, name: str) -> None:
    assert in_words(corpus, label) == name


def test_corpora_with_labels_have_a_vocabulary() -> None:
    others = {"mimic-iv-ecg", "synthetic", "table"}
    label = {"ptb-xl": "NORM", "cpsc2018": "AFIB", "csn": "SR", "code-15": "ST", "code-test": "ST"}
    for corpus in set(list_corpora()) - others:
        assert in_words(corpus, label.get(corpus, "NSR")), corpus


def test_words_of_the_names_are_known() -> None:
    """Words that only a name has would never occur in a report."""
    assert unknown_words(vocabularies()["code"]["1dAVb"]) == []
