"""The unused recordings of CPSC 2018: 3,453 of 8 to 98 s at 500 Hz.

A store contains the first window of each.
"""

from __future__ import annotations

from pathlib import Path

from melp.corpora import Listing, Options
from melp.corpora._challenge import challenge_source, list_challenge, load

__all__ = ["SOURCE", "list_entries", "load"]

SOURCE = challenge_source("cpsc_2018_extra")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records of the collection below `raw`."""
    return list_challenge(raw, "cpsc2018-extra", "Q")
