"""The Georgia 12-lead ECG Challenge Database: 10,344 recordings of 5 to 10 s at 500 Hz."""

from __future__ import annotations

from pathlib import Path

from melp.corpora import Listing, Options
from melp.corpora._challenge import challenge_source, list_challenge, load

__all__ = ["SOURCE", "list_entries", "load"]

SOURCE = challenge_source("georgia")


def list_entries(raw: Path | None, options: Options) -> Listing:
    """List the records of the collection below `raw`."""
    return list_challenge(raw, "georgia", "E")
