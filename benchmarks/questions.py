"""Further questions to a model that was trained on folds 1-7 of PTB-XL, evaluated on folds 9 and 10.

    python benchmarks/questions.py --model RUN --data STORE --others DIR

DIR has the stores `csn`, `cpsc2018`, `csn-simulated` (`melp simulate csn --records 1000 --seed 3`) and
`synthetic` (`melp data build synthetic --records 2000 --seed 7`). The cells go to
benchmarks/results/questions; `benchmarks/tables.py` writes the tables. The figure is docs/questions.svg.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from _common import RESULTS, parser
from _question_tables import CELLS, FOLDS, LEAST, STORES, TASK, figure, prompt_sets

from melp.data.store import Store
from melp.evaluation.digests import store_digest
from melp.evaluation.disturbances import DISTURBANCES
from melp.evaluation.generation import generate
from melp.evaluation.identification import identify
from melp.evaluation.retrieval import retrieve
from melp.evaluation.robustness import robustness
from melp.evaluation.transfer import transfer
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model, load
from melp.plots.figures import save
from melp.tasks import get_task

OTHERS = {"csn": "csn", "cpsc2018": "cpsc2018", "csn-simulated": "csn", "synthetic": "synthetic"}
"""Stores of other corpora, and the task of each."""


def evaluate(model: Model, store: Store, others: dict[str, Store], out: Path) -> None:
    """Answer all questions; the cells go to `out`."""
    task = get_task(TASK)
    retrieve(model, store, FOLDS, out=out)
    identify(model, store, FOLDS, out=out)
    robustness(model, store, task, DISTURBANCES, folds=FOLDS, min_positives=LEAST, out=out)
    for name, other in others.items():
        transfer(model, store, other, get_task(OTHERS[name]), out=out)
    generate(model, store, FOLDS, beams=3, out=out)
    for similarity in ("global", "local"):
        for prompts in prompt_sets().values():
            given = {TASK: prompts}
            zero_shot(model, store, [task], folds=FOLDS, prompts=given, similarity=similarity, out=out)


def commit(folder: Path, others: dict[str, Store]) -> None:
    """Copy cells without predictions, and without the paths of this machine, to the results."""
    copy_cells(folder, CELLS)
    names = {store_digest(store): name for name, store in others.items()}
    STORES.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    options = parser(__doc__, model=Path, data=Path, others=Path).parse_args()
    model, others = load(options.model), {name: Store(options.others / name) for name in OTHERS}
    with tempfile.TemporaryDirectory() as folder:
        evaluate(model, Store(options.data), others, Path(folder))
        commit(Path(folder), others)
    save(figure(), RESULTS.parents[1] / "docs" / "questions.svg")


if __name__ == "__main__":
    main()
