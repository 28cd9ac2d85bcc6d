"""Facts of an English ECG report, read by a lexicon of synonyms that knows nothing of the translator.

A fact is (finding, territories, polarity, hedge). Both sides of a comparison are read by the same lexicon: the given
translation, written by someone else in free wording, and our statements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_INFARCTION = r"(?:myocardial |subendocardial )*(?:infarct(?:ion)?s?|heart attack)"
_PREMATURE = r"(?:extra-?systole\(?s?\)?|premature (?:contraction|beat|complex|systole)(?:e?s)?(?:\(s\))?|extra ?beats?|ectopics?)"

FINDINGS: dict[str, str] = {
    "sinus tachycardia": r"(?:sinus )tachycardi[ac]\w*|tachycardic sinus rhythm",
    "sinus bradycardia": r"sinus bradycardi\w+|bradycardic sinus rhythm",
    "sinus arrhythmia": r"(?:respiratory )?sinus arr?h?ythmia|respiratory arrhythmia",
    "sinus rhythm": r"(?:normal )?sinus rhythm|\bsr\b",
    "flutter or fibrillation": r"atrial fibrillation ?(?:/|or|and|-) ?(?:atrial )?-?flutter|afib/flutter",
    "atrial fibrillation": r"atrial fibrillation|\bafib\b|\bvhf\b",
    "atrial flutter": r"atrial flutter",
    "supraventricular tachycardia": r"supraventricular tachy\w+",
    "supraventricular arrhythmia": r"supraventricular arrhythmia",
    "ventricular tachycardia": r"ventricular tachycardia",
    "junctional rhythm": r"(?:accelerated )?(?:av|a-v|atrioventricular|av-?(?: )?nodal|nodal|junctional)(?: node| nodal| junctional)?[ -]?rhythm",
    "no p waves": r"no p[ -]?waves? (?:are |were )?(?:detected|found|recogni[sz]ed|identified|seen|visible)",
    "wandering pacemaker": r"wandering (?:atrial )?pacemaker",
    "pacemaker": r"pace(?:maker|d)(?: rhythm| ecg)?|pacing",
    "ventricular extrasystoles": rf"(?<!supra)ventricular {_PREMATURE}|premature ventricular (?:contraction|beat|complex)\w*(?:\(s\))?|\bpvcs?\b|\bves\b|\bvpbs?\b",
    "supraventricular extrasystoles": (
        rf"supraventricular {_PREMATURE}|premature supraventricular contractions?|\bsves\b|premature atrial (?:contraction|beat|complex)\w*(?:\(s\))?"
        rf"|atrial {_PREMATURE}|\bpacs?\b|atrial premature (?:beat|contraction)s?|(?:av|junctional|nodal) {_PREMATURE}|premature junctional contractions?"
    ),
    "escape beats": r"(?:escape|replacement|substitute) (?:beat|systole|rhythm|contraction)\w*(?:\(s\))?",
    "bigeminy": r"bigemin\w*",
    "trigeminy": r"trigemin\w*|every third beat",
    "extreme right axis": r"(?:extreme|marked|overturned|extremely) right(?:ward)?(?: electrical)?[ -](?:axis(?: deviation| type)?|type)|extremely right axis",
    "right axis": r"right(?:ward)?(?:[ -]sided)?(?: electrical)?[ -](?:axis(?: deviation| type)?|type)",
    "left axis": r"left(?:ward)?(?:[ -]sided)?(?: electrical)?[ -](?:axis(?: deviation| type)?|type)(?! of)|over-?rotated left|left axis",
    "vertical axis": r"(?:vertical|steep)(?: electrical)?(?: heart)?[ -](?:axis|type|position)(?: type)?",
    "normal axis": r"(?:normal|intermediate|middle|medium|indifferent|mid)(?: electrical)?(?: heart)?[ -](?:axis|type|position|cardiac axis|lay type)(?: type| deviation| position)?|axis (?:type )?(?:is )?normal|indifferent type",
    "indeterminate axis": r"(?:indeterminate|difficult[ -]to[ -]determine|undeterminable|hard to determine)(?: qrs)?(?: electrical)? axis|(?:qrs )?axis (?:is )?difficult to determine",
    "left atrial enlargement": r"p[- ]?sinistrocardiale?|(?:left )(?:atrial|atrium) (?:enlargement|overload|abnormality|hypertrophy|overloading|strain|dilation)|(?:enlargement|hypertrophy|overload) of the left atrium|p[- ]mitrale|atrial overload,? left",
    "right atrial enlargement": r"p[- ]?dextrocardiale|right (?:atrial|atrium) (?:enlargement|overload|abnormality|hypertrophy|overloading|strain|dilation)|p[- ]pulmonale|atrial overload,? right",
    "biatrial enlargement": r"p[- ]?cardiale|biatrial (?:enlargement|overload)|bilateral atrial (?:overload|enlargement)",
    "wide p": r"(?:wide(?:ned)?|broad(?:ened)?|prolonged|prolongation of|lengthened) p[ -]?waves?|p[ -]?wave (?:widening|broadening|prolongation|is prolonged|prolonged)|p[ -](?:widening|broadening|prolongation|prolonged)|widening of (?:the )?p[ -]wave",
    "first degree av block": r"(?:first|1st)[ -]degree (?:av|a-v|a\.?v\.?|atrioventricular)[ -]?block|(?:av|a-v|atrioventricular)[ -]?block(?: of| grade| degree|,)?(?: the)? (?:i|1|first|1st)\b(?: degree)?(?!i)|grade (?:1|i) (?:av|a-v) block",
    "second degree av block": r"(?:second|2nd)[ -]degree (?:av|a-v|atrioventricular)[ -]?block|(?:av|a-v)[ -]?block (?:ii|2)\b",
    "prolonged pr": r"prolonged (?:pr|pq)(?: interval)?|(?:pr|pq)(?: interval| time)? (?:is )?(?:slightly )?prolong\w*|(?:pr|pq) prolongation",
    "bifascicular block": r"bi-?fascicular block",
    "trifascicular block": r"tri-?fascicular block",
    "left anterior fascicular block": r"left[ -]anterior (?:hemi-?block|fascicular block)|\blahb\b|\blafb\b",
    "left posterior fascicular block": r"left[ -]posterior (?:hemi-?block|fascicular block)|\blphb\b|\blpfb\b",
    "incomplete right bundle branch block": r"(?:incomplete|partial) right[ -]bundle[ -]branch block|\birbbb\b|right bundle branch block,? partial",
    "right bundle branch block": r"(?:complete )?right[ -](?:sided )?bundle[ -]branch block|\brbbb\b|\bcrbbb\b",
    "incomplete left bundle branch block": r"(?:incomplete|partial) left[ -]bundle[ -]branch block|\bilbbb\b",
    "left bundle branch block": r"(?:complete )?left[ -](?:sided )?bundle[ -]branch block|\blbbb\b|\bclbbb\b",
    "intraventricular block": (
        r"(?:non-?specific )?intra-?ventricular (?:conduction )?(?:block|delay|disturbance|disorder|defect|abnormalit\w+|impairment|conduction)(?: delay)?"
        r"|non-?specific (?:incomplete )?bundle branch block"
    ),
    "wpw": r"wolff-parkinson-white(?: \(wpw\))?(?: syndrome)?|\bwpw\b(?: syndrome)?",
    "left ventricular hypertrophy": r"left (?:ventricular |ventricle |heart )?hypertrophy(?: \(lvh\))?|hypertrophy of the left ventricle|left-?sided hypertrophy|\blvh\b",
    "right ventricular hypertrophy": r"right (?:ventricular )?hypertrophy(?: \(rvh\))?|\brvh\b",
    "left ventricular strain": r"(?:left (?:ventricular |heart )?|left-sided |\blv )(?:strain|load|overload|stress|burden)",
    "high voltage": r"(?:high voltages?|voltages? (?:is|are) high|voltages? of)(?! v)",
    "ischemic heart disease": r"isch(?:a)?emic heart(?: disease)?",
    "ischemia": r"(?:myocardial )?isch(?:a)?emi[ac]\b(?! heart)",
    "infarction": _INFARCTION,
    "subendocardial injury": r"sub-?endocardial (?:damage|injury)|inner layer (?:damage|injury)|innermost layer damage",
    "pericardial damage": r"myocardial or pericardial (?:damage|injury)|myo-? or pericardial damage|myocardial/pericardial damage",
    "myocardial damage": r"myocardial (?:damage|injury|involvement|affection|affect|lesion)\w*",
    "abnormal qrs": r"(?:abnormal|pathological) qrs ?(?:\(t\))?(?: complex| course| progression| waveform)?|qrs ?(?:\(t\))? (?:is )?abnormal(?:it\w+)?|qrs\(t\) abnormalit\w+",
    "st-t abnormality": (
        r"(?:abnormal|pathological) st ?(?:&|and|/|-) ?t(?: waves?| segments?)?|st ?(?:&|and|/|-) ?t(?:[ -]waves?| segments?)?(?: is| are)? (?:abnormal(?:it\w+)?|changes?)"
        r"|st(?: segment)? and t(?: |-)wave (?:abnormalit\w+|changes?)|(?:generali[sz]ed )?st-t (?:wave )?changes?"
    ),
    "st depression": r"st(?:[ -]segments?)?(?:-t)?[ -](?:depressions?|lowering)|depress(?:ed|ion of(?: the)?) st(?: segments?)?|st(?:[ -]segments?)? (?:is|are|remain) (?:\w+ )?depressed|depression of (?:the )?st",
    "st elevation": r"st(?:[ -]segments?)?[ -]elevations?|elevated st|st(?:[ -]segments?)? (?:is|are) (?:\w+ )?elevated|(?:abnormal )?st(?:-t)? ?\(elevation\)|st and t wave abnormality \(elevation\)",
    "st abnormality": r"(?:abnormal|pathological) st(?: segments?)?(?! ?[&-])|st(?: segment)? (?:is )?abnormal(?:it\w+)?",
    "t inversion": (
        r"(?:\w+ly )?(?:inverted|negative) t(?:[ -]waves?)?|t(?:[ -]waves?)? (?:\w+ )?(?:inver(?:sions?|ted)|negative|negativity)|t(?:[ -]waves?)? (?:is|are) (?:\w+ )?(?:inverted|negative)|inversion of (?:the )?t|inversion(?= @)"
    ),
    "t flattening": (
        r"(?:low or )?(?:flat(?:tened)?|low) t(?:[ -]waves?)?|t(?:[ -]waves?)? (?:\w+ )?(?:flat(?:tening|tened|ness)?)|t(?:[ -]waves?)? (?:is|are) (?:generally |low or |low, )?(?:flat(?:tened)?|low)|flattening of (?:the )?t[- ]waves?|flattened t"
    ),
    "tall t": r"(?:tall|high|peaked|pointed|elevated|increased|spiky) t(?:[ -]waves?)?|t(?:[ -]waves?)? (?:is |are )?(?:tall|high|peaked|pointed|elevated)",
    "biphasic t": r"bi-?phasic t(?:[ -]waves?)?|t(?:[ -]waves?)? (?:is |are )?bi-?phasic",
    "t abnormality": r"(?:abnormal|pathological) t(?:[ -]waves?)?(?: abnormalit\w+)?|t(?:[ -]waves?)?(?: is| are)? (?:abnormal(?:it\w+)?|changes?)|changes? in (?:the )?t[- ]waves?",
    "prolonged qt": r"(?:prolong\w*|lengthened) (?:of (?:the )?)?qt(?:c)?(?: interval)?|qt(?:c)?(?:[ -]interval| time)? (?:is )?(?:slightly )?(?:prolong\w*|lengthening)|qt prolongation",
    "low voltage": r"low(?: qrs)?(?: limb lead| peripheral)? (?:voltages?|amplitudes?)|low-voltage|(?:qrs )?amplitudes? (?:is |are )?low|peripheral low(?: |-)voltage|low peripheral voltage",
    "r progression": (
        r"(?:poor|reduced|delayed|slow|absent|missing|lack of|lacking|impaired|decreased|insufficient|slowed)\b[\w ]{0,12} (?:progression of )?r(?:[ -]waves?)?(?: progression)?|poor (?:anterior )?(?:progression of r|r)[ -]?waves?(?: progression)?|r[ -]?(?:wave )?progression (?:is )?(?:delayed|poor|absent)"
    ),
    "transition zone": r"(?:r-?s|r/s|rs)[ -]transition(?: zone)?|transition zone",
    "q waves": r"(?:\bq[ -]?waves?|\bq in\b|qs complexes|\bqs\b|qs-complex\w*)",
    "abnormal repolarization": r"(?:pathological|abnormal) repolari[sz]ation|repolari[sz]ation (?:disorder|disturbance|abnormalit)\w*",
    "delta waves": r"delta[ -]waves?",
    "s1q3": r"s ?1 ?/?q ?3|s ?i ?/? ?q ?iii",
    "digitalis": r"digitalis|digoxin",
    "aberrant conduction": r"aberrant (?:intraventricular )?(?:conduction|impulse propagation|propagation|spread)|abnormal impulse",
    "artifact": r"artifacts?",
    "hyperkalemia": r"hyperkal\w+",
    "hypokalemia": r"hypokal\w+",
    "drug effect": r"drug effect",
    "electrolyte disturbance": r"electrolyte (?:disturbance|disorder|imbalance)s?",
    "no definite pathology": r"(?:otherwise )?no (?:definite|definitive|certain|clear|specific|definitely)(?: signs of)? (?:pathology|pathological\w*(?: findings?)?)|nothing (?:certain|definitely) pathological",
    "otherwise normal": r"(?:otherwise|else),? (?:a )?normal(?: ecg| tracing| finding)?|tracing (?:is )?otherwise normal",
    "abnormal ecg": r"(?:pathological|abnormal)(?: ecg| finding| tracing)?(?=[.,;]|$| ecg)|ecg (?:is )?(?:pathological|abnormal)",
    "borderline": r"borderline (?:ecg|finding|result)",
    "normal ecg": r"normal (?:ecg|electrocardiogram|ekg|resting ecg|tracing)|ecg(?: is)? normal|(?<!is )(?<!are )(?<!be )(?<!of )normal(?= ?[.,;]|$)",
}  # fmt: skip

TERRITORIES = (
    "anteroseptal", "anterolateral", "inferolateral", "inferoposterior", "high lateral", "posterolateral",
    "inferior", "anterior", "lateral", "septal", "posterior", "apical",
)  # fmt: skip

SHAPES: dict[str, str] = {
    "t inversion": r"negative|inverted|inversion",
    "t flattening": r"(?:low or |low, )?(?:flat(?:tened|tening)?|low)",
    "biphasic t": r"bi-?phasic",
    "tall t": r"tall|high|elevated|peaked",
}
"""Shapes without a name, of the T wave named before: "T wave changes: negative in III, flat in V1"."""

HEDGES: dict[str, str] = {
    "not excluded": r"(?:cannot|can not|can't|could not) be (?:entirely |completely |definitely )?(?:ruled out|excluded|exclude)|not (?:be )?excluded|cannot (?:rule out|exclude)",
    "possible": (
        r"possibl[ey]|possibility|suspected|suspicion|suspicious|may (?:be|represent|indicate)|might be|questionable|should be considered"
        r"|consider\b|could be|potential(?:ly)?|eventually"
    ),
    "probable": r"probabl[ey]|likely",
    "suggested": r"suggest(?:s|ing|ive|ed)?\b|indicates?",
    "consistent": r"consistent with|compatible with|such as in|as (?:seen )?in|as with",
}

_NEGATION = r"\b(?:no|without|absence of|not)\b(?! (?:necessarily|significantly|evident))"
_LEAD = r"(?:v ?[1-9]|av[rlf]|i{1,3})"
_LEADS = re.compile(
    rf"\b(?:in |over |of )?(?:leads? |lead )?{_LEAD}\b(?:(?:[ ,]*,+ *(?:and )?| ?[-/&+] ?| and | to )(?:leads? )?(?:{_LEAD}|(?<=[\d ])\d|\d)\b)*",
)
_HYPHENS = [(r"(infer|anter|poster)o[- ]+(lateral|septal|posterior)", r"\1o\2"), (r"high[- ]lateral", "high lateral")]
_AGE_HEDGE = re.compile(
    r"(?:probably|likely|possibly|possible|probable|presumably|appears?) (?:to be )?(?:an? )?(?:old(?:er)?|chronic|acute|recent|new|fresh|age)"
    r"(?! (?:inferior|anter|infer|septal|lateral|high|posterior|myocardial|infarct))"
)


@dataclass(frozen=True, order=True)
class Fact:
    """One finding with the territories named with it, whether it is denied, and how sure it is said to be."""

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
    start: int
    end: int


_EVENTS = re.compile(
    "|".join(
        [rf"(?P<finding_{at}>\b(?:{pattern}))" for at, pattern in enumerate(FINDINGS.values())]
        + [rf"(?P<hedge_{at}>\b(?:{pattern}))" for at, pattern in enumerate(HEDGES.values())]
        + [rf"(?P<territory_{at}>\b{name}\b(?! (?:chest |precordial )?leads))" for at, name in enumerate(TERRITORIES)]
        + [rf"(?P<shape_{at}>\b(?:{pattern})(?=(?: (?:in|throughout|laterally|inferior))? ?(?:@|in|throughout|limb)))" for at, pattern in enumerate(SHAPES.values())]
        + [rf"(?P<negation_0>{_NEGATION})", r"(?P<break_0>[.;:!]+)", r"(?P<comma_0>,)", r"(?P<or_0>\bor\b|/)"]
        + [r"(?P<and_0>\band\b)"]
    )
)
_NAMES = {"finding": list(FINDINGS), "hedge": list(HEDGES), "territory": list(TERRITORIES), "shape": list(SHAPES)}


def _normalise(text: str) -> str:
    text = re.sub(r"\s+", " ", text.lower())
    for pattern, replacement in _HYPHENS:
        text = re.sub(pattern, replacement, text)
    text = re.sub(r"(?<=\d)[.:/](?=\d)", "-", text)
    text = _LEADS.sub(lambda match: match.group() if "block" in text[max(0, match.start() - 7) : match.start()] else " @ ", text)
    text = _AGE_HEDGE.sub(" aged ", text)
    return re.sub(r"\s+", " ", text)


def _events(text: str) -> list[_Event]:
    found = []
    for match in _EVENTS.finditer(text):
        kind, _, at = (match.lastgroup or "").rpartition("_")
        names = _NAMES.get(kind)
        found.append(_Event(kind, names[int(at)] if names else match.group(), match.start(), match.end()))
    return found


def _clauses(events: list[_Event]) -> list[list[_Event]]:
    """Events between full stops and commas; a comma within "st, t or ..." costs nothing, as each finding has its own."""
    clauses: list[list[_Event]] = [[]]
    for event in events:
        if event.kind in {"break", "comma"}:
            clauses.append([])
        else:
            clauses[-1].append(event)
    return clauses


def _read_clause(clause: list[_Event]) -> list[list]:
    """[finding, territories, negated, hedge] of each finding of a clause; what stands before a finding goes with it."""
    facts: list[list] = []
    territories: list[str] = []
    hedge, negated, joined = "", False, False
    for at, event in enumerate(clause):
        rest_has_finding = any(other.kind == "finding" for other in clause[at + 1 :])
        if event.kind == "territory":
            if rest_has_finding or not facts:
                territories.append(event.name)
            else:
                facts[-1][1].append(event.name)
        elif event.kind == "hedge":
            behind = event.name == "not excluded" or not rest_has_finding
            if behind and facts:
                facts[-1][3] = facts[-1][3] or event.name
                if event.name == "not excluded":
                    facts[-1][3] = event.name
            else:
                hedge = event.name
        elif event.kind == "negation":
            negated = True
        elif event.kind == "or":
            joined = bool(facts)
        elif event.kind in {"finding", "shape"}:
            if joined and not hedge:
                hedge = facts[-1][3]
            facts.append([event.name, territories, negated, hedge, event.kind])
            territories, hedge, negated, joined = [], "", False, False
    if not facts and (hedge or territories):
        return [["", territories, negated, hedge, ""]]
    return facts


_PLACED = ("infarction", "ischemia", "myocardial damage", "subendocardial injury", "pericardial damage")


def _inherit(found: list[list], clause: list[list], after: str) -> None:
    """In "likely anterior ischemia or strain, lateral ischemia or strain" the hedge is said of both."""
    names = [fact[0] for fact in clause]
    before = found[-len(names) :] if names else []
    if after == "comma" and names and names == [fact[0] for fact in before] and names[0] in _PLACED:
        for fact, earlier in zip(clause, before, strict=True):
            fact[3] = fact[3] or earlier[3]


def facts_of(text: str) -> set[Fact]:
    """The facts of an English report."""
    found: list[list] = []
    events = _events(_normalise(text))
    starts = [event.kind for event in events if event.kind in {"break", "comma"}]
    for clause, after in zip(_clauses(events), ["break", *starts], strict=True):
        facts = _read_clause(clause)
        if facts and not facts[0][0]:
            if found and after == "comma" and not found[-1][3]:
                found[-1][3] = facts[0][3]
            continue
        _inherit(found, facts, after)
        for fact in facts:
            about_t = bool(found) and (found[-1][0].startswith("t ") or found[-1][0].endswith(" t"))
            if fact[4] == "shape" and not about_t:
                continue
            if fact[4] == "shape" and found[-1][0] == "t abnormality":
                found.pop()
            found.append(fact)
    return {
        Fact(name, tuple(sorted(set(places))) if name in _PLACED else (), negated, hedge)
        for name, places, negated, hedge, _ in found
    }
