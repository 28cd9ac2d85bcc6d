"""German and Swedish reports: expected statements, one for each composition rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melp.io.tables import read_packaged_tsv
from melp.reports import report_language, to_statements
from melp.reports.cleaning import clean
from melp.reports.compose import StatementComposer
from melp.reports.glossary import load_glossary, split_words
from melp.reports.leads import read_leads
from melp.reports.negation import RESOLVED
from melp.reports.spelling import SpellingCorrector, within_one_edit

GERMAN = [
    ("sinusrhythmus lagetyp normal normales ekg", ["sinus rhythm", "normal axis", "normal ecg"]),
    # "es" is "it" before a verb, and else an extrasystole.
    ("sinusrhythmus mit es", ["sinus rhythm", "premature contractions"]),
    ("sv-es. es besteht ein av-block", ["premature supraventricular contractions", "av block"]),
    ("es zeigt sich paroxysmales vorhofflimmern", ["paroxysmal atrial fibrillation"]),
    (
        "sinusrhythmus lagetyp normal qrs(t) abnorm    anteroseptaler infarkt     wahrscheinlich alt"
        " 4.46                          unbestÄtigter bericht",
        [
            "sinus rhythm",
            "normal axis",
            "abnormal qrs complex",
            "anteroseptal myocardial infarction, probably old",
        ],
    ),
    (
        "qrs(t) abnorm    inferiorer infarkt     alter unbest.",
        ["abnormal qrs complex", "inferior myocardial infarction, age undetermined"],
    ),
    ("inferiorer myokardschaden mÖglich", ["possible inferior myocardial damage"]),
    ("linkshypertrophie nicht auszuschliessen", ["left ventricular hypertrophy cannot be ruled out"]),
    ("verdacht auf p-sinistrocardiale linkstyp", ["possible left atrial enlargement", "leftward axis"]),
    (
        "st & t abnorm, wahrscheinlich    anterolaterale ischÄmie oder linksbelastung"
        "    inferolaterale ischÄmie oder linksbelastung",
        [
            "st and t wave abnormality, probable anterolateral ischemia or left ventricular strain",
            "st and t wave abnormality, probable inferolateral ischemia or left ventricular strain",
        ],
    ),
    ("st & t abnormal, wahrscheinlich normal", ["st and t wave abnormality", "probably normal ecg"]),
    (
        "t abnorm in anterolateralen ableitungen    inferolateralen ableitungen",
        ["t wave abnormality in anterolateral leads", "t wave abnormality in inferolateral leads"],
    ),
    (
        "t-veraenderungen: neg. in iii, flach in avf,v1",
        ["t wave inversion in iii", "t wave flattening in avf v1"],
    ),
    ("st-senkung desz. in v4-6,ii,iii,f", ["downsloping st depression in ii iii avf v4 v5 v6"]),
    (
        "lvh moeglich st- hebung v1 - v3 mÄssige st-senkung in v5",
        ["possible left ventricular hypertrophy", "st elevation in v1 v2 v3", "moderate st depression in v5"],
    ),
    (
        "infarkt anteroseptal chronisch moeglich ekg pathologisch",
        ["possible old anteroseptal myocardial infarction", "abnormal ecg"],
    ),
    (
        "mÖglicher chronischer inferiorer infarkt neg t in v2-4 terminal",
        ["possible old inferior myocardial infarction", "terminal t wave inversion in v2 v3 v4"],
    ),
    (
        "vorhofflimmern/-flattern ueberdrehter linkstyp",
        ["atrial fibrillation or flutter", "left axis deviation"],
    ),
    ("tachykardes vorhofflimmern", ["atrial fibrillation with rapid ventricular response"]),
    ("ventrikulÄre extrasystole(n), bigeminus", ["premature ventricular contractions in bigeminy"]),
    ("uniforme ves Über 5/min.", ["uniform premature ventricular contractions over 5 per minute"]),
    ("r-s #bergang in v ableitungen nach rechts verschoben", ["r-s transition zone displaced to the right"]),
    ("keine q in v6", ["no q waves in v6"]),
    ("st-hebung in v2-3 (diskret) normales ekg", ["slight st elevation in v2 v3", "normal ecg"]),
    ("lvh mÖglich mit strain", ["possible left ventricular hypertrophy with strain"]),
]
SWEDISH = [
    (
        "sinusrytm avvikande qrs(t) fÖrlopp    inferior infarkt     Ålder ej bestÄmmbar",
        ["sinus rhythm", "abnormal qrs complex", "inferior myocardial infarction, age undetermined"],
    ),
    (
        "sinusrytm st-t sÄnkning, sÅsom vid    anterolateral ischemi eller vÄnster belastning",
        [
            "sinus rhythm",
            "st depression, consistent with anterolateral ischemia or left ventricular strain",
        ],
    ),
    (
        "sinusrytm hÖg lateral infarkt bÖr ÖvervÄgas",
        ["sinus rhythm", "possible high lateral myocardial infarction"],
    ),
    (
        "sinusrytm anteroseptal myokardskada kan ej uteslutas",
        ["sinus rhythm", "anteroseptal myocardial damage cannot be ruled out"],
    ),
    ("sinusrytm liten q-våg i v2/v3", ["sinus rhythm", "slight q waves in v2 v3"]),
    (
        "sinusrytm t-fÖrÄndring v5/v6 samt avl och i, sÅsom vid lateral ischemi",
        ["sinus rhythm", "t wave abnormality in i avl v5 v6 consistent with lateral ischemia"],
    ),
]


@pytest.mark.parametrize(("report", "expected"), GERMAN)
def test_german(report: str, expected: list[str]) -> None:
    assert report_language(report) == "de"
    assert to_statements(report) == expected


@pytest.mark.parametrize(("report", "expected"), SWEDISH)
def test_swedish(report: str, expected: list[str]) -> None:
    assert report_language(report) == "sv"
    assert to_statements(report) == expected


@pytest.mark.parametrize(
    "noisy",
    [
        "sinusrhythmus normales ekg 4.46                          unbestÄtigter bericht",
        "sinusrhythmus normales ekg 4.46                          unbestÄtig",
        "sinusrhythmus normales ekg Edit: NORM 100, Sokolow 3,8(LVH 100)",
        "SINUSRHYTHMUS   normales EKG !!",
    ],
)
def test_noise_is_removed(noisy: str) -> None:
    assert to_statements(noisy) == ["sinus rhythm", "normal ecg"]


def test_reports_without_content() -> None:
    assert to_statements("trace only requested. Edit: IMI 50") == []
    assert to_statements("") == []


def test_repeated_statement_is_returned_once() -> None:
    assert to_statements("sinusrhythmus linkstyp sinusrhythmus") == ["sinus rhythm", "leftward axis"]


def test_spelling_variants_have_one_wording() -> None:
    variants = [
        "av-block 1. grades",
        "a-v block i",
        "AV-Block I. Grades",
        "a - v block i",
    ]
    assert {tuple(to_statements("sinusrhythmus " + variant)) for variant in variants} == {
        ("sinus rhythm", "first degree av block")
    }
    assert to_statements("leitungsstoerung intraventrikulÄr") == to_statements("intraventr. leitungsstÖrung")


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("laterale ischÄmie oder linksbelas", "probable lateral ischemia or left ventricular strain"),
        ("laterale ischÄmie oder li", "probable lateral ischemia or left ventricular strain"),
    ],
)
def test_truncated_word_is_completed(ending: str, expected: str) -> None:
    report = f"{'sinusrhythmus':{255 - 33 - len(ending)}}st & t abnorm, wahrscheinlich    {ending}"
    assert len(report) == 255
    assert to_statements(report)[-1] == f"st and t wave abnormality, {expected}"


def test_meaningless_fragment_is_dropped() -> None:
    fragment = f"{'sinusrhythmus':241}  inferolatera"
    assert len(fragment) == 255
    assert to_statements(fragment) == ["sinus rhythm"]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("v1-v3", "v1 v2 v3"),
        ("v4,5,6", "v4 v5 v6"),
        ("v4-5-6", "v4 v5 v6"),
        ("i-iii,avf", "i ii iii avf"),
        ("f, iii", "iii avf"),
        ("v2 + v3", "v2 v3"),
        ("v3,ii", "ii v3"),
        ("v 1 bis v4", "v1 v2 v3 v4"),
        ("iiiavf", "iii avf"),
        ("iavr,avlf", "i avr avl avf"),
        ("l,ll,v5/6", "i ii v5 v6"),
        ("l,f", "avl avf"),
        ("ii,lll", "ii iii"),
        ("ii, l f", "ii avl avf"),
    ],
)
def test_lists_of_leads(listed: str, expected: str) -> None:
    words = split_words(listed)
    assert read_leads(words, 0) == (expected.split(), len(words))


def _distance(first: str, second: str) -> int:
    """Damerau-Levenshtein distance (optimal string alignment) by plain recursion."""
    if not first or not second:
        return len(first) + len(second)
    best = min(
        _distance(first[1:], second) + 1,
        _distance(first, second[1:]) + 1,
        _distance(first[1:], second[1:]) + (first[0] != second[0]),
    )
    if len(first) > 1 and len(second) > 1 and first[:2] == second[1::-1]:
        best = min(best, _distance(first[2:], second[2:]) + 1)
    return best


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_within_one_edit_is_a_distance_of_at_most_one(first: str, second: str) -> None:
    assert within_one_edit(first, second) == (_distance(first, second) <= 1)


def test_only_an_unambiguous_correction_is_made() -> None:
    corrector = SpellingCorrector(["anterior", "inferior", "senkung"])
    assert corrector.correct("senkugn") == "senkung"
    assert corrector.correct("anteror") == "anterior"
    assert corrector.correct("hebung") is None
    assert SpellingCorrector(["anterior", "interiom"]).correct("interior") is None


def test_negation_is_not_corrected_away() -> None:
    assert to_statements("kein infarkt") == ["no myocardial infarction"]
    assert to_statements("infarkt") == ["myocardial infarction"]


@pytest.mark.parametrize("name", ["german", "swedish"])
def test_every_glossary_kind_has_a_method(name: str) -> None:
    rows = read_packaged_tsv("melp.reports", name, columns=3)
    kinds = {kind for kind, _, _ in rows} | {"leads", "number", "word"}
    assert all(hasattr(StatementComposer, "_visit_" + kind) for kind in kinds - set(RESOLVED))
    assert all(len(row) == 3 and all(row) for row in rows)


@given(
    st.lists(
        st.sampled_from(
            sorted({s for row in read_packaged_tsv("melp.reports", "german", 3) for s in row[2].split(" | ")})
        ),
        max_size=8,
    )
)
def test_phrases_in_any_order_give_clean_statements(phrases: list[str]) -> None:
    statements = to_statements(" ".join(phrases))
    assert statements == list(dict.fromkeys(statements))
    assert all(text == text.strip().lower() and "  " not in text and ";" not in text for text in statements)


def test_terms_cover_every_word() -> None:
    text = clean("sinusrhythmus t neg. in v1-v3, xyzzy linkstyp")
    terms = load_glossary("german").terms(text)
    assert sum(term.words for term in terms) == len(split_words(text))
    assert [term.english for term in terms if not term.known] == ["xyzzy"]
