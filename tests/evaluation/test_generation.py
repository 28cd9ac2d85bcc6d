"""Report metrics on hand-counted examples, and the comparison with two baselines."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import read_cells
from melp.evaluation.generation import bleu4, generate, rouge_l, save_generation, words
from melp.hub import Model


def test_words_ignore_punctuation_between_statements() -> None:
    assert words("Sinus rhythm. ST-depression in v5, v6") == words("sinus rhythm\nst-depression in V5 v6.")
    assert words("pr interval 0.24 sec, 2:1 av block.") == [
        "pr",
        "interval",
        "0.24",
        "sec",
        "2:1",
        "av",
        "block",
    ]


def test_bleu4_by_hand() -> None:
    assert bleu4(["a b c d e"], ["a b c d e."]) == pytest.approx(1)
    # Precisions 4/5, 3/4, 2/3, 1/2; same length.
    assert bleu4(["a b c d x"], ["a b c d e"]) == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    # Short by one word of five: brevity penalty exp(1 - 5/4).
    assert bleu4(["a b c d"], ["a b c d e"]) == pytest.approx(np.exp(1 - 5 / 4))


def test_rouge_l_by_hand() -> None:
    assert rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(2 / 4)
    assert rouge_l("a b", "a x b y") == pytest.approx(2 * 2 / 6)
    assert rouge_l("", "a") == rouge_l("a", "b") == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_rouge_l_equals_a_slow_version(first: list[str], second: list[str]) -> None:
    def subsequences(letters: list[str]) -> set[tuple[str, ...]]:
        return {chosen for size in range(len(letters) + 1) for chosen in combinations(letters, size)}

    common = max(len(chosen) for chosen in subsequences(first) & subsequences(second))
    expected = 2 * common / (len(first) + len(second)) if common else 0
    assert rouge_l(" ".join(first), " ".join(second)) == pytest.approx(expected)


def test_generate_beats_baselines_from_other_folds(
    model: Model, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = generate(model, store, (10,), out=tmp_path)
    index = store.index.set_index("id")
    judged = index.loc[generation.table["id"]]
    assert set(judged["fold"]) == {10} and judged["statements"].map(len).min() > 0
    assert len(judged) == ((index["fold"] == 10) & (index["statements"].map(len) > 0)).sum()
    assert generation.table["true"].tolist() == [". ".join(s) + "." for s in judged["statements"]]
    scores = generation.scores
    assert list(scores.index) == ["generated", "most_frequent", "random"]
    assert scores.loc["generated", "rouge_l"] > scores.loc["most_frequent", "rouge_l"]
    assert scores.loc["generated", "bleu4"] > scores.loc["random", "bleu4"]
    # "sinus rhythm" is in every report, and the other finding of each is the model's.
    right = (generation.table["generated"] == generation.table["true"]).mean()
    assert scores.loc["generated", "clinical_f1"] == pytest.approx((1 + right) / 2)
    assert scores.loc["most_frequent", "clinical_f1"] < scores.loc["generated", "clinical_f1"]
    assert "x." not in set(generation.table["random"])  # a report of fold 10 whose recording is missing
    save_generation(generation, tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "reports.parquet"), generation.table)
    text = (tmp_path / "reports.txt").read_text()
    assert "not a medical device" in text and generation.table["generated"][0] in text
    cells = read_cells(tmp_path)
    methods = cells[cells["class"].isna()]["method"].tolist()
    assert len(methods) == 15 and methods.count("most-frequent-report") == 5
    monkeypatch.setattr(type(model.method), "generate", None)  # cannot be called
    again = generate(model, store, (10,), out=tmp_path)
    pd.testing.assert_frame_equal(again.table, generation.table)
    pd.testing.assert_frame_equal(again.scores, generation.scores)


def test_generate_errors(model: Model, blind_model: Model, store: Store) -> None:
    with pytest.raises(MelpError, match="blind has no report decoder"):
        generate(blind_model, store)
    with pytest.raises(MelpError, match="no reports in folds 77"):
        generate(model, store, (77,))
