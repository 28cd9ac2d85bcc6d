"""Check that a model knows the words of labels and prompts, and reads all of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from melp.errors import MelpError
from melp.hub import Model
from melp.text.tokenizer import SPECIAL_TOKENS

__all__ = ["check_wordings", "knows_a_word"]


def check_wordings(model: Model, wordings: Sequence[str], what: str, refuse: bool) -> None:
    """Check wordings before they are embedded; one line on stderr names each that is cut or unknown.

    Args:
        model: a loaded model folder of a method with text.
        wordings: labels or prompts.
        what: "label" or "prompt", for messages.
        refuse: refuse unknown wordings. Those of a benchmark are not refused: it has many, and a model that
            was trained on few reports does not know all of them.

    Raises:
        MelpError: no word of a wording is in the vocabulary of the tokenizer: its score would mean nothing.
    """
    reports = getattr(model.method, "reports", None)
    if reports is None:  # a method of another package, with a tokenizer of its own
        return
    for text in wordings:
        if not knows_a_word(reports.tokenizer, text):
            found = f"no word of {_short(text)} is in the vocabulary of {model.folder}"
            if refuse:
                raise MelpError(f"{what}: {found}, wanted words of its training reports")
            print(f"melp: {what}: {found}, so its score means nothing", file=sys.stderr)
        pieces, room = reports.length(text), reports.room
        if pieces > room:
            line = f"{what}: {_short(text)} has {pieces} word pieces, the model reads the first {room}"
            print(f"melp: {line}", file=sys.stderr)


def knows_a_word(tokenizer: Any, text: str) -> bool:
    """Return whether the tokenizer knows a word of `text`.

    A tokenizer that was trained on reports has their words as one piece each; a word of several pieces was
    rare in them or absent. The tokenizer of a BERT that was pretrained on other texts also knows the words
    that it splits.
    """
    first = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS.values()))
    trained_on_reports = first == list(range(len(first)))
    for word in re.findall(r"\w+", text):
        pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
        if pieces and tokenizer.unk_token_id not in pieces and (len(pieces) == 1 or not trained_on_reports):
            return True
    return False


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
