"""ECG reports in English, German and Swedish -> English statements in a controlled wording."""

from __future__ import annotations

from melp.reports.translate import coverage, language, to_statements

__all__ = ["coverage", "language", "to_statements"]
