"""The Chapman-Shaoxing database in the challenge's form: 10,247 recordings of 10 s at 500 Hz.

They are also part of the corpus `csn`, with the same names and that corpus's acronyms as labels.
"""

from __future__ import annotations

from pathlib import Path

from melp.corpora import Listing, Options
from melp.corpora._challenge import challenge_source, list_challenge, load

__all__ = ["SOURCE", "list_entries", "load"]

SOURCE = challenge_source("chapman_shaoxing")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records of the collection below `raw`."""
    return list_challenge(raw, "chapman-shaoxing", "JS", range(1, 10647))
