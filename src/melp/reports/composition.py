"""The statements of a report while they are put together: the current one, its heading, its link."""

from __future__ import annotations

from collections.abc import Sequence

from melp.reports.glossary import Term
from melp.reports.statement import Statement


class Composition:
    """The complete statements, and the current one to which modifiers are added.

    Args:
        terms: the terms of one report, in its order.
        truncated: whether the end of the report may be missing.
    """

    def __init__(self, terms: Sequence[Term], truncated: bool) -> None:
        self.terms = list(terms)
        self.truncated = truncated
        self.statements: list[str] = []
        self.current = Statement()
        # "hypertrophy with" waits for the statement after the link "with".
        self.linked = self.link = ""
        # "t wave abnormality, probable" comes before the items of a list.
        self.heading = self.heading_hedge = ""
        self.heading_used = True
        self.last_wave = ""

    def _text(self) -> str:
        """Return the current statement, preceded by its heading if it is an item of a list."""
        current, text = self.current, self.current.text()
        if not (current.is_lesion and self.heading):
            return text
        self.heading_used = True
        hedged = bool(self._modifiers("hedge")) or "cannot be ruled out" in current.tail
        hedge = "" if hedged or not self.heading_hedge else self.heading_hedge + " "
        return f"{self.heading}, {hedge}{text}"

    def _close(self) -> None:
        """Append the current statement and start the next one."""
        text = self._text()
        if self.linked:
            self._drop_link() if not text else self.statements.append(f"{self.linked} {text}")
        elif text and text != "axis":
            if not self.current.is_lesion:
                self._end_heading()
            self.statements.append(text)
        self.current, self.linked, self.link = Statement(), "", ""

    def _close_if_complete(self) -> None:
        """Close a statement that has its finding; modifiers without one belong to the next finding."""
        if self.current.has_finding:
            self._close()

    def _lacks_hedge(self) -> bool:
        """Return whether the statement is a lesion without the certainty or age that machines always add."""
        described = self._modifiers("hedge") or self._modifiers("age") or self.heading or self.current.tail
        return self.current.is_lesion and not described

    def _end_heading(self) -> None:
        if self.heading and not self.heading_used:
            self.statements.append(self.heading)
        self.heading = self.heading_hedge = ""

    def _drop_link(self) -> None:
        """End a statement at a link that nothing follows: "hypertrophy with" -> "hypertrophy"."""
        if self.linked:
            self.statements.append(self.linked.removesuffix(self.link).strip())
            self.linked = ""

    def _next_kind(self, at: int, skip: Sequence[str] = ()) -> str:
        return next((term.kind for term in self.terms[at + 1 :] if term.kind not in skip), "")

    def _modifiers(self, kind: str) -> list[str]:
        return [word for modifier_kind, word in self.current.modifiers if modifier_kind == kind]

    def _modify(self, term: Term) -> None:
        self.current.modifiers.append((term.kind, term.english))
