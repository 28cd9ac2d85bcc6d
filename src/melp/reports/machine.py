"""Reports of ECG machines, one statement per line, as in columns report_0 to report_17 of MIMIC-IV-ECG.

`machine.tsv` rewrites them to the wording of the reports of PTB-XL and of the prompts: "1st degree a-v block"
to "first degree av block", "pvc(s)" to "premature ventricular contractions".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from melp.io.tables import read_packaged_tsv
from melp.reports.glossary import split_words
from melp.reports.leads import read_leads

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
_LEAD = r"(?:av[rlf]|i{1,3}|v ?[1-6])"
_WORD = re.compile(r"[a-z]{2,}")
_LEADS = re.compile(rf"\b(?:leads? )?{_LEAD}(?:(?:,? and |, ?| ?[-/&] ?| to | )(?:{_LEAD}|[1-6])\b)+")


@lru_cache(maxsize=1 << 16)
def machine_statements(line: str) -> tuple[str, ...]:
    """Return the statements of one line of a machine's report in the controlled wording.

    Control characters become spaces; frames (`*`, `=`, `-`) and stops at both ends are stripped; EKG becomes
    ECG; remarks about the recording are left out. A line of several sentences gives several statements; the
    stop of an abbreviation or a number does not end a sentence. A line without a finding has no statement.
    """
    text = _EKG.sub("ecg", _SPACE.sub(" ", line).lower())
    statements = [_clean(sentence) for sentence in _sentences(_strip(text))]
    findings = [statement for statement in statements if statement and not _NOISE.fullmatch(statement)]
    return tuple(statement for statement in map(reword, findings) if statement)


def reword(statement: str) -> str:
    """Return a statement, in lower case and without a final stop, in the controlled wording."""
    for pattern, wording in _wordings():
        statement = pattern.sub(wording, statement)
    statement = _LEADS.sub(_list_leads, statement)
    return _strip(re.sub(r"[ ,]*, *", ", ", re.sub(r" +", " ", statement)))


def unknown_words(statement: str) -> list[str]:
    """Return the words of a statement, leads and numbers aside, that the controlled wording does not have."""
    words = _WORD.findall(re.sub(_LEAD + r"\b", "", statement))
    return [word for word in dict.fromkeys(words) if word not in _vocabulary()]


@cache
def _vocabulary() -> frozenset[str]:
    """Return the words of `machine.tsv` and of the English side of the glossaries."""
    glossaries = [read_packaged_tsv("melp.reports", name, columns=3) for name in ("german", "swedish")]
    english = [row[1] for glossary in glossaries for row in glossary]
    rows = read_packaged_tsv("melp.reports", "machine", columns=2)
    return frozenset(word for text in [*english, *(row[1] for row in rows)] for word in _WORD.findall(text))


@cache
def _wordings() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = read_packaged_tsv("melp.reports", "machine", columns=2)
    return tuple((re.compile(pattern), wording) for pattern, wording in rows)


def _list_leads(match: re.Match[str]) -> str:
    """Return "v1-v3" or "leads v1, v2 and v3" as "v1 v2 v3"."""
    words = split_words(re.sub(r"^leads? ", "", match.group()))
    leads, end = read_leads(words, 0)
    return " ".join(leads) if end == len(words) else match.group()


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
