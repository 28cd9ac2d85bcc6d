"""ECG reports in English, German and Swedish -> English statements in a controlled wording.

`clean` -> `detect_language` -> for English: rewriting rules; for German and Swedish: a glossary turns the
words into terms, and a composer puts the terms together to statements in English word order. Reports that
ECG machines print in MIMIC-IV-ECG are read by `machine`.
"""

from __future__ import annotations

from melp.reports.translate import coverage, report_language, to_statements

__all__ = ["coverage", "report_language", "to_statements"]
