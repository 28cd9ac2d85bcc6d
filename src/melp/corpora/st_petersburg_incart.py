"""The St Petersburg INCART 12-lead Arrhythmia Database: 74 recordings of 30 min at 257 Hz.

A store contains the first window of each.
"""

from __future__ import annotations

from pathlib import Path

from melp.corpora import Listing, Options
from melp.corpora._challenge import challenge_source, list_challenge, load

__all__ = ["SOURCE", "list_entries", "load"]

SOURCE = challenge_source("st_petersburg_incart")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records of the collection below `raw`."""
    return list_challenge(raw, "st-petersburg-incart", "I")
