"""Wordings of axis and territory, as measured by `benchmarks/axis.py` and `benchmarks/territory.py`."""

from __future__ import annotations

import pytest

from melp.reports import to_statements

AXIS = [
    ("linkstyp", "leftward axis"),
    ("llt", "leftward axis"),
    ("überdrehter linkstyp", "left axis deviation"),
    ("linkstyp überdreht", "left axis deviation"),
    ("üllt", "left axis deviation"),
    ("rechtstyp", "right axis deviation"),
    ("überdrehter rechtstyp", "marked right axis deviation"),
    ("steiltyp", "vertical axis"),
    ("indifferenztyp", "normal axis"),
    ("mitteltyp", "normal axis"),
    ("lagetyp normal", "normal axis"),
    ("sagittaltyp", "sagittal axis"),
    ("vänsterställd el-axel", "leftward axis"),
    ("extrem vänster el-axel", "left axis deviation"),
    ("höger el-axel", "right axis deviation"),
    ("leftward axis.", "leftward axis"),
    ("rightward axis.", "rightward axis"),
    ("left axis deviation.", "left axis deviation"),
]
TERRITORY = [
    ("alter hwi", "old inferior myocardial infarction"),
    ("hinterwandinfarkt", "inferior myocardial infarction"),
    ("hw-infarkt", "inferior myocardial infarction"),
    ("akuter hinterwand-stemi", "acute inferior st elevation myocardial infarction"),
    ("infarkt der hinterwand", "inferior myocardial infarction"),
    ("st-hebung über hinterwand", "st elevation in inferior leads"),
    ("hinterwandischämie", "inferior ischemia"),
    ("posteriorer infarkt", "posterior myocardial infarction"),
    ("strikt posteriorer infarkt", "posterior myocardial infarction"),
    ("vorderwandinfarkt", "anterior myocardial infarction"),
    ("vwi", "anterior myocardial infarction"),
    ("seitenwandinfarkt", "lateral myocardial infarction"),
    ("framväggsinfarkt", "anterior myocardial infarction"),
]


@pytest.mark.parametrize(("wording", "expected"), AXIS + TERRITORY)
def test_wording(wording: str, expected: str) -> None:
    assert to_statements(wording) == [expected]


def test_territory_after_a_comma_belongs_to_the_next_finding() -> None:
    expected = ["inferior myocardial infarction", "lateral st depression"]
    assert to_statements("Inferiorer Infarkt, lateral ST-Senkung") == expected
