"""Names of waves and their shapes: ("t", "inversion") -> "t wave inversion"."""

from __future__ import annotations

from collections.abc import Sequence

_SINGULAR = {
    "t": "t wave",
    "st": "st",
    "st-t": "st and t wave",
    "q": "q wave",
    "r": "r wave",
    "s": "s wave",
    "p": "p wave",
    "u": "u wave",
    "qs": "qs complex",
    "qrs": "qrs complex",
}
_PLURAL = {
    "st": "st segments",
    "st-t": "st segments and t waves",
    "qs": "qs complexes",
    "qrs": "qrs complexes",
}
_NOUNS = ("inversion", "flattening", "depression", "elevation", "abnormality", "notching", "loss", "widening")


def wave_phrase(wave: str, shapes: Sequence[str]) -> str:
    """A wave and its shapes, nouns behind and adjectives before: "biphasic t waves", "downsloping st depression".

    "abnormality" says nothing beside another shape and is left out there.
    """
    shapes = list(dict.fromkeys(shapes))
    nouns = [shape for shape in shapes if shape in _NOUNS]
    if len(shapes) > 1:
        nouns = [noun for noun in nouns if noun != "abnormality"]
    adjectives = [shape for shape in shapes if shape not in _NOUNS]
    core = f"{_SINGULAR[wave]} {' and '.join(nouns)}" if nouns else _PLURAL.get(wave, _SINGULAR[wave] + "s")
    return " ".join([*adjectives, core])
