"""English clauses on ST segments and T waves -> noun phrases, one statement each."""

from __future__ import annotations

import re

_DEGREE = r"(?:slightly |deeply |markedly |minimally |generally |now )?"
_WORD = r"(?:depressed|elevated|inverted|flat|low|biphasic|tall|peaked|abnormal|upright)"
_SHAPE = rf"{_DEGREE}{_WORD}(?:(?:, | or |, or |/){_DEGREE}{_WORD})*"
_CLAUSE = re.compile(rf"(?:(st|t)(?: segments?| waves?)?s? (?:is |are )?)?({_SHAPE})((?: in | throughout).*?)?(?=(?:,| and|, and| but) (?:(?:st|t) (?:segments?|waves?)|s?)\s*(?:are )?{_SHAPE}|$)")
_START = re.compile(r"^(?:the )?(st|t)(?: segments| waves|s) are ")
_TAIL = re.compile(r",? (?:(?:this|which) (?:is|may) .*|probably .*|possible .*|suggesting .*|consistent .*)$")
_DEGREES = {"slightly": "slight", "deeply": "deep", "markedly": "marked", "minimally": "slight", "generally": ""}
_FORMS = {
    ("st", "depressed"): "st depression",
    ("st", "elevated"): "st elevation",
    ("t", "inverted"): "t wave inversion",
    ("t", "flat"): "t wave flattening",
}


def _phrase(wave: str, shape: str) -> str:
    degree, _, rest = shape.rpartition(" ")
    if (wave, rest) in _FORMS and (not degree or degree in _DEGREES):
        return f"{_DEGREES.get(degree, '')} {_FORMS[wave, rest]}".strip()
    return f"{shape} {'st segments' if wave == 'st' else 't waves'}"


def wave_statements(sentence: str) -> list[str]:
    """"t waves are inverted in i avl and flat in v5 v6" -> ["t wave inversion in i avl", "t wave flattening in v5 v6"]."""
    start = _START.match(sentence)
    if not start:
        return [sentence]
    tail = match.group() if (match := _TAIL.search(sentence)) else ""
    body = sentence[: len(sentence) - len(tail)]
    wave, found = start[1], list[tuple[str, str]]()
    for clause in _CLAUSE.finditer(body):
        wave = clause[1] or wave
        found.append((_phrase(wave, clause[2]), (clause[3] or "").rstrip()))
    places = [place or next((later for _, later in found[at:] if later), "") for at, (_, place) in enumerate(found)]
    statements = [phrase + place for (phrase, _), place in zip(found, places, strict=True)]
    if not statements:
        return [sentence]
    return [*statements[:-1], statements[-1] + tail]
