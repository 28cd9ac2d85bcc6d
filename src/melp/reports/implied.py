"""What a statement implies: its findings, with and without their territory.

"q waves in ii iii avf consistent with old inferior myocardial infarction"
    -> inferior q waves, q waves, inferior myocardial infarction, myocardial infarction
"no inferior st depression" -> no inferior st depression
"""

from __future__ import annotations

from dataclasses import replace

from melp.reports.findings import statement_findings

__all__ = ["implied_statements"]


def implied_statements(statement: str) -> list[str]:
    """Return the findings of a statement in words, other than the statement itself.

    A finding in a territory implies the finding; a denied one does not, because the finding may be elsewhere.
    Hedges, ages and degrees are left out: "possible old inferior myocardial infarction" implies "inferior
    myocardial infarction".
    """
    implied = []
    for finding in sorted(statement_findings(statement)):
        implied.append(str(finding))
        if finding.territory and not finding.denied:
            implied.append(str(replace(finding, territory="")))
    return [text for text in dict.fromkeys(implied) if text != statement]
