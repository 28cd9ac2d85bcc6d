"""A small simulation of each corpus, its store, and what was drawn for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from melp.data.build import Summary, build
from melp.data.quality import signal_flags
from melp.data.store import Store
from melp.ecg import ECG, LEADS
from melp.simulator.corpora import get_simulated
from melp.simulator.corpora._draw import Drawn, corpus_seed, draw
from melp.simulator.corpora.write import simulate_corpus

RECORDS = 100
"""As many as have each defect once."""

MEANINGS = {
    # condition: codes in PTB-XL, CPSC 2018, CSN and the test set of CODE
    "NORM": ("NORM", "NORM", "", ""),
    "STACH": ("STACH", "", "ST", "ST"),
    "SBRAD": ("SBRAD", "", "SB", "SB"),
    "SARRH": ("SARRH", "", "SA", ""),
    "AFIB": ("AFIB", "AFIB", "AFIB", "AF"),
    "AFLT": ("AFLT", "", "AF", ""),
    "PACE": ("PACE", "", "10370003", ""),
    "1AVB": ("1AVB LPR", "1AVB", "1AVB PRIE", "1dAVb"),
    "2AVB_I": ("2AVB", "", "2AVB1", ""),
    "2AVB_II": ("2AVB", "", "2AVB", ""),
    "3AVB": ("3AVB", "", "3AVB AVB", ""),
    "CLBBB": ("CLBBB", "CLBBB", "LBBB", "LBBB"),
    "CRBBB": ("CRBBB", "CRBBB", "RBBB", "RBBB"),
    "LAFB": ("LAFB", "", "445118002", ""),
    "LPFB": ("LPFB", "", "445211001", ""),
    "WPW": ("WPW", "", "WPW", ""),
    "LVH": ("LVH VCLVH", "", "LVH STTC", ""),
    "RVH": ("RVH", "", "RVH", ""),
    "AMI": ("ASMI QWAVE ABQRS", "", "MI AQW", ""),
    "IMI": ("IMI QWAVE ABQRS", "", "MI AQW", ""),
    "LMI": ("LMI QWAVE ABQRS", "", "MI AQW", ""),
    "STEMI_ANT": ("ASMI STE", "STE", "MI STTU", ""),
    "STEMI_INF": ("IMI STE", "STE", "MI STTU", ""),
    "STEMI_LAT": ("LMI STE", "STE", "MI STTU", ""),
    "ISC": ("ISC STD", "STD", "STDD STTC", ""),
    "INVT": ("INVT", "", "TWO TWC", ""),
    "LNGQT": ("LNGQT", "", "QTIE", ""),
    "LVOLT": ("LVOLT", "", "LVQRSAL", ""),
    "PVC": ("PVC", "VPC", "VPB", ""),
    "PAC": ("PAC", "PAC", "APB", ""),
    "BIGU": ("BIGU PVC", "VPC", "VB", ""),
    "TRIGU": ("TRIGU PVC", "VPC", "VPB", ""),
    "SVTAC": ("SVTAC", "", "SVT", ""),
    "AT": ("SVTAC", "", "AT", ""),
    "ILBBB": ("ILBBB", "", "251120003", ""),
    "IRBBB": ("IRBBB", "", "713426002", ""),
    "IVCD": ("IVCD", "", "IDC", ""),
    "PMI": ("PMI ABQRS", "", "MI", ""),
    "LOWT": ("NDT LOWT", "", "TWC", ""),
    "NT": ("NT NDT", "", "TWC", ""),
    "NST": ("NST", "", "STE", ""),
    "DIG": ("DIG STD", "STD", "STDD", ""),
    "ERV": ("", "", "ERV", ""),
    "HVOLT": ("HVOLT", "", "55827005", ""),
    "LAE": ("LAO/LAE", "", "PWC", ""),
    "RAE": ("RAO/RAE", "", "RAH", ""),
    "PSVT": ("PSVT", "", "SVT", ""),
    "SVARR": ("SVARR", "", "WAVN", ""),
    "UW": ("", "", "UW", ""),
    "CR": ("", "", "CR", ""),
    "CCR": ("", "", "CCR", ""),
    "ARTEFACT": ("", "", "", ""),
}
CORPORA = ("ptb-xl", "cpsc2018", "csn", "code-test")
NOT_SINUS = {"STACH", "SBRAD", "SARRH", "AFIB", "AFLT", "PACE", "3AVB", "SVTAC", "AT", "PSVT", "SVARR"}
ISCHEMIA = {"anterior": "ISCAN", "inferior": "ISCIN", "lateral": "ISCLA"}


def true_labels(corpus: str, drawn: Drawn) -> set[str]:
    """Return the labels of a record by what was drawn for it."""
    place = CORPORA.index(corpus)
    labels = {code for condition in drawn.conditions for code in MEANINGS[condition][place].split()}
    if corpus in ("ptb-xl", "csn") and not drawn.conditions & NOT_SINUS:
        labels.add("SR")
    if corpus == "ptb-xl" and "INVT" in drawn.conditions:
        labels.add(ISCHEMIA[drawn.recording.territory])
    if corpus == "csn" and -90 <= drawn.recording.axis < -30:
        labels.add("ALS")
    if corpus == "csn" and drawn.recording.axis > 90:
        labels.add("ARS")
    if corpus == "csn":
        labels |= {{"e": "VEB", "j": "JEB"}[kind] for kind in set(drawn.recording.kinds) & set("ej")}
    return labels


@dataclass
class Simulated:
    """A simulated corpus of `RECORDS` records below `folder`: `raw`, `splits`, and `store` if built."""

    name: str
    folder: Path
    seed: int = 0

    @cached_property
    def raw(self) -> Path:
        splits = self.splits if self.name not in ("mimic-iv-ecg", "code-test") else None
        return simulate_corpus(self.name, self.folder / self.name, RECORDS, self.seed, splits).path

    @property
    def splits(self) -> Path:
        return self.folder / f"{self.name}-splits"

    @cached_property
    def summary(self) -> Summary:
        rate, seconds = (400, 10.24) if self.name == "code-test" else (500, 10)
        out = self.folder / f"{self.name}-store"
        return build(self.name, self.raw, out, rate=rate, seconds=seconds, allow_missing=True)

    @cached_property
    def store(self) -> Store:
        return Store(self.summary.path)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """What the simulator noted of each record."""
        return pd.read_parquet(self.raw / "simulated.parquet").set_index("id")

    @cached_property
    def drawn(self) -> dict[str, Drawn]:
        """The records, drawn again."""
        corpus, seed = get_simulated(self.name), corpus_seed(self.name, self.seed)
        again = (draw(index, seed, corpus.LAYOUT) for index in range(RECORDS))
        return dict(zip(self.rows.index, again, strict=True))

    def ids(self, defect: str) -> list[str]:
        """The records with a defect."""
        return [name for name, drawn in self.drawn.items() if drawn.defect == defect]

    def clean_flags(self, name: str) -> list[str]:
        """The flags of a record as it was drawn, before it was written."""
        rate, seconds = self.store.rate, self.store.seconds
        return signal_flags(ECG(self.drawn[name].recording.signal, float(rate), LEADS), seconds)
