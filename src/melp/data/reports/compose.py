"""Items of a report, in German or Swedish order -> English statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from melp.data.reports.glossary import Item

_RANKS = {"negation": 0, "hedge": 1, "degree": 2, "age": 3, "territory": 4}
_NOUNS = {
    "t": "t wave", "st": "st", "st-t": "st and t wave", "q": "q wave", "r": "r wave", "s": "s wave",
    "p": "p wave", "u": "u wave", "qs": "qs complex", "qrs": "qrs complex",
}  # fmt: skip
_PLURALS = {"st": "st segments", "qs": "qs complexes", "qrs": "qrs complexes", "st-t": "st segments and t waves"}
_NOUN_SHAPES = ("inversion", "flattening", "depression", "elevation", "changes", "abnormality", "notching", "loss")
_ADVERBS = {"probable": "probably", "possible": "possibly", "definite": "definitely"}
_VAGUE = ("changes", "abnormality")


def wave_phrase(wave: str, shapes: Sequence[str]) -> str:
    """("t", ["inversion"]) -> "t wave inversion"; ("t", ["tall"]) -> "tall t waves"."""
    plural = _PLURALS.get(wave, _NOUNS[wave] + "s")
    adjectives = [shape for shape in shapes if shape not in _NOUN_SHAPES]
    nouns = [shape for shape in shapes if shape in _NOUN_SHAPES and (shape not in _VAGUE or len(shapes) == 1)]
    nouns = ["abnormality" if noun in _VAGUE else noun for noun in nouns]
    core = f"{_NOUNS[wave]} {' and '.join(nouns)}" if nouns else plural
    return " ".join([*adjectives, core])


@dataclass
class Draft:
    """A statement being put together."""

    before: list[tuple[int, str]] = field(default_factory=list)
    head: str = ""
    lesion: bool = False
    wave: str = ""
    shapes: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    @property
    def has_head(self) -> bool:
        return bool(self.head or self.wave)

    def text(self) -> str:
        """The statement, or nothing where only modifiers were left over."""
        head = wave_phrase(self.wave, self.shapes) if self.wave else self.head
        if not head:
            return ""
        before = [word for _, word in sorted(self.before, key=lambda pair: pair[0])]
        before += [] if self.wave else self.shapes
        sentence = " ".join([*before, head, *self.after])
        if self.places:
            sentence += " in " + " and ".join(self.places)
        return " ".join([sentence, *self.tail]).replace(" ,", ",")


class Composer:
    """Reads items from left to right; each finding opens a statement, what belongs to it is gathered."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = list(items)
        self.statements: list[str] = []
        self.draft = Draft()
        self.heading = ""
        self.heading_used = True
        self.last_wave = ""

    def compose(self) -> list[str]:
        for at, item in enumerate(self.items):
            getattr(self, "_" + item.kind, self._word)(at, item)
        self._close()
        self._end_heading()
        return self.statements

    # -- statements ------------------------------------------------------------------------------------

    def _close(self) -> None:
        text = self.draft.text()
        if text:
            if self.draft.lesion and self.heading:
                text = f"{self.heading} {text}"
                self.heading_used = True
            else:
                self._end_heading()
            self.statements.append(text)
        self.draft = Draft()

    def _end_heading(self) -> None:
        if not self.heading_used:
            self.statements.append(self.heading.split(",")[0])
        self.heading, self.heading_used = "", True

    def _open(self) -> None:
        """Start a new statement with the modifiers that wait for a head."""
        if self.draft.has_head:
            self._close()

    def _next(self, at: int, skip: tuple[str, ...] = ()) -> str:
        for item in self.items[at + 1 :]:
            if item.kind not in skip:
                return item.kind
        return ""

    # -- findings --------------------------------------------------------------------------------------

    def _head(self, at: int, item: Item) -> None:
        if self.draft.after[-1:] == ["or"]:
            self.draft.after.append(item.english)
            return
        self._open()
        self.draft.head = item.english
        self.draft.lesion = item.kind == "lesion"
        if item.kind == "head":
            self.last_wave = ""

    _lesion = _rhythm = _head

    def _whole(self, at: int, item: Item) -> None:
        self._open()
        if item.english.endswith("ecg"):
            self._overall(at, item)
        else:
            self.draft.head = item.english

    def _overall(self, at: int, item: Item) -> None:
        self._open()
        hedges = [_ADVERBS[word] for _, word in self.draft.before if word in _ADVERBS]
        self._end_heading()
        self.draft = Draft(head=" ".join([*hedges, item.english.removesuffix(" ecg"), "ecg"]))
        self._close()

    def _heading(self, at: int, item: Item) -> None:
        self._close()
        self._end_heading()
        name, _, hedge = item.english.partition(";")
        self.heading = f"{name},{hedge}"
        self.heading_used = False

    # -- waves -----------------------------------------------------------------------------------------

    def _wave(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self._close()
        self.draft.wave = self.last_wave = item.english

    def _shape(self, at: int, item: Item) -> None:
        draft = self.draft
        if draft.wave and not draft.places and not (self._next(at) == "wave" and draft.shapes):
            draft.shapes.append(item.english)
            return
        if self._next(at, ("degree",)) == "wave" or not self.last_wave:
            if self._next(at, ("degree", "shape")) in {"wave", "head", "lesion"}:
                self._open()
                self.draft.shapes.append(item.english)
            elif draft.has_head:
                draft.after.append(item.english)
            return
        if draft.has_head:
            self._close()
        self.draft.wave = self.last_wave
        self.draft.shapes.append(item.english)

    # -- what goes with a finding ----------------------------------------------------------------------

    def _leads(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.places.append(item.english)
        elif self.last_wave:
            self.draft.wave = self.last_wave
            self.draft.places.append(item.english)

    def _region(self, at: int, item: Item) -> None:
        territories = [word for rank, word in self.draft.before if rank == _RANKS["territory"]]
        place = " ".join([*territories, item.english])
        if not self.draft.has_head and self.statements and territories:
            head = self.statements[-1].split(" in ")[0]
            self.draft = Draft(head=head)
        self.draft.before = [pair for pair in self.draft.before if pair[1] not in territories]
        self.draft.places.append(place)

    def _adjective(self, at: int, item: Item) -> None:
        rank = _RANKS[item.kind]
        following = self._next(at, ("age", "territory", "degree", "join"))
        if self.draft.has_head and item.kind == "territory" and following == "region":
            if self.draft.places:
                self._close()
                self.draft = Draft(head=self.statements[-1].split(" in ")[0]) if self.statements else Draft()
            self.draft.before.append((rank, item.english))
            return
        postfix = self.draft.has_head and not item.inflected and following not in {"lesion", "head", "wave", "shape"}
        if not postfix:
            self._open()
        self.draft.before.append((rank, item.english))

    _territory = _age = _degree = _adjective

    def _negation(self, at: int, item: Item) -> None:
        self._open()
        self.draft.before.append((0, item.english))

    def _before(self, at: int, item: Item) -> None:
        self._open()
        self.draft.before.append((_RANKS["hedge"], item.english))

    def _hedge(self, at: int, item: Item) -> None:
        following = self._next(at)
        prefix = item.inflected or following == "overall" or not self.draft.has_head
        if following == "whole" and self.items[at + 1].english.endswith("ecg"):
            prefix = True
        if prefix:
            self._open()
        if item.english == "cannot be ruled out":
            self.draft.tail.append(item.english)
        else:
            self.draft.before.append((_RANKS["hedge"], item.english))

    def _after(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.tail.append(", " + item.english)

    def _tail(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.after.append(item.english)
        else:
            self.draft.head = item.english.removeprefix("in ")

    def _in(self, at: int, item: Item) -> None:
        return

    def _join(self, at: int, item: Item) -> None:
        if item.english == "or" and self.draft.has_head and self._next(at) in {"head", "lesion"}:
            self.draft.after.append("or")

    def _number(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.after.append(item.english)

    def _word(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.after.append(item.english)
