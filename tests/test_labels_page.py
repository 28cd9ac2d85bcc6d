"""The page of labels equals a new count."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.data
def test_page_has_the_counts_of_the_files(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import labels

    raw = {name: recordings / name for name in ("ptb-xl", "cpsc2018")}
    tasks, indices = labels.read_labels(recordings / "published-splits", raw)
    page = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
    # The number of comparisons with an independent count when the page was written.
    assert page == labels.page(tasks, indices, agreed=450)


def test_every_number_is_compared_with_an_independent_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import labels

    from melp.tasks import get_task
    from melp.tasks.published_labels import SPLITS, LabelFile

    task = get_task("cpsc2018")
    table = pd.DataFrame(False, index=["a", "b"], columns=list(task.classes))
    table.iloc[1, 2] = True
    files = {split: LabelFile(Path(), table, table) for split in SPLITS}
    tasks = {task.name: labels.TaskLabels(task, files, dict.fromkeys(SPLITS, table))}
    positives = {name: [int(name == "NORM")] * 3 for name in task.classes}
    order = {split: list(task.classes) for split in SPLITS}
    counts = {"n": dict.fromkeys(SPLITS, 2), "column_order": order, "positives": positives}
    assert labels.check(tasks, {"icbeb": counts}) == 3 * 10
    positives["STE"] = [0, 1, 0]
    with pytest.raises(SystemExit, match="cpsc2018, val"):
        labels.check(tasks, {"icbeb": counts})
