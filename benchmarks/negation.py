"""Does QUEST tell a finding from its denial, on PTB-XL?

    python benchmarks/negation.py --data STORE --runs DIR [--model quest]

DIR contains runs MODEL-SEED. For the 20 findings that most reports of folds 9 and 10 state or deny, every
recording whose report does either is asked for the finding and for its denial ("no st depression"). The rows
go to benchmarks/results/negation.json; `benchmarks/tables.py` writes the table.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from _common import RESULTS, parser
from _ptb_xl import TEST

from melp.data.store import Store
from melp.evaluation.tables import markdown_table
from melp.hub import Model, load
from melp.reports.findings import Finding, statement_findings

PAIRS = 20
ROWS = RESULTS / "negation.json"
_NORMAL = ("sinus rhythm", "normal axis", "normal ecg", "otherwise normal ecg")
"""What is not a finding that reports deny."""


def findings_of(store: Store) -> dict[int, set[Finding]]:
    """Return the findings of each report of the test folds, without their territories, by row."""
    index = store.index
    rows = np.flatnonzero(index["fold"].isin(TEST))
    return {
        int(row): {
            Finding(finding.name, "", finding.denied)
            for statement in index["statements"][row]
            for finding in statement_findings(statement)
            # A denial in a territory does not deny the finding.
            if not (finding.denied and finding.territory)
        }
        for row in rows
    }


@torch.inference_mode()
def shares(model: Model, store: Store, findings: dict[int, set[Finding]]) -> dict[str, int]:
    """Return in how many cases the right one of a pair has the higher score, with and without log odds."""
    named = Counter(one.name for own in findings.values() for one in own if one.name not in _NORMAL)
    counts: Counter[str] = Counter()
    for name, _ in named.most_common(PAIRS):
        pair = Finding(name), Finding(name, "", True)
        stated = {row: pair[0] in own for row, own in findings.items() if own & set(pair)}
        states = model.method.embed_statements([name, f"no {name}"])
        ecgs = model.inputs(store.signals(np.array(list(stated))), store.rate)
        logits = model.method.answers(ecgs, states)
        evidence = logits - model.method.log_odds(states)
        truth = torch.tensor(list(stated.values()))
        counts += Counter(cases=len(truth), denials=int((~truth).sum()))
        for title, scores in (("right", logits), ("right without log odds", evidence)):
            correct = (scores[:, 0] > scores[:, 1]) == truth
            counts += Counter({title: int(correct.sum()), f"{title}, of denials": int(correct[~truth].sum())})
    return dict(counts)


def table(file: Path = ROWS) -> str:
    """Return the committed rows as Markdown."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    titles = ("right", "right without log odds")
    lines = [
        [name, row["cases"], row["denials"]]
        + [f"{row[title] / row['cases']:.1%}" for title in titles]
        + [row.get(f"{title}, of denials", 0) for title in titles]
        for name, row in rows.items()
    ]
    heads = ("model", "cases", "denials", *titles, *(f"{title}, of denials" for title in titles))
    return markdown_table(heads, [list(map(str, line)) for line in lines])


def main() -> None:
    options = parser(__doc__, data=Path, runs=Path, model="quest").parse_args()
    store = Store(options.data)
    findings = findings_of(store)
    folders = sorted(options.runs.glob(f"{options.model}-[0-9]*"))
    rows = {
        folder.name: shares(load(folder), store, findings)
        for folder in folders
        if (folder / "model.safetensors").is_file()
    }
    ROWS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table())


if __name__ == "__main__":
    main()
