"""The words of reports for the territory of an infarction, and the codes of the same records in PTB-XL.

    python benchmarks/territory.py --ptb-xl DIR [--out benchmarks/results/territory.md]

A record is counted for each wording in its report and for each code that it has.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _common import parser, publish

from melp.corpora.ptb_xl import labels
from melp.evaluation.tables import markdown_table
from melp.reports.cleaning import clean

CODES = ("IMI", "ILMI", "IPMI", "IPLMI", "PMI", "AMI", "ASMI", "ALMI", "LMI")
WORDINGS = {
    "hinterwand, hwi, hw-infarkt": r"\bhinterwand|\bhwi\b|\bhw[ -]*infarkt",
    "inferiorer infarkt": r"\binferior\w*\s*infarkt|\binfarkt\s+inferior",
    "posteriorer infarkt": r"(?<!infero)\bposterior\w*\s*infarkt|\binfarkt\s+posterior",
    "inferiorer und posteriorer infarkt": r"inferior\w*[\s,-]+posterior\w*\s*infarkt",
    "vorderwandinfarkt, vw-infarkt, vwi": r"\bvorderwand\s*infarkt|\bvw[ -]*infarkt|\bvwi\b",
    "anteriorer infarkt": r"\banterior\w*\s*infarkt|\binfarkt\s+anterior",
    "anteroseptaler infarkt": r"\banteroseptal\w*\s*infarkt|\binfarkt\s+anteroseptal",
    "lateraler infarkt": r"(?<!hoch)\blateral\w*\s*infarkt|\binfarkt\s+lateral",
}


def counts(database: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return, for each wording, the number of reports, of those with each code, and of those with none."""
    reports = database["report"].fillna("").map(clean)
    codes = database["scp_codes"].map(labels)
    rows = list[tuple[object, ...]]()
    for name, wording in WORDINGS.items():
        found = codes[reports.str.contains(wording)]
        numbers = [sum(code in each for each in found) for code in CODES]
        none = sum(not set(CODES) & set(each) for each in found)
        rows.append((name, len(found), *numbers, none))
    return rows


def main() -> None:
    options = parser(__doc__, ptb_xl=Path, out=None).parse_args()
    database = pd.read_csv(options.ptb_xl / "ptbxl_database.csv")
    publish(
        options.out,
        "# Territories of infarctions in reports and in codes",
        f"Written by `benchmarks/territory.py` from the {len(database):,} reports of PTB-XL: how many "
        "reports have a wording, and how many of these records have each code.",
        markdown_table(("wording", "reports", *CODES, "none"), counts(database)),
    )


if __name__ == "__main__":
    main()
