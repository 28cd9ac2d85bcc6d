"""ECG reports in English, German and Swedish -> English statements in a controlled wording.

`clean` -> `detect_language` -> for English: rewriting rules; for German and Swedish: a glossary turns the
words into terms, `negation` finds what is denied, `clauses` keeps what is not understood in its own words,
and a composer joins the terms into statements in English word order. `machine` reads the reports of ECG
machines in MIMIC-IV-ECG.
"""

from __future__ import annotations

from melp.reports.language import AUTO, LANGUAGES
from melp.reports.translate import Translation, coverage, report_language, to_statements, translate

__all__ = [
    "AUTO",
    "LANGUAGES",
    "Translation",
    "coverage",
    "report_language",
    "to_statements",
    "translate",
]
