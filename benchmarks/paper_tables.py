r"""The paper's four tables on the PTB-XL recordings at hand, in both protocols: docs/results.

    melp bench laptop/all stores.ptb-xl=STORE published_splits=DIR --out OUT
    melp bench laptop/quest stores.ptb-xl=STORE --out OUT
    melp finetune OUT/runs/quest-0 --scratch --task ptbxl-super --folds 9,10 --train-folds 1-7 \
        --validation-folds 8 --min-positives 5 --data STORE --out DIR training.seed=0
    python benchmarks/paper_tables.py --experiment OUT --data STORE
    python benchmarks/paper_tables.py [--check]

The third is run with the seeds 0, 1 and 2, and the cells of DIR are put into OUT. The fourth packs the cells
of OUT, without predictions, into docs/results/cells.tar.xz, and compares models on the same records into
docs/results/differences.json, from which the last writes the tables again. With `--check`, it exits with 1 if
a committed table differs from its cells.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _common import RESULTS, copy_cells, parser
from comparison import beyond_chance, star_note

from melp.data.store import Store
from melp.evaluation.cells import read_cell, read_cells
from melp.evaluation.comparison import compare
from melp.evaluation.intervals import LEAST_PAIRED
from melp.evaluation.layouts import write_table
from melp.evaluation.split import patients_of
from melp.evaluation.tables import change_cell, markdown_table
from melp.plans import read_plan

PAGES = RESULTS.parents[1] / "docs" / "results"
CELLS, DIFFERENCES = "cells.tar.xz", "differences"
PLAN = "laptop/all"
LOSSES = ("global", "caption", "local", "global+caption", "global+local", "caption+local")
IDEAS = ("quest-own-statements", "quest-mean-frame", "quest-no-augmentation", "quest-trained-text")
SCALES = ("melp-scales", "merl-scales")
COMPARED = {
    "probe": ("probe", "melp", "probe", ("merl", "ecg_fm", "astcl", "clocs", "simclr", "untrained")),
    "zero-shot": ("zero-shot", "melp", "zero-shot", ("merl",)),
    "losses": ("probe", "melp", "probe", LOSSES),
    "quest, zero-shot": ("zero-shot", "quest", "zero-shot", ("melp", "merl")),
    "quest, probe": ("probe", "quest", "probe", ("melp", "merl")),
    "quest, and its encoder in other methods, zero-shot": ("zero-shot", "quest", "zero-shot", SCALES),
    "quest, and its encoder in other methods, probe": ("probe", "quest", "probe", SCALES),
    "quest, zero-shot, and its network with all labels": ("zero-shot", "quest", "finetune", ("supervised",)),
    "quest without its scales or members, zero-shot": (
        "zero-shot",
        "quest",
        "zero-shot",
        ("quest-one-member", "quest-recording"),
    ),
    "quest of the recording, without its ideas, zero-shot": (
        "zero-shot",
        "quest-recording",
        "zero-shot",
        IDEAS,
    ),
}
"""By title: the kind of the cells and the first model, then the kind of the cells and the other models."""
NOT_IN_TABLES = (*IDEAS, *SCALES, "quest-one-member", "quest-recording")
"""Models that are only in the differences."""
_WRITTEN = ("md", "pdf")


def pack(experiment: Path, pages: Path = PAGES) -> None:
    """Write the cells of an experiment to one file, without predictions and paths of this machine."""
    with TemporaryDirectory() as folder:
        copy_cells(experiment, Path(folder))
        with tarfile.open(pages / CELLS, "w:xz", preset=9) as archive:
            for file in sorted(Path(folder, "cells").iterdir()):
                archive.add(file, f"cells/{file.name}", filter=_without_owner)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
    return member


def differences(experiment: Path, store: Store) -> Iterator[dict[str, Any]]:
    """Yield the difference between two models in each task and share of labels, over patients."""
    cells = read_cells(experiment)
    cells = cells[(cells["protocol"] == "corrected") & (cells["metric"] == "auroc") & cells["class"].isna()]
    # A network that is trained with labels has no name in the plan.
    cells["name"] = cells["name"].mask(cells["kind"] == "finetune", cells["method"])
    keys = cells.groupby(["kind", "name", "task", "fraction"])["key"].apply(list).to_dict()
    for title, (kind, first, other_kind, others) in COMPARED.items():
        asked = sorted((task, fraction) for of, name, task, fraction in keys if (of, name) == (kind, first))
        for name, (task, fraction) in product(others, asked):
            # With all labels there is one share of them.
            theirs = (other_kind, name, task, fraction if other_kind == kind else 100.0)
            if theirs in keys:
                found = _compared(experiment, store, keys[kind, first, task, fraction], keys[theirs])
                yield {
                    "table": title,
                    "model": first,
                    "other": name,
                    "task": task,
                    "fraction": fraction,
                    **found,
                }


def _compared(experiment: Path, store: Store, first: Sequence[str], other: Sequence[str]) -> dict[str, Any]:
    sides = [[read_cell(experiment, key) for key in keys] for keys in (first, other)]
    labels = sides[0][0].labels.astype(bool)
    patients = patients_of(store, labels.index)
    with_class = labels.groupby(patients.to_numpy()).any().sum()
    counted = labels.loc[:, with_class >= LEAST_PAIRED]
    found = compare(*([one.scores for one in side] for side in sides), counted, patients)
    # A network that is trained with labels has the seed of that training.
    seeds = [
        len({(one.model["seed"], one.cell.options.get("training", {}).get("seed")) for one in side})
        for side in sides
    ]
    return {**asdict(found), "seeds": seeds}


def difference_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return differences as Markdown: one table for each kind of comparison, a line per pair of models."""
    return "\n".join(
        f"## {title}\n\n{_table_of(own)}\n{star_note(own)}\n"
        for title in COMPARED
        if (own := [dict(row) for row in rows if row["table"] == title])
    )


