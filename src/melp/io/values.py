"""Read the words that headers and tables use for values: nothing, age, sex, flags, and units of voltage."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress

MAX_AGE = 150
"""Years; a larger number is not an age."""

_NOTHING = frozenset(
    (
        "", "nan", "na", "n/a", "n.a.", "#n/a", "<na>", "nat", "null", "nil", "none", "unknown", "unk",
        "other", "undefined", "unspecified", "not available", "missing", "?", "-", "--",
    )
)  # fmt: skip
_SEX = {"f": "female", "female": "female", "m": "male", "male": "male"}
# DICOM and HL7 write other and unknown sexes as one letter.
_NO_SEX = ("o", "u")
_FLAGS = (
    dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), True)
    | dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), False)
    | dict.fromkeys(("-1", "-1.0"), None)
)
_AGE = re.compile(
    r"(\d{1,9}(?:[.,]\d{0,30})?(?:e[-+]?\d{1,3})?)(?: ?\+| ?(?:y|yrs?|years?(?: old)?))?", re.ASCII
)

# Lists as Python, NumPy and JSON write them; NumPy has no commas between the items.
_LIST = re.compile(r"(?:set|frozenset|array)\((.*)\)|([\[({].*[\])}])", re.DOTALL)
_NO_COMMA = re.compile(r"(?<=['\"])\s+(?=['\"])")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")

_PREFIXES = {"": 1e3, "m": 1.0, "milli": 1.0, "n": 1e-6, "nano": 1e-6} | dict.fromkeys(
    ("u", "micro", "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"), 1e-3
)
_MILLIVOLT = {
    prefix + volt: factor for prefix, factor in _PREFIXES.items() for volt in ("v", "volt", "volts")
}


def is_nothing(text: str) -> bool:
    """Return whether a cell or field has no value: it is empty or says so (NaN, NA, unknown, other ...)."""
    return text.strip().lower() in _NOTHING


def parse_age(text: str) -> float:
    """Return an age in years; NaN for nothing. "90+", which hides ages over 90, is 90.

    Raises:
        ValueError: another text, or over `MAX_AGE`; the message says what was found and wanted.
    """
    if is_nothing(text):
        return float("nan")
    match = _AGE.fullmatch(text.strip().lower())
    age = float(match[1].replace(",", ".")) if match else float("nan")
    if not age <= MAX_AGE:
        raise ValueError(f"{text!r} found, wanted a number from 0 to {MAX_AGE}")
    return age


def parse_sex(text: str) -> str:
    """Return "female" or "male"; "" for nothing, and for other and unknown.

    Raises:
        ValueError: another word; the message says what was found and wanted.
    """
    word = text.strip().lower()
    if is_nothing(word) or word in _NO_SEX:
        return ""
    if word not in _SEX:
        raise ValueError(f"{text!r} found, wanted female or male, f or m, or nothing")
    return _SEX[word]


def parse_flag(text: str) -> bool | None:
    """Return whether a flag is set: 1 or 0, true or false, yes or no; None for nothing and for -1.

    Raises:
        ValueError: another text; the message says what was found and wanted.
    """
    word = text.strip().lower()
    if is_nothing(word):
        return None
    if word not in _FLAGS:
        raise ValueError(f"{text!r} found, wanted 0 or 1, yes or no, or nothing")
    return _FLAGS[word]


def parse_list(text: str, separators: str, codes: bool = False) -> list[str]:
    """Return the items of a cell, between separators or written as a list: "['AFIB', 'LBBB']".

    Of a dictionary, as in PTB-XL, the items are its keys, except those that are false.

    Args:
        text: the cell.
        separators: characters between the items of a cell that is no list.
        codes: whether commas separate as well, if no item has a space.
    """
    text = text.strip()
    items = _listed(text, codes)
    if items is None:
        items = re.split(f"[{re.escape(separators)}]", text)
        parts = [part.strip() for part in text.split(",")]
        if codes and len(items) == 1 and not any(re.search(r"\s", part) for part in parts):
            items = parts
    return [item.strip() for item in items if item.strip()]


def _listed(text: str, codes: bool) -> list[str] | None:
    """Return the items of a list, or None if the text is none; only codes may be without quotes."""
    match = _LIST.fullmatch(text)
    if match is None:
        return None
    inner = _NO_COMMA.sub(", ", match[2] if match[1] is None else match[1])
    for parse in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            value = parse(inner)
            if isinstance(value, dict):
                return [str(key) for key, item in value.items() if item is not False]
            if isinstance(value, list | tuple | set):
                return [str(item) for item in value]
    quoted = [first or second for first, second in _QUOTED.findall(inner)]
    unquoted = re.split(r"[,;|\s]+", inner.strip("[](){} ")) if codes else None
    return quoted or unquoted


def in_millivolt(unit: str) -> float | None:
    """Return a unit of voltage in mV, in any case ("mV", "uV", "Microvolts"); None for another unit.

    "MV" is millivolt, as in the case-insensitive form of UCUM: no ECG is in megavolts.
    """
    return _MILLIVOLT.get(unit.strip().lower())
