"""Read labels as statements of reports, and check that a model knows the words of labels and prompts."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from melp.errors import MelpError
from melp.hub import Model
from melp.reports import to_statements
from melp.text.tokenizer import SPECIAL_TOKENS

__all__ = ["as_statement", "check_wordings", "unknown_words"]


@lru_cache(1024)  # so that a service says it once for each label
def as_statement(label: str, what: str = "label") -> str:
    """Return a label as the statements of training reports are written; one line on stderr says so, once.

    "RBBB" and "Rechtsschenkelblock" become "right bundle branch block". A label that is not read as exactly
    one statement stays as it is.
    """
    statements = to_statements(label)
    if len(statements) != 1 or statements[0] == " ".join(label.lower().split()):
        return label
    print(f"melp: {what}: {_short(label)} is asked as {statements[0]!r}", file=sys.stderr)
    return statements[0]


def check_wordings(model: Model, wordings: Sequence[str], what: str, refuse: bool) -> None:
    """Check wordings before they are embedded; one line on stderr names each that is cut or unknown.

    Args:
        model: a loaded model folder of a method with text.
        wordings: labels or prompts.
        what: "label" or "prompt", for messages.
        refuse: refuse unknown wordings, and name unknown words of others. Those of a benchmark are not
            refused: it has many, and a model that was trained on few reports does not know all of them.

    Raises:
        MelpError: no word of a wording is in the vocabulary of the tokenizer: its score would mean nothing.
    """
    reports = getattr(model.method, "reports", None)
    if reports is None:  # a method of another package, with a tokenizer of its own
        return
    for text in wordings:
        unknown, known = unknown_words(reports.tokenizer, text)
        if not known:
            found = f"no word of {_short(text)} is in the vocabulary of {model.folder}"
            if refuse:
                raise MelpError(f"{what}: {found}, wanted words of its training reports")
            print(f"melp: {what}: {found}, so its score means nothing", file=sys.stderr)
        elif unknown and refuse:
            found = (
                f"{', '.join(map(repr, unknown))} of {_short(text)} not in the vocabulary of {model.folder}"
            )
            print(f"melp: {what}: {found}{_similar(reports.tokenizer, unknown)}", file=sys.stderr)
        pieces, room = reports.length(text), reports.room
        if pieces > room:
            line = f"{what}: {_short(text)} has {pieces} word pieces, the model reads the first {room}"
            print(f"melp: {line}", file=sys.stderr)


def unknown_words(tokenizer: Any, text: str) -> tuple[list[str], list[str]]:
    """Return the words of `text` that the tokenizer does not know, and those that it knows.

    A tokenizer that was trained on reports has their words as one piece each; a word of several pieces was
    rare in them or absent. The tokenizer of a BERT that was pretrained on other texts also knows the words
    that it splits.
    """
    first = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS.values()))
    trained_on_reports = first == list(range(len(first)))
    unknown, known = list[str](), list[str]()
    for word in re.findall(r"\w+", text):
        pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
        is_known = (
            pieces and tokenizer.unk_token_id not in pieces and (len(pieces) == 1 or not trained_on_reports)
        )
        (known if is_known else unknown).append(word)
    return unknown, known


def _similar(tokenizer: Any, words: Sequence[str]) -> str:
    """Return the most similar words that the tokenizer knows, for a message."""
    vocabulary = [word for word in tokenizer.get_vocab() if word.isalpha()]
    found = [near for word in words for near in get_close_matches(word.lower(), vocabulary, 1, cutoff=0.8)]
    return f"; did you mean {', '.join(found)}?" if found else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
