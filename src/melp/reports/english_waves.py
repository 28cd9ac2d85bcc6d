"""English clauses about ST segments and T waves -> noun phrases, one statement each."""

from __future__ import annotations

import re

_DEGREE = r"(?:slightly |deeply |markedly |minimally |generally )?"
_WORD = r"(?:depressed|elevated|inverted|flat(?:tened)?|low|biphasic|tall|peaked)"
_SHAPE = rf"{_DEGREE}{_WORD}(?:(?:, or |, | or |/){_DEGREE}{_WORD})*"
_WAVE = r"(?:(st|t) (?:segments?|waves?) (?:are )?)"
_CLAUSE = re.compile(rf"{_WAVE}?({_SHAPE})((?: in | throughout).*?)?(?:,? and |, |$)(?=$|{_WAVE}?{_SHAPE}\b)")
_START = re.compile(r"^(?:st|t) (?:segments|waves) are ")
_TAIL = re.compile(
    r",? (?:(?:this|which) (?:is|may) |probably |possible |suggesting |consistent |nonspecific ).*$"
)
_DEGREES = {
    "slightly": "slight",
    "deeply": "deep",
    "markedly": "marked",
    "minimally": "slight",
    "generally": "",
    "": "",
}
_FORMS = {
    ("st", "depressed"): "st depression",
    ("st", "elevated"): "st elevation",
    ("t", "inverted"): "t wave inversion",
    ("t", "flat"): "t wave flattening",
    ("t", "flattened"): "t wave flattening",
}


def _phrase(wave: str, shape: str) -> str:
    degree, _, rest = shape.rpartition(" ")
    if (wave, rest) in _FORMS and degree in _DEGREES:
        return f"{_DEGREES[degree]} {_FORMS[wave, rest]}".strip()
    return f"{shape} {'st segments' if wave == 'st' else 't waves'}".removeprefix("generally ")


def _clauses(body: str) -> list[tuple[str, str]] | None:
    """Return (phrase, place) of each clause, or None if a part of the body is not a clause."""
    clauses, end, wave = list[tuple[str, str]](), 0, ""
    while end < len(body):
        match = _CLAUSE.match(body, end)
        if match is None:
            return None
        wave = match[1] or wave
        clauses.append((_phrase(wave, match[2]), (match[3] or "").rstrip()))
        end = match.end()
    return clauses


def wave_statements(sentence: str) -> list[str]:
    """Split a sentence about waves into statements; other sentences are returned unchanged.

    "t waves are inverted in i and flat in v5" gives "t wave inversion in i" and "t wave flattening in v5".
    """
    if not _START.match(sentence):
        return [sentence]
    tail = match.group() if (match := _TAIL.search(sentence)) else ""
    clauses = _clauses(sentence[: len(sentence) - len(tail)])
    if not clauses:
        return [sentence]
    statements = []
    for at, (phrase, place) in enumerate(clauses):
        place = place or next((later for _, later in clauses[at:] if later), "")
        statements.append(phrase + place)
    return [*statements[:-1], statements[-1] + tail]