def _table_of(rows: list[dict[str, Any]]) -> str:
    stars = beyond_chance(rows)
    cells = {
        (row["other"], row["task"], row["fraction"]): change_cell(
            row["difference"], row["lo"], row["hi"], star
        )
        for row, star in zip(rows, stars, strict=True)
    }
    seeds = {row["other"]: " and ".join(map(str, row["seeds"])) for row in rows}
    columns = sorted({(row["task"], row["fraction"]) for row in rows})
    heads = [f"{task} {fraction:g} %" if fraction else task for task, fraction in columns]
    lines = [
        [f"{rows[0]['model']} - {other}", *(cells.get((other, *column), "") for column in columns), count]
        for other, count in seeds.items()
    ]
    return markdown_table(("difference", *heads, "seeds"), lines)


def write_pages(to: Path, pages: Path = PAGES) -> None:
    """Write the tables from the committed cells and differences."""
    with TemporaryDirectory() as folder:
        with tarfile.open(pages / CELLS) as archive:
            archive.extractall(folder, filter="data")
        for file in Path(folder, "cells").iterdir():
            content = json.loads(file.read_text(encoding="utf-8"))
            if content["model"]["name"] in NOT_IN_TABLES or content["cell"]["kind"] == "finetune":
                file.unlink()  # these are only in the differences
        for name, table in read_plan(PLAN, ["stores.ptb-xl=none"]).tables.items():
            out = Path(folder, "tables", name)
            write_table(
                Path(folder),
                table.layout,
                out,
                conditions=[f"protocol={table.protocol}", *table.conditions],
                rename=table.rename,
                published=table.published,
            )
            for suffix in _WRITTEN:
                (to / f"{name}.{suffix}").write_bytes((out / f"{table.layout}.{suffix}").read_bytes())
    rows = json.loads((pages / f"{DIFFERENCES}.json").read_text(encoding="utf-8"))
    (to / f"{DIFFERENCES}.md").write_text(_page(difference_table(rows)), encoding="utf-8")


def _page(tables: str) -> str:
    return (
        "# Differences between models\n\nMacro AUROC on folds 9 and 10, over classes with at least "
        f"{LEAST_PAIRED} patients, with 95 % intervals over patients, for the mean of the models of all "
        f"seeds and subsets of labels. Protocol: corrected.\n\n{tables}"
    )


def check(pages: Path = PAGES) -> None:
    """Exit with 1 if a committed page differs from what the cells give."""
    with TemporaryDirectory() as folder:
        write_pages(Path(folder), pages)
        for file in sorted(Path(folder).glob("*.md")):
            if file.read_text(encoding="utf-8") != (pages / file.name).read_text(encoding="utf-8"):
                sys.exit(
                    f"docs/results/{file.name}: not what benchmarks/paper_tables.py writes from its cells"
                )


def main() -> None:
    options = parser(__doc__, experiment=None, data=None)
    options.add_argument("--check", action="store_true")
    arguments = options.parse_args()
    if arguments.check:
        check()
        return
    if arguments.experiment:
        PAGES.mkdir(parents=True, exist_ok=True)
        pack(arguments.experiment)
        rows = list(differences(arguments.experiment, Store(arguments.data)))
        text = json.dumps(rows, indent=1) + "\n"
        (PAGES / f"{DIFFERENCES}.json").write_text(text, encoding="utf-8")
    write_pages(PAGES)


if __name__ == "__main__":
    main()
