"""English reports -> statements in the controlled wording."""

from __future__ import annotations

import re
from functools import lru_cache

from melp.data.reports.english_rules import LEANING, REWRITES, SPELLING, STANDALONE
from melp.data.reports.english_waves import wave_statements
from melp.data.reports.glossary import split_words
from melp.data.reports.leads import read_leads

_LEAD = r"(?:v ?[1-6]|av[rlf]|i{1,3})"
_LEADS = re.compile(
    rf"\b(?:leads? )?{_LEAD}\b(?:(?:[ ,]*,+ *| ?- ?| ?& ?| ?/ ?| and | to | )(?:{_LEAD}|(?<=\d[,\-& ])[1-6]|(?<=\d, )[1-6])\b(?! waves?\b))*"
)
_SENTENCE_END = re.compile(r"(?<!\bvs)(?<!\d)\.(?!\d)\s*|(?<=\d)\.(?:\s+|$)|(?<=[a-z])\.\s*|\s*[;!]\s*")


def _canonical_leads(match: re.Match[str]) -> str:
    leads, _ = read_leads(split_words(match.group().removeprefix("leads ").removeprefix("lead ")), 0)
    return " ".join(leads) if leads else match.group()


@lru_cache(maxsize=None)
def _spell(sentence: str) -> str:
    for pattern, replacement, _ in SPELLING:
        sentence = pattern.sub(replacement, sentence)
    sentence = _LEADS.sub(_canonical_leads, sentence)
    return re.sub(r"\s+", " ", sentence).strip(" ,.:-")


def _split_run_on(sentence: str) -> list[str]:
    """"sinus rhythm normal ecg" -> its statements: standalone ones are cut off the front and the back."""
    parts: list[str] = []
    rest = sentence
    while match := STANDALONE.match(rest):
        parts.append(match.group(1))
        rest = match.group(2).strip(" ,")
    return [*parts, rest] if rest else parts


@lru_cache(maxsize=None)
def _rewrite(sentence: str) -> tuple[str, ...]:
    for pattern, replacement, _ in REWRITES:
        sentence = pattern.sub(replacement, sentence)
    return tuple(part.strip(" ,") for part in wave_statements(sentence.strip(" ,")) if part.strip(" ,"))


def _dependent(sentence: str) -> tuple[str, str] | None:
    for pattern, tail, alone in LEANING:
        if match := pattern.fullmatch(sentence):
            return match.expand(tail), match.expand(alone)
    return None


def english_statements(text: str) -> list[str]:
    """Statements of one cleaned English report; sentences that lean on the one before are joined to it."""
    found: list[str] = []
    for raw in _SENTENCE_END.split(re.sub(r"\s+", " ", text)):
        for sentence in _split_run_on(_spell(raw)):
            if leaning := _dependent(sentence):
                tail, alone = leaning
                if found and tail:
                    found[-1] = f"{found[-1]}, {tail}"
                elif alone:
                    found.append(alone)
                continue
            if found and "these leads" in sentence:
                place = re.search(r" in ([^,]+)", found[-1])
                sentence = sentence.replace("these leads", place[1] if place else "the same leads")
            found.extend(_rewrite(sentence))
    return found
