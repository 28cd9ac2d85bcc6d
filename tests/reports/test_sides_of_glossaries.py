"""Sides and walls of a source wording are those of its English wording, in every row of the glossaries."""

from __future__ import annotations

import re

import pytest

from melp.io.tables import read_packaged_tsv

# What names a side or a wall. Abbreviations are whole words.
SIGNS = {
    "german": {
        "right": r"rechts|\brechte|dextro(?!kardie)|\b(re|i?rsb|[ic]?rbbb?|rsbb|rlt|rvh|ra[oe])\b",
        "left": r"links|linke|sinistro|\b(li|i?lsb|[ic]?lbbb|lsbb|ü?llt|lvh|la[oe]|lahb?|lafb|lphb|lpfb)\b",
        "anterior": r"vorderwand|anterior|\b(ant|vw|vwi|lahb?|lafb)\b",
        "inferior": r"(?<!echter )(?<!strikter )hinterwand|inferior|\b(inf|hw|hwi)\b",
        "posterior": r"posterior|echter hinterwand|strikter hinterwand|\b(post|lphb|lpfb)\b",
        "lateral": r"seitenwand|lateral|\blat\b",
    },
    "swedish": {
        "right": "höger|hger",
        "left": r"vänster|\bväns\b|\blah\b",
        "anterior": r"anterior|främre|framv|\blah\b",
        "inferior": "inferior|undervägg|diafragmal",
        "posterior": "posterior|bakvägg",
        "lateral": "lateral|sidovägg",
    },
}

ANY_SIDE = ("normal axis",)
"""Wordings without a side for sources that have one."""


@pytest.mark.parametrize("language", SIGNS)
def test_sides_are_those_of_the_english_wording(language: str) -> None:
    seen, wrong = dict.fromkeys(SIGNS[language], 0), []
    for _, english, sources in read_packaged_tsv("melp.reports", language, columns=3):
        for source in sources.split(" | "):
            for side, sign in SIGNS[language].items():
                if re.search(sign, source):
                    wrong += [] if side in english or english in ANY_SIDE else [f"{source!r} is {english!r}"]
                    seen[side] += 1
    assert not wrong
    assert min(seen.values()) >= 2, seen
