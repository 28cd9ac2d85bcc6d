"""How well reports are translated: words covered, facts kept, time.

    python benchmarks/translation.py --ptb-xl DIR --pairs FILE.csv [--out benchmarks/results/translation.md]

Coverage counts the German and Swedish words of every report of PTB-XL. Facts are compared on reports with an
English reference translation by others (`--pairs`, columns ecg_id and report): our statements must have
every fact of the reference (`tests/translation_facts.py` extracts both). To show that the comparison detects
errors, our statements are then damaged, one at a time, and the share of detected damages is given too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from _common import parser, processor_time, publish

from melp.evaluation.tables import markdown_table
from melp.reports import coverage, report_language, to_statements
from reference_translations import Pair, detected, read_pairs


def coverage_table(reports: Sequence[str]) -> str:
    """Return the translated words by language."""
    words = pd.DataFrame([(report_language(text), 1, *coverage(text)) for text in reports])
    known, total = words.groupby(0)[[2, 3]].sum().sum()
    rows: list[tuple[object, ...]] = []
    for language, name in (("de", "German"), ("sv", "Swedish")):
        count, translated, spoken = map(int, words[words[0] == language][[1, 2, 3]].sum())
        rows.append((name, count, spoken, translated, f"{translated / spoken:.2%}"))
    rows.append(("both", "", int(total), int(known), f"{known / total:.2%}"))
    return markdown_table(("language", "reports", "words", "translated", "share"), rows)


def difference(pair: Pair) -> str:
    """Return a pair whose facts differ, as Markdown."""
    lost, added = (", ".join(map(str, sorted(facts))) or "nothing" for facts in (pair.lost, pair.added))
    return (
        f"- record {pair.ecg_id}, lost: {lost}; added: {added}\n"
        f"  - report: {' '.join(pair.source.lower().split())}\n"
        f"  - reference: {' '.join(pair.reference.split())}\n"
        f"  - ours: {'; '.join(pair.ours)}"
    )


def main() -> None:
    options = parser(__doc__, ptb_xl=Path, pairs=Path, out=None).parse_args()
    database = pd.read_csv(options.ptb_xl / "ptbxl_database.csv")
    pairs, reports = read_pairs(database, options.pairs), database["report"].fillna("").tolist()
    translations: list[list[str]] = []
    seconds = processor_time(lambda: translations.extend(map(to_statements, reports)))
    statements = [statement for translation in translations for statement in translation]
    kept = [pair for pair in pairs if not pair.lost]
    same = [pair for pair in kept if not pair.added]
    rows = [(kind, found, count, f"{found / count:.1%}") for kind, (found, count) in detected(pairs).items()]
    publish(
        options.out,
        "# Translation of reports",
        "Written by `benchmarks/translation.py` from `ptbxl_database.csv` and "
        f"{len(pairs)} reference translations.",
        f"{len(reports):,} reports give {len(statements):,} statements, {len(set(statements)):,} of them "
        f"distinct, in {seconds:.1f} s of one core.",
        "## German and Swedish words translated",
        coverage_table(reports),
        "## Facts of the reference translations",
        f"All kept in {len(kept)} of {len(pairs)} reports ({len(kept) / len(pairs):.1%}); the same facts on "
        f"both sides in {len(same)} ({len(same) / len(pairs):.1%}).",
        "Damages to our statements that the comparison detects, over the reports that lose no fact:",
        markdown_table(("damage", "detected", "of", "share"), rows),
        "### Facts lost",
        "\n".join(difference(pair) for pair in pairs if pair.lost),
        "### Facts added, none lost",
        "\n".join(difference(pair) for pair in kept if pair.added),
    )


if __name__ == "__main__":
    main()
