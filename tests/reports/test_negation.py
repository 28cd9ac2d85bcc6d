"""What German and Swedish reports deny, and what they leave in their own words because it is not certain."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from melp.reports import to_statements, translate

DENIED = [
    ("kein Infarkt", ["no myocardial infarction"]),
    ("keine Anzeichen für eine Lungenembolie", ["no pulmonary embolism"]),
    ("kein Hinweis im EKG für LE", ["no pulmonary embolism"]),
    ("ohne Anhalt für frischen Infarkt", ["no recent myocardial infarction"]),
    ("Kein Verdacht auf Infarkt", ["no myocardial infarction"]),
    (
        "Kein Hinweis auf Ischämie, Infarkt oder LE",
        ["no ischemia", "no myocardial infarction", "no pulmonary embolism"],
    ),
    ("Kein Hinweis auf Ischämie, Linkstyp", ["no ischemia", "leftward axis"]),
    ("keine ST-Hebungen oder -Senkungen", ["no st elevation", "no st depression"]),
    ("Ischämie oder Infarkt nicht nachweisbar", ["no ischemia", "no myocardial infarction"]),
    (
        "Inferiorer Infarkt, akute Ischämie nicht erkennbar",
        ["inferior myocardial infarction", "no acute ischemia"],
    ),
    ("akuter inferiorer Infarkt nicht nachweisbar", ["no acute inferior myocardial infarction"]),
    ("Ischämie: nein", ["no ischemia"]),
    ("V.a. Ischämie nicht bestätigt", ["no ischemia"]),
    (
        "weder Infarkt, noch Ischämie, noch Schenkelblock",
        ["no myocardial infarction", "no ischemia", "no bundle branch block"],
    ),
    ("T-Welle nicht negativ in V1", ["no t wave inversion in v1"]),
    ("QT-Zeit nicht verlängert", ["qt interval not prolonged"]),
    ("kein normales EKG", ["not normal ecg"]),
    ("EKG nicht pathologisch", ["not abnormal ecg"]),
    ("kein sicherer Infarkt", ["no definite myocardial infarction"]),
    ("Vorhofflimmern nicht sicher nachweisbar", ["no definite atrial fibrillation"]),
    ("Infarkt nicht wahrscheinlich", ["unlikely myocardial infarction"]),
    ("ingen ischemi", ["no ischemia"]),
    ("inga tecken på ischemi eller infarkt", ["no ischemia", "no myocardial infarction"]),
    ("ischemi kan inte påvisas", ["no ischemia"]),
    ("varken ischemi eller infarkt", ["no ischemia", "no myocardial infarction"]),
    ("infarkt utesluten", ["no myocardial infarction"]),
]
AFFIRMED = [
    ("Infarkt nicht auszuschliessen", ["myocardial infarction cannot be ruled out"]),
    ("Ein Infarkt kann nicht sicher ausgeschlossen werden", ["myocardial infarction cannot be ruled out"]),
    ("infarkt kan inte uteslutas", ["myocardial infarction cannot be ruled out"]),
    ("Hinweise auf Ischämie", ["signs of ischemia"]),
    ("Infarkt?", ["possible myocardial infarction"]),
    (
        "Kein Rechtsschenkelblock, sondern Linksschenkelblock",
        ["no right bundle branch block", "left bundle branch block"],
    ),
    ("Rechts- und Linksschenkelblock", ["right bundle branch block", "left bundle branch block"]),
]
OWN_WORDS = [
    ("Sinusrhythmus. Infarkt nicht xyzzy.", ["sinus rhythm", "infarkt nicht xyzzy"]),
    ("sinusrhythmus nicht xyzzy infarkt", ["sinus rhythm", "nicht xyzzy infarkt"]),
    ("Linkstyp, Ausschluss Infarkt", ["leftward axis", "ausschluss infarkt"]),
    ("Kein Hinweis auf Xyzzy, Ischämie oder Infarkt", ["kein hinweis auf xyzzy, ischämie oder infarkt"]),
    ("Kein Hinweis auf Ischämie, Xyzzy oder Infarkt", ["kein hinweis auf ischämie, xyzzy oder infarkt"]),
    ("ST-Hebung nicht in V1", ["st-hebung nicht in v1"]),
    ("sinusrytm, ej xyzzy infarkt", ["sinus rhythm", "ej xyzzy infarkt"]),
]
KNOWN = "Sinusrhythmus. Linkstyp. Linksschenkelblock. T-Negativierung in V1. ST-Hebung in V2. RSB. "


@pytest.mark.parametrize(("report", "expected"), DENIED + AFFIRMED)
def test_negation(report: str, expected: list[str]) -> None:
    assert to_statements(report) == expected
    assert translate(report).understood


@pytest.mark.parametrize("before", ["", KNOWN])
@pytest.mark.parametrize(("report", "expected"), OWN_WORDS)
def test_uncertain_negation_keeps_its_own_words(report: str, expected: list[str], before: str) -> None:
    language = "sv" if "sinusrytm" in report else "de"
    before = "" if language == "sv" else before
    translation = translate(before + report, language)
    own = [text for text in translation.statements if text in expected]
    assert not translation.understood
    assert own == expected


@pytest.mark.parametrize("report", [report for report, _ in DENIED])
def test_nothing_denied_is_affirmed(report: str) -> None:
    words = ("no ", "not ", "unlikely ")
    bare = [text for text in to_statements(report) if not any(word in text for word in words)]
    assert set(bare) <= {"inferior myocardial infarction", "leftward axis"}


@pytest.mark.data
@pytest.mark.parametrize(
    ("record", "denied"),
    [(7052, "recent myocardial infarction"), (1460, "pulmonary embolism"), (9625, "pulmonary embolism")],
)
def test_ptb_xl_does_not_carry_the_opposite(ptb_xl: Path, record: int, denied: str) -> None:
    database = pd.read_csv(ptb_xl / "ptbxl_database.csv", index_col="ecg_id")
    statements = to_statements(database["report"][record])
    assert f"no {denied}" in statements
    assert denied not in statements
