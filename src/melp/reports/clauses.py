"""Clauses of German and Swedish reports that are not understood: they keep the words of the report."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from melp.reports.glossary import Term

OWN = "own"
"""Kind of the term that a clause in its own words becomes."""

_SENTENCE_END = re.compile(r"[;\n]|\s{3,}")
_CLAUSE_END = re.compile(r"[,:]")
_WITHOUT_CONTENT = ("before", "hedge", "noise", "in", "join", "number", "link", "degree", "age")
_COMPLETE = ("head", "lesion", "whole", "leads")
# A full stop after one of these ends no sentence.
_ABBREVIATIONS = frozenset(
    (
        "abl", "abn", "alt", "ant", "asc", "asz", "av", "bds", "ca", "chron", "desc", "desz", "extr", "fragl",
        "gr", "inf", "intraventr", "jmf", "kompl", "lat", "li", "mod", "moegl", "neg", "part", "path",
        "periph", "post", "re", "rel", "repol", "resp", "sign", "st", "supraventr", "term", "unbest",
        "unspez", "va", "vaens", "ventr", "verd", "vorh", "wahrsch", "whs", "zust",
    )
)  # fmt: skip


def keep_own_words(terms: Sequence[Term], understood: bool, own_words: Callable[[str], str]) -> list[Term]:
    """Replace each clause that is not understood by one term with its own words.

    These are sentences with a term of the kind "keep" and, if the report is not `understood`, clauses with an
    unknown word.

    Args:
        terms: the terms of a report, after `resolve`.
        understood: whether enough words of the report are known.
        own_words: restores the spelling of the report.
    """
    result = list[Term]()
    for sentence in _split(terms, _ends_sentence):
        clauses = _split(sentence, _ends_clause)
        kept = any(term.kind == "keep" for term in sentence)
        parts = _around_wholes(clauses) if kept else clauses
        for part in parts:
            unknown = any(not term.known for term in part) and (not understood or _says_nothing(part))
            if any(term.kind == "keep" for term in part) or unknown:
                result.append(_own(part, own_words))
            else:
                result += part
    return result


def _says_nothing(terms: Sequence[Term]) -> bool:
    """Return whether an unknown word is all that a clause suspects: "V.a. UNKNOWN" would be lost."""
    suspected = any(term.kind in {"before", "hedge"} for term in terms)
    return suspected and all(not term.known or term.kind in _WITHOUT_CONTENT for term in terms)


def _split(terms: Sequence[Term], ends: Callable[[Term, Term], bool]) -> list[list[Term]]:
    parts = list[list[Term]]()
    for at, term in enumerate(terms):
        if not at or ends(terms[at - 1], term):
            parts.append([])
        parts[-1].append(term)
    return parts


def _ends_sentence(before: Term, term: Term) -> bool:
    if _SENTENCE_END.search(term.separator):
        return True
    last = before.source.rpartition(" ")[2]
    complete = before.kind in _COMPLETE or len(last) > 3
    return re.match(r"\W*\.\s", term.separator) is not None and complete and last not in _ABBREVIATIONS


def _ends_clause(before: Term, term: Term) -> bool:
    """Return whether a comma or a complete statement, such as "sinus rhythm", is between two terms."""
    return bool(_CLAUSE_END.search(term.separator)) or "whole" in (before.kind, term.kind)


def _around_wholes(clauses: list[list[Term]]) -> list[list[Term]]:
    """Join neighbouring clauses to one, except complete statements: a negation may be of all of them."""
    parts, joined = list[list[Term]](), False
    for clause in clauses:
        alone = [term.kind for term in clause] == ["whole"]
        if parts and joined and not alone:
            parts[-1] += clause
        else:
            parts.append(list(clause))
        joined = not alone
    return parts


def _own(terms: Sequence[Term], own_words: Callable[[str], str]) -> Term:
    text = terms[0].source + "".join(term.separator + term.source for term in terms[1:])
    kept = re.sub(r"\s+", " ", own_words(text)).strip(" ,.;:-")
    return replace(terms[0], kind=OWN, english=kept, words=sum(term.words for term in terms))
