"""Which of the three languages of PTB-XL a report is written in."""

from __future__ import annotations

import re

_WORD = re.compile(r"[a-z]+")
_SWEDISH = frozenset(
    """sinusrytm sinusbradykardi sinustachykardi arytmi rytm foermaksflimmer normalt eljest vaenster hoeger ej och
    ospecifik ospecifikt foerloepp foeraendring saasom aalder inget saekert ischemi eller extraslag oevervaeg boer oevervaegas avvikande sannolikt vid aeldre myokardskada
    skaenkelblock extrasystoli slag med gammal""".split()
)
_ENGLISH = frozenset(
    """rhythm the of and to is are with due otherwise wave waves pathology atrial premature left right no consistent
    ecg bradycardia tachycardia arrhythmia normal ventricular abnormal possible probable axis bundle block infarct
    infarction fibrillation interval prolonged voltage segments nonspecific non specific hypertrophy borderline old
    inferior anterior lateral tracing pacemaker syndrome""".split()
)
_GERMAN = frozenset(
    """sinusrhythmus lagetyp linkstyp rechtstyp steiltyp ekg und nicht oder wahrscheinlich moeglich normales sonst
    vorhofflimmern schrittmacher infarkt abnorm abnormes unspezifisches rechtsschenkelblock linksschenkelblock
    linkshypertrophie ableitungen verdacht auf rhythmus arrhythmie hebung senkung llt mlt slt pathologisch
    ischaemie inferiorer anteriorer extrasystole extrasystolen chronischer leitungsstoerung sinusbradykardie
    sinustachykardie arrhythmia""".split()
)


def language(text: str) -> str:
    """"en", "de" or "sv", by counting words that only one of them has; `text` is folded. German is the default."""
    words = _WORD.findall(text)
    votes = {
        "sv": 2 * sum(word in _SWEDISH for word in words),
        "de": 2 * sum(word in _GERMAN for word in words),
        "en": sum(word in _ENGLISH for word in words),
    }
    if votes["en"] > max(votes["de"], votes["sv"]):
        return "en"
    return "sv" if votes["sv"] > votes["de"] else "de"
