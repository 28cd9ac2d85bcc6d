"""No table exchanges left and right, anterior and inferior, or the codes of two findings."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from melp.corpora._challenge import abbreviations
from melp.corpora.csn import acronyms
from melp.reports.machine import reword
from melp.tasks import get_task
from melp.tasks.names import vocabularies
from sides import GOLDEN, entries, sides

ROWS = [tuple(line.split("\t")) for line in GOLDEN.read_text(encoding="utf-8").splitlines()[1:]]
# SNOMED CT codes that no reading of the prompts would find exchanged.
CODES = {"PRWP": "365413008", "PACE": "10370003", "IRBBB": "713426002", "LAFB": "445118002", "BBB": "6374002"}


def test_sides_of_every_table() -> None:
    """If a row is new and right, `python tests/sides.py` writes the table."""
    found = set(entries())
    assert found - set(ROWS) == set(), "not in tests/sides.tsv"
    assert set(ROWS) - found == set(), "said otherwise in tests/sides.tsv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("incomplete right bundle branch block", "incomplete right bundle"),
        ("left anterior fascicular block", "left anterior fascicular"),
        ("extreme right axis deviation", "extreme right axis"),
        ("st depression in inferolateral leads", "inferolateral"),
        ("atrial fibrillation", ""),
    ],
)
def test_sides(text: str, said: str) -> None:
    assert sides(text) == said


def test_codes_of_the_extended_task() -> None:
    task = get_task("csn-extended")
    for label, code in CODES.items():
        assert task.codes[label] == (code,)
    names = vocabularies()["snomed"]
    for label, codes in task.codes.items():
        # Both codes of a class mean the same; the challenge says "complete" of one of them.
        meant = {names[code].removeprefix("complete ") for code in codes if code.isdecimal()}
        assert meant <= {task.prompts[label][0]}, label


@pytest.mark.data
def test_codes_are_those_of_the_challenge(recordings: Path) -> None:
    published: dict[str, tuple[str, str]] = {}
    for name in ("scored", "unscored"):
        with (recordings / "text" / f"dx_mapping_{name}.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                published[row["SNOMEDCTCode"]] = row["Abbreviation"], row["Dx"]
    assert abbreviations() == {code: short for code, (short, _) in published.items()}
    for code, (_, title) in published.items():
        theirs = sides(reword(" ".join(title.lower().replace("countercolock", "counterclock").split())))
        assert sides(vocabularies()["snomed"][code]) == theirs, title


@pytest.mark.data
def test_acronyms_of_csn_are_those_of_its_table(recordings: Path) -> None:
    file = recordings / "csn" / "ConditionNames_SNOMED-CT.csv"
    with file.open(encoding="utf-8-sig") as opened:
        titles = {row["AcronymName"].strip(): row["FullName"].strip() for row in csv.DictReader(opened)}
    names = vocabularies()["csn"]
    assert set(names) == set(titles)
    for acronym, title in titles.items():
        for side in ("left", "right"):
            if re.search(rf"\b{side}\b", title, re.IGNORECASE):
                assert re.search(rf"\b{side}\b", names[acronym]), title
    for code, acronym in acronyms(str(file)).items():
        if code in vocabularies()["snomed"]:
            assert sides(names[acronym]).replace("incomplete ", "") == sides(vocabularies()["snomed"][code])
