"""Tables as text: what is written where, in Markdown and in LaTeX."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from melp.errors import MelpError
from melp.evaluation.layouts.choose import choose, where
from melp.evaluation.layouts.grid import Grid, grid_of
from melp.evaluation.layouts.layout import LAYOUTS, Layout, any_layout, get_layout
from melp.evaluation.layouts.notes import compared
from melp.evaluation.layouts.render import latex, markdown
from melp.evaluation.layouts.table import blocks_of, long_form
from small_tables import cells, sweep

LIMITS = {"lo": 0.41, "hi": 0.599}
ZERO_SHOT = {
    ("merl", "csn", 0.0): 0.5,
    ("melp", "csn", 0.0): 0.6234,
    ("mine_100%", "csn", 0.0): 0.55,
    ("merl", "ptbxl-sub", 0.0): 0.7,
    ("melp", "ptbxl-sub", 0.0): 0.68,
}


def grid(table: pd.DataFrame, layout: Layout, **options: object) -> Grid:
    chosen = choose(where(table, []), layout)
    blocks, notes = blocks_of(chosen, layout, **options)  # type: ignore[arg-type]
    return grid_of(layout, "Caption.", blocks, notes)


def zero_shot(**options: object) -> Grid:
    return grid(sweep(ZERO_SHOT, kind="zero-shot", **LIMITS), LAYOUTS["zero-shot"], **options)


def test_markdown() -> None:
    lines = markdown(zero_shot()).splitlines()
    between = "<br><sub>41.0–59.9</sub>"
    assert lines[0] == "Caption."
    assert lines[2:8] == [
        "| Method | CSN | PTBXL-Sub | Average | Seeds |",
        "| --- | --- | --- | --- | ---: |",
        f"| MERL | 50.0{between} | **70.0**{between} | <ins>60.0</ins>{between} | 1 |",
        f"| MELP | **62.3**{between} | <ins>68.0</ins>{between} | **65.2**{between} | 1 |",
        f"| mine_100% | <ins>55.0</ins>{between} | – | – | 1 |",
        "| Gains | +12.3 | −2.0 | +5.2 |  |",
    ]
    assert lines[9:] == [
        "Means over 1 training seed. Below each value: 95 % interval over patients, for the mean of these "
        "models.",
        "",
        "No cells of PTBXL-Rhythm, PTBXL-Form, PTBXL-Super, CPSC2018.",
        "",
        "A dash: no cell (1 of 6).",
    ]


def test_published_figures_are_a_second_block() -> None:
    lines = markdown(zero_shot(published=True)).splitlines()
    assert lines[4] == "| *Ours* |  |  |  |  |"
    assert lines[9:13] == [
        "| *Published* |  |  |  |  |",
        "| MERL | <ins>74.4</ins> | <ins>75.7</ins> | <ins>75.1</ins> |  |",
        "| MELP | **77.6** | **81.2** | **79.4** |  |",
        "| Gains | +3.2 | +5.5 | +4.3 |  |",
    ]
    assert lines[-1] == (
        "Published: Wang, Xu and Yu, From Token to Rhythm, ICML 2025. Its averages are over the columns "
        "shown. Ours differ: protocol corrected (published: paper); test folds 9,10 (published: the files of "
        "the published splits); recipe laptop (published: pretraining on 760,618 recordings of MIMIC-IV-ECG)."
    )


def test_the_line_about_protocols_names_only_differences() -> None:
    settings = {"protocol": "paper", "folds": "test", "train_folds": "train", "recipe": "melp/paper"}
    values = {("melp", task, 1.0): 0.5 for task in LAYOUTS["linear-probe"].tasks}
    same = grid(sweep(values, **settings), LAYOUTS["linear-probe"], published=True).notes[-1]
    assert same.endswith("ICML 2025. The settings are the same.")
    seeds = pd.concat([sweep(values, **settings, training_seed=seed, seed=seed + 5) for seed in range(3)])
    several = grid(seeds, LAYOUTS["linear-probe"], published=True).notes
    assert several[-1].endswith(
        "Ours differ: training seeds 3 (published: not stated); subsets of labels 3 (published: not stated)."
    )


def test_seeds_and_spread_are_said() -> None:
    rows = [
        {
            "task": task,
            "fraction": fraction,
            "training_seed": training,
            "seed": seed,
            "value": 0.5 + training / 100,
        }
        for task in ("csn", "cpsc2018")
        for fraction in (1.0, 100.0)
        for training in range(3 if task == "csn" else 2)
        for seed in range(4 if fraction == 1 else 1)
    ]
    table = grid(cells(rows), LAYOUTS["linear-probe"])
    assert table.notes[0] == (
        "Means over 2 to 3 training seeds and over subsets of the labels (4 at 1 % and 1 at 100 %); standard "
        "deviation over training seeds: 0.85 (median), at most 1.00. Below each value: 95 % interval over "
        "patients, for the mean of these models."
    )
    assert table.notes[2] == "No cells with 10 % of the labels." and table.lines[0].cells[-1] == "2–3"


def test_losses_are_ticked() -> None:
    values = {(name, "csn", 1.0): 0.5 for name in ("local", "global+caption+local")}
    table = grid(sweep(values, **LIMITS), LAYOUTS["losses"], published=True)
    assert table.heads[:5] == [
        ("", "Global"), ("", "Caption"), ("", "Local"), ("CSN", "1 %"), ("", "Average"),
    ]  # fmt: skip
    labels = [line.cells[:3] for line in table.lines if line.kind == "value"]
    assert labels[:2] == [["", "", "✓"], ["✓", "✓", "✓"]]
    assert labels[2:] == [
        ["✓", "", ""], ["", "✓", ""], ["", "", "✓"], ["✓", "✓", ""], ["✓", "", "✓"], ["✓", "✓", "✓"],
    ]  # fmt: skip


def test_latex() -> None:
    layout = LAYOUTS["linear-probe"]
    values = {
        ("my_model & 100%", "csn", 1.0): 0.5,
        ("my_model & 100%", "csn", 10.0): 0.6,
        ("melp", "csn", 1.0): 0.7,
        ("melp", "csn", 10.0): 0.55,
    }
    text = latex(grid(sweep(values, **LIMITS), layout, published=True))
    table = text[text.index(r"\toprule") :].splitlines()
    assert table[1:8] == [
        r" & \multicolumn{2}{c}{CSN} &  \\",
        r"\cmidrule(lr){2-3} Method & 1 \% & 10 \% & Seeds \\",
        r"\midrule",
        r"\textit{Ours} &  &  &  \\",
        r"MELP & \textbf{70.00} & \underline{55.00} & 1 \\",
        r" & \scriptsize{41.0–59.9} & \scriptsize{41.0–59.9} &  \\",
        r"\addlinespace[3pt] my\_model \& 100\% & \underline{50.00} & \textbf{60.00} & 1 \\",
    ]
    assert table[9] == r"\midrule \textit{Published} &  &  &  \\"
    assert table[-1] == r"\end{document}" and r"{lrrr}" in text
    # Three rows of headings: rules below the second.
    three = latex(grid(sweep(values), any_layout(["name"], ["kind", "task", "fraction"])))
    assert r"probe" in three and three.count("cmidrule") == 1 and r"\cmidrule(lr){2-3} name & 1 \% &" in three
    # One row of headings, no rule between them.
    assert "cmidrule" not in latex(zero_shot()) and r"\begin{tabular}{lrrrr}" in latex(zero_shot())


def test_any_pivot() -> None:
    layout = any_layout(["recipe", "name"], ["fraction", "task"])
    values = {("b", "csn", 1.0): 0.8504, ("a", "csn", 10.0): 0.5, ("a", "mine", 10.0): 0.6}
    table = grid(sweep(values, lo=None, hi=None), layout)
    assert table.heads == [
        ("", "recipe"), ("", "name"), ("1 %", "CSN"), ("10 %", "CSN"), ("10 %", "mine"), ("", "Seeds"),
    ]  # fmt: skip
    assert [line.cells for line in table.lines] == [
        ["melp/laptop", "a", "–", "0.500", "0.600", "1"],
        ["melp/laptop", "b", "0.850", "–", "–", "1"],
    ]


def test_metrics_where_less_is_better() -> None:
    table = sweep({("melp", "csn", 1.0): 0.1, ("merl", "csn", 1.0): 0.2}, metric="brier")
    layout = LAYOUTS["linear-probe"]
    (block,), _ = blocks_of(choose(where(table, []), layout, metric="brier"), layout, metric="brier")
    assert block.marks.iloc[:, 0].tolist() == ["second", "best"]


def test_long_form() -> None:
    layout = LAYOUTS["zero-shot"]
    chosen = choose(where(sweep(ZERO_SHOT, kind="zero-shot"), []), layout)
    blocks, _ = blocks_of(chosen, layout, published=True)
    table = long_form(blocks, layout)
    assert list(table) == [
        "block", "name", "task", "value", "lo", "hi", "sd", "training_seeds", "label_seeds", "mark",
    ]  # fmt: skip
    rows = table.set_index(["block", "name", "task"])
    assert rows.loc[("ours", "melp", "csn"), "value"] == pytest.approx(62.34)
    assert rows.loc[("ours", "melp", "csn"), "mark"] == "best"
    assert rows.loc[("published", "merl", "ptbxl-sub"), "value"] == 75.7
    assert pd.isna(rows.loc[("ours", "mine_100%", "ptbxl-sub"), "value"]) and len(rows) == 15


def test_layouts_by_name() -> None:
    assert get_layout("any").columns == ("task",)
    assert get_layout("any", ["task"], ["name", "seed"]).columns == ("name", "seed")
    with pytest.raises(MelpError, match=r"layout: found 'table-2', wanted one of linear-probe, .*, any"):
        get_layout("table-2")
    with pytest.raises(MelpError, match="layout losses: found rows or columns, wanted them with layout any"):
        get_layout("losses", ["name"])
    with pytest.raises(MelpError, match="published: found layout any with auroc, wanted a published table"):
        grid(cells([{}]), any_layout(["name"], ["task"]), published=True)
    assert replace(LAYOUTS["losses"], closed=False).labels(("mine",)) == ("mine",)


def test_what_a_comparison_says() -> None:
    zero, probe = LAYOUTS["zero-shot"], LAYOUTS["linear-probe"]
    assert "chance (3 of 6 columns; 2 have a class with too few patients to compare): " in compared(
        3, 6, 2, zero
    )
    assert "chance (3 of 18 columns): " in compared(3, 18, 0, probe)
    assert "means are not compared" in compared(0, 1, 0, zero) and "means" not in compared(0, 1, 0, probe)
