"""English reports: expected statements, one for each rewriting rule."""

from __future__ import annotations

import pytest

from melp.reports import coverage, report_language, to_statements

ENGLISH = [
    ("sinus rhythm. normal ecg.", ["sinus rhythm", "normal ecg"]),
    ("sinus rhythm normal ecg", ["sinus rhythm", "normal ecg"]),
    (
        "premature ventricular contraction(s), trigeminy. otherwise normal ecg.",
        ["premature ventricular contractions in trigeminy", "otherwise normal ecg"],
    ),
    (
        "frequent pvc(s). pac(s).",
        ["frequent premature ventricular contractions", "premature atrial contractions"],
    ),
    (
        "voltages are high in chest leads suggesting lvh.",
        ["high voltages in chest leads suggesting left ventricular hypertrophy"],
    ),
    ("low limb lead voltage. rightward axis.", ["low voltage in limb leads", "rightward axis"]),
    (
        "q waves in ii, iii, avf consistent with old inferior    myocardial infarction.",
        ["q waves in ii iii avf consistent with old inferior myocardial infarction"],
    ),
    (
        "st segments are depressed and t waves inverted in i,  avl, v4,5,6."
        " this may be due to lv strain or ischaemia.",
        [
            "st depression in i avl v4 v5 v6",
            "t wave inversion in i avl v4 v5 v6, possible ischemia or left ventricular strain",
        ],
    ),
    (
        "t waves are low or flat in i, v5,6 and slightly inverted in avl.",
        ["low or flat t waves in i v5 v6", "slight t wave inversion in avl"],
    ),
    (
        "st segments are depressed in i, avl. t waves are flat in these leads.",
        ["st depression in i avl", "t wave flattening in i avl"],
    ),
    (
        "t waves are no longer inverted in chest leads.",
        ["t waves are no longer inverted in chest leads"],
    ),
    (
        "left bundle branch block, this is most commonly due to    ischaemic heart disease.",
        ["left bundle branch block, most commonly due to ischemic heart disease"],
    ),
    (
        "t waves are inverted in v1-3. findings are likely to be due to ischaemic heart disease."
        " the age of the changes is uncertain.",
        ["t wave inversion in v1 v2 v3, probable ischemic heart disease, age undetermined"],
    ),
    (
        "old anteroseptal infarct cannot be entirely excluded.",
        ["old anteroseptal myocardial infarction cannot be ruled out"],
    ),
    ("myocardial ischaemia is likely.", ["probable ischemia"]),
    (
        "sinus rhythm. compared with tracing of 23:9:91, it is not significantly changed.",
        ["sinus rhythm", "compared with previous tracing, it is not significantly changed"],
    ),
    ("prolonged pr interval (0.22 sec). normal ecg", ["prolonged pr interval", "normal ecg"]),
    ("sinus rhythm. leads v4,5 show gross artifact.", ["sinus rhythm", "gross artifact in v4 v5"]),
    (
        "lateral subendocardial infarction of uncertain age is a possibility. normal axis",
        ["possible lateral subendocardial infarction, age undetermined", "normal axis"],
    ),
]


@pytest.mark.parametrize(("report", "expected"), ENGLISH)
def test_english(report: str, expected: list[str]) -> None:
    assert report_language(report) == "en"
    assert to_statements(report) == expected
    assert coverage(report) == (0, 0)


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (
            "this may be due to lv strain or i",
            "st depression in v5 v6, possible ischemia or left ventricular strain",
        ),
        (
            "findings are likely to be due to ischaemic he",
            "st depression in v5 v6, probable ischemic heart disease",
        ),
        (
            "consistent with old inferior myocar",
            "st depression in v5 v6, consistent with old inferior myocardial infarction",
        ),
        ("this ma", "st depression in v5 v6"),
        ("t waves ar", "st depression in v5 v6"),
    ],
)
def test_truncated_sentence_is_completed(ending: str, expected: str) -> None:
    report = f"{'sinus rhythm.':{255 - 38 - len(ending)}}st segments are depressed in v5,6. {ending}"
    assert len(report) == 252
    assert to_statements(report) == ["sinus rhythm", expected]


@pytest.mark.parametrize(
    ("german", "english"),
    [
        ("sinusrhythmus periphere niederspannung", "sinus rhythm. low limb lead voltage."),
        ("sinusrhythmus t neg in v1-3", "sinus rhythm. t waves are inverted in v1,2,3."),
        ("sinusrhythmus st-senkung in i,avl", "sinus rhythm. st segments are depressed in i, avl."),
        ("sinusrhythmus t flach in iii", "sinus rhythm. t waves are flat in iii."),
        ("ventrikulÄre extrasystole(n)", "premature ventricular contraction(s)."),
        (
            "linksanteriorer hemiblock ueberdrehter linkstyp",
            "left anterior fascicular block. left axis deviation.",
        ),
        ("unspezifischer intraventrikulÄrer block", "non-specific intraventricular block."),
        ("qt-verlÄngerung normales ekg", "prolonged qt. normal ecg."),
    ],
)
def test_wording_is_the_same_in_all_languages(german: str, english: str) -> None:
    assert to_statements(german) == to_statements(english)
