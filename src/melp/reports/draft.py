"""A statement being put together, in English order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_RANKS = {"negation": 0, "hedge": 1, "degree": 2, "age": 3, "territory": 4, "word": 5}
_NOTHING_ALONE = ("t", "st", "st-t", "r", "s", "p", "qrs")
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
    """A wave and its shapes, nouns behind, adjectives before: "biphasic t waves", "upsloping st depression".

    "abnormality" says nothing beside another shape and is left out there.
    """
    shapes = list(dict.fromkeys(shapes))
    nouns = [shape for shape in shapes if shape in _NOUNS]
    if len(shapes) > 1:
        nouns = [noun for noun in nouns if noun != "abnormality"]
    adjectives = [shape for shape in shapes if shape not in _NOUNS]
    core = f"{_SINGULAR[wave]} {' and '.join(nouns)}" if nouns else _PLURAL.get(wave, _SINGULAR[wave] + "s")
    return " ".join([*adjectives, core])


@dataclass
class Draft:
    """A statement being put together."""

    before: list[tuple[str, str]] = field(default_factory=list)
    """Modifiers and their kinds."""
    head: str = ""
    lesion: bool = False
    wave: str = ""
    shapes: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    @property
    def has_head(self) -> bool:
        """Whether it has a finding yet."""
        return bool(self.head or self.wave)

    @property
    def core(self) -> str:
        """The finding with its modifiers, without place and tail; nothing where it has no finding."""
        head = wave_phrase(self.wave, self.shapes) if self.wave else self.head
        if not head:
            return ""
        ordered = sorted(dict.fromkeys(self.before), key=lambda pair: _RANKS[pair[0]])
        return " ".join([word for _, word in ordered] + ([] if self.wave else self.shapes) + [head])

    def text(self) -> str:
        """The statement; empty where nothing is said."""
        said_of_wave = self.shapes or self.places or self.after or self.before
        if not self.core or (self.wave in _NOTHING_ALONE and not said_of_wave):
            return ""
        places = ["in " + " and ".join(dict.fromkeys(self.places))] if self.places else []
        return " ".join([self.core, *self.after, *places, *self.tail]).replace(" ,", ",")
