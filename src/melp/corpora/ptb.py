"""The PTB Diagnostic ECG Database in the challenge's form: 516 recordings of up to 2 min at 1000 Hz.

A store contains the first window of each.
"""

from __future__ import annotations

from pathlib import Path

from melp.corpora import Listing, Options
from melp.corpora._challenge import challenge_source, list_challenge, load

__all__ = ["SOURCE", "list_entries", "load"]

SOURCE = challenge_source("ptb")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records of the collection below `raw`."""
    return list_challenge(raw, "ptb", "S")
