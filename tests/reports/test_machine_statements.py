from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melp.reports.machine import count_words, machine_statements

LINES = st.lists(
    st.one_of(
        st.text(alphabet=" *=-.\n\t\x00aEKGkg1(", max_size=20),
        st.sampled_from(
            ["Sinus rhythm", "*** Normal EKG ***", "Summary: abnormal ECG.", "Rate 62. Axis 12.5"]
        ),
    ),
    max_size=18,
)

PIECES = (
    "summary:",
    "summary",
    " ",
    ". ",
    " - ",
    "no further analysis",
    "Sinus",
    "EKG",
    "*** ",
    "b",
    "vs",
    "(",
    "analysis error",
)


@pytest.mark.parametrize(
    ("line", "statements"),
    [
        ("Sinus rhythm", ["sinus rhythm"]),
        ("*** Consider acute ST elevation MI ***", ["possible acute st elevation myocardial infarction"]),
        ("Normal EKG except for rate.", ["normal ecg except for rate"]),
        ("Compared with old EKGs\t\x1fno change", ["compared with old ecgs no change"]),
        ("Anterior infarct - age undetermined", ["anterior myocardial infarction, age undetermined"]),
        ("Borderline PR interval.  Left axis deviation.", ["borderline pr interval", "left axis deviation"]),
        ("Possible inf. infarct", ["possible inferior myocardial infarction"]),
        ("ST elev. in V2 vs. V3", ["st elevation in v2 vs. v3"]),
        ("QT 0.46 s. Abnormal ECG", ["qt 0.46 s. abnormal ecg"]),
        ("Rate 62. Axis -12.5", ["rate 62", "axis -12.5"]),
        ("Summary: abnormal ECG", ["abnormal ecg"]),
        ("Pacemaker rhythm - no further analysis", ["paced rhythm"]),
        ("--- Suspect arm lead reversal ---", ["possible arm lead reversal"]),
        ("--- Warning: Data quality may affect interpretation ---", []),
        ("--- Recording unsuitable for analysis - please repeat ---", []),
        ("*** report made without knowing patient's sex ***", []),
        ("Age not entered, assumed to be  50 years old for purpose of ECG interpretation", []),
        ("PACER DETECTION SUSPENDED DUE TO EXTERNAL NOISE-REVIEW ADVISED", []),
        ("-------------------- Pediatric ECG interpretation --------------------", []),
        ("Lead(s) unsuitable for analysis: V1 V2", []),
        ("All 12 leads are missing", []),
        ("Summary:", []),
        ("* = - .", []),
        ("", []),
    ],
)  # fmt: skip
def test_machine_statements(line: str, statements: list[str]) -> None:
    assert list(machine_statements(line)) == statements


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=8).map("".join)))
def test_statements_are_clean(line: str) -> None:
    for statement in machine_statements(line):
        assert statement == statement.lower() and statement.strip(" *=-") == statement
        assert not statement.endswith(".") and not any(ord(letter) < 32 for letter in statement)
        assert machine_statements(statement) == (statement,)


@given(LINES)
def test_count_words_follows_the_published_rule(lines: list[str]) -> None:
    row = pd.Series([line or np.nan for line in lines], dtype=object)
    text = ". ".join(row.dropna())
    text = text.replace("EKG", "ECG").replace("ekg", "ecg").strip("*").strip(" *=-").lower()
    text = text.replace("\n", " ").replace("\r", " ").replace("\t", " ") + "."
    assert count_words([line for line in lines if line]) == len(text.split())
