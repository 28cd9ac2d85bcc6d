"""Collections of the PhysioNet/CinC Challenge 2021: folders of WFDB records with diagnoses in their headers.

Labels are the challenge's abbreviations (Reyna et al., Computing in Cardiology 2021; tables `dx_mapping`),
one a SNOMED CT code; a code without one stays a number. The challenge scores four pairs of codes as one
(CLBBB and LBBB, CRBBB and RBBB, PAC and SVPB, PVC and VPB); here each keeps its own.

Patients are not published: a recording is its own patient, and recordings of one patient may lie in
different folds.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path

from melp.corpora import Entry, Listing
from melp.corpora._folds import hashed_fold
from melp.corpora._headers import with_patient_info
from melp.corpora._records import corpus_folder, find_wfdb_records
from melp.corpora.downloads.sources import PhysioNet
from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.tables import read_packaged_tsv


def challenge_source(folder: str) -> PhysioNet:
    """Where a folder of the challenge's training data is published."""
    return PhysioNet("challenge-2021", "1.0.3", recordings=f"training/{folder}/")


@cache
def abbreviations() -> dict[str, str]:
    """The challenge's abbreviation of each of its SNOMED CT codes."""
    return dict(read_packaged_tsv("melp.corpora", "challenge", columns=2))


def list_challenge(
    raw: Path | None, corpus: str, prefix: str, numbers: Container[int] = range(10**6)
) -> Listing:
    """The records below `raw` whose names are `prefix` and one of `numbers`.

    The names alone tell collections apart, so that `raw` may also be a folder that holds several of them.

    Raises:
        MelpError: `raw` is no folder, or (while the entries are taken) holds no such record.
    """
    return Listing(_entries(corpus_folder(raw, corpus), corpus, prefix, numbers))


def load(entry: Entry) -> ECG:
    """The recording of `entry`, with age, sex and labels of its header in `meta`."""
    from melp.io.wfdb import read_wfdb

    return with_patient_info(read_wfdb(entry.source), abbreviations())


def _entries(raw: Path, corpus: str, prefix: str, numbers: Container[int]) -> Iterator[Entry]:
    found = False
    for name, stem in find_wfdb_records(raw):
        number = name.removeprefix(prefix)
        if name.startswith(prefix) and number.isdecimal() and int(number) in numbers:
            found = found or stem is not None
            yield Entry(name, name, hashed_fold(name), source=str(stem) if stem else None)
    if not found:
        raise MelpError(f"{raw}: not {corpus}, none of its records ({prefix} and a number) is there")
