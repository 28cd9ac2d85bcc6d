"""Clinical F1 against a loop over sets, and misses: a denial, another side, another territory."""

from __future__ import annotations

import numpy as np
import pytest

from melp.evaluation.findings import clinical_scores
from melp.reports.findings import read_findings
from melp.reports.write import join_statements

TRUE = ["left bundle branch block", "anterior myocardial infarction, probably old", "no atrial fibrillation"]


def _f1(generated: str, true: str) -> float:
    rows = clinical_scores([generated] * 2, [true] * 2, np.arange(2)).rows
    return float(rows[(rows["metric"] == "clinical_f1") & rows["class"].isna()]["value"].item())


@pytest.mark.parametrize(
    ("generated", "hits"),
    [
        (TRUE, 3),
        ([TRUE[2], TRUE[0], "possible anterior myocardial infarction"], 3),
        (["right bundle branch block", *TRUE[1:]], 2),
        ([TRUE[0], "inferior myocardial infarction", TRUE[2]], 2),
        ([*TRUE[:2], "atrial fibrillation"], 2),
        (["no left bundle branch block", *TRUE[1:]], 2),
        ([TRUE[0], "no anterior myocardial infarction", "atrial fibrillation"], 1),
        (["right bundle branch block", "lateral myocardial infarction", "atrial fibrillation"], 0),
    ],
)
def test_denial_side_and_territory_exchanged_are_no_hits(generated: list[str], hits: int) -> None:
    assert _f1(join_statements(generated), join_statements(TRUE)) == pytest.approx(hits / 3)


def test_scores_equal_a_loop() -> None:
    parts = [*TRUE, "sinus rhythm", "st depression in v5 v6", "no ischemia", "suggest cardiological review"]
    generator = np.random.default_rng(0)
    texts = [[". ".join(generator.choice(parts, 3, replace=False)) for _ in range(20)] for _ in range(2)]
    scores = clinical_scores(*texts, np.arange(20) // 2)
    rows = scores.rows.set_index(["metric", "class"])["value"]
    hits = ours = theirs = 0
    one = {"hits": 0, "ours": 0, "theirs": 0}
    for generated, true in zip(*texts, strict=True):
        found, wanted = ({str(one) for one in read_findings(text)[0]} for text in (generated, true))
        hits, ours, theirs = hits + len(found & wanted), ours + len(found), theirs + len(wanted)
        one["hits"] += "no ischemia" in found & wanted
        one["ours"] += "no ischemia" in found
        one["theirs"] += "no ischemia" in wanted
    assert rows["clinical_precision", None] == pytest.approx(hits / ours)
    assert rows["clinical_recall", None] == pytest.approx(hits / theirs)
    assert rows["clinical_f1", None] == pytest.approx(2 * hits / (ours + theirs))
    assert rows["clinical_recall", "no ischemia"] == pytest.approx(one["hits"] / one["theirs"])
    assert rows["clinical_precision", "no ischemia"] == pytest.approx(one["hits"] / one["ours"])
    assert scores.unknown == tuple(sum("review" in text for text in side) for side in texts)
    micro = scores.rows[scores.rows["class"].isna()]
    assert (micro["lo"] <= micro["value"]).all() and (micro["value"] <= micro["hi"]).all()
    assert set(micro["positives"]) == {theirs}


def test_reports_without_findings_score_0() -> None:
    rows = clinical_scores(["", ""], ["sinus rhythm", "sinus rhythm"], np.arange(2)).rows
    assert (rows["value"] == 0).all()
