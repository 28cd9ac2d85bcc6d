"""Numbers, samples and ages from the texts of XML files."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_NUMBER = re.compile(r"[-+]?(?:\d{1,30}(?:[.,]\d{0,30})?|[.,]\d{1,30})(?:[eE][-+]?\d{1,3})?", re.ASCII)
_SEPARATOR = re.compile(r"[\s,;]+")
# A year in the units of age that devices write, by the first letter of their names.
_IN_YEARS = {"y": 1.0, "m": 12.0, "w": 365.25 / 7, "d": 365.25, "h": 24 * 365.25}


def text_of(element: Element, path: str) -> str:
    """Return the text of the first element at `path`, without space around it; "" if there is none."""
    return (element.findtext(path) or "").strip()


def number(text: str) -> float | None:
    """Return the number that a text begins with, with a decimal point or comma; None if there is none."""
    match = _NUMBER.match(text.strip())
    value = float(match[0].replace(",", ".")) if match else math.nan
    return value if math.isfinite(value) else None


def base64_bytes(text: str) -> bytes:
    """Return the bytes that a text in Base64 stands for.

    Raises:
        ValueError: it has other characters, or was cut.
    """
    plain = re.sub(r"\s+", "", text).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("samples that are not Base64; a damaged file") from None


def listed_samples(text: str) -> Float[np.ndarray, " time"]:
    """Return the samples of a text in which commas or space separate them.

    Raises:
        ValueError: one of them is no number.
    """
    words = _SEPARATOR.split(text.strip(" \t\r\n,;"))
    try:
        return np.array([float(word) for word in words if word])
    except ValueError:
        raise ValueError("samples that are not numbers; a damaged file") from None


def in_years(age: str, unit: str) -> str:
    """Return an age as a text in years, for the unit that a file has ("YEARS", "mo", "D"; "" for years)."""
    value, per_year = number(age), _IN_YEARS.get(unit.strip().lower()[:1] or "y")
    return "" if value is None or per_year is None else f"{value / per_year:.6g}"
