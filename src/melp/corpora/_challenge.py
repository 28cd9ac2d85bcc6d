"""Collections of the PhysioNet/CinC Challenge 2021: folders of WFDB records with diagnoses in their headers.

Labels are the challenge's abbreviations of SNOMED CT codes (Reyna et al., Computing in Cardiology 2021;
tables `dx_mapping`); a code without an abbreviation remains a number. The challenge scores four pairs of
codes as one (CLBBB and LBBB, CRBBB and RBBB, PAC and SVPB, PVC and VPB); here they are different labels.

Patients are not published: every recording counts as a patient, so that recordings of one person may be in
different folds.
"""

from __future__ import annotations

import re
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

FOLDERS = {
    "chapman-shaoxing": "chapman_shaoxing",
    "cpsc2018": "cpsc_2018",
    "cpsc2018-extra": "cpsc_2018_extra",
    "georgia": "georgia",
    "ningbo": "ningbo",
    "ptb": "ptb",
    "st-petersburg-incart": "st_petersburg_incart",
}
"""The folder of each collection in the challenge's training data."""
# The challenge also has PTB-XL, in another form than the corpus `ptb-xl`.
_COLLECTIONS = frozenset((*FOLDERS.values(), "ptb-xl"))
# A part of a collection.
_GROUP = re.compile(r"g\d+", re.ASCII)


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
    """List the records of a collection below `raw`, which may contain several of them.

    Raises:
        MelpError: `raw` is not a folder, or (during iteration) contains no such record.
    """
    raw = corpus_folder(raw, corpus)
    message = (
        f"{raw}: no record of {corpus} found, wanted names of {prefix} and a number, "
        f"or a folder {FOLDERS[corpus]}"
    )
    return Listing(require_recordings(_entries(raw, corpus, prefix, numbers), message))


def in_collection(raw: Path, stem: Path, corpus: str, named: bool) -> bool:
    """Return whether a record belongs to a collection.

    The nearest folder that has the name of a collection decides; names of records do not, because collections
    share them (Ningbo has an S23074, and PTB S0001 to S0549). Without such a folder, names decide.

    Args:
        raw: the folder of the corpus.
        stem: path of the record below `raw`, without extension.
        corpus: name of the collection.
        named: whether the record has a name of this collection.
    """
    above = [raw.name, *stem.relative_to(raw).parts[:-1]]
    if _GROUP.fullmatch(raw.name):
        above.insert(0, raw.absolute().parent.name)
    folders = [name for name in above if name in _COLLECTIONS]
    return folders[-1] == FOLDERS[corpus] if folders else named


def load(entry: Entry) -> ECG:
    """Load the recording of `entry`, with age, sex and labels from its header in `meta`."""
    from melp.io.wfdb import read_wfdb

    return with_patient_info(read_wfdb(entry.source), abbreviations())


def _entries(raw: Path, corpus: str, prefix: str, numbers: Container[int]) -> Iterator[Entry]:
    for record in find_wfdb_records(raw):
        number = record.name.removeprefix(prefix)
        named = record.name.startswith(prefix) and number.isdecimal() and int(number) in numbers
        if in_collection(raw, record.stem, corpus, named):
            path = str(record.stem.relative_to(raw))
            fold = hashed_fold(record.name)
            yield Entry(record.name, record.name, fold, source=record.source, path=path)
