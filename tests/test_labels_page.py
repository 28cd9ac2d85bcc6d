"""The page of labels says what is counted anew."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.data
def test_counts_of_the_page_are_those_of_the_files(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import label_counts
    import labels

    raw = {name: recordings / name for name in ("ptb-xl", "cpsc2018")}
    counted, indices = label_counts.count(recordings / "published-splits", raw)
    page = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
    # So many numbers were compared with another count when the page was written.
    assert page == labels.page(counted, indices, agreed=450)


def test_a_count_made_elsewhere_is_compared_number_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import label_counts

    from melp.tasks import get_task
    from melp.tasks.published_labels import SPLITS, LabelFile

    task = get_task("cpsc2018")
    labels = pd.DataFrame(False, index=["a", "b"], columns=list(task.classes))
    labels.iloc[1, 2] = True
    files = {split: LabelFile(Path(), labels, labels) for split in SPLITS}
    counted = {task.name: label_counts.Counted(task, files, dict.fromkeys(SPLITS, labels))}
    positives = {name: [int(name == "NORM")] * 3 for name in task.classes}
    order = {split: list(task.classes) for split in SPLITS}
    known = {"n": dict.fromkeys(SPLITS, 2), "column_order": order, "positives": positives}
    assert label_counts.check(counted, {"icbeb": known}) == 3 * 10
    positives["STE"] = [0, 1, 0]
    with pytest.raises(SystemExit, match="cpsc2018, val"):
        label_counts.check(counted, {"icbeb": known})
