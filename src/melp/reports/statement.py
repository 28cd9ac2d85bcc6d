"""One English statement, put together from its parts in English word order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_MODIFIER_ORDER = {"negation": 0, "hedge": 1, "degree": 2, "age": 3, "territory": 4, "word": 5}
# Without a shape, a place or a modifier these waves are no finding.
_NO_FINDING_ALONE = ("t", "st", "st-t", "r", "s", "p", "qrs")
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
    """Join a wave and its shapes: "biphasic t waves" (adjective), "upsloping st depression" (with a noun).

    "abnormality" is left out beside another shape, because it adds nothing.
    """
    shapes = list(dict.fromkeys(shapes))
    nouns = [shape for shape in shapes if shape in _NOUNS]
    if len(shapes) > 1:
        nouns = [noun for noun in nouns if noun != "abnormality"]
    adjectives = [shape for shape in shapes if shape not in _NOUNS]
    core = f"{_SINGULAR[wave]} {' and '.join(nouns)}" if nouns else _PLURAL.get(wave, _SINGULAR[wave] + "s")
    return " ".join([*adjectives, core])


@dataclass
class Statement:
    """The parts of a statement; any of them may be missing while a report is read."""

    modifiers: list[tuple[str, str]] = field(default_factory=list)
    """(kind, word) before the finding, such as ("hedge", "possible")."""
    finding: str = ""
    is_lesion: bool = False
    """Whether the finding is a lesion, such as an infarction, which machines list below a heading."""
    wave: str = ""
    """Instead of `finding`: the wave that `shapes` describe."""
    shapes: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    """Between the finding and its places."""
    tail: list[str] = field(default_factory=list)
    """After the places, such as ", probably old"."""

    @property
    def has_finding(self) -> bool:
        """Whether a finding or a wave is known."""
        return bool(self.finding or self.wave)

    @property
    def core(self) -> str:
        """The finding with its modifiers, without place and tail; empty without a finding."""
        finding = wave_phrase(self.wave, self.shapes) if self.wave else self.finding
        if not finding:
            return ""
        ordered = sorted(dict.fromkeys(self.modifiers), key=lambda pair: _MODIFIER_ORDER[pair[0]])
        before = [word for _, word in ordered if " of " not in word]
        after = [word for _, word in ordered if " of " in word]  # "typical of ischemia"
        return " ".join([*before, *([] if self.wave else self.shapes), finding, *after])

    def text(self) -> str:
        """Return the statement in English; empty if it has no finding."""
        is_described = self.shapes or self.places or self.details or self.modifiers
        if not self.core or (self.wave in _NO_FINDING_ALONE and not is_described):
            return ""
        places = ["in " + " and ".join(dict.fromkeys(self.places))] if self.places else []
        details = self.details[:-1] if self.details[-1:] in (["of"], ["in"]) else self.details
        return " ".join([self.core, *details, *places, *self.tail]).replace(" ,", ",")
