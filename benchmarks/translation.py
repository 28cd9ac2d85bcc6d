"""How well reports are translated: words covered, facts kept, time taken.

    python benchmarks/translation.py --ptb-xl DIR --pairs FILE.csv [--out benchmarks/results/translation.md]

Coverage counts the German and Swedish words of every report of PTB-XL. Facts are compared on reports for
which someone else's English translation is at hand (`--pairs`, columns ecg_id and report): every fact of that
translation has to be found in our statements (`translation_facts` reads both). To show that the comparison is
not blind, our statements are then damaged, one at a time, and the share of damages noticed is given too.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from translation_facts import Fact, facts_of

from melp.reports import coverage, report_language, to_statements

NAMES = {"de": "German", "sv": "Swedish", "en": "English"}
_HEDGE = re.compile(
    r"\b(?:possible|probable|possibly|probably) | cannot be ruled out|, (?:probably|possibly) old"
)


@dataclass(frozen=True)
class Pair:
    """A report, its given translation and ours."""

    ecg_id: int
    source: str
    given: str
    ours: tuple[str, ...]

    @property
    def lost(self) -> set[Fact]:
        """Facts of the given translation that our statements do not have."""
        return facts_of(self.given) - facts_of(as_text(self.ours))

    @property
    def added(self) -> set[Fact]:
        return facts_of(as_text(self.ours)) - facts_of(self.given)


def as_text(statements: tuple[str, ...]) -> str:
    """Statements as one English text."""
    return ". ".join(statements) + "."


def read_pairs(database: pd.DataFrame, file: Path) -> list[Pair]:
    """Reports of the database that have a given translation and say something."""
    given = pd.read_csv(file).set_index("ecg_id")["report"]
    sources = database.set_index("ecg_id")["report"]
    pairs = [Pair(key, sources[key], text, tuple(to_statements(sources[key]))) for key, text in given.items()]
    return [pair for pair in pairs if pair.ours or "trace" not in pair.given]


def damages(statements: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our statements with one thing wrong: a statement gone, a hedge gone, a statement denied."""
    for at, statement in enumerate(statements):
        rest = statements[:at], statements[at + 1 :]
        yield "statement left out", (*rest[0], *rest[1])
        if _HEDGE.search(statement):
            yield "hedge left out", (*rest[0], _HEDGE.sub(" ", statement, count=1).strip(), *rest[1])
        if "normal" not in statement and "no " not in statement:
            yield "statement denied", (*rest[0], f"no {statement}", *rest[1])


def noticed(pairs: list[Pair], seed: int = 0) -> dict[str, tuple[int, int]]:
    """Of damages to reports that agreed: how many of each kind were noticed, and how many there were."""
    counts: dict[str, list[int]] = {}
    for pair in random.Random(seed).sample(pairs, len(pairs)):
        if pair.lost:
            continue
        given = facts_of(pair.given)
        for kind, damaged in damages(pair.ours):
            seen = bool(given - facts_of(as_text(damaged)))
            count = counts.setdefault(kind, [0, 0])
            count[0] += seen
            count[1] += 1
    return {kind: (count[0], count[1]) for kind, count in sorted(counts.items())}


def coverage_table(reports: list[str]) -> list[str]:
    """Markdown rows: words translated by language."""
    translated, words, number = Counter[str](), Counter[str](), Counter[str]()
    for report in reports:
        spoken = report_language(report)
        known, total = coverage(report)
        translated[spoken] += known
        words[spoken] += total
        number[spoken] += 1
    rows = ["| language | reports | words | translated | share |", "|---|---|---|---|---|"]
    for spoken in ("de", "sv"):
        share = translated[spoken] / words[spoken]
        counts = f"{number[spoken]:,} | {words[spoken]:,} | {translated[spoken]:,}"
        rows.append(f"| {NAMES[spoken]} | {counts} | {share:.2%} |")
    total = sum(translated.values()) / sum(words.values())
    return [*rows, f"| both | | {sum(words.values()):,} | {sum(translated.values()):,} | {total:.2%} |"]


def disagreement(pair: Pair) -> list[str]:
    """Markdown: one pair whose facts differ."""
    source, given = (" ".join(text.split()) for text in (pair.source.lower(), pair.given))
    return [
        f"- record {pair.ecg_id}, lost: {', '.join(map(str, sorted(pair.lost))) or 'nothing'}; "
        f"added: {', '.join(map(str, sorted(pair.added))) or 'nothing'}",
        f"  - report: {source}",
        f"  - given: {given}",
        f"  - ours: {'; '.join(pair.ours)}",
    ]


def summary(database: pd.DataFrame, pairs: list[Pair]) -> str:
    """The whole page."""
    reports = database["report"].fillna("").tolist()
    start = time.process_time()
    statements = [to_statements(report) for report in reports]
    seconds = time.process_time() - start
    kept = [pair for pair in pairs if not pair.lost]
    same = [pair for pair in kept if not pair.added]
    distinct = {statement for found in statements for statement in found}
    lines = [
        "# Translation of reports",
        "",
        "Made by `benchmarks/translation.py` from `ptbxl_database.csv` and 500 given translations.",
        "",
        f"{len(reports):,} reports give {sum(map(len, statements)):,} statements, {len(distinct):,} of them "
        f"distinct, in {seconds:.1f} s of one core.",
        "",
        "## German and Swedish words translated",
        "",
        *coverage_table(reports),
        "",
        "## Facts of the given translations",
        "",
        f"All kept in {len(kept)} of {len(pairs)} reports ({len(kept) / len(pairs):.1%}); the same facts on "
        f"both sides in {len(same)} ({len(same) / len(pairs):.1%}).",
        "",
        "Damages to our statements that the comparison notices, over the reports that agree:",
        "",
        "| damage | noticed | of | share |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {seen} | {all_} | {seen / all_:.1%} |"
            for kind, (seen, all_) in noticed(pairs).items()
        ),
        "",
        "### Facts lost",
        "",
        *(line for pair in pairs if pair.lost for line in disagreement(pair)),
        "",
        "### Facts added, none lost",
        "",
        *(line for pair in kept if pair.added for line in disagreement(pair)),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ptb-xl", type=Path, required=True, help="folder of ptbxl_database.csv")
    parser.add_argument("--pairs", type=Path, required=True, help="given translations: ecg_id, report")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/translation.md"))
    options = parser.parse_args()
    database = pd.read_csv(options.ptb_xl / "ptbxl_database.csv")
    page = summary(database, read_pairs(database, options.pairs))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page, encoding="utf-8")
    print(page.partition("### Facts lost")[0])


if __name__ == "__main__":
    main()
