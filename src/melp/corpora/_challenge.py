"""Collections of the PhysioNet/CinC Challenge 2021: folders of WFDB records with diagnoses in their headers.

Labels are the challenge's abbreviations of SNOMED CT codes (Reyna et al., Computing in Cardiology 2021;
tables `dx_mapping`); a code without an abbreviation remains a number. The challenge scores four pairs of
codes as one (CLBBB and LBBB, CRBBB and RBBB, PAC and SVPB, PVC and VPB); here they are different labels.

Patients are not published: every recording counts as a patient, so that recordings of one person may be in
different folds.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path

from melp.corpora import Entry, Listing
from melp.corpora._folds import hashed_fold
from melp.corpora._headers import with_patient_info
from melp.corpora._records import corpus_folder, find_wfdb_records, require_recordings
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG
from melp.io.tables import read_packaged_tsv


def challenge_source(folder: str) -> PhysioNet:
    """Return the source of a folder of the challenge's training data."""
    return PhysioNet("challenge-2021", "1.0.3", recordings=f"training/{folder}/")


@cache
def abbreviations() -> dict[str, str]:
    """Return the challenge's abbreviation of each of its SNOMED CT codes."""
    return dict(read_packaged_tsv("melp.corpora", "challenge", columns=2))


def list_challenge(
    raw: Path | None, corpus: str, prefix: str, numbers: Container[int] = range(10**6)
) -> Listing:
    """List the records below `raw` whose names consist of `prefix` and one of `numbers`.

    Collections are distinguished by these names, so that `raw` may contain several of them.

    Raises:
        MelpError: `raw` is not a folder, or (during iteration) contains no such record.
    """
    raw = corpus_folder(raw, corpus)
    message = f"{raw}: no record of {corpus} found, wanted names of {prefix} and a number"
    return Listing(require_recordings(_entries(raw, prefix, numbers), message))


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`, with age, sex and labels from its header in `meta`."""
    from melp.io.wfdb import read_wfdb

    return with_patient_info(read_wfdb(entry.source), abbreviations())


def _entries(raw: Path, prefix: str, numbers: Container[int]) -> Iterator[Entry]:
    for name, stem in find_wfdb_records(raw):
        number = name.removeprefix(prefix)
        if name.startswith(prefix) and number.isdecimal() and int(number) in numbers:
            yield Entry(name, name, hashed_fold(name), source=str(stem) if stem else None)
