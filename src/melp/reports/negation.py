"""Negations of German and Swedish reports -> a negation directly before each finding that is denied.

The composer understands one form of denial: the term "no" before a finding. `resolve` brings the others into
this form: "kein Hinweis auf X oder Y", "X nicht nachweisbar", "X ausgeschlossen", "weder X noch Y", "T nicht
negativ". A negation whose finding is not certain becomes a term of the kind "keep": its clause is not
translated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from melp.reports.glossary import Term

RESOLVED = ("detection", "exclusion", "keep", "nor", "not", "sign")
"""Kinds of the glossaries that only this file knows."""

FINDINGS = ("head", "lesion", "wave", "whole", "overall", "shape")
_ADJECTIVES = ("age", "territory", "degree", "before", "hedge", "word")
_PLACES = ("leads", "place", "region", "in", "number", "unit")
_SKIPPED = (*_ADJECTIVES, "noise", "sign", "in", "detection")
_MARKS = re.compile(r"[,.;:()\n]|\s{3,}")
_NEUTRAL = ("qt interval", "pr interval", "ventricular rate")
_SENTENCE_END = re.compile(r"\W*[.;\n]\s")
_CANNOT_EXCLUDE = "cannot be ruled out"
_NO = Term("negation", "no", words=0)


def resolve(terms: Sequence[Term]) -> list[Term]:
    """Return the terms with every negation directly before its finding, or marked to keep its own words."""
    resolved = [_nor(terms, at) if term.kind == "nor" else term for at, term in enumerate(terms)]
    resolved = [_described(resolved, at) for at in range(len(resolved))]
    at = 0
    while at < len(resolved):
        kind = resolved[at].kind
        if kind == "not":
            resolved = _resolve_not(resolved, at)
        elif kind == "exclusion":
            denied = resolved[at].english == "excluded"
            if denied and at and (resolved[at - 1].kind, resolved[at - 1].english) == ("hedge", "definite"):
                resolved[at - 1] = replace(resolved[at - 1], kind="noise")
            resolved = _deny_before(resolved, at, at + 1) if denied else _keep(resolved, at)
        elif kind == "negation" and resolved[at].words:
            resolved = _resolve_negation(resolved, at)
        elif kind == "sign" and (finding := _finding_after(resolved, at)) is not None:
            signs = replace(resolved[at], kind="before", english="signs of")
            resolved[at:finding] = [signs, *_without_link(resolved[at + 1 : finding])]
        elif kind in {"sign", "detection"}:
            english = "signs" if kind == "sign" else "-"
            resolved[at] = replace(resolved[at], kind="head" if kind == "sign" else "noise", english=english)
        at += 1
    return resolved


def _nor(terms: Sequence[Term], at: int) -> Term:
    """Return the term for "noch", which denies a finding after "weder" and else means "still"."""
    denies = any(term.kind == "negation" and term.english == "neither" for term in terms[:at])
    return replace(terms[at], kind="negation" if denies else "noise", english="no")


def _described(terms: Sequence[Term], at: int) -> Term:
    """Return term `at`, read by the finding directly before it: "QT normal", "Ischämie negativ"."""
    term, before = terms[at], terms[at - 1] if at else None
    if before is None:
        return term
    if term.kind == "hedge" and _SENTENCE_END.match(term.separator) and _finding_after(terms, at) is not None:
        return replace(term, kind="before")
    if _MARKS.search(term.separator):
        return term
    if (
        term.english == "normal"
        and term.kind == "overall"
        and (before.kind == "wave" or before.english in _NEUTRAL)
    ):
        return replace(term, kind="degree")
    place_follows = at + 1 < len(terms) and terms[at + 1].kind in _PLACES
    deniable = before.kind in {"head", "lesion", "whole"} or before.english in {"elevation", "depression"}
    if deniable and term.source == "negativ" and not place_follows:
        return replace(term, kind="exclusion", english="excluded")
    return term


def _keep(terms: list[Term], at: int) -> list[Term]:
    return [*terms[:at], replace(terms[at], kind="keep"), *terms[at + 1 :]]


def _finding_after(terms: Sequence[Term], at: int) -> int | None:
    """Return the finding that the adjectives after term `at` belong to, or None."""
    for place in range(at + 1, len(terms)):
        term = terms[place]
        if term.kind in FINDINGS:
            return place
        if not term.known or term.kind not in _SKIPPED or _ends_clause(term, after=place > at + 1):
            return None
    return None


def _ends_clause(term: Term, after: bool) -> bool:
    """Return whether the text before a term ends a clause; a full stop may be that of an abbreviation."""
    return after and bool(re.search(r"[,;:\n]", term.separator))


# -- negations before their findings ---------------------------------------------------------------------


def _resolve_negation(terms: list[Term], at: int) -> list[Term]:
    """Resolve "no", "without", "neither": one negation for each finding of the list that follows."""
    first = _finding_after(terms, at)
    if first is None:
        answers = ":" in terms[at].separator  # "Ischämie: keine"
        return _deny_before(terms, at, at + 1) if answers else _keep(terms, at)
    starts = _list_starts(terms, first)
    if starts is None:
        return _keep(terms, at)
    between = _without_link(terms[at + 1 : first])
    between = [term for term in between if (term.kind, term.english) != ("before", "possible")]
    result = [*terms[:at], replace(terms[at], english="no"), *between]
    for place in range(first, len(terms)):
        result += [_NO] if place in starts else []
        result.append(terms[place])
    return result


def _without_link(terms: Sequence[Term]) -> list[Term]:
    """Return the terms between a sign and its finding without "of", "for" and the like, as noise."""
    links = ("sign", "in", "noise", "detection")
    linking = [term.kind in links or (term.kind == "word" and term.english in {"of", "in"}) for term in terms]
    return [
        replace(term, kind="noise", english="-") if is_link else term
        for term, is_link in zip(terms, linking, strict=True)
    ]


def _list_starts(terms: Sequence[Term], finding: int) -> set[int] | None:
    """Return where the further findings of "no A, B or C" begin; a list ends with "and" or "or".

    None if a word of the list is unknown.
    """
    starts, found = set[int](), set[int]()
    place, has_whole = finding + 1, False
    while True:
        while place < len(terms) and terms[place].kind in (*_PLACES, "shape") and not _listed(terms[place]):
            place += 1
        if place >= len(terms):
            return found
        joined = terms[place].kind == "join"
        if not joined and not _listed(terms[place]):
            return found
        start = place + joined
        if start < len(terms) and not terms[start].known:
            return None
        following = _finding_after(terms, start - 1)
        if following is None or terms[start].kind == "negation":
            return found
        has_whole = has_whole or terms[following].kind == "whole"
        if joined and has_whole and terms[place].english != "or":
            return found
        starts.add(start)
        if joined:
            found = set(starts)
        place = following + 1


def _listed(term: Term) -> bool:
    return "," in term.separator or "/" in term.separator


# -- negations after their findings ----------------------------------------------------------------------


def _resolve_not(terms: list[Term], at: int) -> list[Term]:
    """Resolve "not" by the word that it denies; an unknown word keeps the clause."""
    place, definite = at + 1, False
    while place < len(terms) and (terms[place].kind == "noise" or terms[place].english == "definite"):
        definite = definite or terms[place].english == "definite"
        place += 1
    denied = terms[place] if place < len(terms) else Term("word", "", known=False)
    after = terms[place + 1 :]
    if denied.kind == "exclusion":
        return [*terms[:at], _merged(terms[at : place + 1], "hedge", _CANNOT_EXCLUDE), *after]
    if denied.kind == "detection":
        return _deny_before(terms, at, place + 1, definite)
    if denied.kind == "shape" and at and terms[at - 1].kind == "wave":
        return _deny_before([*terms[:at], *terms[place:]], at, at, definite)
    if denied.kind == "overall" and _describes_wave(terms, at):
        return [*terms[:at], _merged(terms[at : place + 1], "word", f"not {denied.english}"), *after]
    if denied.kind == "overall":
        return [*terms[:at], replace(terms[at], kind="negation"), *terms[at + 1 :]]
    if denied.kind in {"degree", "age"}:
        word = f"not {'definitely ' * definite}{denied.english}"
        return [*terms[:at], _merged(terms[at : place + 1], "word", word), *after]
    if denied.kind == "hedge" and denied.english == "probable":
        return [*terms[:at], _merged(terms[at : place + 1], "hedge", "unlikely"), *after]
    if definite and (denied.separator == "" or _MARKS.search(denied.separator)):
        return [*terms[:at], _merged(terms[at:place], "hedge", "possible"), *terms[place:]]
    if _finding_after(terms, at) is not None and not definite:
        negated = [*terms[:at], replace(terms[at], kind="negation", english="no"), *terms[at + 1 :]]
        return _resolve_negation(negated, at)
    return _keep(terms, at)


def _describes_wave(terms: Sequence[Term], at: int) -> bool:
    """Return whether "not abnormal" is said of a wave: "Q in III nicht pathologisch"."""
    before = at - 1
    while before >= 0 and terms[before].kind in _PLACES and not _MARKS.search(terms[before + 1].separator):
        before -= 1
    return before >= 0 and terms[before].kind == "wave" and not _MARKS.search(terms[before + 1].separator)


def _merged(terms: Sequence[Term], kind: str, english: str) -> Term:
    """Return one term for several neighbours."""
    source = terms[0].source + "".join(term.separator + term.source for term in terms[1:])
    words = sum(term.words for term in terms)
    return Term(kind, english, terms[0].separator, words=words, source=source)


def _deny_before(terms: list[Term], at: int, after: int, definite: bool = False) -> list[Term]:
    """Deny the findings before term `at`: that of its clause and those joined to it by "and", "or"."""
    starts = _starts_before(terms, at)
    if not starts or any(term.kind == "negation" for term in terms[min(starts) : at]):
        return _keep(terms, at)
    result = list[Term]()
    for place, term in enumerate(terms[:at]):
        if place in starts:
            result += [replace(_NO, separator=term.separator)]
            result += [Term("before", "definite", words=0)] if definite else []
            doubt = (term.kind, term.english) == ("before", "possible")
            term = replace(term, kind="noise", english="-") if doubt else term
        result.append(term)
    # The words of the denial stay in the list, so that they are counted.
    denial = [_merged(terms[at:after], "noise", "-")] if after > at else []
    return [*result, *denial, *terms[after:]]


def _starts_before(terms: Sequence[Term], at: int) -> set[int]:
    """Return where the findings begin that a denial at `at` belongs to; empty if there is none."""
    starts, end, listed = set[int](), at, False
    while True:
        finding = end - 1
        while finding >= 0 and terms[finding].kind not in FINDINGS:
            if not terms[finding].known or _MARKS.search(
                terms[finding + 1].separator if finding + 1 < at else ""
            ):
                return starts
            if terms[finding].kind in {"join", "negation", "link"}:
                return starts
            finding -= 1
        if finding < 0 or (finding + 1 < at and _ends_clause(terms[finding + 1], True) and not listed):
            return starts
        start = _phrase_start(terms, finding)
        if terms[finding].kind == "whole" and starts:
            return starts
        starts.add(start)
        if start == 0:
            return starts
        if terms[start - 1].kind == "join":
            end, listed = start - 1, True
        elif listed and _listed(terms[start]):
            end = start
        else:
            return starts


def _phrase_start(terms: Sequence[Term], finding: int) -> int:
    """Return the first adjective of a finding, or the wave that a shape belongs to."""
    first = finding
    while first and terms[first - 1].kind in _ADJECTIVES and not _MARKS.search(terms[first].separator):
        first -= 1
    if first < finding and first and terms[first - 1].kind == "join":
        return first
    start = finding
    while start:
        before = terms[start - 1]
        # A full stop after "V.a." ends no phrase.
        if _MARKS.search(terms[start].separator) and before.kind != "before":
            break
        wave = before.kind in {"wave", "shape"} and terms[start].kind in {"shape", "wave"}
        if not (wave or (before.kind in _ADJECTIVES and (before.inflected or before.kind == "before"))):
            break
        start -= 1
    return start
