"""All reports of PTB-XL, and 500 reference translations: what the translator must reach."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from melp.reports import coverage, report_language, translate
from reference_translations import damages, detected, read_pairs
from translation_facts import Fact, facts_of


@pytest.fixture(scope="module")
def database(ptb_xl: Path) -> pd.DataFrame:
    return pd.read_csv(ptb_xl / "ptbxl_database.csv")


@pytest.mark.data
def test_share_of_translated_words(database: pd.DataFrame) -> None:
    counts = {"de": [0, 0], "sv": [0, 0], "en": [0, 0]}
    for report in database["report"].unique():
        translated, words = coverage(report)
        counts[report_language(report)][0] += translated
        counts[report_language(report)][1] += words
    assert counts["en"] == [0, 0]
    assert counts["de"][0] / counts["de"][1] >= 0.998
    assert counts["sv"][0] / counts["sv"][1] >= 0.998


@pytest.mark.data
def test_wording_is_controlled(database: pd.DataFrame) -> None:
    translations = [translate(report) for report in database["report"].unique()]
    assert sum(not translation.understood for translation in translations) <= 12
    statements = {text for each in translations if each.understood for text in each.statements}
    words = {word.strip(",") for text in statements for word in text.split()}
    assert not words & {"lvh", "rbbb", "lbbb", "lahb", "ves", "sves", "infarct", "ischaemia", "ekg"}
    assert all(text and text == text.lower() and not text.endswith(".") for text in statements)
    assert len(statements) < 4000


@pytest.mark.data
def test_facts_of_reference_translations_are_kept(database: pd.DataFrame, recordings: Path) -> None:
    pairs = read_pairs(database, recordings / "text" / "ptbxl_reports_english_500.csv")
    assert len(pairs) > 490
    assert sum(not pair.lost for pair in pairs) / len(pairs) >= 0.979
    for kind, (seen, total) in detected(pairs).items():
        assert seen / total > 0.9, kind


REPORT = (
    "Sinus rhythm, left axis deviation, no ischemia, possible old inferior infarction, anteroseptal"
    " myocardial damage cannot be ruled out, likely lateral ischemia or left ventricular strain,"
    " T wave inversion in V1-V3."
)


def test_facts_of_a_report() -> None:
    assert facts_of(REPORT) == {
        Fact("sinus rhythm"),
        Fact("left axis"),
        Fact("ischemia", negated=True),
        Fact("infarction", ("inferior",), hedge="possible"),
        Fact("myocardial damage", ("anteroseptal",), hedge="not excluded"),
        Fact("ischemia", ("lateral",), hedge="probable"),
        Fact("left ventricular strain", hedge="probable"),
        Fact("t inversion"),
    }


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("sinus rhythm, left axis deviation", "sinus rhythm"),
        ("no ischemia", "ischemia"),
        ("possible inferior infarction", "inferior infarction"),
        ("possible inferior infarction", "probable inferior infarction"),
        ("possible inferior infarction", "possible anterior infarction"),
        ("inferior infarction cannot be ruled out", "possible inferior infarction"),
        ("inferior infarction, probably old", "inferior infarction, old"),
        ("inferior infarction, probably old", "inferior infarction, age undetermined"),
        ("right bundle branch block", "incomplete right bundle branch block"),
        ("t wave inversion in v1", "t wave flattening in v1"),
        ("sinus tachycardia", "sinus bradycardia"),
        ("left atrial enlargement", "right atrial enlargement"),
    ],
)
def test_changed_fact_is_found(good: str, bad: str) -> None:
    assert facts_of(good) - facts_of(bad)


@pytest.mark.parametrize(
    ("text", "synonym"),
    [
        ("st elevation in v1 v2 v3. lvh", "Elevated ST in V1-V3, left ventricular hypertrophy"),
        ("premature ventricular contractions", "Ventricular extrasystole(s)"),
        ("possible inferior myocardial infarction", "inferior infarction possible"),
        ("t wave inversion in iii. t wave flattening in v1", "T-wave changes: negative in III, flat in V1"),
        (
            "probable anterior ischemia or strain. probable lateral ischemia or strain",
            "likely anterior ischemia or strain, lateral ischemia or strain",
        ),
    ],
)
def test_synonyms_are_the_same_fact(text: str, synonym: str) -> None:
    assert facts_of(text) == facts_of(synonym)


def test_damages() -> None:
    assert list(damages(("possible lateral ischemia",))) == [
        ("statement left out", ()),
        ("hedge left out", ("lateral ischemia",)),
        ("statement denied", ("no possible lateral ischemia",)),
    ]
