"""The words of headers and tables: nothing, ages, sexes and units."""

from __future__ import annotations

import math

import pytest

from melp.io.values import in_millivolt, is_nothing, parse_age, parse_sex

NOTHING = [
    "",
    "  ",
    "NaN",
    "nan",
    "NA",
    "N/A",
    "n/a",
    "Unknown",
    "UNKNOWN",
    "other",
    "None",
    "null",
    "?",
    "-",
]


@pytest.mark.parametrize("text", NOTHING)
def test_nothing(text: str) -> None:
    assert is_nothing(text) and is_nothing(f" {text} ")
    assert math.isnan(parse_age(text)) and parse_sex(text) == ""


@pytest.mark.parametrize("text", ["0", "0.0", "no", "false", "x", "normal", "nano", "-1", "another"])
def test_values_are_not_nothing(text: str) -> None:
    assert not is_nothing(text)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("0", 0), ("074", 74), ("61", 61), (" 89.5 ", 89.5), ("89,5", 89.5), ("90+", 90), ("90 +", 90),
        ("74Y", 74), ("74 years", 74), ("63 years old", 63), ("150", 150), ("5e-3", 0.005),
    ],
)  # fmt: skip
def test_ages(text: str, years: float) -> None:
    assert parse_age(text) == years


@pytest.mark.parametrize("text", ["300", "150.5", "-1", "sixty", "1e3", "inf", "6 months", "45 m", "٤٠"])
def test_other_ages_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"found, wanted a number from 0 to 150$") as caught:
        parse_age(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sex"),
    [("F", "female"), ("female", "female"), ("M", "male"), (" Male ", "male"), ("O", ""), ("U", "")],
)
def test_sexes(text: str, sex: str) -> None:
    assert parse_sex(text) == sex


@pytest.mark.parametrize("text", ["0", "1", "x", "fem ale"])
def test_other_sexes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' found, wanted female or male, f or m, or nothing"):
        parse_sex(text)


@pytest.mark.parametrize(
    ("millivolt", "units"),
    [
        (1000, ["V", "v", "volt", "Volts"]),
        (1, ["mV", "mv", "MV", "millivolt", "millivolts", "MilliVolt", "mVolt"]),
        (0.001, ["uV", "UV", "\u00b5V", "\u03bcV", "\u039cV", "microvolt", "Microvolts", "uvolt", "uVolts"]),
        (0.000001, ["nV", "nanovolt", "nanovolts"]),
    ],
)
def test_units(millivolt: float, units: list[str]) -> None:
    assert [in_millivolt(unit) for unit in units] == [millivolt] * len(units)


@pytest.mark.parametrize("unit", ["", "mmHg", "NU", "kV", "mA", "m", "milli", "vv", "%"])
def test_other_units(unit: str) -> None:
    assert in_millivolt(unit) is None
