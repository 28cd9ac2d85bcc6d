"""Terms of a report, in German or Swedish word order -> English statements."""

from __future__ import annotations

from collections.abc import Sequence

from melp.reports.composition import Composition
from melp.reports.glossary import Term
from melp.reports.statement import Statement

_ADVERBS = {"probable": "probably", "possible": "possibly", "definite": "definitely"}
_MODIFIERS = ("age", "territory", "degree", "shape", "join", "before", "hedge", "negation")
_FINDINGS = ("head", "lesion", "wave")
_TERRITORIES = ("anterior", "inferior", "lateral", "septal", "posterior", "anteroseptal", "inferolateral")
_T_SHAPES = ("inversion", "flattening", "tall", "biphasic", "peaked")


class StatementComposer(Composition):
    """Reads terms from left to right; each finding starts a statement, to which its modifiers are added.

    For each kind of term there is a method `_visit_KIND`.

    Args:
        terms: the terms of one report, in its order.
        bare_adjectives_follow: whether an adjective without an ending follows its noun, as in German.
        truncated: whether the end of the report may be missing.
    """

    def __init__(
        self, terms: Sequence[Term], bare_adjectives_follow: bool = True, truncated: bool = False
    ) -> None:
        super().__init__(terms, truncated)
        self.bare_adjectives_follow = bare_adjectives_follow

    def compose(self) -> list[str]:
        """Return the statements in the order of the report."""
        for at, term in enumerate(self.terms):
            self._end_parenthesis(at, term)
            getattr(self, "_visit_" + term.kind)(at, term)
        if self.truncated and self._lacks_hedge():
            self.current = Statement()
        self._close()
        self._end_heading()
        return self.statements

    def _end_parenthesis(self, at: int, term: Term) -> None:
        """Forget the adjectives of an unknown word that ends a parenthesis: "(possibly UNKNOWN)"."""
        if ")" in term.separator and at and not self.terms[at - 1].known and not self.current.has_finding:
            self.current = Statement()

    # -- findings --------------------------------------------------------------------------------------

    def _visit_head(self, at: int, term: Term) -> None:
        self._close_if_complete()
        self.current.finding = term.english
        self.current.is_lesion = term.kind == "lesion"
        self.last_wave = ""

    _visit_lesion = _visit_head

    def _visit_whole(self, at: int, term: Term) -> None:
        """A complete statement, such as "sinus rhythm"; only hedge and negation modify it."""
        if term.english.endswith(" ecg"):
            self._visit_overall(at, term)
            return
        self._close_if_complete()
        self._drop_link()
        kept = [pair for pair in self.current.modifiers if pair[0] in {"hedge", "negation"}]
        self.current = Statement(modifiers=kept, finding=term.english)
        link_follows = self.terms[at + 1 : at + 2] and self.terms[at + 1].english == "consistent with"
        if self._next_kind(at, ("noise",)) not in {"hedge", "tail"} and not link_follows:
            self._close()
        self.last_wave = ""

    def _visit_overall(self, at: int, term: Term) -> None:
        """The verdict: "normal" or "abnormal"."""
        self._close_if_complete()
        self._drop_link()
        hedges, negated = self._modifiers("hedge"), self._modifiers("negation")
        if self.heading and not self.heading_used:
            hedges.append(self.heading_hedge)
        self.current = Statement()
        self._end_heading()
        adverb = "not" if negated else _ADVERBS.get(hedges[-1], "") if hedges else ""
        self.statements.append(f"{adverb} {term.english.removesuffix(' ecg')} ecg".strip())

    def _visit_own(self, at: int, term: Term) -> None:
        """A clause in the words of the report."""
        self._close()
        self._end_heading()
        self.statements.append(term.english)
        self.last_wave = ""

    def _visit_heading(self, at: int, term: Term) -> None:
        """The heading of a list of lesions and, after a semicolon, the hedge of its items."""
        self._close()
        self._end_heading()
        self.heading, _, hedge = term.english.partition(";")
        self.heading_hedge = hedge.strip()
        self.heading_used = False

    # -- waves -----------------------------------------------------------------------------------------

    def _visit_wave(self, at: int, term: Term) -> None:
        self._close_if_complete()
        self.current.wave = self.last_wave = term.english

    def _visit_shape(self, at: int, term: Term) -> None:
        """The shape of a wave ("inversion"): of the current wave, else of the last one, else of T."""
        current = self.current
        before_finding = self._next_kind(at, ("degree", "shape", "join", "noise")) in _FINDINGS
        if current.wave and not (current.shapes and (before_finding or current.places)):
            current.shapes.append(term.english)
        elif before_finding:
            self._close_if_complete()
            self.current.shapes.append(term.english)
        elif current.wave == "st" and term.english.endswith("sloping"):
            current.shapes.append(term.english)
        elif self.last_wave or term.english in _T_SHAPES:
            self._close_if_complete()
            self.current.wave = self.last_wave = self.last_wave or "t"
            self.current.shapes.append(term.english)
        elif current.has_finding:
            current.details.append(term.english)

    # -- places and modifiers --------------------------------------------------------------------------

    def _visit_leads(self, at: int, term: Term) -> None:
        if not self.current.has_finding and self.last_wave:
            self.current.wave = self.last_wave
        if self.current.has_finding:
            excepted = bool(self.current.places) and at and self.terms[at - 1].kind == "except"
            before = f"{self.current.places.pop()} except " if excepted else ""
            self.current.places.append(before + term.english)

    _visit_place = _visit_leads

    def _visit_except(self, at: int, term: Term) -> None:
        """Before leads that the finding is not in; see `_visit_leads`."""

    def _visit_region(self, at: int, term: Term) -> None:
        """ "leads" after adjectives of territory, which become part of the place: "anterior leads"."""
        territories = self._modifiers("territory")
        self.current.modifiers = [pair for pair in self.current.modifiers if pair[0] != "territory"]
        self._visit_leads(at, Term("place", " ".join([*territories, term.english])))

    def _visit_adjective(self, at: int, term: Term) -> None:
        is_region = term.kind == "territory" and self._next_kind(at, _MODIFIERS) == "region"
        if is_region and self.current.has_finding:
            self._repeat_for_next_place()
        elif self._belongs_to_next(at, term):
            self._close_if_complete()
        joined = at > 1 and self.terms[at - 1].kind == "join" and self.current.modifiers[-1:]
        if joined and self.current.modifiers[-1][0] == term.kind:
            kind, word = self.current.modifiers.pop()
            self.current.modifiers.append((kind, f"{word} {self.terms[at - 1].english} {term.english}"))
        else:
            self._modify(term)

    _visit_territory = _visit_age = _visit_degree = _visit_adjective

    def _belongs_to_next(self, at: int, term: Term) -> bool:
        """Return whether an adjective modifies the finding that follows it, not the one before it."""
        current = self.current
        if "(" in term.separator and current.has_finding:
            return False
        if term.inflected:
            return self._next_kind(at, (*_MODIFIERS, "in")) in (*_FINDINGS, "whole", "region", "word")
        following = self._next_kind(at, ("age", "territory", "degree", "join"))
        closes = at + 1 < len(self.terms) and ")" in self.terms[at + 1].separator
        if term.kind == "territory" and "," in term.separator and self._has_territory() and not closes:
            return following in _FINDINGS
        if term.kind != "degree":
            return following == "lesion"
        abbreviated = "." in self.terms[at + 1].separator if at + 1 < len(self.terms) else False
        bare_wave = current.wave and not current.shapes and not current.places
        starts_next_shape = bool(current.places) and following == "shape"
        precedes = abbreviated or starts_next_shape or not self.bare_adjectives_follow
        return precedes and not bare_wave and following in (*_FINDINGS, "shape")

    def _has_territory(self) -> bool:
        """Return whether the finding names its territory, in its adjectives or itself."""
        words = self.current.finding.split()
        return bool(self._modifiers("territory")) or any(word in _TERRITORIES for word in words)

    def _repeat_for_next_place(self) -> None:
        """Repeat the finding for another place: "T abnormal in anterior leads, lateral leads"."""
        last = self.current
        if last.places:
            self._close()
            self.current = Statement(last.modifiers, finding=last.finding, wave=last.wave, shapes=last.shapes)

    def _visit_negation(self, at: int, term: Term) -> None:
        self._close_if_complete()
        self._modify(term)

    def _visit_before(self, at: int, term: Term) -> None:
        """A hedge that always precedes its finding."""
        self._close_if_complete()
        self.current.modifiers.append(("hedge", term.english))

    def _visit_hedge(self, at: int, term: Term) -> None:
        """A hedge that precedes or follows its finding."""
        finding, probable = self.current.finding, term.english == "probable"
        hedge_follows = (
            self.current.is_lesion or self.current.wave or "hypertrophy" in finding or "atrial" in finding
        )
        ends = at + 1 < len(self.terms) and any(mark in self.terms[at + 1].separator for mark in ".;,")
        following = self._next_kind(at)
        before_finding = not (hedge_follows or ends) and following in {"head", "lesion"}
        # A finding other than a lesion is in the list of the machine without its certainty.
        starts_lesion = term.english == "definite" and self._next_kind(at, _MODIFIERS) == "lesion"
        starts_lesion = starts_lesion and not hedge_follows
        # "Rechtstyp, fraglich linksposteriorer Hemiblock"
        starts_clause = "," in term.separator and before_finding
        if (
            term.inflected
            or starts_lesion
            or starts_clause
            or (probable and (before_finding or self._is_normal(at + 1)))
        ):
            self._close_if_complete()
        if self.current.has_finding and following == "link" and "," in term.separator and not term.inflected:
            self.current.tail.append(_ADVERBS.get(term.english, term.english))
        elif term.english == "cannot be ruled out":
            self.current.tail.append(term.english)
        else:
            self._modify(term)

    def _is_normal(self, at: int) -> bool:
        """Return whether term `at` is a verdict such as "normal ecg"."""
        if at >= len(self.terms) or "normal" not in self.terms[at].english.split():
            return False
        return self.terms[at].kind == "overall" or self.terms[at].english.endswith(" ecg")

    def _visit_after(self, at: int, term: Term) -> None:
        """A doubtful age after its finding ("probably old"); with an ending it precedes its finding."""
        adverb, _, age = term.english.partition(" ")
        adjective = next((word for word, other in _ADVERBS.items() if other == adverb), "")
        precedes = term.inflected and self._next_kind(at, ("territory", "age", "degree")) in _FINDINGS
        if adjective and (precedes or not self.current.has_finding):
            self._close_if_complete()
            self.current.modifiers += [("hedge", adjective), ("age", age)]
        elif self.current.has_finding:
            self.current.tail.append(", " + term.english)

    def _visit_tail(self, at: int, term: Term) -> None:
        if self.current.has_finding:
            self.current.details.append(term.english)
        else:
            self.current.finding = term.english.removeprefix("in ").removeprefix("with ")

    def _visit_link(self, at: int, term: Term) -> None:
        """A word that joins two findings into one statement: "with", "due to"."""
        if self.current.has_finding:
            self.linked = f"{self.linked} {self._text()} {term.english}".strip()
            self.current, self.link = Statement(), term.english

    def _visit_join(self, at: int, term: Term) -> None:
        if term.english == "or" and self._next_kind(at, ("age", "territory", "degree")) in {"head", "lesion"}:
            self._visit_link(at, term)

    def _visit_number(self, at: int, term: Term) -> None:
        after_type = at and self.terms[at - 1].english == "type"
        if self.current.has_finding and (":" in term.english or after_type or self._next_kind(at) == "unit"):
            self.current.details.append(term.english.replace(",", "."))

    def _visit_over(self, at: int, term: Term) -> None:
        measured = [following.kind for following in self.terms[at + 1 : at + 3]] == ["number", "unit"]
        if self.current.has_finding and measured:
            self.current.details.append(term.english)

    def _visit_unit(self, at: int, term: Term) -> None:
        if self.current.details and self.current.details[-1][0].isdigit():
            self.current.details.append(term.english)

    def _visit_word(self, at: int, term: Term) -> None:
        if self.current.has_finding and (term.known or len(term.english) > 1):
            self.current.details.append(term.english)
        elif term.known:
            self._modify(term)

    def _visit_noise(self, at: int, term: Term) -> None:
        """Ignore what concerns the recording or the patient, not the ECG."""

    def _visit_in(self, at: int, term: Term) -> None:
        """A side directly after a finding that has none: "hypertrophy on the left"."""
        finding = self.current.finding
        sided = term.english in {"left", "right"} and not {"left", "right"} & set(finding.split())
        if finding and sided and self.terms[at - 1].kind in _FINDINGS and not term.inflected:
            self.current.details.append(f"on the {term.english}")
