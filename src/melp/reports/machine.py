"""Reports of ECG machines, one statement per line, as in columns report_0 to report_17 of MIMIC-IV-ECG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0]+")
_EKG = re.compile(r"\bekg(?=s?\b)")
_FRAME = " *=-"
_STOPS = ".,;:"
_HEADING = re.compile(r"^(?:summary:[ *=.,;:-]*)+")
_AFTERWORD = re.compile(r"\s*-+\s*no further (?:rhythm )?analysis.*")
# Remarks about the machine, its input and the signal quality; they describe no finding.
_NOISE = re.compile(
    "|".join(
        (
            r"(?:warning: )?(?:poor )?data quality may affect interpretation",
            r"poor (?:quality data|data quality).*",
            r"recording unsuitable for analysis.*",
            r"lead\(s\) unsuitable for analysis.*",
            r"all 12 leads are missing",
            r"(?:analysis|possible measurement) error",
            r"report made without knowing patient's .*",
            r"age not entered.*",
            r"(?:age and gender|gender and age|age) specific ecg analysis",
            r"pediatric (?:criteria used|ecg interpretation)",
            r"pacer detection suspended.*",
            r"(?:unconfirmed|confirmed by|reviewed by|edited by|interpreted by)\b.*",
            r"no (?:previous|prior) (?:ecg|tracing)s?\b.*",
            r"summary",
        )
    )
)
# A stop after one of these, or after a single letter, does not end a sentence.
_ABBREVIATIONS = frozenset(
    (
        "abn", "abnl", "ant", "approx", "atr", "cf", "cond", "decr", "deg", "depr", "dev", "dr", "elev", "eg",
        "etc", "hr", "ie", "incr", "inf", "lat", "lt", "max", "min", "msec", "nl", "no", "nonsp", "poss",
        "post", "prob", "pt", "rt", "sec", "sept", "vent", "vs", "yr", "yrs",
    )
)  # fmt: skip
_END = re.compile(r"\.\s+(?=[a-z(*])")


@lru_cache(maxsize=1 << 16)
def machine_statements(line: str) -> tuple[str, ...]:
    """Return the statements of one line of a machine's report, in lower case; empty without a finding.

    Control characters become spaces; frames (`*`, `=`, `-`) and stops at both ends are stripped; EKG becomes
    ECG; remarks about the recording are left out. A line of several sentences gives several statements; the
    stop of an abbreviation or a number does not end a sentence.
    """
    text = _EKG.sub("ecg", _SPACE.sub(" ", line).lower())
    statements = map(_clean, _sentences(_strip(text)))
    return tuple(statement for statement in statements if statement and not _NOISE.fullmatch(statement))


def count_words(lines: Sequence[str]) -> int:
    """Count the words of a report as in the published rule of MELP and MERL (4 or more words).

    Lines are joined with `. `, stripped of `*`, ` `, `=`, `-` at both ends and closed with a stop; words are
    separated by whitespace.
    """
    return len((". ".join(lines).strip(_FRAME) + ".").split())


def _sentences(text: str) -> list[str]:
    sentences, start = [], 0
    for end in _END.finditer(text):
        word = text[: end.start()].rsplit(" ", 1)[-1].strip("(").replace(".", "")
        if len(word) > 1 and word not in _ABBREVIATIONS:
            sentences.append(text[start : end.start()])
            start = end.end()
    return [*sentences, text[start:]]


def _clean(sentence: str) -> str:
    return _strip(_AFTERWORD.sub("", _HEADING.sub("", _strip(sentence))))


def _strip(text: str) -> str:
    return text.lstrip(_FRAME + _STOPS).rstrip(_FRAME + _STOPS)
