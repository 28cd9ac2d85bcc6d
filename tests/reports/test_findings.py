"""Findings of statements: sides, territories, denials, and what is not compared."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.io.tables import read_packaged_tsv
from melp.reports.findings import Finding, finding_named, read_findings, statement_findings
from melp.tasks.names import vocabularies


def _names(text: str) -> set[str]:
    return {str(finding) for finding in statement_findings(text)}


STATEMENTS = """
left bundle branch block -> left bundle branch block
complete right bundle branch block -> right bundle branch block
incomplete right bundle branch block, probably a normal variant -> incomplete right bundle branch block
left anterior fascicular block -> left anterior fascicular block
no atrial fibrillation -> no atrial fibrillation
anteroseptal ischemia, probably old -> anterior ischemia / septal ischemia
inferior myocardial infarction cannot be ruled out -> inferior myocardial infarction
inferior myocardial infarction excluded -> no inferior myocardial infarction
st depression in i avl v4 -> lateral st depression / anterior st depression
st depression in v5, consistent with inferior ischemia -> lateral st depression / inferior ischemia
ischemia or left ventricular strain -> ischemia / left ventricular strain
t wave abnormality in inferior leads -> inferior t wave abnormality
no ecg evidence of u waves or ischemia -> no u waves / no ischemia
no pericarditis, u waves or ischemia -> no pericarditis / no u waves / no ischemia
no ischemia, sinus rhythm -> no ischemia / sinus rhythm
atrial fibrillation with no st depression -> atrial fibrillation / no st depression
no definite pathology -> normal ecg
regular rhythm, no p waves found -> regular rhythm without p waves
premature ventricular contractions in bigeminy -> premature ventricular contractions / bigeminy
st elevation in limb leads -> lateral st elevation / inferior st elevation
normal axis in inferior leads -> normal axis
""".strip().splitlines()
DESCRIBED = ["possible {}", "old {}", "probable {}, age undetermined", "marked {}", "{} cannot be ruled out"]


@pytest.mark.parametrize("line", STATEMENTS)
def test_findings_of_statements(line: str) -> None:
    statement, findings = line.split(" -> ")
    assert _names(statement) == set(findings.split(" / "))


def test_hedges_ages_and_degrees_are_not_compared() -> None:
    plain = _names("inferior myocardial infarction")
    for words in DESCRIBED:
        assert _names(words.format("inferior myocardial infarction")) == plain


_ROWS = read_packaged_tsv("melp.reports", "findings", columns=3)
WORDINGS = {name: [name, *filter("-".__ne__, others.split(" | "))] for name, _, others in _ROWS}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(WORDINGS)), min_size=1, max_size=4), st.randoms())
def test_each_wording_is_its_finding(names: list[str], random: Random) -> None:
    found, unknown = read_findings(". ".join(random.choice(WORDINGS[name]) for name in names) + ".")
    assert {finding.name for finding in found} == set(names) and unknown == 0
    assert not any(finding.denied for finding in found)
    for name in names:
        assert statement_findings(f"no {name}") == {Finding(name, "", True)}


def test_no_wording_has_two_findings() -> None:
    wordings = [wording for group in WORDINGS.values() for wording in group]
    assert len(wordings) == len(set(wordings))


def test_statements_without_a_known_finding_are_counted() -> None:
    found, unknown = read_findings("Sinus rhythm. Suggest cardiological review. Left axis deviation.")
    assert {str(finding) for finding in found} == {"sinus rhythm", "left axis deviation"} and unknown == 1
    assert read_findings("") == (frozenset(), 0)


def test_the_names_of_labels_of_ptb_xl_have_findings() -> None:
    names = vocabularies()["ptb-xl"].values()
    assert [name for name in names if not statement_findings(name)] == []


@pytest.mark.data
def test_real_reports_are_read(recordings: Path) -> None:
    table = pd.read_csv(recordings / "text" / "ptbxl_reports_english_500.csv")
    counts = [read_findings(report) for report in table["report"].astype(str)]
    unknown, known = sum(number for _, number in counts), sum(len(found) for found, _ in counts)
    assert 0 < unknown < 0.05 * known


def test_another_wording_of_a_finding_names_it() -> None:
    assert finding_named("prolonged pr interval") == "first degree av block"
    assert finding_named("low t waves") == "t wave flattening"
    # A finding itself, one with a degree, and a text that is none.
    for text in ("first degree av block", "slightly prolonged pr interval", "broken leg"):
        assert finding_named(text) == ""
