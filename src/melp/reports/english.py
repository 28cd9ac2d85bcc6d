"""English reports -> statements in the controlled wording."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from melp.reports.english_rules import CONTINUATIONS, KNOWN_SENTENCES, REWRITES, SPELLING, STANDALONE
from melp.reports.english_waves import wave_statements
from melp.reports.glossary import split_words
from melp.reports.leads import read_leads

_LEAD = r"(?:v ?[1-6]|av[rlf]|i{1,3})"
_NEXT = rf"(?:{_LEAD}|(?<=\d[,\-&/])[1-6]|(?<=\d, )[1-6])\b"
_LEADS = re.compile(rf"\b(?:leads? )?{_LEAD}\b(?:(?:[ ,]*,+ *| ?- ?| ?& ?| ?/ ?| and | to | )+{_NEXT})*")
_SENTENCE_END = re.compile(
    r"(?<=[a-z)])(?<!\beg)(?<!\bi\.e)\s?\.(?=\s|$|this|st |t w)|(?<=\d)\.(?=\s|$)|\s*[;!]\s*"
)
_HAS_WORD = re.compile(r"\b(?!av[lrf]\b|i{1,3}\b)[a-z]{2,}")
_BARE_TERRITORY = re.compile(
    r"\b((?:old|with) (?:inferior|anterior|anteroseptal|lateral|inferolateral|anterolateral))"
    r"(?: myocardial)?(?: inf\w*)?$"
)
_RUN_ON_WAVES = re.compile(r"(v\d|,\d|av[lfr]|\bi{1,3}) (?=(?:t waves|st segments) are )")
_BARE_LESION = re.compile(
    r"(?!.*(?:possible|probable|consistent|suggest|with|due|wave|no ))(?:.* )?(?:infarct(?:ion)?|ischaemia)"
    r"(?: of uncertain age)?(?: is| cannot| cannot be)?$"
)
_KNOWN_WORDS = {word for sentence in KNOWN_SENTENCES for word in sentence.split()}
_DANGLING = re.compile(
    r"[ ,]+(?:a|an|and|or|in|of|to|due|be|is|are|the|with|at|old|which|this|may|likely|but|consistent"
    r"|suggesting|probably|cannot|non-?specific|if|whether|heart|v|segments?|waves?)$"
)


def _canonical_leads(match: re.Match[str]) -> str:
    words = split_words(re.sub(r"^leads? ", "", match.group()))
    leads, after = read_leads(words, 0)
    return " ".join(leads) if after == len(words) else match.group()


def _common_prefix(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    length = next((at for at, letter in enumerate(first) if last[at : at + 1] != letter), len(first))
    return first[:length]


def complete_sentence(sentence: str) -> str:
    """Complete a truncated sentence as the ECG machine would, or else end it at its last complete word.

    A bare infarction is removed: its certainty was cut off.
    """
    candidates = [complete for complete in KNOWN_SENTENCES if complete.startswith(sentence)]
    if candidates and len(sentence.split()) > 2:
        common = _common_prefix(candidates)
        sentence = common if common in candidates else common.rpartition(" ")[0]
    elif (
        not _BARE_TERRITORY.search(sentence)
        and not re.search(rf"\b{_LEAD}$|,\d$", sentence)
        and sentence.split()[-1] not in _KNOWN_WORDS
    ):
        sentence = sentence.rpartition(" ")[0]
    sentence = _BARE_TERRITORY.sub(r"\1 myocardial infarction", sentence)
    while dangling := _DANGLING.search(sentence):
        sentence = sentence[: dangling.start()]
    return "" if _BARE_LESION.match(sentence) else sentence


def _sentences(text: str, truncated: bool) -> list[str]:
    text = re.sub(r"\.[. ]+\.", ".", re.sub(r"\s+", " ", text))
    text = _RUN_ON_WAVES.sub(r"\1. ", text)
    sentences = [part.strip(" .,") for part in _SENTENCE_END.split(text)]
    if truncated and not text.rstrip().endswith(".") and sentences:
        sentences[-1] = complete_sentence(sentences[-1])
        sentences[-1:] = [last for last in sentences[-1:] if " " in last]
    return [sentence for sentence in sentences if sentence]


@cache
def _spell(sentence: str) -> str:
    for rule in SPELLING:
        sentence = rule.pattern.sub(rule.replacement, sentence)
    sentence = _LEADS.sub(_canonical_leads, sentence)
    return re.sub(r"\s+", " ", sentence).replace(" ,", ",").strip(" ,.:-")


def _split_run_on(sentence: str) -> list[str]:
    """Split text without full stops ("sinus rhythm normal ecg") into complete statements and a rest."""
    parts: list[str] = []
    rest = sentence
    while rest and (match := STANDALONE.match(rest)):
        parts.append(match.group(1))
        rest = (match.group(2) or "").strip(" ,.-")
    return [*parts, rest] if rest else parts


@cache
def _reword(sentence: str) -> str:
    for rule in REWRITES:
        sentence = rule.pattern.sub(rule.replacement, sentence)
    return re.sub(r"\s+", " ", sentence).replace(" ,", ",").strip(" ,")


def _continuation(sentence: str) -> tuple[str, str] | None:
    """Return what a sentence adds to the statement before it, and its wording if there is none before it."""
    for rule in CONTINUATIONS:
        if match := rule.pattern.fullmatch(sentence):
            return match.expand(rule.replacement), match.expand(rule.standalone)
    return None


def english_statements(text: str, truncated: bool = False) -> list[str]:
    """Return the statements of a cleaned English report; continuations are joined to the statement before."""
    statements: list[str] = []
    for raw in _sentences(text, truncated):
        for sentence in _split_run_on(_spell(raw)):
            if continuation := _continuation(sentence):
                tail, standalone = map(_reword, continuation)
                if statements and tail:
                    statements[-1] += f", {tail}" if not statements[-1].endswith(tail) else ""
                elif standalone:
                    statements.append(standalone)
                continue
            if statements and "these leads" in sentence:
                place = re.search(r" in ([^,]+)", statements[-1])
                sentence = sentence.replace("these leads", place[1] if place else "the same leads")
            statements += [part for part in wave_statements(_reword(sentence)) if _HAS_WORD.search(part)]
    return statements
