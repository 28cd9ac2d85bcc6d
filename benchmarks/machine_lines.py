"""Counts the lines of ECG machines that get the controlled wording, and those that keep their words.

    python benchmarks/machine_lines.py machine_measurements.csv

The table is that of MIMIC-IV-ECG. Printed are the number of lines, of different lines, of lines that are
reworded, of those that stay as they are, and of those with words that the controlled wording does not have;
then the most frequent of these words.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from melp.corpora.mimic_iv_ecg import _REPORTS
from melp.io.tables import read_csv
from melp.reports.machine import machine_statements, unknown_words

MOST = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    table = read_csv(parser.parse_args().table, _REPORTS, dtype="category")
    lines: Counter[str] = Counter()
    for column in _REPORTS:
        lines.update(table[column].value_counts().to_dict())
    counts, words = count(lines)
    for name, number in counts.items():
        print(f"{name:>40} {number:>10,}")
    for word, number in words.most_common(MOST):
        print(f"{word:>40} {number:>10,}")


def count(lines: Counter[str]) -> tuple[dict[str, int], Counter[str]]:
    """Return the counts by name, and how many lines contain each unknown word."""
    counts = {"lines": sum(lines.values()), "different lines": len(lines)}
    counts |= dict.fromkeys(("without a finding", "reworded", "as they are", "with unknown words"), 0)
    words: Counter[str] = Counter()
    for line, number in lines.items():
        statements = machine_statements(line)
        kept = list(statements) == [line.lower().strip(" *=-.")]
        kind = "as they are" if kept else "reworded" if statements else "without a finding"
        counts[kind] += number
        unknown = {word for statement in statements for word in unknown_words(statement)}
        counts["with unknown words"] += number if unknown else 0
        words.update(dict.fromkeys(unknown, number))
    return counts, words


if __name__ == "__main__":
    main()
