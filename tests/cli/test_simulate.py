"""`melp simulate`, and the command that it prints."""

from __future__ import annotations

import shlex
from pathlib import Path

from melp.data.store import Store
from melp.tasks import get_task
from melp.tasks.published_labels import read_label_files
from small_cli import Run, refused


def test_simulated_and_built(run: Run, tmp_path: Path) -> None:
    raw, splits = tmp_path / "raw", tmp_path / "splits"
    command = (
        "simulate",
        "cpsc2018",
        "--records",
        60,
        "--out",
        raw,
        "--seed",
        3,
        "--published-splits",
        splits,
    )
    code, out, err = run(*command)
    lines = out.splitlines()
    assert code == 0 and lines[0] == f"{raw}: 60 simulated records" and "simulating" in err
    assert f"{splits}: label files in the form of MERL and MELP" in lines
    assert run(*command)[1].startswith(f"{raw}: 60 simulated records, already simulated")
    words = shlex.split(lines[-1].removeprefix("next: melp ").replace("STORE", str(tmp_path / "store")))
    assert run(*words)[0] == 0
    index = Store(tmp_path / "store").index
    exact = get_task("cpsc2018").labels(index)
    for file in read_label_files(splits, get_task("cpsc2018")).values():
        known = file.labels.index.intersection(exact.index)
        assert len(known) and file.labels.loc[known, exact.columns].equals(exact.loc[known])


def test_classes_and_defects_are_named(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("simulate", "csn", "--records", 100, "--out", tmp_path / "raw")
    lines = out.splitlines()
    for defect in ("missing", "no age", "truncated", "duplicated lead", "flat lead"):
        assert f"with a defect on purpose, {defect}: 1" in lines
    assert lines[-1].endswith(" --allow-missing") and "that are not simulated" not in out
    _, out, _ = run("simulate", "ptb-xl", "--records", 1, "--out", tmp_path / "ptb-xl")
    assert "classes of ptbxl-form that are not simulated: TAB, PRC(S)" in out.splitlines()
    assert out.splitlines()[-1].endswith(" --out STORE")


def test_refused(run: Run, tmp_path: Path) -> None:
    arguments = ("--records", 5, "--out", tmp_path / "raw")
    refused(run("simulate", "mimic", *arguments), "corpus: found 'mimic', wanted one of code-test,")
    (tmp_path / "raw").write_text("")
    refused(run("simulate", "csn", *arguments), "raw: exists and is not a simulated corpus")
