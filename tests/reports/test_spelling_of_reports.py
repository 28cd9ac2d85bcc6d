"""Words that are glued, divided, mistyped or in another code; adjectives and the finding they belong to."""

from __future__ import annotations

import unicodedata

import pytest

from melp.reports import to_statements, translate

SPELLING = [
    ("leitungsstörungsonst normales ekg", ["conduction delay", "otherwise normal ecg"]),
    ("hemiblockintraventr. leitungsstörung i", ["hemiblock", "intraventricular conduction delay in i"]),
    ("partieller rechtsschen- kelblock", ["incomplete right bundle branch block"]),
    ("t flach in extre- mitätenableitungen", ["t wave flattening in limb leads"]),
    ("linksanteri9rer hemiblock", ["left anterior fascicular block"]),
    ("partieller recht schenkelblock", ["incomplete right bundle branch block"]),
    ("inferiorere ischämie", ["inferior ischemia"]),
    ("linkstysp überdreht", ["left axis deviation"]),
    ("ant. hemmiblock links", ["left anterior fascicular block"]),
    ("kleines qin ii,iii", ["small q waves in ii iii"]),
    ("2-gipfliges p in ii", ["bifid p waves in ii"]),
    ("doppelgipfliges p in ii", ["bifid p waves in ii"]),
]
BELONGS = [
    (
        "intraventr. leitungsstÖrung in avf sicher subakuter inferiorer infarkt",
        ["intraventricular conduction delay in avf", "definite subacute inferior myocardial infarction"],
    ),
    (
        "lvh sicher chronischer infarkt",
        ["definite left ventricular hypertrophy", "old myocardial infarction"],
    ),
    ("infarkt anteroseptal sicher alter infarkt", ["definite anteroseptal myocardial infarction"]),
    ("q in v st-hebung in v2", ["q waves in chest leads", "st elevation in v2"]),
    (
        "sinusarrhythmie (fragl. xyzzy) linkstyp schenkelblock links t neg. in v1-v3 pathologisches ekg",
        ["sinus arrhythmia", "fragl. xyzzy", "leftward axis"],
    ),
    ("sinusrhythmus (evtl. lvh) lahb", ["sinus rhythm", "possible left ventricular hypertrophy"]),
    (
        "intraventr. leitungsstörung alle abl. ausser v2-v6",
        ["intraventricular conduction delay in all leads except v2 v3 v4 v5 v6"],
    ),
    ("chronisch anteriorer infarkt mögkich path. ekg", ["possible old anterior myocardial infarction"]),
    ("hoher verlauf der st-strecke in v1", ["tall st segments in v1"]),
    ("beseitigung einer vorhoftachykardie", ["terminated atrial tachycardia"]),
    ("sinusrytm avsaknad av q-våg i v6", ["sinus rhythm", "no q waves in v6"]),
    (
        "bifascikulärt block med ökad risk för totalt av-block",
        ["bifascicular block with increased risk of third degree av block"],
    ),
]
CODES = {
    "zero bytes and controls between words": lambda text: text.replace(" ", "\0\x0b"),
    "ß ä ö ü in UTF-8, read as Windows-1252": lambda text: text.encode().decode("cp1252", "ignore"),
    "code page 850, read as Latin-1": lambda text: text.lower().encode("cp850").decode("latin-1"),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "other dashes and spaces": lambda text: text.replace("-", "\N{NON-BREAKING HYPHEN}").replace(" ", "\xa0"),
}


@pytest.mark.parametrize(("report", "expected"), SPELLING)
def test_spelling(report: str, expected: list[str]) -> None:
    assert to_statements(report) == expected
    assert not translate(report).unknown


@pytest.mark.parametrize(("report", "expected"), BELONGS)
def test_finding_of_an_adjective(report: str, expected: list[str]) -> None:
    assert to_statements(report)[: len(expected)] == expected


@pytest.mark.parametrize("code", CODES)
def test_code_of_the_letters(code: str) -> None:
    report = (
        "Überdrehter Linkstyp, mögliche ST-Hebung, unvollständiger Rechtsschenkelblock, mäßige T-Abflachung"
    )
    translation = translate(CODES[code](report), "de")
    assert translation.statements == translate(report, "de").statements
    assert "left axis deviation" in translation.statements


def test_seven_bit_code() -> None:
    assert to_statements("sinusrytm v{nster el-axel f|rmaksflimmer") == to_statements(
        "sinusrytm vänster el-axel förmaksflimmer"
    )
    assert to_statements("{sinusrytm}") == ["sinus rhythm"]


def test_parts_that_are_words_are_not_joined_and_whole_words_not_divided() -> None:
    assert to_statements("r-s übergang in v ableitungen nach links verschoben") == [
        "r-s transition zone displaced to the left"
    ]
    assert "myocardial infarction" not in to_statements("sinusrhythmus, infarktfrei, normales ekg")


@pytest.mark.parametrize(
    "report", ["absolute Arrhythmie", "Arrhythmia absoluta", "absolut arytmi", "Absolute arrhythmia."]
)
def test_absolute_arrhythmia_is_atrial_fibrillation(report: str) -> None:
    assert to_statements(report) == ["atrial fibrillation"]


def test_absolute_arrhythmia_with_its_rate() -> None:
    assert to_statements("tachykarde absolute Arrhythmie") == [
        "atrial fibrillation with rapid ventricular response"
    ]
