"""The table of findings that corpora share: its codes exist, and the classes that two corpora share."""

from __future__ import annotations

import pandas as pd
import pytest

from melp.errors import MelpError
from melp.simulator.conditions import CONDITIONS
from melp.tasks import get_task
from melp.tasks.names import vocabularies
from melp.tasks.overlap import overlap, overlapping_tasks


def test_every_code_of_the_table_is_a_label_of_its_corpus() -> None:
    known = {name: set(labels) for name, labels in vocabularies().items()}
    known["code-15"] = known["code-test"] = known["code"]
    known["synthetic"] = set(get_task("synthetic").classes)
    assert known["synthetic"] - {"2AVB"} <= set(CONDITIONS)
    wrong = {
        (finding, corpus, code)
        for finding, by_corpus in overlap().items()
        for corpus, codes in by_corpus.items()
        for code in codes
        if code not in known[corpus]
    }
    assert not wrong
    assert all(len(by_corpus) >= 2 for by_corpus in overlap().values())


def test_codes_with_one_name_in_two_corpora_are_one_finding() -> None:
    """A label of PTB-XL, CPSC or CSN that has the same name in another of them is in a row with it."""
    names = {corpus: vocabularies()[corpus] for corpus in ("ptb-xl", "cpsc2018", "csn")}
    for first, labels in names.items():
        for second, others in names.items():
            for label, name in labels.items():
                for other in [code for code, same in others.items() if same == name and first < second]:
                    together = [
                        finding
                        for finding, codes in overlap().items()
                        if label in codes.get(first, ()) and other in codes.get(second, ())
                    ]
                    assert together, f"{label} of {first} and {other} of {second}: {name}"


def test_the_classes_that_ptb_xl_shares_with_cpsc() -> None:
    ours, theirs, without = overlapping_tasks("ptb-xl", get_task("cpsc2018"))
    assert without == ()
    assert ours.classes == theirs.classes and len(ours.classes) == 9
    assert (ours.corpus, theirs.corpus) == ("ptb-xl", "cpsc2018")
    assert ours.codes["premature ventricular contractions"] == ("PVC",)
    assert theirs.codes["premature ventricular contractions"] == ("VPC",)
    index = pd.DataFrame({"id": ["a", "b"], "labels": [["VPC", "AFIB"], []]})
    labels = theirs.labels(index)
    assert list(labels.columns[labels.loc["a"]]) == [
        "atrial fibrillation",
        "premature ventricular contractions",
    ]
    assert not labels.loc["b"].any()  # a negative of all


def test_classes_without_a_counterpart_are_named() -> None:
    _, _, without = overlapping_tasks("ptb-xl", get_task("csn"))
    assert set(without) == {
        "UW", "AT", "ARS", "STTC", "STE", "ALS", "CCR", "CR", "AVB", "VEB", "PWC", "ERV", "JEB",
    }  # fmt: skip
    with pytest.raises(MelpError, match="train-data: found csn, wanted another corpus"):
        overlapping_tasks("csn", get_task("csn"))
    with pytest.raises(MelpError, match="no class of csn has a counterpart in table"):
        overlapping_tasks("table", get_task("csn"))


def test_prompts_are_those_of_the_source() -> None:
    ours, _, _ = overlapping_tasks("ptb-xl", get_task("csn"))
    assert set(get_task("ptbxl-rhythm").prompts["AFIB"]) <= set(ours.prompts["atrial fibrillation"])
    assert not set(get_task("csn").prompts["AF"]) & set(ours.prompts["atrial fibrillation"])
    assert all(ours.prompts.values())
