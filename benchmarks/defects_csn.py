"""What each published defect of an evaluation changes on a simulated csn, where codes match as substrings.

    python benchmarks/defects_csn.py --experiment OUT --published DIR [--records 2000]

OUT is the experiment of the plan laptop/defects, whose models are evaluated; DIR contains the published
prompts. Recordings and label files are simulated; these find a class in any longer code, as the published
ones do. The cells go to benchmarks/results/defects_csn; `benchmarks/tables.py` writes the table.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from _common import RESULTS, copy_cells, parser
from defects import table

from melp.data.build import build
from melp.data.store import Store
from melp.evaluation.defect_cells import evaluate_defects
from melp.evaluation.paper_zero_shot import find_prompts
from melp.hub import load
from melp.simulator.corpora.write import simulate_corpus
from melp.tasks import get_task

CELLS = RESULTS / "defects_csn"


def main() -> None:
    arguments = parser(__doc__, experiment=Path, published=Path, records=2000).parse_args()
    with TemporaryDirectory() as temporary:
        home = Path(temporary)
        simulate_corpus("csn", home / "raw", arguments.records, published_splits=home / "published")
        build("csn", home / "raw", home / "store", rate=100, allow_missing=True)
        if prompts := find_prompts(arguments.published):
            shutil.copy(prompts, home / "published")
        for run in sorted((arguments.experiment / "runs").glob("melp-*")):
            settings = {"fractions": (1, 10, 100), "seeds": (0, 1, 2), "min_positives": 5}
            task = [get_task("csn")]
            evaluate_defects(load(run), Store(home / "store"), task, home / "published", **settings, out=home)
        copy_cells(home, CELLS)
    print(table(CELLS))


if __name__ == "__main__":
    main()
