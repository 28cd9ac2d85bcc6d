"""Facts of an English ECG report, extracted with a lexicon that is independent of the translator.

A fact is (finding, territories, polarity, hedge). The same lexicon (`translation_facts.tsv`) reads both sides
of a comparison: the reference translation, in free wording by others, and ours. Left and extreme left axis
count as one finding, because the reference translations do not distinguish them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_TABLE = Path(__file__).with_suffix(".tsv").read_text(encoding="utf-8")
_LEXICON = [line.split("\t") for line in _TABLE.splitlines() if not line.startswith("#")]
_ENDINGS = {
    "finding": "",
    "hedge": "",
    "shape": r"(?=(?: (?:in|throughout|laterally|inferior))? ?(?:@|in|throughout|limb))",
    "territory": r"\b(?! (?:chest |precordial )?leads)",
}
"""What must follow: a shape without a name, as in "T wave changes: negative in III", needs a place."""

_EVENTS = re.compile(
    "|".join(
        [f"(?P<lexicon_{at}>\\b(?:{row[2]}){_ENDINGS[row[0]]})" for at, row in enumerate(_LEXICON)]
        + [r"(?P<negation>\b(?:no|without|absence of|not)\b(?! (?:necessarily|significantly|evident)))"]
        + [r"(?P<break>[.;:!]+)", r"(?P<comma>,)", r"(?P<or>\bor\b|/)"]
    )
)
_LEAD = r"(?:v ?[1-9]|av[rlf]|i{1,3})"
_LEADS = re.compile(
    rf"\b(?:in |over |of )?(?:leads? |lead )?{_LEAD}\b"
    rf"(?:(?:[ ,]*,+ *(?:and )?| ?[-/&+] ?| and | to )(?:leads? )?(?:{_LEAD}|(?<=[\d ])\d|\d)\b)*"
)
_COMPOUNDS = [
    (re.compile(r"(infer|anter|poster)o[- ]+(lateral|septal|posterior)"), r"\1o\2"),
    (re.compile(r"high[- ]lateral"), "high lateral"),
    (re.compile(r"(?<=\d)[.:/](?=\d)"), "-"),
]
_AGE_HEDGE = re.compile(
    r"(probably|likely|probable|presumably|appears?|possibly|possible) (?:to be )?(?:an? )?"
    r"(?:old(?:er)?|chronic|acute|recent|new|fresh|age)"
    r"(?! (?:inferior|anter|infer|septal|lateral|high|posterior|myocardial|infarct))"
)
_PLACED = ("infarction", "ischemia", "myocardial damage", "subendocardial injury", "pericardial damage")
"""Findings whose territory is part of the fact."""


@dataclass(frozen=True, order=True)
class Fact:
    """A finding with its territories, whether it is negated, and its hedge."""

    finding: str
    territories: tuple[str, ...] = ()
    negated: bool = False
    hedge: str = ""

    def __str__(self) -> str:
        words = ["no" if self.negated else "", self.hedge, "+".join(self.territories), self.finding]
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class _Event:
    kind: str
    name: str


@dataclass
class _Mention:
    finding: str = ""
    territories: list[str] = field(default_factory=list)
    negated: bool = False
    hedge: str = ""
    unnamed_shape: bool = False

    @property
    def about_t(self) -> bool:
        return self.finding.startswith("t ") or self.finding.endswith(" t")

    @property
    def fact(self) -> Fact:
        places = tuple(sorted(set(self.territories))) if self.finding in _PLACED else ()
        return Fact(self.finding, places, self.negated, self.hedge)


def _normalise(text: str) -> str:
    text = re.sub(r"\s+", " ", text.lower())
    for pattern, replacement in _COMPOUNDS:
        text = pattern.sub(replacement, text)

    def leads(match: re.Match[str]) -> str:
        degree_of_block = "block" in text[max(0, match.start() - 7) : match.start()]
        return match.group() if degree_of_block else " @ "

    def age(match: re.Match[str]) -> str:
        return " agedpossible " if match[1].startswith("possib") else " agedprobable "

    return re.sub(r"\s+", " ", _AGE_HEDGE.sub(age, _LEADS.sub(leads, text)))


def _events(text: str) -> list[_Event]:
    found = []
    for match in _EVENTS.finditer(text):
        group, _, at = (match.lastgroup or "").partition("_")
        kind, name = _LEXICON[int(at)][:2] if at else (group, match.group())
        found.append(_Event(kind, name))
    return found


def _clauses(events: list[_Event]) -> list[tuple[str, list[_Event]]]:
    """Return the events between full stops and commas, each list with the separator before it."""
    clauses: list[tuple[str, list[_Event]]] = [("break", [])]
    for event in events:
        if event.kind in {"break", "comma"}:
            clauses.append((event.kind, []))
        else:
            clauses[-1][1].append(event)
    return clauses


def _hedge_behind(mentions: list[_Mention], hedge: str) -> bool:
    """Add a hedge to the last finding that is not an age; return False if there is no finding."""
    ages = ("probable age", "possible age", "age undetermined")
    findings = [mention for mention in mentions if mention.finding not in ages] or mentions
    if findings and (hedge == "not excluded" or not findings[-1].hedge):
        findings[-1].hedge = hedge
    return bool(findings)


def _read_clause(clause: list[_Event]) -> list[_Mention]:
    """Return the findings of a clause; words before a finding belong to it, words at the end to the last."""
    mentions: list[_Mention] = []
    waiting, joined = _Mention(), False
    for at, event in enumerate(clause):
        more = any(other.kind == "finding" for other in clause[at + 1 :])
        if event.kind == "territory":
            (waiting if more or not mentions else mentions[-1]).territories.append(event.name)
        elif event.kind == "hedge":
            behind = event.name == "not excluded" or not more
            if not (behind and _hedge_behind(mentions, event.name)):
                waiting.hedge = event.name
        elif event.kind == "negation":
            waiting.negated = True
        elif event.kind == "or":
            joined = bool(mentions)
        else:
            waiting.finding, waiting.unnamed_shape = event.name, event.kind == "shape"
            waiting.hedge = waiting.hedge or (mentions[-1].hedge if joined else "")
            mentions.append(waiting)
            waiting, joined = _Mention(), False
    return mentions or ([waiting] if waiting.hedge or waiting.territories else [])


def _inherit_hedge(found: list[_Mention], mentions: list[_Mention]) -> None:
    """In "likely anterior ischemia or strain, lateral ischemia or strain" the hedge applies to both."""
    names = [mention.finding for mention in mentions]
    before = found[-len(names) :]
    if names[0] in _PLACED and names == [mention.finding for mention in before]:
        for mention, earlier in zip(mentions, before, strict=True):
            mention.hedge = mention.hedge or earlier.hedge


def facts_of(text: str) -> set[Fact]:
    """Return the facts of an English report."""
    found: list[_Mention] = []
    for before, clause in _clauses(_events(_normalise(text))):
        mentions = _read_clause(clause)
        if mentions and not mentions[0].finding:
            if found and before == "comma":
                found[-1].hedge = found[-1].hedge or mentions[0].hedge
            continue
        if mentions and before == "comma":
            _inherit_hedge(found, mentions)
        for mention in mentions:
            if mention.unnamed_shape and not (found and found[-1].about_t):
                continue
            if mention.unnamed_shape and found[-1].finding == "t abnormality":
                found.pop()
            found.append(mention)
    return {mention.fact for mention in found}
