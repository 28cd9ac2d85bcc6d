"""Items of a report, in German or Swedish order -> English statements."""

from __future__ import annotations

from collections.abc import Sequence

from melp.reports.draft import Draft
from melp.reports.glossary import Item

_ADVERBS = {"probable": "probably", "possible": "possibly", "definite": "definitely"}
_MODIFIERS = ("age", "territory", "degree", "shape", "join", "before", "hedge", "negation")
_FINDINGS = ("head", "lesion", "wave")
_T_SHAPES = ("inversion", "flattening", "tall", "biphasic", "peaked")


class Composer:
    """Reads items from left to right: each finding opens a statement, and what belongs to it is gathered."""

    def __init__(self, items: Sequence[Item], bare_adjectives_follow: bool = True, cut: bool = False) -> None:
        """`bare_adjectives_follow`: an adjective without an ending stands behind its noun, as in German;
        `cut`: the report may have been cut off at its end."""
        self.items = list(items)
        self.cut = cut
        self.bare_adjectives_follow = bare_adjectives_follow
        self.statements: list[str] = []
        self.draft = Draft()
        self.linked = self.link = ""
        self.heading = self.hedge_of_heading = ""
        self.heading_used = True
        self.last_wave = ""

    def compose(self) -> list[str]:
        """The statements, in the order of the report."""
        for at, item in enumerate(self.items):
            getattr(self, "_" + item.kind)(at, item)
        if self.cut and self._lacks_its_hedge():
            self.draft = Draft()
        self._close()
        self._end_heading()
        return self.statements

    def _said(self) -> str:
        """The statement so far, behind its heading where it is an item of a list."""
        draft, text = self.draft, self.draft.text()
        if not (draft.lesion and self.heading):
            return text
        self.heading_used = True
        hedged = any(kind == "hedge" for kind, _ in draft.before) or "cannot be ruled out" in draft.tail
        hedge = "" if hedged or not self.hedge_of_heading else self.hedge_of_heading + " "
        return f"{self.heading}, {hedge}{text}"

    def _close(self) -> None:
        text = self._said()
        if self.linked:
            self._drop_link() if not text else self.statements.append(f"{self.linked} {text}")
        elif text:
            if not self.draft.lesion:
                self._end_heading()
            self.statements.append(text)
        self.draft, self.linked, self.link = Draft(), "", ""

    def _lacks_its_hedge(self) -> bool:
        """Whether the last statement is a bare lesion: the machine always says how sure or how old it is."""
        kinds = {kind for kind, _ in self.draft.before}
        return self.draft.lesion and not (self.heading or self.draft.tail or kinds & {"hedge", "age"})

    def _end_heading(self) -> None:
        if self.heading and not self.heading_used:
            self.statements.append(self.heading)
        self.heading = self.hedge_of_heading = ""

    def _open(self) -> None:
        """End the statement that has its finding; modifiers that wait for one stay."""
        if self.draft.has_head:
            self._close()

    def _next(self, at: int, skip: Sequence[str] = ()) -> str:
        return next((item.kind for item in self.items[at + 1 :] if item.kind not in skip), "")

    def _modify(self, item: Item) -> None:
        self.draft.before.append((item.kind, item.english))

    # -- findings --------------------------------------------------------------------------------------

    def _head(self, at: int, item: Item) -> None:
        self._open()
        self.draft.head = item.english
        self.draft.lesion = item.kind == "lesion"
        self.last_wave = ""

    _lesion = _head

    def _whole(self, at: int, item: Item) -> None:
        if item.english.endswith(" ecg"):
            self._overall(at, item)
            return
        self._open()
        self._drop_link()
        hedges = [pair for pair in self.draft.before if pair[0] == "hedge"]
        self.draft = Draft(before=hedges, head=item.english)
        linked = self.items[at + 1 : at + 2] and self.items[at + 1].english == "consistent with"
        if self._next(at) not in {"hedge", "tail"} and not linked:
            self._close()
        self.last_wave = ""

    def _drop_link(self) -> None:
        """End a statement at the word that should have led on: "hypertrophy with"."""
        if self.linked:
            self.statements.append(self.linked.removesuffix(self.link).strip())
            self.linked = ""

    def _overall(self, at: int, item: Item) -> None:
        self._open()
        self._drop_link()
        hedges = [word for kind, word in self.draft.before if kind == "hedge"]
        if self.heading and not self.heading_used:
            hedges.append(self.hedge_of_heading)
        self.draft = Draft()
        self._end_heading()
        adverb = _ADVERBS.get(hedges[-1], "") if hedges else ""
        self.statements.append(f"{adverb} {item.english.removesuffix(' ecg')} ecg".strip())

    def _heading(self, at: int, item: Item) -> None:
        self._close()
        self._end_heading()
        self.heading, _, hedge = item.english.partition(";")
        self.hedge_of_heading = hedge.strip()
        self.heading_used = False

    # -- waves -----------------------------------------------------------------------------------------

    def _wave(self, at: int, item: Item) -> None:
        self._open()
        self.draft.wave = self.last_wave = item.english

    def _shape(self, at: int, item: Item) -> None:
        draft = self.draft
        leads_to = self._next(at, ("degree", "shape", "join"))
        bound = leads_to in _FINDINGS
        if draft.wave and not (draft.shapes and (bound or draft.places)):
            draft.shapes.append(item.english)
        elif bound:
            self._open()
            draft = self.draft
            draft.shapes.append(item.english)
        elif draft.wave == "st" and item.english.endswith("sloping"):
            draft.shapes.append(item.english)
        elif self.last_wave or item.english in _T_SHAPES:
            self._open()
            self.draft.wave = self.last_wave = self.last_wave or "t"
            self.draft.shapes.append(item.english)
        elif draft.has_head:
            draft.after.append(item.english)

    # -- what goes with a finding ----------------------------------------------------------------------

    def _leads(self, at: int, item: Item) -> None:
        if not self.draft.has_head and self.last_wave:
            self.draft.wave = self.last_wave
        if self.draft.has_head:
            self.draft.places.append(item.english)

    def _place(self, at: int, item: Item) -> None:
        self._leads(at, item)

    def _region(self, at: int, item: Item) -> None:
        territories = [word for kind, word in self.draft.before if kind == "territory"]
        self.draft.before = [pair for pair in self.draft.before if pair[0] != "territory"]
        self._leads(at, Item("place", " ".join([*territories, item.english])))

    def _adjective(self, at: int, item: Item) -> None:
        if self.draft.has_head and item.kind == "territory" and self._next(at, _MODIFIERS) == "region":
            self._repeat_for_next_place()
        elif self._belongs_to_next(at, item):
            self._open()
        joined = at > 1 and self.items[at - 1].kind == "join" and self.draft.before[-1:]
        if joined and self.draft.before[-1][0] == item.kind:
            kind, word = self.draft.before.pop()
            self.draft.before.append((kind, f"{word} {self.items[at - 1].english} {item.english}"))
        else:
            self._modify(item)

    def _belongs_to_next(self, at: int, item: Item) -> bool:
        draft = self.draft
        if "(" in item.before and draft.has_head:
            return False
        if item.inflected:
            return self._next(at, (*_MODIFIERS, "in")) in (*_FINDINGS, "whole", "region", "word")
        following = self._next(at, ("age", "territory", "degree", "join"))
        if item.kind != "degree":
            return following == "lesion"
        abbreviated = "." in self.items[at + 1].before if at + 1 < len(self.items) else False
        bare_wave = draft.wave and not draft.shapes and not draft.places
        said = bool(draft.places) and following == "shape"
        prefix = abbreviated or said or not self.bare_adjectives_follow
        return prefix and not bare_wave and following in (*_FINDINGS, "shape")

    _territory = _age = _degree = _adjective

    def _repeat_for_next_place(self) -> None:
        """ "T abnormal in anterior leads, lateral leads": the finding again, for its next place."""
        if self.draft.places:
            wave, shapes, core = self.draft.wave, self.draft.shapes, self.draft.head
            before = self.draft.before
            self._close()
            self.draft = Draft(before=before, head=core, wave=wave, shapes=shapes)

    def _negation(self, at: int, item: Item) -> None:
        self._open()
        self._modify(item)

    def _before(self, at: int, item: Item) -> None:
        self._open()
        self.draft.before.append(("hedge", item.english))

    def _hedge(self, at: int, item: Item) -> None:
        towards_normal = item.english == "probable" and self._is_normal(at + 1)
        head = self.draft.head
        menu = self.draft.lesion or self.draft.wave or "hypertrophy" in head or "atrial" in head
        before_finding = item.english == "probable" and not menu and self._next(at) in {"head", "lesion"}
        if towards_normal or before_finding or item.inflected:
            self._open()
        if item.english == "cannot be ruled out":
            self.draft.tail.append(item.english)
        else:
            self._modify(item)

    def _is_normal(self, at: int) -> bool:
        """Whether a verdict such as "normal ecg" stands there."""
        return any(
            item.kind == "overall" or (item.kind == "whole" and item.english.endswith(" ecg"))
            for item in self.items[at : at + 1]
            if "normal" in item.english.split()
        )

    def _after(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.tail.append(", " + item.english)

    def _tail(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.after.append(item.english)
        else:
            self.draft.head = item.english.removeprefix("in ").removeprefix("with ")

    def _link(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.linked = f"{self.linked} {self._said()} {item.english}".strip()
            self.draft, self.link = Draft(), item.english

    def _join(self, at: int, item: Item) -> None:
        if item.english == "or" and self._next(at, ("age", "territory", "degree")) in {"head", "lesion"}:
            self._link(at, item)

    def _number(self, at: int, item: Item) -> None:
        if self.draft.has_head and (":" in item.english or self._next(at) == "unit"):
            self.draft.after.append(item.english.replace(",", "."))

    def _over(self, at: int, item: Item) -> None:
        if self.draft.has_head and self._next(at) == "number":
            self.draft.after.append(item.english)

    def _unit(self, at: int, item: Item) -> None:
        if self.draft.after and self.draft.after[-1][0].isdigit():
            self.draft.after.append(item.english)

    def _word(self, at: int, item: Item) -> None:
        if self.draft.has_head:
            self.draft.after.append(item.english)
        elif item.known:
            self._modify(item)

    def _noise(self, at: int, item: Item) -> None:
        """Said about the recording or the patient, not about the ECG."""

    _in = _noise
