"""The words of reports for the QRS axis, and the axis measured on the recordings of PTB-XL.

    python benchmarks/axis.py --ptb-xl DIR [--out benchmarks/results/axis.md]

The axis is the direction of the net QRS amplitude (highest plus lowest value) of the median beat in leads I
and aVF, where aVF counts 2 / sqrt(3) because Goldberger's leads are smaller by that factor. A wording is
counted only where a report has exactly one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _common import parser, publish
from jaxtyping import Float

from melp.ecg import ECG
from melp.errors import MelpError
from melp.evaluation.tables import markdown_table
from melp.io.wfdb import read_wfdb
from melp.reports import to_statements
from melp.reports.cleaning import clean
from melp.signal.r_peaks import find_r_peaks

_QRS, _BEFORE = (-0.05, 0.07), (-0.12, -0.08)  # seconds from the R wave
_SECTORS = {
    "-90 to -30": (-90, -30),
    "90 to 120": (90, 120),
    "120 to 180": (120, 180),
    "-180 to -90": (-180, -90),
}
WORDINGS = {
    "überdrehter linkstyp": r"ueberdrehte\w* (?:linkstyp|linkslagetyp|links ?typ|llt)|uellt"
    r"|(?:linkstyp|llt|linkslagetyp) ueberdreht",
    "linkstyp": r"linkstyp|linkslagetyp|links typ|linkslage",
    "llt": r"llt",
    "lagetyp normal": r"lagetyp normal|normale\w* lagetyp|normtyp",
    "mlt, indifferenztyp, mitteltyp": r"mlt|indifferenz ?typ|mitteltyp|mittellagetyp",
    "steiltyp": r"steiltyp|steillagetyp|steillage|slt|stlt",
    "überdrehter rechtstyp": r"ueberdrehte\w* (?:rechtstyp|rlt)|rechtstyp ueberdreht",
    "extrem rechtstyp": r"extrem\w* (?:rechtstyp|rlt)",
    "rechtstyp": r"rechtstyp|rechtslagetyp|rlt|rechts typ",
    "sagittaltyp": r"sagitt?altyp|sagittallagetyp",
    "horizontal axis": r"horisontalst\w+ el\w* axel",
    "extrem vänster el axel": r"extrem (?:vaensterstaelld|vaenster|vaens)\.? el\.? axel",
    "extrem höger el axel": r"extrem hoeger\w* el\.? axel",
    "vänsterställd el axel": r"(?<!extrem )(?:vaensterstaelld|vaenster|vaens)\.? el\.? axel",
    "höger el axel": r"(?<!extrem )hoeger(?:staelld)? el\.? axel",
    "left axis deviation": r"left axis deviation",
    "leftward axis": r"leftward axis",
    "right axis deviation": r"right axis deviation",
    "rightward axis": r"rightward axis",
    "normal axis": r"normal axis",
}
_WORDING = re.compile("|".join(rf"(?P<w{at}>\b(?:{text})\b)" for at, text in enumerate(WORDINGS.values())))


def wording_of(report: str) -> str:
    """Return the only wording of the axis in a report, or "" if there is none or several."""
    text = re.sub(r"\s+", " ", clean(report).replace("-", " "))
    found = {int(match.lastgroup[1:]) for match in _WORDING.finditer(text) if match.lastgroup}
    return list(WORDINGS)[found.pop()] if len(found) == 1 else ""


def qrs_axis(ecg: ECG) -> float:
    """Return the axis of the QRS complex in degrees, from -180 to 180; NaN without a QRS complex."""
    signal = torch.tensor(ecg.signal)[None]
    peaks, counts = find_r_peaks(signal, ecg.rate)
    beats = peaks[0, : counts[0]].numpy()
    net = [_net_amplitude(ecg.signal[ecg.leads.index(name)], ecg.rate, beats) for name in ("I", "aVF")]
    return float(np.degrees(np.arctan2(net[1] * 2 / np.sqrt(3), net[0])))


def _net_amplitude(lead: Float[np.ndarray, " time"], rate: float, beats: np.ndarray) -> float:
    """Return the highest plus the lowest value of the median beat's QRS complex, from the level before it."""
    (start, end), (before, after) = (
        np.round(np.array(times) * rate).astype(int) for times in (_QRS, _BEFORE)
    )
    inside = [beat for beat in beats if beat + before >= 0 and beat + end < len(lead)]
    if not inside:
        return float("nan")
    beat = np.median([lead[at + before : at + end] for at in inside], axis=0)
    qrs = beat[start - before :] - np.median(beat[: after - before])
    return float(qrs.max() + qrs.min())


def measured(folder: Path) -> Iterator[tuple[str, str, float]]:
    """Yield wording, our statement and axis of each recording at hand whose report has one wording."""
    database = pd.read_csv(folder / "ptbxl_database.csv")
    for row in database.itertuples():
        wording = wording_of(row.report) if isinstance(row.report, str) else ""
        if not wording or not (folder / f"{row.filename_hr}.dat").is_file():
            continue
        ours = [text for text in to_statements(row.report) if "axis" in text]
        try:
            yield wording, "; ".join(ours), qrs_axis(read_wfdb(folder / row.filename_hr))
        except MelpError:
            continue


def _table(axes: pd.DataFrame, by: str, names: list[str]) -> str:
    rows: list[tuple[object, ...]] = []
    for name in names:
        values = axes.loc[axes[by] == name, "axis"].dropna()
        if len(values) < 2:
            continue
        quartiles = " to ".join(f"{value:.0f}" for value in np.quantile(values, (0.25, 0.75)))
        shares = [f"{((values > low) & (values <= high)).mean():.0%}" for low, high in _SECTORS.values()]
        rows.append((name, len(values), f"{values.median():.0f}", quartiles, *shares))
    header = ("wording", "recordings", "median", "middle half", *_SECTORS)
    return markdown_table(header, rows)


def main() -> None:
    options = parser(__doc__, ptb_xl=Path, out=None).parse_args()
    axes = pd.DataFrame(measured(options.ptb_xl), columns=["wording", "ours", "axis"])
    statements = axes["ours"].value_counts()
    publish(
        options.out,
        "# The QRS axis in reports and in recordings",
        f"Written by `benchmarks/axis.py` from {len(axes):,} recordings of PTB-XL whose report has one "
        "wording of the axis. Degrees; the last four columns are shares of the recordings.",
        "## Wordings of the reports",
        _table(axes, "wording", list(WORDINGS)),
        "## Our statements",
        _table(axes, "ours", [name for name in statements.index if name]),
    )


if __name__ == "__main__":
    main()
