"""Many forms of denial and doubt, each with many findings: none is lost, or else the report is flagged."""

from __future__ import annotations

import pytest

from melp.reports import translate

FINDINGS = {
    "de": (
        "Infarkt", "akuter Hinterwandinfarkt", "Ischämie", "Vorhofflimmern", "Linksschenkelblock",
        "ST-Hebung", "T-Negativierung in V1", "Linkshypertrophie", "AV-Block I. Grades", "Sinusrhythmus",
        "Linkstyp", "Xyzzy",
    ),
    "sv": (
        "infarkt", "akut inferior infarkt", "ischemi", "förmaksflimmer", "vänstergrenblock", "st-höjning",
        "xyzzy",
    ),
}  # fmt: skip
DENIALS = {
    "de": (
        "kein {}", "keinerlei {}", "ohne {}", "kein Hinweis auf {}", "keine Zeichen einer {}",
        "ohne Anhalt für {}", "kein sicherer {}", "{} nicht nachweisbar", "{} nicht sicher nachweisbar",
        "{} ausgeschlossen", "{}: nein", "{} liegt nicht vor", "{} lässt sich nicht nachweisen", "{} fehlt",
        "{} unwahrscheinlich", "nicht {}",
        "weder {} noch Schenkelblock", "weder Schenkelblock noch {}", "kein Schenkelblock, {} oder WPW",
        "Schenkelblock oder {} nicht nachweisbar", "Ausschluss {}", "nicht plugh {}", "{} nicht plugh",
    ),
    "sv": (
        "ingen {}", "utan {}", "ej {}", "inga tecken till {}", "inga hållpunkter för {}", "{} kan ej påvisas",
        "{} ses inte", "{} utesluten", "varken {} eller grenblock", "ingen säker {}", "inte plugh {}",
    ),
}  # fmt: skip
HEDGES = {
    "de": (
        "V.a. {}",
        "{} möglich",
        "{}?",
        "wahrscheinlich {}",
        "eher {}",
        "{} nicht auszuschließen",
        "{} nicht sicher",
    ),
    "sv": ("misstänkt {}", "{} kan ej uteslutas", "sannolikt {}", "{} bör övervägas", "{}?"),
}
BEFORE = {"de": ("Sinusbradykardie. ", "sinus bradycardia"), "sv": ("Sinusbradykardi. ", "sinus bradycardia")}


def others(language: str, form: str, finding: str) -> list[str] | None:
    """Return the statements beside that of the sentence before, which is as if alone; None if flagged."""
    report, before = BEFORE[language]
    translation = translate(report + form.format(finding) + ".", language)
    assert translation.statements[0] == before
    return list(translation.statements[1:]) if translation.understood else None


@pytest.mark.parametrize(
    ("language", "form"), [(code, form) for code, forms in DENIALS.items() for form in forms]
)
def test_denied(language: str, form: str) -> None:
    flagged = 0
    for finding in FINDINGS[language]:
        statements = others(language, form, finding)
        flagged += statements is None
        for statement in [""] if statements == [] else statements or []:
            assert {"no", "not", "unlikely"} & set(statement.split()), (finding, statements)
    certain = "plugh" not in form and "Ausschluss" not in form
    assert flagged <= 1 if certain else flagged == len(FINDINGS[language])


@pytest.mark.parametrize(
    ("language", "form"), [(code, form) for code, forms in HEDGES.items() for form in forms]
)
def test_hedged(language: str, form: str) -> None:
    for finding in FINDINGS[language][:-1]:
        statements = others(language, form, finding)
        assert statements
        assert any(word in statements[0] for word in ("possib", "probab", "cannot be ruled out")), finding


@pytest.mark.parametrize(
    "report",
    [
        "Complete heart block", "Sinus arrest", "Atrial flutter 2:1 block", "Brugada pattern", "Torsades",
        "Hyperkalemia", "Pericarditis", "Accelerated idioventricular rhythm", "Ventricular ectopic rhythm",
        "Sinus rhythm not seen", "Dextrocardia", "Pulmonary infarction", "Potassium 4.4", "Ashman phenomenon",
        "Retrograde p waves", "Atrial fibrillation has resolved", "Pacemaker with failure to sense",
    ],
)  # fmt: skip
def test_english_keeps_all_words(report: str) -> None:
    for language in ("en", "auto"):
        assert " ".join(translate(report, language).statements) == report.lower()


@pytest.mark.parametrize("report", ["rythme sinusal, bloc de branche droit", "ritmo sinusal", "xyzzy plugh"])
def test_another_language_keeps_its_own_words(report: str) -> None:
    translation = translate(report)
    assert (translation.statements, translation.language) == ((report,), "")
    assert not translation.understood
    assert len(translation.unknown) == len(report.replace(",", "").split())


def test_known_share_decides() -> None:
    """Nine of ten words are enough, eight of nine are not."""
    known = "Vorhofflimmern, Linkstyp, Perikarditis, Infarkt, Ischämie, Lungenembolie, Asystolie, Steiltyp"
    nine, ten = translate(known + ", xyzzy", "de"), translate(known + ", Kammerflimmern, xyzzy", "de")
    assert (nine.words, ten.words) == (9, 10)
    assert (nine.understood, nine.statements[-1]) == (False, "xyzzy")
    assert ten.understood and ten.unknown == ("xyzzy",)
