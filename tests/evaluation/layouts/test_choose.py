"""Which cells a table has, and which do not belong into one."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from melp.errors import MelpError
from melp.evaluation.layouts.choose import choose, where
from melp.evaluation.layouts.layout import LAYOUTS, any_layout
from small_tables import cells

PROBE = LAYOUTS["linear-probe"]


def chosen(*rows: dict[str, object], layout: str = "linear-probe", **further: object) -> pd.DataFrame:
    return choose(where(cells(rows), []), LAYOUTS[layout], **further)  # type: ignore[arg-type]


def test_cells_of_a_layout() -> None:
    rows = (
        {"name": "melp"},
        {"name": "melp", "class": "AFIB"},
        {"name": "melp", "metric": "auprc"},
        {"name": "melp", "kind": "knn"},
        {"name": "melp", "fraction": 5.0},
        {"name": "melp", "task": "code-test"},
        {"name": "local"},
        {"name": "mine"},
    )
    assert chosen(*rows)["name"].tolist() == ["melp", "mine"]
    assert chosen(*rows, layout="losses")["name"].tolist() == ["local"]
    assert chosen(*rows, metric="auprc")["metric"].tolist() == ["auprc"]
    renamed = chosen(*rows, layout="encoders", rename={"mine": "wav2vec2"})
    assert renamed["name"].tolist() == ["wav2vec2"]


def test_conditions_select_cells() -> None:
    table = cells(
        [
            {"name": "a", "protocol": "paper", "fraction": 1.0},
            {"name": "b", "options": json.dumps({"prompts": {"A": ["x"]}, "k": 5})},
            {"name": "c", "folds": "8", "options": json.dumps({"k": 7})},
        ]
    )
    for condition, names in (
        ("protocol=paper", ["a"]),
        ("folds=9,10", ["a", "b"]),
        ("fraction=100", ["b", "c"]),
        ("options.k=7", ["c"]),
        ('options.prompts={"A": ["x"]}', ["b"]),
        ("options.k=", ["a"]),
    ):
        assert where(table, [condition])["name"].tolist() == names
    assert where(table, ["folds=9,10", "fraction=1"])["name"].tolist() == ["a"]
    with pytest.raises(MelpError, match="where: found 'protocol=raw', wanted one of corrected, paper"):
        where(table, ["protocol=raw"])
    with pytest.raises(MelpError, match="where: found 'colour=red', wanted FIELD=VALUE, FIELD one of kind, "):
        where(table, ["colour=red"])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"name": "a", "protocol": "paper"},
            {"name": "b"},
            "cells: found protocol 'corrected' and 'paper', wanted one in a table; "
            "select with --where protocol=VALUE",
        ),
        (
            {"weights": "w1"},
            {"weights": "w2", "task": "cpsc2018"},
            "name melp, method melp, training_seed 0: found weights 'w1' and 'w2', wanted one checkpoint "
            "under a name (with --layout any, --rows name,weights shows all); select "
            "with --where weights=VALUE",
        ),
        (
            {"name": "a"},
            {"name": "b", "folds": "8"},
            "task csn, fraction 100: found folds '8' and '9,10', wanted one in a table; "
            "select with --where folds=VALUE",
        ),
        (
            {"options": '{"C": [1]}'},
            {"options": '{"C": [2]}', "seed": 1},
            "name melp, task csn, fraction 100: found options.C '[1]' and '[2]', wanted one in a table; "
            "select with --where options.C=VALUE",
        ),
        (
            {"options": '{"tokenizer": "a"}'},
            {"options": '{"tokenizer": "b"}'},
            "name melp, task csn, fraction 100, training_seed 0, seed 0: found options.tokenizer 'a' and "
            "'b', wanted one in a table; select with --where options.tokenizer=VALUE",
        ),
        (
            {"recipe": "melp/paper"},
            {"recipe": "melp/laptop", "training_seed": 1},
            "name melp, task csn, fraction 100: found recipe 'melp/laptop' and 'melp/paper', wanted one in a "
            "table; select with --where recipe=VALUE",
        ),
    ],
)
def test_cells_that_do_not_belong_together(
    first: dict[str, object], second: dict[str, object], message: str
) -> None:
    with pytest.raises(MelpError) as error:
        chosen(first, second)
    assert str(error.value) == message
    # Each alone is a table.
    assert len(chosen(first)) == len(chosen(second)) == 1


def test_what_may_differ_between_seeds() -> None:
    options = ('{"tokenizer": "a", "C": [1]}', '{"tokenizer": "b", "C": [1]}')
    rows = [{"training_seed": seed, "options": one} for seed, one in enumerate(options)]
    assert len(chosen(*rows, {"seed": 1, "n_train": 901, "options": options[0]})) == 3


def test_what_is_missing_is_named() -> None:
    with pytest.raises(
        MelpError,
        match=r"layout encoders: found kind knn, probe; task csn; fraction 5, 100; name melp, wanted kind "
        r"probe; tasks ptbxl-rhythm, .*; fractions 1, 10, 100; models resnet18, wav2vec2, ",
    ):
        chosen({"kind": "knn"}, {"fraction": 5.0}, layout="encoders")
    with pytest.raises(MelpError, match="metric: found 'f1', wanted one of auprc, auroc"):
        chosen({}, {"metric": "auprc"}, metric="f1")
    with pytest.raises(MelpError, match="rows or columns: found 'colour', wanted one of kind, method, "):
        choose(cells([{}]), any_layout(["name"], ["colour"]))


def test_classes_and_groups_are_columns_if_wanted() -> None:
    rows = [{"class": name, "group": group} for name in (None, "A", "B") for group in (None, "male")]
    table = where(cells(rows), [])
    by_class = choose(table, any_layout(["name"], ["class"]))
    assert by_class["class"].tolist() == ["A", "B"] and by_class["group"].isna().all()
    by_group = choose(table, any_layout(["name"], ["group"]))
    assert by_group["group"].tolist() == ["male"] and by_group["class"].isna().all()
    assert choose(where(table, ["class=B"]), any_layout(["name"], ["task"]))["class"].tolist() == ["B"]
    # Two directions of a retrieval, without a mean.
    directions = where(cells([{"class": "a-to-b"}, {"class": "b-to-a"}]), [])
    with pytest.raises(MelpError, match="found class 'a-to-b' and 'b-to-a', wanted one"):
        choose(directions, any_layout(["name"], ["task"]))
    assert len(choose(directions, any_layout(["name"], ["task", "class"]))) == 2
